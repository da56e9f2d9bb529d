// Loads that nobody has asked for yet go on by themselves: none waits for another that waits for it.
#include <array>

#include <tests/core/residency/core_by_hand.hpp>

namespace tierpager::test {
namespace {

constexpr tensor_id first{0}, second{1}, third{2}, fourth{3};

// RAM holds one tensor.
class loads_ahead : public core_by_hand {
 protected:
  loads_ahead() : core_by_hand(tensor_bytes) {}
};

TEST_F(loads_ahead, do_not_wait_for_what_is_to_leave_for_them) {
  for (tensor_id const id : {third, fourth}) {  // VRAM is full
    load(id);
    core_.release(id, tier::vram, owner_id{}, std::nullopt);
  }
  reads_wait_ = true;
  core_.prefetch(std::array{second});
  declare({first, second});
  ASSERT_EQ(plans_.size(), 1U);
  adopt({home::file, home::file, home::none, home::none},
        {0, tensor_bytes, memory_plan::no_place, memory_plan::no_place});
  reads_wait_ = false;
  answer_reads();  // of the second, which is read to its end and leaves for the first
  carry_out();
  EXPECT_TRUE(in_vram(first));
  EXPECT_TRUE(core_.idle());
}

}  // namespace
}  // namespace tierpager::test
