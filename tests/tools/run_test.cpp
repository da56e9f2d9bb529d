// `tierpager run` and `verify` on small models of real shape: the report's contract, the trace, budgets, checks.
#include <regex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <tests/tools/command_runner.hpp>

namespace tierpager::tests {
namespace {

using json = nlohmann::ordered_json;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> keys(json const& object) {
  std::vector<std::string> names;
  for (auto const& item : object.items()) names.push_back(item.key());
  return names;
}

class a_run : public testing::Test {
 protected:
  a_run() {
    std::vector<std::string> const shape{"--layers", "3",   "--hidden", "128", "--ffn",      "352",
                                         "--vocab",  "500", "--heads",  "4",   "--kv-heads", "2"};
    for (std::string const format : {"safetensors", "gguf"}) {
      std::vector<std::string> arguments{"--format", format, files_.path("small." + format)};
      arguments.insert(arguments.end(), shape.begin(), shape.end());
      make_model(arguments);
    }
  }

  json report(std::vector<std::string> const& options) const {
    std::vector<std::string> arguments{"run", model_, "--device", "host", "--json", "-"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    outcome const ran = tierpager_command(arguments);
    EXPECT_EQ(ran.exit_code, 0) << ran.errors;
    EXPECT_EQ(ran.errors, "");
    return ran.exit_code == 0 ? json::parse(ran.output) : json();
  }

  scratch_directory files_;
  std::string model_ = files_.path("small.gguf");
  static constexpr std::size_t tensors = 3 + 3 * 9;
};

TEST_F(a_run, reports_exactly_the_keys_of_the_contract) {
  json const all = report({"--vram", "50%", "--ram", "25%", "--verify"});
  EXPECT_THAT(keys(all), ElementsAre("device", "model", "budget", "policy", "passes", "peak", "verify", "lower_bound",
                                     "share_of_bound", "lru", "evictions", "ahead", "dtypes", "largest", "least"));
  EXPECT_THAT(keys(all["model"]), ElementsAre("files", "tensors", "bytes"));
  EXPECT_THAT(keys(all["budget"]), ElementsAre("vram", "ram", "vram_effective", "ram_effective"));
  EXPECT_THAT(keys(all["passes"][0]),
              ElementsAre("seconds", "acquires", "vram_hits", "vram_ahead", "ram_hits", "disk_reads", "bytes_to_device",
                          "bytes_from_disk", "vram_evictions", "ram_evictions", "stall_seconds"));
  EXPECT_THAT(keys(all["peak"]), ElementsAre("vram", "ram"));
  EXPECT_THAT(keys(all["verify"]), ElementsAre("checked", "mismatches"));
  EXPECT_THAT(keys(all["lower_bound"]), ElementsAre("bytes_to_device", "bytes_from_disk"));
  EXPECT_EQ(all["device"], "host");
  EXPECT_EQ(all["model"]["files"], json::array({model_}));
  EXPECT_EQ(all["model"]["tensors"], tensors);
  EXPECT_EQ(all["passes"].size(), 2U);
  EXPECT_EQ(all["passes"][0]["acquires"], tensors);
  json const whole = report({"--vram", "100%", "--ram", "25%", "--verify"});
  EXPECT_EQ(all["budget"]["vram"], whole["budget"]["vram"].get<std::uint64_t>() / 2);
  EXPECT_EQ(whole["peak"]["vram"], whole["budget"]["vram"]);
  EXPECT_EQ(all["verify"]["checked"], 2 * tensors);
  EXPECT_EQ(all["verify"]["mismatches"], 0);
}

TEST_F(a_run, goes_through_the_layers_by_number_and_uses_a_tied_embedding_twice) {
  write_file(files_.path("tied.bin"), std::string(64, 't'));
  json listed = json::array();
  for (std::string const name : {"blk.10.w", "blk.2.w", "token_embd.weight"})
    listed.push_back({{"name", name},
                      {"file", "tied.bin"},
                      {"offset", 16 * listed.size()},
                      {"bytes", 16},
                      {"dtype", "U8"},
                      {"shape", {16}}});
  write_file(files_.path("tied.json"), json{{"tensors", listed}}.dump());
  outcome const ran = tierpager_command({"run", files_.path("tied.json"), "--device", "host", "--passes", "1",
                                         "--trace", files_.path("trace"), "--json", "-"});
  ASSERT_EQ(ran.exit_code, 0) << ran.errors;
  EXPECT_EQ(read_file(files_.path("trace")), "token_embd.weight\nblk.2.w\nblk.10.w\ntoken_embd.weight\n");
  json const all = json::parse(ran.output);
  EXPECT_EQ(all["passes"][0]["acquires"], 4);
  EXPECT_EQ(all["passes"][0]["bytes_to_device"], 48);
}

TEST_F(a_run, says_null_where_there_is_nothing_to_say) {
  write_file(files_.path("order"), "output.weight\n# pass\noutput_norm.weight\n");
  json const all = report({"--vram", "unlimited", "--ram", "unlimited", "--order", files_.path("order")});
  for (std::string const name : {"vram", "ram", "vram_effective", "ram_effective"})
    EXPECT_TRUE(all["budget"][name].is_null()) << name;
  EXPECT_TRUE(all["verify"].is_null());
  EXPECT_TRUE(all["lower_bound"].is_null());
}

TEST_F(a_run, moves_every_byte_once_where_everything_fits) {
  json const all = report({"--vram", "unlimited", "--ram", "unlimited"});
  EXPECT_EQ(all["lower_bound"], json({{"bytes_to_device", 0}, {"bytes_from_disk", 0}}));
  EXPECT_EQ(all["passes"][0]["bytes_to_device"], all["model"]["bytes"]);
  EXPECT_EQ(all["passes"][0]["bytes_from_disk"], all["model"]["bytes"]);
  EXPECT_EQ(all["passes"][1]["vram_hits"], tensors);
  EXPECT_EQ(all["passes"][1]["bytes_to_device"], 0);
  EXPECT_EQ(all["passes"][1]["bytes_from_disk"], 0);
}

TEST_F(a_run, stays_within_its_budgets_and_above_the_lower_bound) {
  for (std::string const vram : {"25%", "50%", "75%"}) {
    json const all = report({"--vram", vram, "--ram", "40%", "--passes", "3", "--verify"});
    json const& budget = all["budget"];
    EXPECT_LE(all["peak"]["vram"], budget["vram_effective"]);
    EXPECT_LE(all["peak"]["ram"], budget["ram_effective"]);
    EXPECT_EQ(all["verify"]["mismatches"], 0);
    json const& last = all["passes"][2];
    EXPECT_GE(last["bytes_to_device"], all["lower_bound"]["bytes_to_device"]);
    EXPECT_GE(last["bytes_from_disk"], all["lower_bound"]["bytes_from_disk"]);
    EXPECT_EQ(all["lower_bound"]["bytes_to_device"],
              all["model"]["bytes"].get<std::uint64_t>() - budget["vram_effective"].get<std::uint64_t>());
    EXPECT_EQ(last["vram_hits"].get<std::size_t>() + last["ram_hits"].get<std::size_t>() +
                  last["disk_reads"].get<std::size_t>(),
              tensors);
  }
}

TEST_F(a_run, works_without_a_device_tier) {
  json const all = report({"--vram", "none", "--ram", "50%", "--verify"});
  EXPECT_EQ(all["passes"][1]["bytes_to_device"], 0);
  EXPECT_EQ(all["lower_bound"]["bytes_to_device"], 0);
  EXPECT_EQ(all["peak"]["vram"], 0);
  EXPECT_EQ(all["verify"], json({{"checked", 2 * tensors}, {"mismatches", 0}}));
}

TEST_F(a_run, gives_the_same_result_from_every_source) {
  json const expected = report({"--vram", "30%", "--ram", "30%", "--source", "pread", "--verify"});
  json const mapped = report({"--vram", "30%", "--ram", "30%", "--source", "mmap", "--verify"});
  EXPECT_EQ(mapped["verify"], expected["verify"]);
  EXPECT_EQ(mapped["passes"][1]["bytes_from_disk"], expected["passes"][1]["bytes_from_disk"]);
}

TEST_F(a_run, repeats_the_passes_of_an_order_file_in_turn) {
  write_file(files_.path("order"), "output.weight\n# pass\noutput.weight\noutput_norm.weight\n");
  json const all = report({"--order", files_.path("order"), "--passes", "3", "--trace", files_.path("trace")});
  ASSERT_EQ(all["passes"].size(), 3U);
  EXPECT_EQ(all["passes"][0]["acquires"], 1);
  EXPECT_EQ(all["passes"][1]["acquires"], 2);
  EXPECT_EQ(all["passes"][2]["acquires"], 1);
  EXPECT_EQ(read_file(files_.path("trace")),
            "output.weight\n# pass\noutput.weight\noutput_norm.weight\n# pass\noutput.weight\n");
}

TEST_F(a_run, replays_its_own_trace) {
  std::vector<std::string> const budgets{"--vram", "40%", "--ram", "30%", "--policy", "lru"};
  std::vector<std::string> first = budgets;
  first.insert(first.end(), {"--passes", "3", "--trace", files_.path("trace")});
  std::vector<std::string> second = budgets;
  second.insert(second.end(), {"--order", files_.path("trace"), "--trace", files_.path("again")});
  json const recorded = report(first);
  json const replayed = report(second);
  EXPECT_EQ(read_file(files_.path("again")), read_file(files_.path("trace")));
  ASSERT_EQ(replayed["passes"].size(), 3U);
  for (std::size_t pass = 0; pass < 3; ++pass) {
    for (std::string const name :
         {"acquires", "vram_hits", "vram_ahead", "ram_hits", "disk_reads", "bytes_to_device", "bytes_from_disk"}) {
      EXPECT_EQ(replayed["passes"][pass][name], recorded["passes"][pass][name]) << name << ", pass " << pass;
    }
  }
}

TEST_F(a_run, keeps_pinned_tensors_once_they_are_in) {
  json const all =
      report({"--vram", "60%", "--ram", "20%", "--pin-vram", "output", "--pin-vram", "*_norm*", "--passes", "3"});
  EXPECT_GE(all["passes"][2]["vram_hits"].get<std::size_t>(), 1U + 3 * 2);
}

TEST_F(a_run, pages_slices_as_entries_of_their_own) {
  json const all = report({"--slice", "output.weight", "--vram", "20%", "--ram", "20%", "--verify"});
  EXPECT_EQ(all["model"]["tensors"], tensors - 1 + 500);
  EXPECT_EQ(all["verify"]["mismatches"], 0);
}

// The embedding is 500 rows of 256 bytes, and larger than the budget.
TEST_F(a_run, pages_a_table_that_is_larger_than_the_budget_by_blocks_of_rows) {
  std::vector<std::string> const budgets{"--vram", "102400", "--ram", "102400", "--verify"};
  std::vector<std::string> whole{"run", model_, "--device", "host"};
  whole.insert(whole.end(), budgets.begin(), budgets.end());
  outcome const refused = tierpager_command(whole);
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.errors, HasSubstr(" bytes, or slices of fewer rows: --slice 'token_embd.weight:256' "));

