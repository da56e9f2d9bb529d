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

// VRAM holds two tensors, RAM all of them.
class hits_of_loads_ahead : public core_by_hand {
 protected:
  void use_once(tensor_id id) { use(id, {.stream = 1, .sequence = ++used_}); }
  void prefetch(tensor_id id) {
    core_.prefetch(std::array{id});
    carry_out();
  }
  [[nodiscard]] std::uint64_t hits() const { return core_.stats().vram_hits; }
  [[nodiscard]] std::uint64_t ahead() const { return core_.stats().vram_ahead; }

 private:
  std::uint64_t used_ = 0;
};

TEST_F(hits_of_loads_ahead, are_counted_once_and_apart_from_what_stayed) {
  prefetch(first);
  use_once(first);
  EXPECT_EQ(ahead(), 1U);
  use_once(first);  // it stayed
  EXPECT_EQ(hits(), 2U);
  EXPECT_EQ(ahead(), 1U);
  use_once(second);  // nobody loaded it before it was asked for
  EXPECT_EQ(ahead(), 1U);
  prefetch(first);  // it is there already: no load
  use_once(first);
  EXPECT_EQ(hits(), 3U);
  EXPECT_EQ(ahead(), 1U);
}

TEST_F(hits_of_loads_ahead, count_too_where_the_load_has_not_come) {
  reads_wait_ = true;
  prefetch(first);
  load(first);
  EXPECT_EQ(granted_, 0U);
  EXPECT_EQ(hits(), 1U);
  EXPECT_EQ(ahead(), 1U);
  load(first);  // a second caller of the same load
  EXPECT_EQ(hits(), 2U);
  EXPECT_EQ(ahead(), 1U);
}

TEST_F(hits_of_loads_ahead, are_none_where_what_was_loaded_left_unused) {
  prefetch(first);
  ASSERT_TRUE(core_.acquire(std::array{second, third}, tier::vram, owner_id{}).ok());
  carry_out();
  for (tensor_id const id : {second, third}) core_.release(id, tier::vram, owner_id{}, std::nullopt);
  ASSERT_FALSE(in_vram(first));
  use_once(first);
  EXPECT_EQ(ahead(), 0U);
  EXPECT_EQ(core_.stats().ahead_unused_bytes, tensor_bytes);
}

}  // namespace
}  // namespace tierpager::test
