// Two tiers: what a pass reads from disk beside what fits neither, and how large the buffers are.
#include <gtest/gtest.h>

#include <tests/figures/player.hpp>

namespace tierpager::figures {
namespace {

class two_tiers : public testing::TestWithParam<char const*> {
 protected:
  struct outcome {
    moved steady;
    std::uint64_t vram_buffer_bytes = 0, ram_buffer_bytes = 0;
  };
  [[nodiscard]] outcome play(std::uint64_t vram_bytes, std::uint64_t ram_bytes) const {
    player plays(model_.tensors, budgets(vram_bytes, ram_bytes));
    plays.play(pass_, 1, 4);  // learned in two, placed in one more
    statistics const before = plays.pages().stats();
    outcome of{most_of(plays.play(pass_, 5, 7))};
    statistics const after = plays.pages().stats();
    EXPECT_EQ(after.ram.committed_bytes, before.ram.committed_bytes);
    EXPECT_EQ(after.ram.last_resorts, 0U);
    memory_plan const* const plan = plays.pages().core().plan();
    EXPECT_NE(plan, nullptr);
    if (plan != nullptr) of.vram_buffer_bytes = plan->vram_buffer.bytes, of.ram_buffer_bytes = plan->ram_buffer_bytes;
    return of;
  }
  void expect_bounds(unsigned vram_percent, unsigned ram_percent) const {
    std::uint64_t const vram_bytes = percent_of(total_bytes_, vram_percent);
    std::uint64_t const ram_bytes = percent_of(total_bytes_, ram_percent);
    outcome const of = play(vram_bytes, ram_bytes);
    auto const largest = static_cast<double>(largest_bytes_);
    auto const beside = static_cast<double>(total_bytes_ - std::min(total_bytes_, vram_bytes + ram_bytes));
    double const over = (static_cast<double>(of.steady.from_disk_bytes) - beside) / largest;
    std::string const line =
        model_.name + " V " + std::to_string(vram_percent) + " % R " + std::to_string(ram_percent) + " %: from disk " +
        ratio(static_cast<double>(of.steady.from_disk_bytes), static_cast<double>(total_bytes_)) + " D, " +
        ratio(over, 1) + " B beyond the least; buffers " + ratio(static_cast<double>(of.vram_buffer_bytes), largest) +
        " B and " + ratio(static_cast<double>(of.ram_buffer_bytes), largest) + " B; to device " +
        ratio(static_cast<double>(of.steady.to_device_bytes), static_cast<double>(total_bytes_ - vram_bytes));
    tell(line);
    EXPECT_LE(over, 4.3) << line;
    EXPECT_LE(static_cast<double>(of.vram_buffer_bytes), 2.2 * largest) << line;
    EXPECT_LE(static_cast<double>(of.ram_buffer_bytes), 2.2 * largest) << line;
    if (vram_bytes + ram_bytes >= total_bytes_ + of.vram_buffer_bytes + of.ram_buffer_bytes) {
      EXPECT_EQ(of.steady.from_disk_bytes, 0U) << line;
    }
  }

  model model_ = model_called(GetParam());
  program pass_ = one_at_a_time(every_tensor(model_.tensors));
  std::uint64_t total_bytes_ = model_.tensors.bytes();
  std::uint64_t largest_bytes_ = largest_layer_tensor_bytes(model_.tensors);
};

TEST_P(two_tiers, read_what_fits_neither_and_little_more) {
  for (unsigned const vram_percent : vram_percents)
    for (unsigned const ram_percent : {0U, 10U, 25U, 50U, 75U}) expect_bounds(vram_percent, ram_percent);
}

TEST_P(two_tiers, read_nothing_once_they_hold_all_and_the_buffers) {
  for (unsigned const vram_percent : vram_percents) {
    std::uint64_t const vram_bytes = percent_of(total_bytes_, vram_percent);
    // The buffers of a budget that almost does.
    outcome const almost = play(vram_bytes, total_bytes_ - vram_bytes);
    std::uint64_t const ram_bytes =
        round_up(total_bytes_ - vram_bytes + almost.vram_buffer_bytes + almost.ram_buffer_bytes, 4096);
    outcome const enough = play(vram_bytes, ram_bytes);
    std::string const line =
        model_.name + " V " + std::to_string(vram_percent) + " %: with both buffers more " +
        std::to_string(enough.steady.from_disk_bytes) + " bytes from disk; without " +
        ratio(static_cast<double>(almost.steady.from_disk_bytes), static_cast<double>(largest_bytes_)) + " B";
    tell(line);
    EXPECT_EQ(enough.steady.from_disk_bytes, 0U) << line;
  }
}

INSTANTIATE_TEST_SUITE_P(figures, two_tiers, testing::Values("llama_3_8b", "llama_3_70b", "mistral_7b"),
                         [](auto const& about) { return std::string(about.param); });

}  // namespace
}  // namespace tierpager::figures
