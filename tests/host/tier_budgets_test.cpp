// Budgets in bytes, as a pager opens and later: shares of the model, `auto`, `none`.
#include <gtest/gtest.h>

#include <host/tier_budgets.hpp>
#include <tests/support/paged_reading.hpp>

namespace tierpager::test {
namespace {

struct budgets_of_a_model : testing::Test {
  tier_budgets opened(pager_options options) { return {model.tensors, device, options}; }

  pattern_model const model = make_pattern_model(4, page);
  host_device device{{.vram_bytes = 1U << 30U, .lock_pages = false}};
};

TEST_F(budgets_of_a_model, are_shares_of_what_holds_all_of_it) {
  tier_budgets const budgets = opened({.vram = "50%", .ram = "100%", .scratch_bytes = 2 * page});
  EXPECT_EQ(budgets.whole_bytes(tier::vram), 6 * page);
  EXPECT_EQ(budgets.whole_bytes(tier::ram), 4 * page) << "scratch lies in VRAM";
  EXPECT_EQ(budgets.at_open().vram.budget_bytes, 3 * page);
  EXPECT_EQ(budgets.at_open().ram.budget_bytes, 4 * page);
  EXPECT_EQ(budgets.resolve(tier::vram, "100%", {}, 0), 6 * page);
  EXPECT_EQ(budgets.automatic_at_open(), (std::array{false, false}));
}

TEST_F(budgets_of_a_model, are_found_where_they_are_automatic) {
  tier_budgets const budgets = opened({.vram = "auto", .ram = "100%"});
  EXPECT_EQ(budgets.automatic_at_open(), (std::array{true, false}));
  EXPECT_GT(budgets.at_open().vram.budget_bytes, 6 * page);
  statistics now;
  now.vram.committed_bytes = 64U << 20U;
  EXPECT_EQ(budgets.resolve(tier::vram, "1MiB", now, 0), 1U << 20U) << "what is held matters for auto alone";
}

TEST_F(budgets_of_a_model, may_be_none_of_one_tier_only) {
  EXPECT_FALSE(opened({.vram = "none", .ram = "100%"}).at_open().vram.present);
  EXPECT_EQ(code_of([&] { return opened({.vram = "none", .ram = "none"}); }), errc::invalid_argument);
}

TEST_F(budgets_of_a_model, come_with_the_other_options_of_the_core) {
  residency_options const core =
      opened({.vram = "50%", .ram = "50%", .overcommit_pins = true, .chunk_bytes = 3 * page, .scratch_bytes = page})
          .at_open();
  EXPECT_EQ(core.chunk_bytes, 3 * page);
  EXPECT_EQ(core.scratch_bytes, page);
  EXPECT_TRUE(core.overcommit_pins);
}

}  // namespace
}  // namespace tierpager::test
