// `tierpager plan`: the report's contract, what it takes for a model, sweeps, and what it answers to bad usage.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <tests/tools/command_runner.hpp>
#include <tools/options.hpp>
#include <tools/plan.hpp>

namespace tierpager::tests {
namespace {

using json = nlohmann::ordered_json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::uint64_t tensor_bytes = 1'024'000;
constexpr std::uint64_t tensors = 8;

using argument_list = std::vector<std::string>;

std::vector<std::string> keys(json const& object) {
  std::vector<std::string> names;
  for (auto const& item : object.items()) names.push_back(item.key());
  return names;
}

// A manifest of a model whose data nobody has.
class a_plan : public testing::Test {
 protected:
  a_plan() {
    json listed = json::array();
    for (std::uint64_t i = 0; i < tensors; ++i)
      listed.push_back({{"name", "t" + std::to_string(i)},
                        {"file", "nowhere.bin"},
                        {"offset", i * tensor_bytes},
                        {"bytes", tensor_bytes},
                        {"dtype", "U8"},
                        {"shape", {tensor_bytes}}});
    write_file(model_, json({{"tensors", listed}}).dump());
  }

  [[nodiscard]] outcome planned(std::vector<std::string> const& options) const {
    std::vector<std::string> arguments{"plan", model_};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return tierpager_command(arguments);
  }

  [[nodiscard]] json report(std::vector<std::string> options) const {
    options.insert(options.end(), {"--json", "-"});
    outcome const ended = planned(options);
    EXPECT_EQ(ended.exit_code, 0) << ended.errors;
    return ended.exit_code == 0 ? json::parse(ended.output) : json();
  }

  void expect_refusal(std::vector<std::string> const& options, int exit_code, std::string const& words) const {
    outcome const ended = planned(options);
    EXPECT_EQ(ended.exit_code, exit_code);
    EXPECT_EQ(ended.output, "");
    EXPECT_THAT(ended.errors, StartsWith("tierpager: error: "));
    EXPECT_THAT(ended.errors, HasSubstr(words));
    EXPECT_EQ(std::ranges::count(ended.errors, '\n'), 1) << ended.errors;
  }

