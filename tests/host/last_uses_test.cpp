// The latest fence of each stream, uses that are proved by a later fence, and what the end waits for.
#include <gmock/gmock.h>

#include <host/last_uses.hpp>
#include <tests/host/lone_part.hpp>

namespace tierpager::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct last_uses_alone : lone_part {
  /// A use of tensor 0 that was released on the stream without a fence.
  void leave_unproven(stream_ref on) TIERPAGER_REQUIRES(pager_lock) {
    (void)load(tensor_id{0});
    core_->release_unproven(tensor_id{0}, this_thread_owner(), latest.add_unproven(on), failed());
  }
  [[nodiscard]] bool proved_in_core() TIERPAGER_REQUIRES(pager_lock) {
    return !core_->place(tensor_id{0}, tier::vram).unproven;
  }

  last_uses latest{core_, device_};
  stream_ref const stream = scripted_device::stream(1), other = scripted_device::stream(2);
};

TEST_F(last_uses_alone, are_proved_by_a_fence_recorded_later_on_their_stream) {
  scoped_lock const lock(core_.mutex());
  EXPECT_TRUE(latest.all_proved());
  std::uint32_t const before = latest.keys();
  leave_unproven(stream);
  EXPECT_FALSE(latest.all_proved() || proved_in_core());
  latest.proved(stream, {1, 1}, before);
  EXPECT_FALSE(latest.all_proved()) << "the fence may have been recorded before the use was over";
  latest.proved(other, {2, 1}, latest.keys());
  EXPECT_FALSE(latest.all_proved() || proved_in_core()) << "of another stream";
  latest.proved(stream, {1, 2}, latest.keys());
  EXPECT_TRUE(latest.all_proved() && proved_in_core());
}

TEST_F(last_uses_alone, are_proved_by_the_next_thread_that_uses_the_stream) {
  scoped_lock const lock(core_.mutex());
  leave_unproven(stream);
  latest.prove_on(other);
  EXPECT_THAT(device_.take_calls(), IsEmpty());
  latest.prove_on(stream);
  EXPECT_THAT(device_.take_calls(), ElementsAre("record 1"));
  EXPECT_TRUE(latest.all_proved() && proved_in_core());
}

TEST_F(last_uses_alone, stay_unproven_where_no_fence_can_be_recorded) {
  scoped_lock const lock(core_.mutex());
  leave_unproven(stream);
  device_.fails["record"] = failed();
  latest.prove_on(stream);
  EXPECT_FALSE(latest.all_proved());
}

TEST_F(last_uses_alone, are_all_waited_for_at_the_end) {
  scoped_lock const lock(core_.mutex());
  device_.on_call = nullptr;  // nobody else can want the lock
  latest.note({1, 4});
  latest.note({1, 3});
  latest.note({5, 2});
  leave_unproven(other);
  device_.has_passed = {{1, 4}, {5, 2}, {2, 1}, {0, 1}};
  latest.wait_for_all(true);
  EXPECT_THAT(device_.take_calls(),
              ElementsAre("passed 1:4", "passed 5:2", "record 2", "passed 2:1", "record 0", "passed 0:1"));
}

TEST_F(last_uses_alone, are_not_waited_for_where_the_device_is_lost) {
  scoped_lock const lock(core_.mutex());
  device_.on_call = nullptr;
  latest.note({1, 4});
  device_.fails["passed"] = lost();
  latest.wait_for_all(false);
  EXPECT_THAT(device_.take_calls(), ElementsAre("passed 1:4"));
}

}  // namespace
}  // namespace tierpager::test
