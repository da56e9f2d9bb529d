// With overcommitted pins the budget asked for is an aim, which pins may exceed.
#include <array>

#include <tests/core/residency/core_by_hand.hpp>

namespace tierpager::test {
namespace {

constexpr tensor_id first{0}, second{1}, third{2};

// A granule holds two tensors, and the budget asked for is one.
class overcommitted_pins : public core_by_hand {
 protected:
  static constexpr std::uint64_t granule_bytes = 2 * tensor_bytes;

  overcommitted_pins()
      : core_by_hand({.vram = {.budget_bytes = granule_bytes, .granule_bytes = granule_bytes},
                      .ram = {},
                      .chunk_bytes = chunk_bytes,
                      .overcommit_pins = true}) {}
};

TEST_F(overcommitted_pins, stay_for_a_load_that_finds_room_beside_them) {
  for (tensor_id const id : {first, second}) {
    load(id);
    core_.release(id, tier::vram, owner_id{}, std::nullopt);
  }
  reads_wait_ = true;
  load(third);
  ASSERT_TRUE(core_.pin(std::array{first, second}, tier::vram).ok());  // whose granule the load may still need
  carry_out();
  reads_wait_ = false;
  answer_reads();
  carry_out();
  EXPECT_TRUE(in_vram(first) && in_vram(second) && in_vram(third));
}

}  // namespace
}  // namespace tierpager::test