  scratch_directory files_;
  std::string model_ = files_.path("model.json");
};

TEST_F(a_plan, reports_exactly_the_keys_of_the_contract_for_a_manifest_without_data) {
  json const all = report({"--vram", "50%", "--ram", "25%", "--link", "1", "--disk", "1", "--compute", "0.1"});
  EXPECT_THAT(keys(all),
              ElementsAre("model", "budget", "lower_bound", "partition", "policies", "dtypes", "largest", "least"));
  EXPECT_THAT(keys(all["model"]), ElementsAre("files", "tensors", "bytes"));
  EXPECT_THAT(keys(all["budget"]), ElementsAre("vram", "ram", "vram_effective", "ram_effective"));
  EXPECT_THAT(keys(all["lower_bound"]), ElementsAre("bytes_to_device", "bytes_from_disk"));
  EXPECT_THAT(keys(all["partition"]), ElementsAre("vram", "ram", "file", "ring_vram", "ring_ram"));
  EXPECT_THAT(keys(all["policies"]), ElementsAre("auto"));
  json const& passes = all["policies"]["auto"]["passes"];
  EXPECT_EQ(passes.size(), 4U);
  EXPECT_THAT(keys(passes[0]),
              ElementsAre("seconds", "acquires", "vram_hits", "vram_ahead", "ram_hits", "disk_reads", "bytes_to_device",
                          "bytes_from_disk", "vram_evictions", "ram_evictions", "stall_seconds"));
  EXPECT_EQ(all["model"]["files"], json::array({files_.path("nowhere.bin")}));
  EXPECT_EQ(all["lower_bound"]["bytes_to_device"], tensors / 2 * tensor_bytes);
  json const& homes = all["partition"];
  EXPECT_EQ(homes["vram"].get<std::uint64_t>() + homes["ram"].get<std::uint64_t>() + homes["file"].get<std::uint64_t>(),
            all["model"]["bytes"].get<std::uint64_t>());
}

TEST_F(a_plan, says_null_where_passes_differ) {
  write_file(files_.path("order"), "t0\n# pass\nt1\n");
  json const all = report({"--vram", "50%", "--ram", "25%", "--order", files_.path("order")});
  EXPECT_TRUE(all["lower_bound"].is_null());
  EXPECT_TRUE(all["partition"].is_null());
  EXPECT_EQ(all["policies"]["auto"]["passes"].size(), 2U);
}

TEST_F(a_plan, predicts_seconds_from_the_rates_it_is_given) {
  // All that LRU does on a scan with room for half: every tensor once over the link.
  json const all = report({"--vram", "50%", "--ram", "100%", "--policy", "lru", "--link", "0.1", "--passes", "3"});
  json const& passes = all["policies"]["lru"]["passes"];
  for (json const& pass : passes) EXPECT_NEAR(pass["seconds"].get<double>(), tensors * tensor_bytes / 1e8, 1e-6);
  json const untimed = report({"--vram", "50%", "--ram", "100%", "--policy", "lru"});
  EXPECT_EQ(untimed["policies"]["lru"]["passes"][0]["seconds"], 0.0);
}

TEST_F(a_plan, compares_every_policy_beside_clairvoyance) {
  json const all = report({"--vram", "50%", "--ram", "25%", "--policy", "all", "--passes", "6", "--link", "1"});
  json const& policies = all["policies"];
  for (std::string const name : {"auto", "lru", "sieve", "s3fifo", "arc", "lfu-8", "belady"}) {
    ASSERT_TRUE(policies.contains(name)) << name;
    EXPECT_EQ(policies[name]["passes"].size(), 6U) << name;
  }
  auto const moved = [&](std::string const& name) {
    return policies[name]["passes"][4]["bytes_to_device"].get<std::uint64_t>();
  };
  EXPECT_EQ(moved("lru"), tensors * tensor_bytes);
  EXPECT_LT(moved("belady"), moved("lru"));
}

TEST_F(a_plan, sweeps_budgets_up_to_one_that_holds_everything) {
  json const all = report({"--vram", "2048000", "--ram", "100%", "--policy", "lru", "--link", "0.1", "--sweep",
                           "3072000", "--target", "0.05"});
  json const& sweep = all["sweep"];
  ASSERT_EQ(sweep.size(), 3U);
  EXPECT_THAT(keys(sweep[0]),
              ElementsAre("vram", "vram_effective", "seconds", "bytes_to_device", "bytes_from_disk", "lower_bound"));
  EXPECT_EQ(sweep[0]["vram"], 2048000);
  EXPECT_EQ(sweep[0]["bytes_to_device"], tensors * tensor_bytes);
  EXPECT_EQ(sweep[0]["lower_bound"]["bytes_to_device"], (tensors - 2) * tensor_bytes);
  EXPECT_EQ(sweep[2]["vram"], 8192000);
  EXPECT_EQ(sweep[2]["bytes_to_device"], 0);
  EXPECT_EQ(all["target"], json({{"seconds", 0.05}, {"vram", 8192000}}));
}

TEST_F(a_plan, leaves_out_of_a_sweep_what_is_too_small_to_work) {
  json const all = report({"--vram", "100%", "--ram", "100%", "--sweep", "5%"});
  EXPECT_EQ(all["sweep"].size(), 18U);  // a tensor is 12.5 %
  EXPECT_FALSE(all.contains("target"));
  outcome const text = planned({"--vram", "100%", "--ram", "100%", "--compute", "1", "--target", "0.5"});
  EXPECT_THAT(text.output, HasSubstr("no budget above takes 0.5 s a pass or less\n"));
}

TEST_F(a_plan, prints_a_table_and_says_why) {
  outcome const text = planned({"--vram", "50%", "--ram", "25%", "--sweep", "25%", "--link", "0.1"});
  EXPECT_EQ(text.exit_code, 0) << text.errors;
  for (std::string const words : {"8 tensors", "link 0.1 GB/s, disk infinitely fast", "the streaming buffers take",
                                  "no pager moves less than 3.91 MiB to the device and 1.95 MiB from disk",
                                  "a pass in steady state, policy auto"})
    EXPECT_THAT(text.output, HasSubstr(words));
}

TEST_F(a_plan, takes_budgets_it_is_not_given_from_the_environment_alone) {
  expect_refusal({"--ram", "50%"}, 2, "--vram: 'auto' would ask a device what is free");
  ::setenv("TIERPAGER_VRAM", "25%", 1);
  json const all = report({"--ram", "50%"});
  ::unsetenv("TIERPAGER_VRAM");
  EXPECT_EQ(all["budget"]["vram"], tensors / 4 * tensor_bytes);
}

TEST_F(a_plan, exits_with_2_on_wrong_usage) {
  expect_refusal({"--vram", "50%", "--policy", "guess"}, 2, "guess");
  expect_refusal({"--vram", "50%", "--link", "0"}, 2, "--link");
  expect_refusal({"--vram", "50%", "--disk", "fast"}, 2, "--disk");
  expect_refusal({"--vram", "50%", "--compute", "-1"}, 2, "--compute");
  expect_refusal({"--vram", "50%", "--sweep", "auto"}, 2, "'auto' is not a step");
  expect_refusal({"--vram", "50%", "--ram", "1", "--sweep", "1"}, 2, "more than 10000 budgets");
  expect_refusal({"--vram", "none", "--ram", "50%", "--sweep", "5%"}, 2, "no VRAM to sweep");
  expect_refusal({"--vram", "50%", "--target", "1"}, 2, "nothing takes time");
}

// Of a GPU's memory a budget gets whole granules. The model is 128 times the other.
TEST_F(a_plan, counts_what_a_gpu_would_move) {
  constexpr std::uint64_t granule = 2U << 20U;
  std::string const small = std::exchange(model_, files_.path("large.json"));
  json listed = json::array();
  for (std::uint64_t i = 0; i < 128 * tensors; ++i)
    listed.push_back({{"name", "t" + std::to_string(i)},
                      {"file", "nowhere.bin"},
                      {"offset", i * tensor_bytes},
                      {"bytes", tensor_bytes},
                      {"dtype", "U8"},
                      {"shape", {tensor_bytes}}});
  write_file(model_, json({{"tensors", listed}}).dump());
  auto const moved = [&](std::uint64_t vram_bytes) {
    json const all =
        report({"--vram", std::to_string(vram_bytes), "--ram", "100%", "--policy", "lru", "--passes", "2"});
    return std::pair(all["policies"]["lru"]["passes"][1]["vram_hits"],
                     all["policies"]["lru"]["passes"][1]["vram_evictions"]);
  };
  EXPECT_EQ(moved(100 * granule + tensor_bytes + granule / 4), moved(100 * granule));
  json const whole = report({"--vram", "100%", "--ram", "100%"});
  EXPECT_EQ(whole["budget"]["vram"].get<std::uint64_t>() % granule, 0U);
  model_ = small;
  EXPECT_EQ(report({"--vram", "100%", "--ram", "100%"})["budget"]["vram"], tensors * tensor_bytes);
}

TEST_F(a_plan, fails_as_a_run_would) {
  expect_refusal({"--vram", "100", "--ram", "50%"}, 1, "needs at least");
  expect_refusal({"--vram", "none", "--ram", "none"}, 1, "no tier is left");
  expect_refusal({"--vram", "50%", "--ram", "50%", "--pin-vram", "no_such*"}, 1, "no_such*");
  expect_refusal({"--vram", "50%", "--ram", "50%", "--order", files_.path("absent")}, 1, files_.path("absent"));
}

TEST_F(a_plan, plans_by_blocks_of_rows_what_is_too_large_as_a_whole) {
  expect_refusal({"--vram", "600KB", "--ram", "600KB"}, 1, "--slice 't0:524288'");
  json const all = report({"--vram", "600KB", "--ram", "600KB", "--slice", "t*:524288"});
  EXPECT_EQ(all["model"]["tensors"], 2 * tensors);
  EXPECT_EQ(all["model"]["bytes"], tensors * tensor_bytes);
  json const pinned =
      report({"--vram", "1200KB", "--ram", "50%", "--slice", "t*:524288", "--pin-vram", "t0[524288:1024000]"});
  EXPECT_EQ(pinned["model"]["tensors"], 2 * tensors);
}

TEST_F(a_plan, names_the_least_budgets_that_work) {
  std::string const fixtures = std::string(TIERPAGER_FIXTURES) + "/mixed.gguf";
  for (argument_list const& pins :
       {argument_list{}, argument_list{"--pin-vram", "blk.*"}, argument_list{"--pin-vram", "token_embd*"}}) {
    for (std::string const vram : {"1MiB", "none"}) {
      if (vram == "none" && !pins.empty()) continue;
      auto const with = [&](std::string const& vram_budget, std::string const& ram_budget) {
        argument_list line{"plan", fixtures, "--vram", vram_budget, "--ram", ram_budget, "--json", "-"};
        line.insert(line.end(), pins.begin(), pins.end());
        return tierpager_command(line);
      };
      json const all = json::parse(with(vram, "1MiB").output);
      json const& least = all["least"];
      EXPECT_EQ(least["vram"].is_null(), vram == "none");
      std::string const ram = std::to_string(least["ram"].get<std::uint64_t>());
      if (vram == "none") {
        EXPECT_EQ(with("none", ram).exit_code, 0);
        EXPECT_EQ(with("none", std::to_string(least["ram"].get<std::uint64_t>() - 1)).exit_code, 1);
        continue;
      }
      std::uint64_t const bytes = least["vram"].get<std::uint64_t>();
      EXPECT_EQ(with(std::to_string(bytes), ram).exit_code, 0);
      EXPECT_EQ(with(std::to_string(bytes - 1), ram).exit_code, 1);
      EXPECT_EQ(json::parse(with(std::to_string(bytes), "0").output)["budget"]["ram_effective"], least["ram"]);
    }
  }
}

TEST_F(a_plan, says_what_the_model_is_made_of) {
  json const all =
      json::parse(tierpager_command({"plan", model_, "--vram", "50%", "--ram", "50%", "--json", "-"}).output);
  EXPECT_EQ(all["dtypes"], json({{"U8", {{"tensors", tensors}, {"bytes", tensors * tensor_bytes}}}}));
  EXPECT_EQ(all["largest"], json({{"name", "t0"}, {"bytes", tensor_bytes}}));
}

TEST_F(a_plan, plays_an_order_of_one_pass_three_times) {
  write_file(files_.path("order"), "t3\nt1\n");
  auto const passes = [&](argument_list const& more) {
    argument_list line{"plan", model_, "--vram", "50%", "--ram", "50%", "--json", "-", "--order", files_.path("order")};
    line.insert(line.end(), more.begin(), more.end());
    return json::parse(tierpager_command(line).output)["policies"]["auto"]["passes"].size();
  };
  EXPECT_EQ(passes({}), 3U);
  EXPECT_EQ(passes({"--passes", "1"}), 1U);
  write_file(files_.path("order"), "t3\n# pass\nt1\n");
  EXPECT_EQ(passes({}), 2U);
}

TEST_F(a_plan, shows_no_share_of_a_pass_that_moved_nothing) {
  outcome const planned = tierpager_command({"plan", model_, "--vram", "unlimited", "--ram", "unlimited"});
  std::size_t const last = planned.output.rfind("auto  ");
  ASSERT_NE(last, std::string::npos);
  EXPECT_THAT(planned.output.substr(last), HasSubstr("       0 B       -        0 B       -"));
}

TEST(sweep_budgets, are_whole_steps_from_the_budget_asked_for) {
  EXPECT_THAT(tools::sweep_budgets(10, 4, 16), ElementsAre(2, 6, 10, 14, 18));
  EXPECT_THAT(tools::sweep_budgets(8, 4, 16), ElementsAre(4, 8, 12, 16));
  EXPECT_THAT(tools::sweep_budgets(~std::uint64_t{0}, 4, 15), ElementsAre(4, 8, 12, 16));
  EXPECT_THAT(tools::sweep_budgets(100, 40, 30), ElementsAre(20, 60));
  EXPECT_THROW((void)tools::sweep_budgets(10, 0, 16), tools::usage_error);
}

}  // namespace
}  // namespace tierpager::tests
