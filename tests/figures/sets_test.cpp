// Sets of tensors that are held together: what they cost beside one tensor at a time, and that none ever deadlocks.
#include <gtest/gtest.h>

#include <tests/figures/player.hpp>

namespace tierpager::figures {
namespace {

class held_sets : public testing::TestWithParam<char const*> {
 protected:
  void expect_at_most(double bound, program const& pass, std::string const& what) const {
    for (unsigned const percent : {25U, 50U, 75U}) {
      std::uint64_t const vram_bytes = percent_of(model_.tensors.bytes(), percent);
      player plays(model_.tensors, budgets(vram_bytes));
      auto const bytes = static_cast<double>(most_of(plays.play(pass, 5, 7)).to_device_bytes);
      auto const least_bytes = static_cast<double>(model_.tensors.bytes() - vram_bytes);
      std::string const line =
          model_.name + " " + what + " V " + std::to_string(percent) + " %: " + ratio(bytes, least_bytes);
      tell(line);
      EXPECT_LE(bytes, bound * least_bytes) << line;
    }
  }

  // A pager that nobody would ever answer ends the test.
  void expect_no_deadlock(program const& pass) const {
    std::uint64_t const least_bytes = most_held_bytes(model_.tensors, pass);
    std::uint64_t const largest_bytes = largest_layer_tensor_bytes(model_.tensors);
    std::uint64_t const total_bytes = round_up(model_.tensors.bytes(), 4096) + 4096 * model_.tensors.size();
    std::vector<std::uint64_t> ladder{least_bytes, least_bytes + 4096, least_bytes + largest_bytes / 2,
                                      least_bytes + largest_bytes, least_bytes + 2 * largest_bytes};
    for (std::uint64_t bytes = 2 * least_bytes; bytes < total_bytes; bytes += bytes / 2) ladder.push_back(bytes);
    ladder.push_back(total_bytes);
    for (std::uint64_t const vram_bytes : ladder) {
      for (std::uint64_t const ram_bytes : {unlimited_bytes, std::uint64_t{0}, round_up(largest_bytes, 4096)}) {
        player plays(model_.tensors, budgets(vram_bytes, ram_bytes));
        std::vector<moved> const passes = plays.play(pass, 1, 4);
        EXPECT_GE(passes[0].to_device_bytes, model_.tensors.bytes());
        EXPECT_LE(passes[3].to_device_bytes, model_.tensors.bytes()) << "V " << vram_bytes << " R " << ram_bytes;
      }
    }
    EXPECT_THROW(
        {
          player plays(model_.tensors, budgets(least_bytes - 4096));
          plays.play(pass, 1, 1);
        },
        error);
  }

  model model_ = model_called(GetParam());
};

TEST_P(held_sets, of_gate_up_and_down_cost_at_most_ten_percent) {
  expect_at_most(1.10, feed_forward_together(model_.tensors), "gate, up and down");
}

TEST_P(held_sets, of_whole_layers_cost_at_most_a_quarter) {
  expect_at_most(1.25, layers_together(model_.tensors), "layers");
}

TEST_P(held_sets, of_whole_layers_acquired_one_by_one_cost_at_most_a_quarter) {
  expect_at_most(1.25, layers_held(model_.tensors), "layers one by one");
}

TEST_P(held_sets, of_gate_up_and_down_never_deadlock) {
  if (model_.name == "llama_3_70b") GTEST_SKIP() << "the smaller ones have the same sets";
  expect_no_deadlock(feed_forward_together(model_.tensors));
}

TEST_P(held_sets, of_whole_layers_never_deadlock) {
  if (model_.name == "llama_3_70b") GTEST_SKIP() << "the smaller ones have the same sets";
  expect_no_deadlock(layers_together(model_.tensors));
}

INSTANTIATE_TEST_SUITE_P(figures, held_sets, testing::Values("llama_3_8b", "llama_3_70b", "mistral_7b"),
                         [](auto const& about) { return std::string(about.param); });

}  // namespace
}  // namespace tierpager::figures
