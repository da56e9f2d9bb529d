// A load that fails leaves VRAM as it was.
#include <tests/core/residency/core_by_hand.hpp>

namespace tierpager::test {
namespace {

constexpr tensor_id first{0}, second{1}, third{2}, large{3};

// VRAM that is there in one piece, or not at all, for three tensors; the last is as large as two.
class failed_loads : public core_by_hand {
 protected:
  failed_loads()
      : core_by_hand(
            {.vram = {.budget_bytes = 3 * tensor_bytes, .can_remap = false}, .ram = {}, .chunk_bytes = chunk_bytes},
            "auto", {tensor_bytes, tensor_bytes, tensor_bytes, 2 * tensor_bytes}) {}
  // Of whose places either has the second in it, which its own owner holds.
  void load_beside_the_second() {
    for (tensor_id const id : {first, second, third}) load(id);
    for (tensor_id const id : {first, third}) core_.release(id, tier::vram, owner_id{}, std::nullopt);
    load(large);
  }
};

TEST_F(failed_loads, for_want_of_room_in_one_piece_evict_nothing) {
  load_beside_the_second();
  EXPECT_EQ(rejected_, 1U);
  EXPECT_TRUE(in_vram(first) && in_vram(third));
}

TEST_F(failed_loads, whose_planned_place_is_not_there_evict_nothing) {
  declare({large});
  adopt({home::none, home::none, home::none, home::file},
        {memory_plan::no_place, memory_plan::no_place, memory_plan::no_place, 2 * tensor_bytes});
  load_beside_the_second();
  EXPECT_EQ(rejected_, 1U);
  EXPECT_TRUE(in_vram(first) && in_vram(third));
}

}  // namespace
}  // namespace tierpager::test
