// Time, where the link carries 25 GB/s: how much longer a pass takes than the longer of what it copies and computes.
#include <gtest/gtest.h>

#include <tests/figures/player.hpp>

namespace tierpager::figures {
namespace {

constexpr double link = 25e9;

class overlap : public testing::TestWithParam<char const*> {
 protected:
  void expect_at_most(double bound, unsigned percent, std::uint64_t vram_bytes, double compute_seconds) const {
    double const link_seconds = static_cast<double>(model_.tensors.bytes() - vram_bytes) / link;
    double const least_seconds = std::max(link_seconds, compute_seconds);
    transfer_rates const rates{.link_bytes_per_second = link, .compute_seconds = compute_seconds};
    player learns(model_.tensors, budgets(vram_bytes, unlimited_bytes, rates));
    player declares(model_.tensors, budgets(vram_bytes, unlimited_bytes, rates));
    declares.pages().set_order(every_tensor(model_.tensors));
    moved const learned = most_of(learns.play(pass_, 4, 7));
    moved const declared = most_of(declares.play(pass_, 3, 6));
    std::string const line =
        model_.name + " V " + std::to_string(percent) + " %, compute " + ratio(compute_seconds, link_seconds) +
        " of link: declared " + ratio(declared.seconds, least_seconds) + ", learned " +
        ratio(learned.seconds, least_seconds) + "; bytes " +
        ratio(static_cast<double>(learned.to_device_bytes), static_cast<double>(model_.tensors.bytes() - vram_bytes));
    tell(line);
    EXPECT_LE(declared.seconds, bound * least_seconds) << line;
    EXPECT_LE(learned.seconds, bound * least_seconds) << line;
  }

  model model_ = model_called(GetParam());
  program pass_ = one_at_a_time(every_tensor(model_.tensors));
};

TEST_P(overlap, hides_compute_that_is_well_under_link_time) {
  double const compute_seconds = static_cast<double>(model_.tensors.bytes()) / 1e12;
  for (unsigned const percent : vram_percents)
    expect_at_most(1.08, percent, percent_of(model_.tensors.bytes(), percent), compute_seconds);
}

TEST_P(overlap, hides_most_of_compute_that_equals_link_time) {
  for (unsigned const percent : vram_percents) {
    std::uint64_t const vram_bytes = percent_of(model_.tensors.bytes(), percent);
    expect_at_most(1.25, percent, vram_bytes, static_cast<double>(model_.tensors.bytes() - vram_bytes) / link);
  }
}

INSTANTIATE_TEST_SUITE_P(figures, overlap, testing::Values("llama_3_8b", "llama_3_70b"),
                         [](auto const& about) { return std::string(about.param); });

}  // namespace
}  // namespace tierpager::figures
