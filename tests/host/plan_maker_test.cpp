// Declared orders and the plans that follow from them, made without the lock by the thread that declares.
#include <host/plan_maker.hpp>
#include <tests/host/lone_part.hpp>

namespace tierpager::test {
namespace {

struct plan_maker_alone : lone_part {
  plan_maker_alone() : lone_part("auto") {
    commands_.also = [this](command& next) TIERPAGER_REQUIRES(pager_lock) {
      if (auto* const asked = std::get_if<plan_command>(&next)) plans.add(std::move(*asked));
    };
    scoped_lock const lock(core_.mutex());
    carry_out();
  }
  bool has_plan() {
    scoped_lock const lock(core_.mutex());
    return core_->plan() != nullptr;
  }

  std::vector<tensor_id> const cycle{tensor_id{0}, tensor_id{1}, tensor_id{2}, tensor_id{3}};
  plan_maker plans{core_, model_.tensors};
};

TEST_F(plan_maker_alone, has_made_the_plan_when_the_declaration_returns) {
  EXPECT_FALSE(has_plan());
  plans.declare(cycle);
  EXPECT_TRUE(has_plan());
  plans.declare(std::span<tensor_id const>());
  EXPECT_FALSE(has_plan()) << "no order is declared any more";
}

TEST_F(plan_maker_alone, takes_sets_and_passes_over_empty_ones) {
  std::vector<std::vector<tensor_id>> const sets{{tensor_id{0}}, {}, {tensor_id{1}}, {tensor_id{2}}, {tensor_id{3}}};
  plans.declare(sets);
  EXPECT_TRUE(has_plan());
}

TEST_F(plan_maker_alone, refuses_an_order_of_unknown_tensors) {
  std::vector<tensor_id> const wrong{tensor_id{0}, tensor_id{tensors}};
  EXPECT_EQ(code_of([&] { return plans.declare(wrong), 0; }), errc::unknown_tensor);
  EXPECT_FALSE(has_plan());
}

TEST_F(plan_maker_alone, makes_what_was_asked_for_meanwhile_too) {
  scoped_lock const lock(core_.mutex());
  core_->set_order(access_cycle::of({.entries = {{.id = tensor_id{0}, .call = 0, .until = 1},
                                                 {.id = tensor_id{1}, .call = 1, .until = 2},
                                                 {.id = tensor_id{2}, .call = 2, .until = 3}},
                                     .calls = 3},
                                    tensors));
  core_.dispatch();
  EXPECT_EQ(core_->plan(), nullptr) << "asked for, and not made yet";
  plans.dispatch_and_plan();
  EXPECT_NE(core_->plan(), nullptr);
}

}  // namespace
}  // namespace tierpager::test
