// When a blocked caller's stall begins and ends. No time is measured, but that it is none or some.
#include <gmock/gmock.h>

#include <host/stall_clock.hpp>
#include <tests/host/lone_part.hpp>

namespace tierpager::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct stall_clock_alone : lone_part {
  static constexpr fence last{.stream = 3, .sequence = 7};

  stall_clock stalls{core_, device_};
  stall_clock::wait caller, other;
};

TEST_F(stall_clock_alone, counts_all_of_a_wait_whose_stream_is_dry) {
  scoped_lock const lock(core_.mutex());
  stall_clock::begin(caller);
  EXPECT_FALSE(stalls.any_runs());
  EXPECT_EQ(stalls.seconds(), 0.0);
  stalls.end(caller);
  EXPECT_GT(stalls.seconds(), 0.0);
}

TEST_F(stall_clock_alone, counts_nothing_while_the_stream_has_work) {
  scoped_lock const lock(core_.mutex());
  stall_clock::begin(caller);
  stalls.runs_until(caller, last);
  EXPECT_TRUE(stalls.any_runs());
  stalls.poll();
  EXPECT_THAT(device_.take_calls(), ElementsAre("passed 3:7"));
  stalls.end(caller);
  EXPECT_EQ(stalls.seconds(), 0.0);
  EXPECT_FALSE(stalls.any_runs());
}

TEST_F(stall_clock_alone, begins_to_count_when_the_stream_is_seen_to_be_dry) {
  scoped_lock const lock(core_.mutex());
  for (stall_clock::wait* each : {&caller, &other}) {
    stall_clock::begin(*each);
    stalls.runs_until(*each, last);  // two callers may use one stream
  }
  device_.has_passed.insert(last);
  stalls.poll();
  EXPECT_FALSE(stalls.any_runs());
  device_.forget_calls();
  stalls.poll();
  EXPECT_THAT(device_.take_calls(), IsEmpty());
  stalls.end(caller);
  double const first = stalls.seconds();
  EXPECT_GT(first, 0.0);
  stalls.end(other);
  EXPECT_GT(stalls.seconds(), first);
}

TEST_F(stall_clock_alone, goes_on_polling_where_the_device_cannot_say) {
  scoped_lock const lock(core_.mutex());
  stall_clock::begin(caller);
  stalls.runs_until(caller, last);
  device_.fails["passed"] = failed();
  stalls.poll();
  EXPECT_TRUE(stalls.any_runs());
  device_.fails["passed"] = lost();
  (void)ask_for(tensor_id{0});
  stalls.poll();
  EXPECT_FALSE(stalls.any_runs()) << "nothing runs there any more";
  EXPECT_EQ(commands_.take_all<reject_command>().size(), 1U) << "the core knows that the device is lost";
  stalls.end(caller);
}

}  // namespace
}  // namespace tierpager::test
