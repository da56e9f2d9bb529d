// What is told, how often, and that it is told without the lock. What the texts say is tested in warnings_test.cpp.
#include <gmock/gmock.h>

#include <host/pager_warnings.hpp>
#include <tests/host/lone_part.hpp>
#include <tests/support/catalog_of_sizes.hpp>

namespace tierpager::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct pager_warnings_alone : lone_part {
  warning_callback callback() {
    return [this](std::string const& what) {
      expect_free();
      told.push_back(what);
    };
  }
  /// The system has no memory for VRAM, however little is asked for.
  void refuse_vram() TIERPAGER_REQUIRES(pager_lock) {
    bool any = true;
    while (std::exchange(any, false)) {
      core_.dispatch();
      for (remap_command const& each : commands_.take_all<remap_command>()) {
        any = any || each.where == tier::vram;
        bool const refused = each.where == tier::vram;
        core_->remapped(each.where, 0, refused ? 0 : each.commits.size(),
                        refused ? status(failure{.code = errc::out_of_memory, .what = "no memory"}) : status());
      }
    }
  }
  std::vector<std::string> take() { return std::exchange(told, {}); }

  std::vector<std::string> told;
  tier_budgets budgets{model_.tensors, device_, {.vram = "50%", .ram = "100%"}};
  pager_warnings warnings{core_, device_, model_.tensors, budgets, callback()};
  pager_warnings silent{core_, device_, model_.tensors, budgets, {}};
};

TEST_F(pager_warnings_alone, tell_of_a_refusal_once) {
  scoped_lock const lock(core_.mutex());
  refuse_vram();
  silent.of_refusals();
  EXPECT_THAT(take(), IsEmpty());
  warnings.of_refusals();
  EXPECT_THAT(take(), ElementsAre(HasSubstr("vram")));
  warnings.of_refusals();
  EXPECT_THAT(take(), IsEmpty());
}

TEST_F(pager_warnings_alone, tell_of_unlocked_memory_once) {
  scoped_lock const lock(core_.mutex());
  warnings.of_unlocked_ram();
  EXPECT_THAT(take(), IsEmpty());
  device_.unlocked = failure{.code = errc::out_of_memory, .what = "mlock"};
  silent.of_unlocked_ram();
  EXPECT_THAT(take(), IsEmpty());
  warnings.of_unlocked_ram();
  EXPECT_THAT(take(), ElementsAre(HasSubstr("not page-locked")));
  warnings.of_unlocked_ram();
  EXPECT_THAT(take(), IsEmpty());
}

TEST_F(pager_warnings_alone, tell_of_pins_that_cover_less_than_they_seem_to) {
  catalog_of_sizes made;
  for (std::size_t i = 0; i < 3; ++i) made.add_layer(i, {page});
  catalog const layers = made.take();
  pager_warnings of_layers(core_, device_, layers, budgets, callback());
  of_layers.of_pins({"last:3"}, tier::ram);
  EXPECT_THAT(take(), IsEmpty());
  of_layers.of_pins({"last:9"}, tier::ram);
  EXPECT_THAT(take(), ElementsAre(HasSubstr("last:9")));
}

TEST_F(pager_warnings_alone, tell_of_no_budget_that_is_enough) {
  warnings.of_budgets({false, false});
  EXPECT_THAT(take(), IsEmpty());
}

TEST_F(pager_warnings_alone, tell_of_a_budget_that_auto_found_too_small_and_leave_the_core_as_it_was) {
  warnings.of_budgets({true, false});
  EXPECT_THAT(take(), ElementsAre(HasSubstr("vram")));
  silent.of_budgets({true, false});
  scoped_lock const lock(core_.mutex());
  EXPECT_EQ(core_->stats().acquires, 0U);
}

}  // namespace
}  // namespace tierpager::test
