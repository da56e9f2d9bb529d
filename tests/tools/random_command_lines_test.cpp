// Three hundred command lines of a seed, from a grammar of commands, options, good and bad values, models and outputs: the
// command ends with 0, 1 or 2, an error is one line, and no file changes that was not named as an output.
#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include <tests/tools/command_runner.hpp>

namespace tierpager::tests {
namespace {

namespace fs = std::filesystem;
using words = std::vector<std::string>;

struct option {
  std::string name;
  words good;  // values that may do; none for a flag
  words bad;
  bool output = false;  // the value is a file to write
};

class grammar {
 public:
  explicit grammar(scratch_directory const& files) : files_(files) {
    for (std::string const name : {"one.safetensors", "small.gguf", "hostile.safetensors", "raw.json", "folder"})
      models_.push_back(path(name));
    for (std::string const name : {"planned.json", "broken.gguf", "empty", "absent.gguf", "order"})
      no_models_.push_back(path(name));
    words const outputs{path("kept"),     path("new"),   path("newer"),    path("newest"),
                        path("dangling"), path("order"), path("data.bin"), path("config.json"),
                        "/dev/null",      "/dev/stdout", "/dev/stderr"};
    words no_outputs{"-",          "/dev/full",  "",          path("no/such/place"), path("folder"),
                     path("soft"), path("hard"), "/dev/fd/77"};
    no_outputs.insert(no_outputs.end(), models_.begin(), models_.end());
    no_outputs.insert(no_outputs.end(), no_models_.begin(), no_models_.end());
    words const sizes{"1MiB", "64KiB", "128KiB", "50%", "unlimited", "auto", "0070000"};
    words const no_sizes{"0",    "1",    "none", "6 GB", "1e3", "-1", "nan", "", "99999999999999999999",
                         "200%", "lots", "0x10"};
    words const no_counts{"0", "-1", "1.5", "0x2", "nan", "4294967297", ""};
    words const rates{"25", "1e3", ".5", "007"};
    words const no_rates{"0", "-1", "nan", "inf", "1e999", "0x1p3", "fast", ""};
    words const globs{"*", "tensor.0", "blk.*", "last:1", "embeddings", "output", "?*"};
    words const no_globs{"[", "[[]", "last:0", "last:99999999999999999999", "nope", "", "\xff", "tensor.0[0]"};
    json_ = {"--json", outputs, no_outputs, true};
    common_ = {
        {"--slice", {"*", "*:1", "*:2", "?*"}, {"tensor.*:0", "*:-1", "*:99999999999999999999", "", ":", "nope"}}};
    paging_ = {{"--vram", sizes, no_sizes},
               {"--ram", sizes, no_sizes},
               {"--pin-vram", globs, no_globs},
               {"--pin-ram", globs, no_globs},
               {"--passes", {"1", "2", "03"}, no_counts},
               {"--compute", {"0", "0.01"}, {"nan", "-0", "inf"}},
               {"--order",
                {path("order"), path("passes")},
                {path("bad order"), path("folder"), path("absent"), "-", "/dev/zero", "/dev/null", ""}},
               {"--policy", {"lru", "auto"}, {"all", "guess", ""}},
               {"--link", rates, no_rates},
               {"--disk", rates, no_rates},
               {"--events", outputs, no_outputs, true}};
    device_ = {{"--device", {"host", "auto"}, {"cuda:0", "cuda:x", "cuda:99999999999999999999", "gpu"}},
               {"--source", {"auto", "pread", "mmap"}, {"direct", "post"}}};
    run_ = {{"--trace", outputs, no_outputs, true}, {"--verify", {}, {}}};
    plan_ = {{"--sweep", {"50%", "64KiB"}, no_sizes}, {"--target", rates, no_rates}};
    strange_ = {
        {"--help", {}, {}}, {"--version", {}, {}}, {"--no-such-option", {}, {}}, {"--json", {}, {}}, {"stray", {}, {}}};
  }

  /// And the files that it names as outputs.
  std::pair<words, std::set<std::string>> make(std::uint64_t seed) {
    numbers_.seed(seed);
    std::string const command = chance(98) ? one_of(words{"inspect", "run", "run", "plan", "plan", "verify"}) : "fly";
    std::vector<option> options = common_;
    auto const add = [&](std::vector<option> const& more) { options.insert(options.end(), more.begin(), more.end()); };
    if (command == "run" || command == "plan") add(paging_);
    if (command == "run" || command == "verify") add(device_);
    if (command == "run") add(run_);
    if (command == "plan") add(plan_);
    if (command != "verify") options.push_back(json_);
    words line{command};
    std::set<std::string> outputs;
    if (chance(97)) line.push_back(one_of(chance(85) ? models_ : no_models_));
    // Without these a plan is refused, and a run may take a GPU.
    if (command == "plan" && chance(80)) line.insert(line.end(), {"--vram", "64KiB", "--ram", "64KiB"});
    if (command == "run" && chance(80)) line.insert(line.end(), {"--device", "host"});
    for (std::uint64_t count = numbers_() % 5; count > 0; --count) {
      option const& chosen = chance(98) ? one_of(options) : one_of(strange_);
      line.push_back(chosen.name);
      if (chosen.good.empty()) continue;
      line.push_back(one_of(chance(85) ? chosen.good : chosen.bad));
      if (chosen.output) outputs.insert(line.back());
    }
    if (chance(5)) line.push_back(one_of(models_));
    return {line, outputs};
  }

