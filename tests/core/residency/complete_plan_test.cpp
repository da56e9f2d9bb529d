// A plan that keeps all of an order in VRAM, once everything is there: nothing is loaded ahead until a tensor leaves.
#include <tests/core/residency/core_by_hand.hpp>

namespace tierpager::test {
namespace {

constexpr tensor_id first{0}, second{1}, stranger{3};

class complete_plan : public core_by_hand {
 protected:
  void use_on_one_stream(tensor_id id) { use(id, {.stream = 1, .sequence = ++uses_}); }
  std::uint64_t uses_ = 0;
};

TEST_F(complete_plan, loads_ahead_again_when_a_tensor_leaves) {
  declare({first, second});
  answer_plans();
  for (int pass = 0; pass < 3; ++pass) {
    use_on_one_stream(first);
    use_on_one_stream(second);
  }
  std::uint64_t const ahead = core_.stats().ahead_bytes;
  ASSERT_TRUE(in_vram(first) && in_vram(second));
  use_on_one_stream(stranger);  // VRAM holds two: one of them leaves, and is loaded before it is asked for
  EXPECT_EQ(core_.stats().ahead_bytes, ahead + tensor_bytes);
  EXPECT_TRUE(in_vram(first) && in_vram(second));
}

}  // namespace
}  // namespace tierpager::test