  std::vector<std::string> sliced = budgets;
  sliced.insert(sliced.end(),
                {"--slice", "token_embd.weight:256", "--slice", "*:256", "--trace", files_.path("trace")});
  json const all = report(sliced);
  EXPECT_EQ(all["verify"]["mismatches"], 0);
  EXPECT_LE(all["peak"]["vram"], 102400);
  EXPECT_THAT(read_file(files_.path("trace")), HasSubstr("token_embd.weight[0:256]\ntoken_embd.weight[256:500]\n"));
  for (std::string const command : {"run", "verify"}) {
    outcome const ended = tierpager_command(
        {command, model_, "--device", "host", "--vram", "102400", "--ram", "102400", "--slice", "*:256"});
    EXPECT_EQ(ended.exit_code, 0) << ended.errors;
  }
}

TEST_F(a_run, takes_names_of_slices_in_orders_and_pins) {
  write_file(files_.path("order"), "token_embd.weight[256:500]\noutput.weight[7]\ntoken_embd.weight[0:256]\n");
  std::vector<std::string> options{"--slice", "token_embd.weight:256", "--slice", "output.weight"};
  options.insert(options.end(),
                 {"--order", files_.path("order"), "--passes", "3", "--vram", "160KiB", "--ram", "none"});
  options.insert(options.end(),
                 {"--pin-vram", "token_embd.weight[0:256]", "--pin-vram", "output.weight[7]", "--verify"});
  options.insert(options.end(), {"--trace", files_.path("trace"), "--events", files_.path("events")});
  json const all = report(options);
  EXPECT_EQ(all["passes"][2]["acquires"], 3);
  EXPECT_EQ(all["verify"], json({{"checked", 9}, {"mismatches", 0}}));
  std::string const once = read_file(files_.path("order"));
  EXPECT_EQ(read_file(files_.path("trace")), once + "# pass\n" + once + "# pass\n" + once);
  EXPECT_THAT(read_file(files_.path("events")), HasSubstr("token_embd.weight[256:500]"));
}

// The N of "needs at least N bytes".
std::uint64_t bytes_needed(outcome const& refused) {
  EXPECT_EQ(refused.exit_code, 1);
  std::smatch found;
  bool const says = std::regex_search(refused.errors, found, std::regex("needs at least ([0-9]+) bytes"));
  EXPECT_TRUE(says) << refused.errors;
  return says ? std::stoull(found[1]) : 1;
}

TEST_F(a_run, says_how_many_bytes_would_do_and_means_it) {
  for (std::vector<std::string> const& more : {std::vector<std::string>{},
                                               {"--verify"},
                                               {"--pin-vram", "output_norm*"},
                                               {"--pin-vram", "output", "--pin-vram", "embeddings"}}) {
    auto const with_vram = [&](std::uint64_t bytes) {
      std::vector<std::string> arguments{"run",   model_, "--device", "host",
                                         "--ram", "30%",  "--vram",   std::to_string(bytes)};
      arguments.insert(arguments.end(), more.begin(), more.end());
      return tierpager_command(arguments);
    };
    // Less than this is refused for the scratch memory's sake, before anything is acquired.
    std::uint64_t const scratch_alone = 4096;
    std::uint64_t const needed = bytes_needed(with_vram(scratch_alone));
    EXPECT_EQ(with_vram(needed).exit_code, 0) << needed;
    EXPECT_EQ(bytes_needed(with_vram(needed - 1)), needed);
  }
}

TEST_F(a_run, prints_a_table_without_json) {
  outcome const ran =
      tierpager_command({"run", model_, "--device", "host", "--vram", "50%", "--ram", "50%", "--verify"});
  EXPECT_EQ(ran.exit_code, 0) << ran.errors;
  EXPECT_THAT(ran.output, HasSubstr("30 tensors"));
  EXPECT_THAT(ran.output, HasSubstr("verified 60 acquires: 0 mismatches\n"));
}

TEST_F(a_run, verifies_every_tensor_of_both_formats) {
  for (std::string const name : {"small.gguf", "small.safetensors"}) {
    outcome const verified = tierpager_command({"verify", files_.path(name), "--device", "host"});
    EXPECT_EQ(verified.exit_code, 0) << verified.errors;
    EXPECT_THAT(verified.output, HasSubstr("30 tensors"));
    EXPECT_THAT(verified.output, HasSubstr("every one as in the file"));
  }
}

// The copies that a pass waits for may be made while the pass before it is still computed: that pass takes the time then.
TEST_F(a_run, takes_the_time_of_its_work_and_never_moves_more_than_the_link_gives) {
  json const inspected = json::parse(tierpager_command({"inspect", model_, "--json", "-"}).output);
  std::string text;
  for (json const& tensor : inspected["tensors"]) text += tensor["name"].get<std::string>() + "\n";
  write_file(files_.path("order"), text);
  for (std::string const compute : {"0", "0.1"}) {
    std::vector<std::string> const options{"run",      model_, "--device",  "host", "--vram",  "50%",
                                           "--ram",    "100%", "--link",    "0.02", "--order", files_.path("order"),
                                           "--passes", "4",    "--compute", compute};
    outcome const ran = tierpager_command(options);
    ASSERT_EQ(ran.exit_code, 0) << ran.errors;
    std::regex const row(R"(\n +\d+ +(\d+\.\d+) +(\d+\.\d+) )");
    std::size_t passes = 0;
    for (auto at = std::sregex_iterator(ran.output.begin(), ran.output.end(), row); at != std::sregex_iterator();
         ++at) {
      ++passes;
      EXPECT_LE(std::stod((*at)[2]), 0.02) << ran.output;
      EXPECT_GE(std::stod((*at)[1]), std::stod(compute) / 2) << ran.output;
    }
    EXPECT_EQ(passes, 4U) << ran.output;
  }
}

}  // namespace
}  // namespace tierpager::tests
