// gpu_questions NAME prints one question's answer as JSON; --list their names. Exits with 1 where it could not be asked.
#include <algorithm>
#include <cstdio>
#include <exception>

#include <tests/gpu/questions/questions.hpp>

namespace {

using tierpager::questions::answer;
using tierpager::questions::question;

std::vector<question> all() {
  std::vector<question> made;
  for (auto* const part :
       {tierpager::questions::about_contexts, tierpager::questions::about_waiting, tierpager::questions::about_memory,
        tierpager::questions::about_captures, tierpager::questions::about_pagers})
    std::ranges::move(part(), std::back_inserter(made));
  return made;
}

/// Answers are words of ours and names of CUDA's: nothing in them needs an escape.
void print(answer const& what) {
  std::printf("{\"answer\": \"%s\", \"figures\": {", what.text.c_str());
  char const* between = "";
  for (auto const& [name, value] : what.figures) {
    std::printf("%s\"%s\": %.6g", between, name.c_str(), value);
    between = ", ";
  }
  std::printf("}}\n");
  std::fflush(stdout);
}

}  // namespace

int main(int count, char** arguments) {
  std::string_view const asked = count == 2 ? arguments[1] : "";
  for (question const& each : all()) {
    if (asked == "--list") std::printf("%s\n", std::string(each.name).c_str());
    if (asked != each.name) continue;
    try {
      print(each.ask());
      return 0;
    } catch (std::exception const& why) {
      std::fprintf(stderr, "%s\n", why.what());
      return 1;
    }
  }
  if (asked == "--list") return 0;
  std::fprintf(stderr, "usage: gpu_questions NAME, gpu_questions --list\n");
  return 2;
}
