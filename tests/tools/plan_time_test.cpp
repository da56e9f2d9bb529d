// What `plan` takes for very many tensors: hardly more than in proportion to them. Counted in CPU time, of which other
// programs take nothing, and far from what it takes: eight times as many tensors may take twelve times as long.
#include <algorithm>
#include <ctime>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <core/plan/plan.hpp>
#include <tests/tools/command_runner.hpp>

namespace tierpager::tests {
namespace {

constexpr std::uint32_t few = 10'000, many = 80'000;
constexpr double times_as_long = 12, seconds_max = 20;
constexpr std::uint64_t expert_bytes = 5U << 19U;

using sizes = std::vector<std::uint64_t>;

// By size: experts with a few dense tensors a layer; experts that differ a little; all from 4 KiB to 16 MiB.
sizes experts(std::uint32_t tensors) {
  sizes made;
  for (std::uint32_t i = 0; i < tensors; ++i) made.push_back(i % 392 < 8 ? 16U << 20U : expert_bytes);
  return made;
}
sizes nearly_equal(std::uint32_t tensors) {
  std::mt19937 random(1);
  sizes made;
  for (std::uint32_t i = 0; i < tensors; ++i) made.push_back(expert_bytes + random() % 40 * 4096);
  return made;
}
sizes mixed(std::uint32_t tensors) {
  std::mt19937 random(1);
  sizes made;
  for (std::uint32_t i = 0; i < tensors; ++i)
    made.push_back((std::uint64_t{4096} << random() % 12) + random() % 2 * 4096);
  return made;
}

std::string manifest_of(sizes const& tensor_bytes) {
  std::string text = R"({"tensors":[)";
  std::uint64_t offset = 0;
  for (std::size_t i = 0; i < tensor_bytes.size(); ++i) {
    std::string const bytes = std::to_string(tensor_bytes[i]);
    text += (i == 0 ? R"({"name":"t)" : R"(,{"name":"t)") + std::to_string(i) + R"(","file":"nowhere.bin","offset":)" +
            std::to_string(offset) + R"(,"bytes":)" + bytes + R"(,"dtype":"U8","shape":[)" + bytes + "]}";
    offset += tensor_bytes[i];
  }
  return text + "]}";
}

// One tensor of so many slices.
std::string manifest_of_slices(std::uint32_t slices) {
  std::string const count = std::to_string(slices), bytes = std::to_string(slices * std::uint64_t{8192});
  return R"({"tensors":[{"name":"t","file":"nowhere.bin","offset":0,"bytes":)" + bytes + R"(,"dtype":"U8","shape":[)" +
         count + ",8192]}]}";
}

double ended_processes_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_CHILDREN, &used);
  auto const seconds = [](timeval of) {
    return static_cast<double>(of.tv_sec) + 1e-6 * static_cast<double>(of.tv_usec);
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

double plan_seconds(std::string const& manifest, std::vector<std::string> const& options) {
  scratch_directory const files;
  write_file(files.path("model.json"), manifest);
  std::vector<std::string> arguments{"plan",   files.path("model.json"), "--ram", "50%",
                                     "--json", files.path("plan.json")};
  arguments.insert(arguments.end(), options.begin(), options.end());
  double const before = ended_processes_seconds();
  outcome const ended = tierpager_command(arguments);
  EXPECT_EQ(ended.exit_code, 0) << ended.errors;
  return ended_processes_seconds() - before;
}

// A link as fast as the computation, so that deep buffers are tried, too.
double make_plan_seconds(sizes const& tensor_bytes, unsigned percent) {
  plan_request request;
  request.vram_bytes = request.ram_bytes = tensor_bytes;
  std::uint64_t all = 0;
  for (std::uint32_t i = 0; i < tensor_bytes.size(); ++i) {
    request.order.entries.push_back({.id = tensor_id{i}, .call = i, .until = i + 1});
    all += tensor_bytes[i];
  }
  request.order.calls = static_cast<std::uint32_t>(tensor_bytes.size());
  request.vram_budget_bytes = round_down(all / 100 * percent, 4096);
  request.ram_budget_bytes = round_down(all / 2, 4096);
  request.vram_space = {0, all};
  constexpr double link = 25e9;
  request.rates = {.link_bytes_per_second = link,
                   .disk_bytes_per_second = 3e9,
                   .compute_seconds = static_cast<double>(all - request.vram_budget_bytes) / link};
  std::clock_t const before = std::clock();
  EXPECT_TRUE(make_plan(request));
  return static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
}

// CPU time, too, depends on what else is in the processor's caches: what grows faster does so every time.
void expect_near_linear(std::function<double(std::uint32_t tensors)> const& seconds) {
  double of_few = 0, of_many = 0;
  for (int attempt = 0; attempt < 3 && of_many >= times_as_long * of_few; ++attempt) {
    of_few = seconds(few);
    of_many = seconds(many);
  }
  EXPECT_LT(of_many, times_as_long * of_few) << of_few << " s for " << few << " tensors";
  EXPECT_LT(of_many, seconds_max);
}

// Without rates, so that a copy is over at once.
TEST(plan_time, of_the_command_grows_with_the_number_of_tensors) {
  for (auto const& shape : {experts, nearly_equal, mixed})
    expect_near_linear([&](std::uint32_t tensors) {
      return plan_seconds(manifest_of(shape(tensors)), {"--vram", "25%"});
    });
}

TEST(plan_time, of_the_command_grows_with_the_number_of_slices) {
  expect_near_linear([](std::uint32_t slices) {
    return plan_seconds(manifest_of_slices(slices), {"--vram", "25%", "--slice", "t"});
  });
}

TEST(plan_time, of_make_plan_grows_with_the_number_of_tensors) {
  for (auto const& shape : {experts, nearly_equal, mixed})
    for (unsigned const percent : {25U, 50U, 75U}) {
      SCOPED_TRACE(percent);
      expect_near_linear([&](std::uint32_t tensors) { return make_plan_seconds(shape(tensors), percent); });
    }
}

}  // namespace
}  // namespace tierpager::tests
