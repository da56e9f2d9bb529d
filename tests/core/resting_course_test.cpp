// A plan that keeps all of an order in VRAM, and has come true: nothing is looked for ahead, until something leaves.
#include <tests/core/core_by_hand.hpp>

namespace tierpager::test {
namespace {

constexpr tensor_id first{0}, second{1}, stranger{3};

class resting_course : public core_by_hand {
 protected:
  void use_on_one_stream(tensor_id id) { use(id, {.stream = 1, .sequence = ++uses_}); }
  void rest() {
    acquire_order order;
    for (tensor_id const id : {first, second}) {
      order.entries.push_back({.id = id, .call = order.calls, .until = order.calls + 1});
      ++order.calls;
    }
    core_.set_order(std::make_unique<access_cycle>(std::move(order), tensors));
    auto const asked = core_.take_plan_question().value();
    core_.planned(asked.epoch, make_plan(asked));
    for (int pass = 0; pass < 3; ++pass) {
      use_on_one_stream(first);
      use_on_one_stream(second);
    }
  }

  std::uint64_t uses_ = 0;
};

TEST_F(resting_course, goes_on_when_a_tensor_leaves) {
  rest();
  std::uint64_t const ahead = core_.stats().ahead_bytes;
  ASSERT_TRUE(in_vram(first) && in_vram(second));
  use_on_one_stream(stranger);  // VRAM holds two: one of them leaves, and is loaded before it is asked for
  EXPECT_EQ(core_.stats().ahead_bytes, ahead + tensor_bytes);
  EXPECT_TRUE(in_vram(first) && in_vram(second));
}

TEST_F(resting_course, is_followed_by_hits_of_whatever_kind) {
  rest();
  std::uint64_t const before = core_.stats().vram_hits;
  for (int pass = 0; pass < 3; ++pass) {
    tensor_id const id = first;
    ASSERT_NE(core_.try_plain_hit<tier::vram>(id, caller_id{}), nullptr);
    EXPECT_EQ(core_.try_plain_hit<tier::vram>(id, caller_id{}), nullptr);  // not what comes next
    core_.release_after(id, caller_id{}, {.stream = 1, .sequence = ++uses_});
    use_on_one_stream(second);
  }
  EXPECT_EQ(core_.stats().vram_hits, before + 6);
  EXPECT_FALSE(core_.wants_plan());
  EXPECT_NE(core_.plan(), nullptr);
  core_.check();
}

TEST_F(resting_course, ends_with_the_budget_that_its_plan_was_made_for) {
  rest();
  ASSERT_TRUE(core_.set_budget(tier::vram, 3 * tensor_bytes).ok());  // nothing leaves, but there may be a better plan
  carry_out();
  EXPECT_TRUE(core_.wants_plan());
  use_on_one_stream(first);
  use_on_one_stream(second);  // after which there is nothing else that a plain hit would have to look at
  EXPECT_EQ(core_.try_plain_hit<tier::vram>(first, caller_id{}), nullptr);
}

}  // namespace
}  // namespace tierpager::test
