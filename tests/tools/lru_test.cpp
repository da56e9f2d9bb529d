// `run --policy lru --order FILE` against two textbook LRU lists: hits, misses and evictions of both tiers, in every
// pass of random traces under random budgets and pin sets. A failure prints the seed; it alone decides the case.
#include <algorithm>
#include <array>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <tests/tools/command_runner.hpp>
#include <tests/tools/textbook_lru.hpp>

namespace tierpager::tests {
namespace {

constexpr std::size_t model_tensors = 24;
constexpr std::uint64_t tensor_bytes = 16384;  // a multiple of the host device's granule

struct tier_case {
  std::uint64_t budget_bytes = 0;
  bool unlimited = false;
  std::set<std::size_t> pinned;
};

struct trace_case {
  std::optional<tier_case> vram;
  tier_case ram;
  std::vector<std::vector<std::size_t>> passes;
};

class case_maker {
 public:
  explicit case_maker(std::uint64_t seed) : random_(seed) {}

  trace_case make() {
    std::size_t const used = number(4, model_tensors);
    trace_case made;
    if (number(0, 9) > 0) made.vram = make_tier(used);
    made.ram = make_tier(used);
    for (std::size_t passes = number(1, 3); passes > 0; --passes) made.passes.push_back(make_pass(used));
    return made;
  }

 private:
  std::size_t number(std::size_t low, std::size_t high) { return std::uniform_int_distribution(low, high)(random_); }

  // Pins leave room for one tensor that is not pinned.
  tier_case make_tier(std::size_t used) {
    tier_case made;
    std::size_t const room = number(1, used + 1);
    made.budget_bytes = room * tensor_bytes + (number(0, 1) == 0 ? 0 : number(0, tensor_bytes - 1));
    made.unlimited = number(0, 19) == 0;
    for (std::size_t pins = number(0, 2) == 0 ? number(0, room - 1) : 0; pins > 0; --pins)
      made.pinned.insert(number(0, used - 1));
    return made;
  }

  // A scan, a uniform choice, or one that favours the low numbers.
  std::vector<std::size_t> make_pass(std::size_t used) {
    std::vector<std::size_t> pass(number(1, 40));
    std::size_t const kind = number(0, 2);
    for (std::size_t i = 0; i < pass.size(); ++i) {
      pass[i] = kind == 0 ? i % used : kind == 1 ? number(0, used - 1) : number(0, number(0, used - 1));
    }
    return pass;
  }

  std::mt19937_64 random_;
};

std::string name_of(std::size_t tensor) { return "tensor." + std::to_string(tensor); }

std::string order_text(trace_case const& what) {
  std::string text;
  for (auto const& pass : what.passes) {
    if (!text.empty()) text += "# pass\n";
    for (std::size_t const tensor : pass) text += name_of(tensor) + "\n";
  }
  return text;
}

std::vector<std::string> arguments(trace_case const& what, std::string const& model, std::string const& order) {
  auto const budget = [](tier_case const& tier) {
    return tier.unlimited ? "unlimited" : std::to_string(tier.budget_bytes);
  };
  std::vector<std::string> words{"run",     model, "--device", "host", "--policy", "lru",
                                 "--order", order, "--json",   "-",    "--ram",    budget(what.ram)};
  words.insert(words.end(), {"--vram", what.vram ? budget(*what.vram) : "none"});
  words.insert(words.end(), {"--passes", std::to_string(what.passes.size())});
  for (std::size_t const tensor : what.ram.pinned) words.insert(words.end(), {"--pin-ram", name_of(tensor)});
  if (what.vram) {
    for (std::size_t const tensor : what.vram->pinned) words.insert(words.end(), {"--pin-vram", name_of(tensor)});
  }
  return words;
}

textbook_lru simulated_tier(tier_case const& tier, nlohmann::json const& effective_bytes) {
  std::size_t const room = tier.unlimited ? model_tensors : effective_bytes.get<std::uint64_t>() / tensor_bytes;
  return {room, tier.pinned};
}

void expect_equal_pass(nlohmann::json const& pass, simulated_counts const& after, simulated_counts const& before,
                       bool on_device) {
  std::uint64_t const disk_reads = after.disk_reads - before.disk_reads;
  std::uint64_t const ram_hits = after.ram_hits - before.ram_hits;
  EXPECT_EQ(pass["acquires"], after.acquires - before.acquires);
  EXPECT_EQ(pass["vram_hits"], after.vram_hits - before.vram_hits);
  EXPECT_EQ(pass["ram_hits"], ram_hits);
  EXPECT_EQ(pass["disk_reads"], disk_reads);
  EXPECT_EQ(pass["vram_evictions"], after.vram_evictions - before.vram_evictions);
  EXPECT_EQ(pass["ram_evictions"], after.ram_evictions - before.ram_evictions);
  EXPECT_EQ(pass["bytes_from_disk"], disk_reads * tensor_bytes);
  EXPECT_EQ(pass["bytes_to_device"], on_device ? (disk_reads + ram_hits) * tensor_bytes : 0);
}

class exact_lru : public testing::TestWithParam<std::uint64_t> {};

// Split so that ctest can run the parts side by side.
constexpr std::uint64_t parts = 8;
constexpr std::uint64_t traces = 1000;

TEST_P(exact_lru, counts_equal_a_textbook_simulation) {
  scratch_directory const files;
  std::string const model = files.path("equal.safetensors");
  make_model({"--equal", std::to_string(model_tensors), "--bytes", std::to_string(tensor_bytes), model});
  for (std::uint64_t seed = GetParam(); seed < traces; seed += parts) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    trace_case const what = case_maker(seed).make();
    write_file(files.path("order"), order_text(what));
    outcome const ran = tierpager_command(arguments(what, model, files.path("order")));
    ASSERT_EQ(ran.exit_code, 0) << ran.errors;
    nlohmann::json const report = nlohmann::json::parse(ran.output);

    std::optional<textbook_lru> vram;
    if (what.vram) vram = simulated_tier(*what.vram, report["budget"]["vram_effective"]);
    textbook_tiers tiers(vram, simulated_tier(what.ram, report["budget"]["ram_effective"]));
    ASSERT_EQ(report["passes"].size(), what.passes.size());
    simulated_counts before;
    for (std::size_t pass = 0; pass < what.passes.size(); ++pass) {
      SCOPED_TRACE("pass " + std::to_string(pass));
      for (std::size_t const tensor : what.passes[pass]) tiers.acquire(tensor);
      expect_equal_pass(report["passes"][pass], tiers.counts(), before, what.vram.has_value());
      before = tiers.counts();
    }
    for (std::string const tier : {"vram", "ram"}) {
      nlohmann::json const& effective = report["budget"][tier + "_effective"];
      if (!effective.is_null()) {
        EXPECT_LE(report["peak"][tier].get<std::uint64_t>(), effective.get<std::uint64_t>());
      }
    }
    if (HasFailure()) break;
  }
}

INSTANTIATE_TEST_SUITE_P(traces, exact_lru, testing::Range(std::uint64_t{0}, parts));

}  // namespace
}  // namespace tierpager::tests
