// What `auto` moves where no cycle is known, against textbook policies on the same trace: one tier, and unless said
// otherwise without the first tenth of the trace.
#include <array>
#include <cstdio>
#include <map>

#include <gtest/gtest.h>

#include <bench/comparison/compare_policies.hpp>
#include <tests/support/expert_traces.hpp>
#include <tests/support/model_shapes.hpp>
#include <tests/support/policy_alone.hpp>

namespace tierpager::test {
namespace {

struct setting {
  expert_trace trace;
  std::vector<std::uint64_t> tensor_bytes;
  std::uint64_t vram_bytes = 0;
  std::size_t first_pass = 0;  // that counts

  setting(expert_trace of, unsigned vram_percent)
      : trace(std::move(of)),
        tensor_bytes(trace.tensor_bytes()),
        vram_bytes(trace.tensors.bytes() / 100 * vram_percent),
        first_pass(trace.passes.size() / 10) {}
};

double bytes_of_policy(std::string_view name, setting const& in) {
  return bytes_of_policy_alone(name, in.trace, in.vram_bytes, in.first_pass);
}

double bytes_of_textbook(std::string_view name, setting const& in) {
  auto const counts = tools::compare_policy(name, {.vram_bytes = in.vram_bytes}, in.tensor_bytes, in.trace.passes);
  double moved_bytes = 0;
  for (std::size_t pass = in.first_pass; pass < counts.size(); ++pass)
    moved_bytes += static_cast<double>(counts[pass].bytes_to_device);
  return moved_bytes;
}

expert_trace trace_called(std::string_view name) {
  for (trace_recipe const& recipe : expert_trace_recipes())
    if (recipe.name == name) return recipe.make();
  return read_routing(std::string(name), qwen3_30b_a3b(), std::string(TIERPAGER_FIXTURES) + "/routing.bin");
}

// Who has to win for the trace to be of the kind it says, and against whom by how much.
struct expected_winner {
  std::string_view winner, loser;
  double factor;
};
std::map<std::string_view, expected_winner> const winners{{"qwen_recency", {"lru", "lfu-8", 1.3}},
                                                          {"qwen_skew", {"lfu-32", "lru", 1.3}},
                                                          {"qwen_drift", {"lfu-8", "lfu-32", 1.2}}};

class policy_figures : public testing::TestWithParam<std::string_view> {};
INSTANTIATE_TEST_SUITE_P(traces, policy_figures,
                         testing::Values("mixtral", "qwen_recency", "qwen_skew", "qwen_drift", "qwen_prefill",
                                         "adapters", "adapters_drift", "recorded"),
                         [](auto const& of) { return std::string(of.param); });

TEST_P(policy_figures, auto_moves_at_most_five_percent_more_than_the_best_textbook_policy) {
  for (unsigned const percent : {25U, 50U}) {
    SCOPED_TRACE("VRAM " + std::to_string(percent) + " %");
    setting const in(trace_called(GetParam()), percent);
    double const moved = bytes_of_policy("auto", in);
    std::printf("%3u %%: auto 1", percent);
    std::map<std::string_view, double> others;
    for (std::string_view const name : {"lru", "lfu-2", "lfu-8", "lfu-32", "s3fifo", "arc"}) {
      others[name] = bytes_of_textbook(name, in);
      std::printf("  %s %.3f", std::string(name).c_str(), others[name] / moved);
      EXPECT_LE(moved, 1.05 * others[name]) << name;
    }
    std::printf("\n");
    auto const expected = winners.find(GetParam());
    if (percent == 25 && expected != winners.end()) {
      auto const& [winner, loser, factor] = expected->second;
      EXPECT_GE(others[loser], factor * others[winner]);
    }
  }
}

TEST(use_rate_figures, mixtral_like_routing_moves_far_less_than_under_lru_and_never_more) {
  struct {
    unsigned percent;
    double fewer;
  } const rows[] = {{25, 1.5}, {50, 1.15}, {75, 1 / 1.05}, {90, 1 / 1.05}};
  for (auto const& [percent, fewer] : rows) {
    setting const in(trace_called("mixtral"), percent);
    EXPECT_NEAR(in.trace.shared, 0.665, 0.005);
    EXPECT_GE(bytes_of_textbook("lru", in), fewer * bytes_of_policy("auto", in)) << percent;
  }
}

TEST(use_rate_figures, slices_move_a_fifteenth_of_what_whole_banks_do) {
  routing_options const options{.skew = 0.5, .topic = 1.2, .noise = 1, .persistence = 0.97, .passes = 60, .seed = 4};
  double const by_slice = bytes_of_policy("auto", {route_experts("slices", qwen3_30b_a3b(), options), 25});
  double const whole = bytes_of_policy("auto", {route_experts("banks", qwen3_30b_a3b(), options, true), 25});
  std::printf("whole banks / slices %.1f\n", whole / by_slice);
  EXPECT_GE(whole, 15 * by_slice);
}

// What is popular for good, and then what is used again soon: the longest memory is best, and then none.
TEST(use_rate_figures, a_change_from_one_kind_of_routing_to_another_is_followed) {
  catalog const model = transformer_catalog({.layers = 16,
                                             .hidden = 256,
                                             .heads = 8,
                                             .kv_heads = 2,
                                             .head_width = 32,
                                             .feed_forward = 96,
                                             .vocabulary = 1024,
                                             .experts = 128});
  expert_trace trace =
      route_experts("skew, then recency", model, {.skew = 1, .topic = 0.2, .noise = 0.7, .passes = 400, .seed = 8});
  expert_trace const later =
      route_experts("recency", model,
                    {.topic = 1, .noise = 0.25, .persistence = 0.999, .topic_tokens = 12, .passes = 200, .seed = 9});
  trace.passes.insert(trace.passes.end(), later.passes.begin(), later.passes.end());
  setting in(std::move(trace), 25);
  auto moved_from = [&](std::size_t first_pass) {
    in.first_pass = first_pass;
    return std::array{bytes_of_policy("auto", in), bytes_of_textbook("lru", in), bytes_of_textbook("lfu-32", in)};
  };
  auto const [all, all_lru, all_lfu] = moved_from(40);
  auto const [after, after_lru, after_lfu] = moved_from(480);
  std::printf("all: auto 1  lru %.3f  lfu-32 %.3f, 80 passes after the change: lru %.3f  lfu-32 %.3f\n", all_lru / all,
              all_lfu / all, after_lru / after, after_lfu / after);
  EXPECT_LE(all, 0.9 * std::min(all_lru, all_lfu));
  EXPECT_LE(after, 1.05 * after_lru);
}

TEST(use_rate_figures, cyclic_scans_move_no_more_than_under_lru) {
  expert_trace trace{.name = "scan", .tensors = llama_3_8b(), .passes = {}};
  std::vector<tensor_id> pass;
  for (std::uint32_t i = 0; i < trace.tensors.size(); ++i) pass.push_back(tensor_id{i});
  trace.passes.assign(30, pass);
  for (unsigned const percent : {25U, 50U, 75U, 90U}) {
    setting const in(trace, percent);
    double const moved = bytes_of_policy("auto", in);
    double const lru = bytes_of_textbook("lru", in);
    std::printf("%3u %%: lru %.3f\n", percent, lru / moved);
    EXPECT_LE(moved, lru) << percent;
  }
}

}  // namespace
}  // namespace tierpager::test
