// Releases and retirements on streams, and streams that are refused: which calls the device sees, and what the core is told.
#include <gmock/gmock.h>

#include <host/stream_uses.hpp>
#include <tests/host/lone_part.hpp>

namespace tierpager::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct stream_uses_alone : lone_part {
  /// A handle on tensor 0.
  held_use acquire(stream_ref on) TIERPAGER_EXCLUDES(pager_lock) {
    scoped_lock const lock(core_.mutex());
    core_.enter();
    (void)load(tensor_id{0});
    streams.count(on);
    return {.id = tensor_id{0},
            .where = tier::vram,
            .owner = this_thread_owner(),
            .acquired_on = on,
            .retirements_before = streams.retirements()};
  }
  bool release(held_use const& use) { return streams.release(use, use.acquired_on, use.retirements_before); }
  [[nodiscard]] std::uint32_t uses() {
    scoped_lock const lock(core_.mutex());
    return core_->uses(tensor_id{0}, tier::vram);
  }
  [[nodiscard]] std::uint64_t handles() {
    scoped_lock const lock(core_.mutex());
    return streams.handles();
  }
  [[nodiscard]] bool all_proved() {
    scoped_lock const lock(core_.mutex());
    return latest.all_proved();
  }

  last_uses latest{core_, device_};
  stream_uses streams{core_, device_, latest};
  stream_ref const stream = scripted_device::stream(1);
};

TEST_F(stream_uses_alone, end_with_a_fence_on_their_stream) {
  held_use const use = acquire(stream);
  EXPECT_EQ(uses(), 1U);
  EXPECT_FALSE(release(use));
  EXPECT_THAT(device_.take_calls(), ElementsAre("record 1"));
  EXPECT_EQ(uses(), 0U);
  EXPECT_EQ(handles(), 0U);
}

TEST_F(stream_uses_alone, end_without_one_where_no_work_was_queued) {
  held_use const use = acquire(stream);
  EXPECT_FALSE(streams.release_unfenced(use));
  EXPECT_THAT(device_.take_calls(), IsEmpty());
  EXPECT_EQ(uses(), 0U);
  EXPECT_EQ(handles(), 0U);
}

TEST_F(stream_uses_alone, are_unproven_where_no_fence_could_be_recorded) {
  held_use const first = acquire(stream);
  device_.fails["record"] = failed();
  EXPECT_FALSE(release(first));
  EXPECT_FALSE(all_proved());
  EXPECT_EQ(uses(), 0U);
  device_.fails.clear();
  held_use const second = acquire(stream);
  EXPECT_FALSE(release(second));
  EXPECT_TRUE(all_proved()) << "the later fence stands for both";
}

TEST_F(stream_uses_alone, tell_the_last_one_that_the_executor_is_to_go) {
  held_use const first = acquire(stream);
  held_use const second = acquire(stream);
  {
    scoped_lock const lock(core_.mutex());
    EXPECT_FALSE(core_.abandon());
  }
  EXPECT_FALSE(release(first));
  EXPECT_TRUE(release(second));
}

TEST_F(stream_uses_alone, of_a_retired_stream_end_with_its_last_fence) {
  held_use const use = acquire(stream);
  streams.retire(stream);
  EXPECT_THAT(device_.take_calls(), ElementsAre("record 1", "passed 1:1", "retire 1"));
  EXPECT_EQ(streams.retirements(), 1U);
  EXPECT_FALSE(release(use));
  EXPECT_THAT(device_.take_calls(), IsEmpty()) << "the stream may be gone";
  EXPECT_EQ(uses(), 0U);
}

TEST_F(stream_uses_alone, of_a_stream_that_could_not_be_retired_go_on) {
  held_use const use = acquire(stream);
  device_.fails["record"] = failed();
  EXPECT_EQ(code_of([&] { return streams.retire(stream), 0; }), errc::device_failed);
  device_.fails.clear();
  device_.forget_calls();
  EXPECT_FALSE(release(use));
  EXPECT_THAT(device_.take_calls(), ElementsAre("record 1"));
}

TEST_F(stream_uses_alone, prove_what_was_unproven_when_the_stream_is_retired) {
  held_use const use = acquire(stream);
  device_.fails["record"] = failed();
  EXPECT_FALSE(release(use));
  device_.fails.clear();
  streams.retire(stream);
  EXPECT_TRUE(all_proved());
}

TEST_F(stream_uses_alone, are_counted_for_each_handle_that_is_shared) {
  held_use const use = acquire(stream);
  {
    scoped_lock const lock(core_.mutex());
    core_->share(use.id, use.where, use.owner);
    core_.enter();
    streams.count_another(use);
  }
  EXPECT_EQ(handles(), 2U);
  EXPECT_FALSE(release(use));
  EXPECT_FALSE(release(use));
  EXPECT_EQ(handles(), 0U);
}

TEST_F(stream_uses_alone, ask_the_device_about_a_stream_once) {
  scoped_lock const lock(core_.mutex());
  EXPECT_FALSE(streams.knows(stream));
  EXPECT_EQ(streams.refuse_foreign(stream), std::nullopt);
  EXPECT_EQ(streams.refuse_foreign(stream), std::nullopt);
  EXPECT_THAT(device_.take_calls(), ElementsAre("capturing 1"));
  EXPECT_TRUE(streams.knows(stream));
}

TEST_F(stream_uses_alone, do_not_take_what_the_device_refuses) {
  scoped_lock const lock(core_.mutex());
  device_.fails["capturing"] = failure{.code = errc::invalid_argument, .what = "not mine"};
  auto const refused = streams.refuse_foreign(stream);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->what, "not mine");
  EXPECT_FALSE(streams.knows(stream));
}

TEST_F(stream_uses_alone, wait_for_nothing_while_the_stream_captures) {
  scoped_lock const lock(core_.mutex());
  device_.captures = true;
  auto const refused = streams.refuse_while_capturing(stream);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, errc::would_wait);
  EXPECT_FALSE(streams.knows(stream)) << "it is asked about again";
  device_.captures = false;
  EXPECT_EQ(streams.refuse_while_capturing(stream), std::nullopt);
}

TEST_F(stream_uses_alone, are_on_streams_of_the_device) {
  streams.check(stream);
  EXPECT_EQ(code_of([&] { return streams.check(stream_uses::no_stream()), 0; }), errc::invalid_argument);
  host_stream foreign;
  EXPECT_EQ(code_of([&] { return streams.check(foreign), 0; }), errc::invalid_argument);
}

}  // namespace
}  // namespace tierpager::test
