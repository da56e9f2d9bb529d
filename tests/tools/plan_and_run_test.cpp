// What `plan` says, held against what `run` does on the host device: every count of every pass, what was loaded and what
// left each tier in which order, for random models, orders, budgets and pins. A failure prints the seed; it alone decides the case.
#include <algorithm>
#include <numeric>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <tests/tools/command_runner.hpp>

namespace tierpager::tests {
namespace {

using json = nlohmann::json;

struct planned_case {
  std::vector<std::uint64_t> tensor_bytes;
  std::string order;
  std::string passes;  // empty: those of the order
  std::vector<std::string> options;
};

class case_maker {
 public:
  case_maker(std::uint64_t seed, std::uint64_t tensor_bytes_max, std::uint64_t tensors_max = 16)
      : random_(seed), tensor_bytes_max_(tensor_bytes_max), tensors_max_(tensors_max) {}

  planned_case make() {
    planned_case made;
    for (std::uint64_t tensors = number(2, tensors_max_); tensors > 0; --tensors)
      made.tensor_bytes.push_back(number(1, tensor_bytes_max_));
    for (std::uint64_t passes = number(1, 4); passes > 0; --passes) made.order += make_pass(made.tensor_bytes.size());
    bool const on_device = number(0, 9) > 0;
    if (number(0, 3) == 0) made.passes = std::to_string(number(1, 24));
    made.options = {"--vram", on_device ? make_budget(made.tensor_bytes) : "none", "--ram",
                    on_device && number(0, 3) == 0 ? "0" : make_budget(made.tensor_bytes)};
    if (on_device && number(0, 3) == 0) add_pin(made, "--pin-vram");
    if (number(0, 3) == 0) add_pin(made, "--pin-ram");
    return made;
  }

  /// One pass again and again, declared, with RAM for all of it or for less.
  planned_case make_cycle(bool ram_for_all) {
    planned_case made = make();
    made.order = make_pass(made.tensor_bytes.size());
    made.passes = "6";
    made.options = {"--vram", make_budget(made.tensor_bytes), "--ram", "unlimited"};
    if (!ram_for_all) made.options.back() = std::to_string(number(0, sum_of(made.tensor_bytes)));
    return made;
  }

  /// Every tensor in turn, again and again, and not declared: the order is to be learned.
  planned_case make_scan(bool ram_for_all) {
    planned_case made = make_cycle(ram_for_all);
    std::string pass = "# pass\n";
    for (std::size_t i = 0; i < made.tensor_bytes.size(); ++i) pass += "t" + std::to_string(i) + "\n";
    made.order.clear();
    for (int i = 0; i < 6; ++i) made.order += pass;
    made.passes.clear();
    return made;
  }

 private:
  static std::uint64_t sum_of(std::vector<std::uint64_t> const& bytes) {
    return std::reduce(bytes.begin(), bytes.end());
  }

  std::uint64_t number(std::uint64_t low, std::uint64_t high) {
    return std::uniform_int_distribution(low, high)(random_);
  }

  // From what holds the largest, in whole granules, to a little more than everything.
  std::string make_budget(std::vector<std::uint64_t> const& tensor_bytes) {
    if (number(0, 9) == 0) return "unlimited";
    std::uint64_t sum = 0;
    std::uint64_t largest = 0;
    for (std::uint64_t const bytes : tensor_bytes) {
      sum += bytes;
      largest = std::max(largest, bytes);
    }
    return std::to_string(largest + 4096 + number(0, sum));
  }

  std::string make_pass(std::size_t tensors) {
    std::string pass = "# pass\n";
    bool const scan = number(0, 1) == 0;
    for (std::uint64_t i = 0, count = number(1, 30); i < count; ++i)
      pass += "t" + std::to_string(scan ? i % tensors : number(0, tensors - 1)) + "\n";
    return pass;
  }

  void add_pin(planned_case& to, std::string const& option) {
    to.options.push_back(option);
    to.options.push_back("t" + std::to_string(number(0, to.tensor_bytes.size() - 1)));
  }

