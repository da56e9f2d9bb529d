// Learning the order from acquires alone: how soon a pass moves what it would if the order had been declared.
#include <gtest/gtest.h>

#include <tests/figures/player.hpp>

namespace tierpager::figures {
namespace {

class learning : public testing::TestWithParam<char const*> {
 protected:
  // The pass from which on none of them moves more than one percent beyond `bytes`, by which a plan may be dearer that
  // leaves where it is what is there already; 0: never.
  static unsigned steady_from(std::vector<moved> const& passes, double bytes) {
    unsigned from = 0;
    for (unsigned number = 1; number <= passes.size(); ++number) {
      bool const steady = static_cast<double>(passes[number - 1].to_device_bytes) <= 1.01 * bytes;
      if (!steady) from = 0;
      if (steady && from == 0) from = number;
    }
    return from;
  }

  [[nodiscard]] double when_declared(std::vector<tensor_id> const& order, std::uint64_t vram_bytes) const {
    player plays(model_.tensors, budgets(vram_bytes));
    plays.pages().set_order(order);
    return static_cast<double>(most_of(plays.play(one_at_a_time(order), 3, 4)).to_device_bytes);
  }

  // Pass 2 begins with the first repeat; two more may be needed, the last of them to load what has to lie elsewhere.
  void expect_steady(std::vector<moved> const& passes, double bytes, std::string const& what,
                     unsigned latest = 4) const {
    unsigned const from = steady_from(passes, bytes);
    std::string const line = model_.name + " " + what + ": as declared from pass " + std::to_string(from) +
                             " on; pass by pass " + ratios(passes, bytes);
    tell(line);
    EXPECT_TRUE(from >= 1 && from <= latest) << line;
  }

  static std::string ratios(std::vector<moved> const& passes, double bytes) {
    std::string text;
    for (moved const& each : passes) text += " " + ratio(static_cast<double>(each.to_device_bytes), bytes);
    return text;
  }

  // Every third tensor, then the others: an order that no file has.
  [[nodiscard]] std::vector<tensor_id> another_order() const {
    std::vector<tensor_id> order;
    for (std::size_t from : {0U, 1U, 2U})
      for (std::size_t i = from; i < model_.tensors.size(); i += 3) order.push_back(static_cast<tensor_id>(i));
    return order;
  }

  model model_ = model_called(GetParam());
};

TEST_P(learning, an_order_takes_two_passes_from_its_first_repeat) {
  auto const order = every_tensor(model_.tensors);
  for (unsigned const percent : vram_percents) {
    std::uint64_t const vram_bytes = percent_of(model_.tensors.bytes(), percent);
    player plays(model_.tensors, budgets(vram_bytes));
    expect_steady(plays.play(one_at_a_time(order), 1, 8), when_declared(order, vram_bytes),
                  "V " + std::to_string(percent) + " %");
  }
}

TEST_P(learning, another_order_takes_two_passes_from_its_first_repeat) {
  for (unsigned const percent : vram_percents) {
    std::uint64_t const vram_bytes = percent_of(model_.tensors.bytes(), percent);
    player plays(model_.tensors, budgets(vram_bytes));
    plays.play(one_at_a_time(every_tensor(model_.tensors)), 1, 5);
    auto const order = another_order();
    expect_steady(plays.play(one_at_a_time(order), 1, 8), when_declared(order, vram_bytes),
                  "V " + std::to_string(percent) + " %, after another order");
    auto const back = every_tensor(model_.tensors);
    expect_steady(plays.play(one_at_a_time(back), 1, 8), when_declared(back, vram_bytes),
                  "V " + std::to_string(percent) + " %, back to the first");
  }
}

TEST_P(learning, an_embedding_at_both_ends_of_a_pass_is_part_of_its_order) {
  auto order = every_tensor(model_.tensors);
  order.push_back(order.front());
  for (unsigned const percent : vram_percents) {
    std::uint64_t const vram_bytes = percent_of(model_.tensors.bytes(), percent);
    player plays(model_.tensors, budgets(vram_bytes));
    expect_steady(plays.play(one_at_a_time(order), 1, 8), when_declared(order, vram_bytes),
                  "V " + std::to_string(percent) + " %, tied");
  }
}

// Whole layers, too large to have their places beside each other at once, find them one by one.
TEST_P(learning, sets_take_two_passes_from_their_first_repeat) {
  for (program const& pass : {feed_forward_together(model_.tensors), layers_together(model_.tensors)}) {
    for (unsigned const percent : vram_percents) {
      player plays(model_.tensors, budgets(percent_of(model_.tensors.bytes(), percent)));
      std::vector<moved> const passes = plays.play(pass, 1, 10);
      expect_steady(passes, static_cast<double>(passes.back().to_device_bytes),
                    "V " + std::to_string(percent) + " %, sets, " + std::to_string(pass.size()) + " calls",
                    pass.size() > model_.tensors.size() / 2 ? 5
                    : percent < 90                          ? 6
                                                            : 10);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(figures, learning, testing::Values("llama_3_8b", "mistral_7b", "llama_3_2_1b"),
                         [](auto const& about) { return std::string(about.param); });

}  // namespace
}  // namespace tierpager::figures
