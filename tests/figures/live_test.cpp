// Budgets, pins and orders that change under a plan, between passes and within: only what must move does.
#include <gtest/gtest.h>

#include <tests/figures/player.hpp>

namespace tierpager::figures {
namespace {

class live : public testing::TestWithParam<char const*> {
 protected:
  [[nodiscard]] moved steady(std::uint64_t vram_bytes) const {
    player plays(model_.tensors, budgets(vram_bytes));
    plays.pages().set_order(order_);
    return most_of(plays.play(pass_, 3, 4));
  }

  // Nothing is moved within memory: where what stays leaves no room in one piece, which happens from half of the model
  // on, a change costs one pass in which all is loaded anew.
  [[nodiscard]] double or_all_anew(unsigned percent, double extra_bytes, double steady_bytes) const {
    auto const buffer_bytes = static_cast<double>(2 * largest_layer_tensor_bytes(model_.tensors));
    double const anew_bytes = static_cast<double>(model_.tensors.bytes()) + buffer_bytes - steady_bytes;
    return percent < 50 ? extra_bytes : std::max(extra_bytes, anew_bytes);
  }

  // Four passes after a change, against a steady state: the first two may move so much more altogether.
  void expect_settles(player& plays, program const& first, double bytes, double extra_bytes, std::string const& what,
                      double settled = 1.015) const {
    std::vector<moved> passes{plays.play(first)};
    for (int i = 0; i < 4; ++i) passes.push_back(plays.play(pass_));
    std::string line = model_.name + " " + what + ": pass by pass";
    double beyond = 0;
    for (std::size_t i = 0; i < passes.size(); ++i) {
      line += " " + ratio(static_cast<double>(passes[i].to_device_bytes), bytes);
      if (i < 2) beyond += std::max(0.0, static_cast<double>(passes[i].to_device_bytes) - bytes);
    }
    line += "; once " + ratio(beyond, bytes) + " more, allowed " + ratio(extra_bytes, bytes);
    tell(line);
    EXPECT_LE(beyond, extra_bytes) << line;
    for (std::size_t i = 2; i < passes.size(); ++i)
      EXPECT_LE(static_cast<double>(passes[i].to_device_bytes), settled * bytes) << line;
  }

  // The rest of a pass of which half has been played.
  void play_half(player& plays) const { plays.play({pass_.begin(), pass_.begin() + half_}); }
  [[nodiscard]] program other_half() const { return {pass_.begin() + half_, pass_.end()}; }

