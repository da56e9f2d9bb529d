// Models of many small tensors on a device with a GPU's granules of 2 MiB, and with 4 KiB: what a pass moves, what memory is
// wasted, and that memory stays mapped.
#include <gtest/gtest.h>

#include <tests/figures/player.hpp>

namespace tierpager::figures {
namespace {

constexpr std::uint64_t gpu_granule_bytes = 2U << 20U;

class granules : public testing::TestWithParam<char const*> {
 protected:
  granules() {
    model_.tensors = in_blocks(model_.tensors, vram_of(25));
    order_ = every_tensor(model_.tensors);
    pass_ = one_at_a_time(order_);
  }
  tools::virtual_pager_options device(std::uint64_t vram_bytes, std::uint64_t granule_bytes) const {
    auto options = budgets(vram_bytes);
    options.core.vram.granule_bytes = granule_bytes;
    options.core.vram.align_bytes = vram_align_bytes;
    return options;
  }
  // In whole granules of both devices.
  [[nodiscard]] std::uint64_t vram_of(unsigned percent) const {
    return round_up(percent_of(model_.tensors.bytes(), percent), gpu_granule_bytes);
  }
  [[nodiscard]] moved steady(std::uint64_t vram_bytes, std::uint64_t granule_bytes, bool declared) const {
    player plays(model_.tensors, device(vram_bytes, granule_bytes));
    if (declared) plays.pages().set_order(order_);
    plays.play(pass_, 1, 4);
    statistics const before = plays.pages().stats();
    moved const most = most_of(plays.play(pass_, 5, 7));
    statistics const after = plays.pages().stats();
    EXPECT_EQ(after.vram.committed_bytes, before.vram.committed_bytes);
    EXPECT_EQ(after.vram.last_resorts, 0U);
    EXPECT_LT(vram_bytes - after.vram.committed_bytes, granule_bytes);
    return most;
  }

  model model_ = model_called(GetParam());
  std::vector<tensor_id> order_;
  program pass_;
};

TEST_P(granules, of_two_megabytes_move_what_small_ones_move) {
  std::uint64_t smallest_bytes = unlimited_bytes;  // of what is worth streaming
  for (tensor_info const& each : model_.tensors)
    if (each.bytes > 64 << 10) smallest_bytes = std::min(smallest_bytes, each.bytes);
  for (unsigned const percent : vram_percents) {
    std::uint64_t const vram_bytes = vram_of(percent);
    auto const least_bytes = static_cast<double>(model_.tensors.bytes() - vram_bytes);
    std::uint64_t with_two = model_.tensors.bytes() - vram_bytes + 2 * smallest_bytes;
    // All that streams beside a buffer of two is of one size, of which whole tensors move.
    if (model_.name == "t5_xxl_encoder") with_two = round_up(with_two, smallest_bytes);
    double const bound = std::max(1.06 * least_bytes, static_cast<double>(with_two));
    for (bool const declared : {true, false}) {
      auto const large = steady(vram_bytes, gpu_granule_bytes, declared);
      auto const small = steady(vram_bytes, 4096, declared);
      std::string const line =
          model_.name + " V " + std::to_string(percent) + " %, " + (declared ? "declared" : "learned") + ": " +
          ratio(static_cast<double>(large.to_device_bytes), least_bytes) + ", with 4 KiB " +
          ratio(static_cast<double>(small.to_device_bytes), least_bytes) + ", allowed " + ratio(bound, least_bytes);
      tell(line);
      EXPECT_EQ(large.to_device_bytes, small.to_device_bytes) << line;
      EXPECT_LE(static_cast<double>(large.to_device_bytes), bound) << line;
    }
  }
}

TEST_P(granules, hold_all_tensors_in_little_more_than_their_bytes) {
  player plays(model_.tensors, device(unlimited_bytes, gpu_granule_bytes));
  plays.play(pass_, 1, 3);
  statistics const all = plays.pages().stats();
  EXPECT_EQ(all.bytes_to_device, model_.tensors.bytes());
  EXPECT_EQ(all.vram.evictions(), 0U);
  EXPECT_LE(all.vram.peak_allocated_bytes, model_.tensors.bytes() + 255 * model_.tensors.size());
  EXPECT_LT(all.vram.committed_bytes, model_.tensors.bytes() + 255 * model_.tensors.size() + gpu_granule_bytes);
  EXPECT_LE(all.ram.committed_bytes, model_.tensors.bytes() + 4095 * model_.tensors.size());
}

INSTANTIATE_TEST_SUITE_P(figures, granules,
                         testing::Values("smollm2_135m_q4_1", "gemma3_270m_q4_k_m", "qwen2_5_coder_1_5b_q4_k_m",
                                         "sdxl_like", "flux_like", "t5_xxl_encoder", "nearly_equal", "llama_3_8b",
                                         "llama_3_8b_q4_k_m", "qwen3_30b_a3b_q4_k_m_sliced"),
                         [](auto const& about) { return std::string(about.param); });

}  // namespace
}  // namespace tierpager::figures
