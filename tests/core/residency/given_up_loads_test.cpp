// A set that needs the room of loads ahead, one of its own tensors among them: what is given up ends before it begins anew.
#include <array>

#include <tests/core/residency/core_by_hand.hpp>

namespace tierpager::test {
namespace {

constexpr tensor_id first{0}, second{1}, third{2}, fourth{3};

// Tensors pass RAM in buffers of two chunks, of which there is one.
class given_up_loads : public core_by_hand {
 protected:
  given_up_loads() : core_by_hand(2 * chunk_bytes) {}
};

TEST_F(given_up_loads, of_the_set_itself_are_over_before_they_begin_anew) {
  for (tensor_id const id : {third, fourth}) {  // VRAM is full
    load(id);
    core_.release(id, tier::vram, owner_id{}, std::nullopt);
  }
  granted_ = 0;
  reads_wait_ = true;
  core_.prefetch(std::array{first, second});
  carry_out();
  ASSERT_FALSE(reads_.empty());
  ASSERT_TRUE(core_.acquire(std::array{first, third}, tier::vram, owner_id{}).ok());
  carry_out();
  reads_wait_ = false;
  answer_reads();
  carry_out();
  EXPECT_EQ(granted_, 1U);
  EXPECT_EQ(rejected_, 0U);
  EXPECT_TRUE(in_vram(first) && in_vram(third));
  core_.check();
}

}  // namespace
}  // namespace tierpager::test