  model model_ = model_called(GetParam());
  std::vector<tensor_id> order_ = every_tensor(model_.tensors);
  program pass_ = one_at_a_time(order_);
  std::ptrdiff_t half_ = static_cast<std::ptrdiff_t>(pass_.size() / 2);
};

TEST_P(live, a_smaller_budget_costs_what_it_took_away_once) {
  for (unsigned const percent : {50U, 75U, 90U}) {
    for (bool const within : {false, true}) {
      std::uint64_t const vram_bytes = percent_of(model_.tensors.bytes(), percent);
      std::uint64_t const less_bytes = percent_of(vram_bytes, 90);
      player plays(model_.tensors, budgets(vram_bytes));
      plays.play(pass_, 1, 5);
      if (within) play_half(plays);
      plays.pages().set_budget(tier::vram, less_bytes);
      auto const bytes = static_cast<double>(steady(less_bytes).to_device_bytes);
      expect_settles(plays, within ? other_half() : pass_, bytes,
                     or_all_anew(percent, static_cast<double>(vram_bytes - less_bytes), bytes),
                     "V " + std::to_string(percent) + " % less a tenth" + (within ? ", within a pass" : ""));
    }
  }
}

// Two and a half times what was added and a buffer: where homes change for the larger budget, some are loaded beside what fills it.
TEST_P(live, a_larger_budget_fills_within_two_passes) {
  for (unsigned const percent : {25U, 50U, 75U}) {
    for (bool const within : {false, true}) {
      std::uint64_t const vram_bytes = percent_of(model_.tensors.bytes(), percent);
      std::uint64_t const more_bytes = percent_of(vram_bytes, 120);
      player plays(model_.tensors, budgets(vram_bytes));
      plays.play(pass_, 1, 5);
      if (within) play_half(plays);
      plays.pages().set_budget(tier::vram, more_bytes);
      auto const bytes = static_cast<double>(steady(more_bytes).to_device_bytes);
      auto const added_bytes =
          static_cast<double>(more_bytes - vram_bytes + 2 * largest_layer_tensor_bytes(model_.tensors));
      expect_settles(plays, within ? other_half() : pass_, bytes, or_all_anew(percent, 2.5 * added_bytes, bytes),
                     "V " + std::to_string(percent) + " % and a fifth more" + (within ? ", within a pass" : ""));
    }
  }
}

TEST_P(live, a_budget_down_by_a_fifth_and_up_again_moves_what_that_takes_and_gives) {
  std::uint64_t const buffer_bytes = 2 * largest_layer_tensor_bytes(model_.tensors);
  for (unsigned const percent : vram_percents) {
    std::uint64_t const vram_bytes = percent_of(model_.tensors.bytes(), percent);
    std::uint64_t const less_bytes = percent_of(vram_bytes, 80);
    auto const fifth_bytes = static_cast<double>(vram_bytes - less_bytes + buffer_bytes);
    player plays(model_.tensors, budgets(vram_bytes));
    plays.play(pass_, 1, 5);
    for (std::uint64_t const to_bytes : {less_bytes, vram_bytes}) {
      play_half(plays);
      plays.pages().set_budget(tier::vram, to_bytes);
      auto const bytes = static_cast<double>(steady(to_bytes).to_device_bytes);
      expect_settles(plays, other_half(), bytes, fifth_bytes,
                     "V " + std::to_string(percent) + " %, a fifth " + (to_bytes == less_bytes ? "less" : "more again"),
                     1.03);
    }
  }
}

TEST_P(live, pins_move_no_more_than_themselves) {
  std::vector<tensor_id> const attention = model_.tensors.match("*attn_q.weight");
  double attention_bytes = 0;
  for (tensor_id const id : attention) attention_bytes += static_cast<double>(model_.tensors[id].bytes);
  for (unsigned const percent : {25U, 50U, 75U}) {
    for (bool const within : {false, true}) {
      std::uint64_t const vram_bytes = percent_of(model_.tensors.bytes(), percent);
      player plays(model_.tensors, budgets(vram_bytes));
      plays.play(pass_, 1, 5);
      double const bytes = static_cast<double>(steady(vram_bytes).to_device_bytes);
      std::string const where = "V " + std::to_string(percent) + " %" + (within ? ", within a pass" : "");
      if (within) play_half(plays);
      plays.pages().pin(attention, tier::vram);
      double const once_bytes = or_all_anew(percent, 2 * attention_bytes, bytes);
      expect_settles(plays, within ? other_half() : pass_, bytes, once_bytes, where + ", pins");
      if (within) play_half(plays);
      plays.pages().pin({}, tier::vram);
      expect_settles(plays, within ? other_half() : pass_, bytes, once_bytes, where + ", no pins");
    }
  }
}

TEST_P(live, an_order_that_is_declared_anew_moves_nothing_that_is_at_home) {
  for (unsigned const percent : vram_percents) {
    std::uint64_t const vram_bytes = percent_of(model_.tensors.bytes(), percent);
    player plays(model_.tensors, budgets(vram_bytes));
    plays.play(pass_, 1, 5);
    double const bytes = static_cast<double>(steady(vram_bytes).to_device_bytes);
    plays.pages().set_order(order_);
    expect_settles(plays, pass_, bytes, 0.02 * bytes, "V " + std::to_string(percent) + " %, declared anew");
    plays.pages().set_order({});
    expect_settles(plays, pass_, bytes, 0.02 * bytes, "V " + std::to_string(percent) + " %, taken back");
  }
}

INSTANTIATE_TEST_SUITE_P(figures, live, testing::Values("llama_3_8b", "mistral_7b"),
                         [](auto const& about) { return std::string(about.param); });

}  // namespace
}  // namespace tierpager::figures