  std::mt19937_64 random_;
  std::uint64_t tensor_bytes_max_, tensors_max_;
};

std::string manifest_of(planned_case const& what) {
  json tensors = json::array();
  std::uint64_t offset = 0;
  for (std::size_t i = 0; i < what.tensor_bytes.size(); ++i) {
    std::uint64_t const bytes = what.tensor_bytes[i];
    tensors.push_back({{"name", "t" + std::to_string(i)},
                       {"file", "data"},
                       {"offset", offset},
                       {"bytes", bytes},
                       {"dtype", "U8"},
                       {"shape", {bytes}}});
    offset += bytes;
  }
  return json({{"tensors", tensors}}).dump();
}

// What `run` says LRU would have moved, in the shape of its passes.
json moved(json const& passes) {
  json bytes = json::array();
  for (json const& pass : passes)
    bytes.push_back({{"bytes_to_device", pass["bytes_to_device"]}, {"bytes_from_disk", pass["bytes_from_disk"]}});
  return bytes;
}

json without_times(json passes) {
  for (json& pass : passes) {
    pass.erase("seconds");
    pass.erase("stall_seconds");
    // Who leaves is decided; whether before a pass ends or after is a matter of time.
    pass.erase("vram_evictions");
    pass.erase("ram_evictions");
  }
  return passes;
}

// The lines that begin like that.
std::vector<std::string> lines(std::string const& text, std::string const& beginning) {
  std::vector<std::string> all;
  std::istringstream from(text);
  for (std::string line; std::getline(from, line);)
    if (line.starts_with(beginning)) all.push_back(line);
  return all;
}

void expect_agreement(planned_case const& what, std::string const& policy) {
  scratch_directory const files;
  write_file(files.path("model"), manifest_of(what));
  write_file(files.path("order"), what.order);
  std::vector<std::string> arguments{
      "plan",     files.path("model"),  "--order", files.path("order"), "--policy", policy, "--json", "-",
      "--events", files.path("planned")};
  arguments.insert(arguments.end(), what.options.begin(), what.options.end());
  if (!what.passes.empty()) arguments.insert(arguments.end(), {"--passes", what.passes});
  outcome const planned = tierpager_command(arguments);

  write_file(files.path("data"), "");
  std::filesystem::resize_file(files.path("data"), std::reduce(what.tensor_bytes.begin(), what.tensor_bytes.end()));
  arguments[0] = "run";
  std::ranges::replace(arguments, files.path("planned"), files.path("ran"));
  arguments.insert(arguments.end(), {"--device", "host"});
  outcome const ran = tierpager_command(arguments);
  ASSERT_EQ(planned.exit_code, ran.exit_code) << planned.errors << ran.errors;
  EXPECT_EQ(planned.errors, ran.errors);
  if (ran.exit_code != 0) return;  // pins that leave no room
  json const plan = json::parse(planned.output);
  json const run = json::parse(ran.output);
  EXPECT_EQ(without_times(plan["policies"][policy]["passes"]), without_times(run["passes"]));
  if (policy == "lru") {
    EXPECT_EQ(run["lru"], moved(run["passes"]));
  }
  for (std::string const beginning : {"load", "evict vram", "evict ram"}) {
    std::vector<std::string> in_plan = lines(read_file(files.path("planned")), beginning);
    std::vector<std::string> in_run = lines(read_file(files.path("ran")), beginning);
    if (policy != "lru" && beginning != "load") {  // what is still under way at the end has evicted nobody yet
      in_plan.resize(std::min(in_plan.size(), in_run.size()));
      in_run.resize(in_plan.size());
    }
    EXPECT_EQ(in_plan, in_run);
  }
  for (std::string const name : {"model", "budget", "lower_bound"}) EXPECT_EQ(plan[name], run[name]) << name;
}

class plan_and_run : public testing::TestWithParam<std::uint64_t> {};

// Split so that ctest can run the parts side by side.
constexpr std::uint64_t parts = 4;
constexpr std::uint64_t cases = 240;

TEST_P(plan_and_run, agree_on_every_count_under_lru) {
  for (std::uint64_t seed = GetParam(); seed < cases && !HasFailure(); seed += parts) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    expect_agreement(case_maker(seed, 100'000).make(), "lru");
  }
}

TEST_P(plan_and_run, agree_on_tensors_that_pass_ram_in_pieces) {
  for (std::uint64_t seed = GetParam(); seed < parts * 4 && !HasFailure(); seed += parts) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    expect_agreement(case_maker(seed, 20'000'000).make(), "lru");
  }
}

TEST_P(plan_and_run, agree_on_every_count_of_a_declared_cycle) {
  for (std::uint64_t seed = GetParam(); seed < cases && !HasFailure(); seed += parts) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    expect_agreement(case_maker(seed, 100'000).make_cycle(true), "auto");
  }
}

TEST_P(plan_and_run, agree_where_ram_is_scarce) {
  for (std::uint64_t seed = GetParam(); seed < cases / 4 && !HasFailure(); seed += parts) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    expect_agreement(case_maker(seed, 100'000).make_cycle(false), "auto");
    expect_agreement(case_maker(seed, 100'000).make_scan(false), "auto");
  }
}

// Small tensors that share granules of 2 MiB, where the budget is large enough for these.
TEST_P(plan_and_run, agree_on_a_gpus_granules) {
  for (std::uint64_t seed = GetParam(); seed < parts * 8 && !HasFailure(); seed += parts) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    expect_agreement(case_maker(seed, 1'200'000, 96).make_scan(true), seed % 3 == 0 ? "lru" : "auto");
  }
}

// Several lie in one granule of VRAM, at multiples of 256 bytes.
TEST_P(plan_and_run, agree_on_tensors_smaller_than_a_granule) {
  for (std::uint64_t seed = GetParam(); seed < cases / 4 && !HasFailure(); seed += parts) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    expect_agreement(case_maker(seed, 4095, 30).make(), "lru");
    expect_agreement(case_maker(seed, 4095, 30).make_cycle(true), "auto");
    expect_agreement(case_maker(seed, 4095, 30).make_cycle(false), "auto");
    expect_agreement(case_maker(seed, 4095, 30).make_scan(false), "auto");
  }
}

INSTANTIATE_TEST_SUITE_P(cases, plan_and_run, testing::Range(std::uint64_t{0}, parts));

}  // namespace
}  // namespace tierpager::tests