 private:
  [[nodiscard]] std::string path(std::string const& name) const { return files_.path(name); }
  bool chance(std::uint64_t percent) { return numbers_() % 100 < percent; }
  template <class T>
  T const& one_of(std::vector<T> const& choices) {
    return choices[numbers_() % choices.size()];
  }

  scratch_directory const& files_;
  std::mt19937_64 numbers_;
  words models_, no_models_;
  option json_;
  std::vector<option> common_, paging_, device_, run_, plan_, strange_;
};

class random_command_lines : public testing::TestWithParam<std::uint64_t> {
 protected:
  random_command_lines() {
    make_model({"--equal", "6", "--bytes", "4096", path("one.safetensors")});
    make_model({"--format", "gguf", "--layers", "2", "--hidden", "64", "--ffn", "64", "--vocab", "64", "--heads", "1",
                "--kv-heads", "1", path("small.gguf")});
    std::string const header =
        R"({"a\u001b[2J\u202eb":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"# pass":{"dtype":"U8","shape":[4],)"
        R"("data_offsets":[4,8]}})";
    std::string prefix(8, '\0');
    prefix[0] = static_cast<char>(header.size());
    write_file(path("hostile.safetensors"), prefix + header + "12345678");
    write_file(path("data.bin"), std::string(8192, 'd'));
    for (std::string const data : {"data.bin", "nowhere.bin"})
      write_file(path(data == "data.bin" ? "raw.json" : "planned.json"),
                 R"({"tensors": [{"name": "tensor.0", "file": ")" + data +
                     R"(", "offset": 0, "bytes": 8192, "dtype": "U8", "shape": [8, 1024]}]})");
    fs::create_directory(path("folder"));
    make_model({"--equal", "3", "--bytes", "4096", path("folder/model.safetensors")});
    write_file(path("broken.gguf"), "GGUF\x03");
    write_file(path("empty"), "");
    write_file(path("config.json"), "{}");
    write_file(path("kept"), "what the user keeps");
    write_file(path("order"), "tensor.1\ntensor.0\n");
    write_file(path("passes"), "tensor.0\n# pass\ntensor.0\n");
    write_file(path("bad order"), "# next pass\nnobody\n");
    fs::create_symlink("one.safetensors", path("soft"));
    fs::create_hard_link(path("small.gguf"), path("hard"));
    fs::create_symlink("newest", path("dangling"));
  }

  [[nodiscard]] std::string path(std::string const& name) const { return files_.path(name); }

  [[nodiscard]] std::map<std::string, std::string> contents() const {
    std::map<std::string, std::string> all;
    for (auto const& entry : fs::recursive_directory_iterator(path(".")))
      if (!entry.is_directory()) {
        std::string const name = path(entry.path().lexically_relative(path(".")).string());
        all[name] = entry.is_symlink() ? "-> " + fs::read_symlink(entry.path()).string() : read_file(name);
      }
    return all;
  }

  // Those that may come or change; then as they were.
  void expect_only(std::set<std::string> outputs, std::map<std::string, std::string> const& before) const {
    if (outputs.contains(path("dangling"))) outputs.insert(path("newest"));
    std::set<std::string> const may_change{path("kept"),   path("new"),         path("newer"),
                                           path("newest"), path("absent.gguf"), path("empty"),
                                           path("order"),  path("config.json"), path("data.bin")};
    std::map<std::string, std::string> const after = contents();
    for (auto const& [name, text] : after) {
      bool const allowed = outputs.contains(name) && may_change.contains(name);
      auto const was = before.find(name);
      EXPECT_TRUE(allowed || (was != before.end() && was->second == text)) << name;
      if (was == before.end())
        fs::remove(name);
      else if (was->second != text && allowed)
        write_file(name, was->second);
    }
    for (auto const& [name, text] : before) EXPECT_TRUE(after.contains(name)) << name;
  }

  static void expect_lines(outcome const& ended) {
    EXPECT_TRUE(ended.exit_code >= 0 && ended.exit_code <= 2) << ended.exit_code;
    std::size_t errors = 0;
    std::istringstream lines(ended.errors);
    bool const reported = ended.errors.starts_with('{');  // a report, or what was decided, went there
    for (std::string line; std::getline(lines, line);) {
      errors += line.starts_with("tierpager: error: ") ? 1U : 0U;
      EXPECT_TRUE(reported || line.starts_with("tierpager: ") || line.starts_with("load ") ||
                  line.starts_with("evict ") || ended.exit_code == 0)
          << line;
      EXPECT_TRUE(std::ranges::none_of(line, [](char each) { return static_cast<unsigned char>(each) < 0x20; }))
          << line;
    }
    EXPECT_EQ(errors, ended.exit_code == 0 ? 0U : 1U) << ended.errors;
  }

  scratch_directory files_;
};

// Split so that ctest can run the parts side by side.
constexpr std::uint64_t parts = 6;
constexpr std::uint64_t lines = 300;

TEST_P(random_command_lines, end_with_an_answer_and_change_nothing_else) {
  grammar makes(files_);
  auto const before = contents();
  for (std::uint64_t seed = GetParam(); seed < lines; seed += parts) {
    auto const made = makes.make(seed);
    std::string said = "seed " + std::to_string(seed) + ":";
    for (std::string const& word : made.first) said += " '" + word + "'";
    SCOPED_TRACE(said);
    expect_lines(tierpager_command(made.first));
    expect_only(made.second, before);
  }
}

INSTANTIATE_TEST_SUITE_P(seeds, random_command_lines, testing::Range<std::uint64_t>(0, parts));

}  // namespace
}  // namespace tierpager::tests
