// A budget of 100 %, and none at all, on a device with a GPU's granules: the tensors of two real files stay once they are there.
#include <numeric>

#include <gtest/gtest.h>

#include <core/residency/whole_model.hpp>
#include <tests/support/small_tensor_shapes.hpp>
#include <tools/simulation.hpp>

namespace tierpager::tools {
namespace {

struct whole_case {
  char const* name;
  catalog (*tensors)();
};

class whole_model : public testing::TestWithParam<whole_case> {
 protected:
  [[nodiscard]] virtual_pager_options with(budget const& vram, budget const& ram, std::string const& policy) const {
    virtual_pager_options made{
        .core = {.vram = {.granule_bytes = 2U << 20U, .align_bytes = vram_align_bytes}, .ram = {}},
        .policy = policy,
        .pin_vram = {},
        .pin_ram = {}};
    made.core.vram.present = vram.what() != budget::kind::none;
    made.core.vram.budget_bytes = vram.bytes_of(whole_model_bytes(tensors_, made.core.vram, 0));
    made.core.ram.budget_bytes = ram.bytes_of(whole_model_bytes(tensors_, made.core.ram, 0));
    return made;
  }
  [[nodiscard]] simulation played(virtual_pager_options const& options, bool declared) const {
    schedule passes{{file_order(tensors_)}, 6, {}};
    if (declared) passes.declared = passes.orders.front();
    return simulate(tensors_, options, passes, [](std::uint64_t) {});
  }
  static std::uint64_t from_disk_bytes(simulation const& all) {
    return std::accumulate(
        all.passes.begin(), all.passes.end(), std::uint64_t{0},
        [](std::uint64_t sum, pass_report const& each) { return sum + each.counted.bytes_from_disk; });
  }

  catalog tensors_ = GetParam().tensors();
};

TEST_P(whole_model, stays_in_vram_under_a_hundred_percent_and_without_a_limit) {
  for (char const* const vram : {"100%", "unlimited"})
    for (char const* const policy : {"auto", "lru"})
      for (bool const declared : {false, true}) {
        SCOPED_TRACE(std::string(vram) + " " + policy + (declared ? " declared" : ""));
        simulation const all = played(with(vram, "30%", policy), declared);
        EXPECT_EQ(all.passes[0].counted.bytes_to_device, tensors_.bytes());
        EXPECT_EQ(all.last.vram.evictions(), 0U);
        for (std::size_t pass = 1; pass < all.passes.size(); ++pass) {
          EXPECT_EQ(all.passes[pass].counted.bytes_to_device, 0U) << pass;
          EXPECT_EQ(all.passes[pass].counted.vram_hits, tensors_.size()) << pass;
          EXPECT_EQ(all.passes[pass].counted.ram.evictions(), 0U) << pass;
        }
      }
}

TEST_P(whole_model, is_read_once_under_a_hundred_percent_of_ram) {
  for (char const* const vram : {"none", "25%", "50%", "100%"})
    for (char const* const ram : {"100%", "unlimited"})
      for (char const* const policy : {"auto", "lru"}) {
        simulation const all = played(with(vram, ram, policy), false);
        EXPECT_EQ(from_disk_bytes(all), tensors_.bytes()) << vram << " " << ram << " " << policy;
        EXPECT_EQ(all.last.ram.evictions(), 0U) << vram << " " << ram << " " << policy;
      }
}

TEST_P(whole_model, does_not_fit_into_a_granule_less) {
  virtual_pager_options less = with("100%", "100%", "auto");
  less.core.vram.budget_bytes -= less.core.vram.granule_bytes;
  simulation const all = played(less, false);
  EXPECT_GT(all.passes.back().counted.bytes_to_device, 0U);
}

INSTANTIATE_TEST_SUITE_P(files, whole_model,
                         testing::Values(whole_case{"smollm2", test::smollm2_135m_q4_1},
                                         whole_case{"gemma3", test::gemma3_270m_q4_k_m}),
                         [](auto const& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace tierpager::tools
