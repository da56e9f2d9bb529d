// What is known of fences, as they pass and are asked about, and whether all uses are on one stream, as streams come, are
// retired and run.
#include <gtest/gtest.h>

#include <core/residency/fence_clock.hpp>

namespace tierpager::test {
namespace {

constexpr fence setup{.stream = 1, .sequence = 5};
constexpr fence inference{.stream = 2, .sequence = 1};

TEST(fence_clock, knows_of_what_lies_before_a_fence_that_passed) {
  fence_clock clock;
  EXPECT_FALSE(clock.known_passed(setup));
  clock.passed(setup);
  EXPECT_TRUE(clock.known_passed(setup) && clock.known_passed({.stream = 1, .sequence = 4}));
  EXPECT_FALSE(clock.known_passed({.stream = 1, .sequence = 6}) || clock.known_passed(inference));
  clock.passed({.stream = 1, .sequence = 3});  // an answer that comes late
  EXPECT_TRUE(clock.known_passed(setup));
}

TEST(fence_clock, knows_of_what_lies_behind_a_fence_that_had_not_passed) {
  fence_clock clock;
  clock.running({.stream = 1, .sequence = 7});
  clock.running(setup);
  EXPECT_TRUE(clock.known_running(setup) && clock.known_running({.stream = 1, .sequence = 6}));
  EXPECT_FALSE(clock.known_running({.stream = 1, .sequence = 4}) || clock.known_running(inference));
  clock.passed({.stream = 1, .sequence = 4});
  EXPECT_TRUE(clock.known_running(setup));
  clock.passed(setup);
  EXPECT_FALSE(clock.known_running({.stream = 1, .sequence = 6})) << "nobody has asked about that one";
  clock.running({.stream = 1, .sequence = 6});
  clock.forget_running(1);
  clock.forget_running(9);
  EXPECT_FALSE(clock.known_running({.stream = 1, .sequence = 6}));
}

TEST(fence_clock, asks_once_until_there_is_an_answer) {
  fence_clock clock;
  EXPECT_TRUE(clock.ask(setup));
  EXPECT_FALSE(clock.ask(setup));
  EXPECT_TRUE(clock.ask(inference));
  clock.running(setup);
  EXPECT_TRUE(clock.ask(setup));
  clock.passed({.stream = 1, .sequence = 9});
  clock.passed(inference);
  EXPECT_FALSE(clock.has_questions());
}

TEST(fence_clock, takes_every_fence_for_passed_once_the_device_is_lost) {
  fence_clock clock;
  clock.ask(setup);
  clock.device_lost();
  EXPECT_TRUE(clock.known_passed(setup) && clock.known_passed(inference));
  EXPECT_FALSE(clock.has_passed(setup)) << "what a copy was to bring is not there";
  EXPECT_FALSE(clock.has_questions());
}

TEST(fence_clock, knows_one_stream_until_another_is_used) {
  fence_clock clock;
  EXPECT_FALSE(clock.only(setup.stream));
  clock.used(setup, false);
  EXPECT_TRUE(clock.only(setup.stream) && !clock.several());
  clock.used(inference, false);
  EXPECT_TRUE(clock.several());
  EXPECT_FALSE(clock.only(setup.stream) || clock.only(inference.stream));
}

TEST(fence_clock, knows_one_stream_again_once_all_others_are_retired_and_have_run) {
  fence_clock clock;
  clock.used(setup, false);
  EXPECT_TRUE(clock.retired(setup));
  clock.used(inference, false);
  EXPECT_TRUE(clock.several());
  clock.passed(setup);
  clock.used(inference, false);
  EXPECT_TRUE(clock.only(inference.stream) && !clock.several());
}

TEST(fence_clock, knows_several_streams_for_the_loads_under_way) {
  fence_clock clock;
  clock.used(setup, false);
  clock.used(inference, true);
  EXPECT_TRUE(clock.retired(setup));
  clock.passed(setup);
  clock.used(inference, true);
  EXPECT_TRUE(clock.several() && !clock.only(inference.stream));
  clock.used(inference, false);
  EXPECT_TRUE(clock.only(inference.stream));
}

TEST(fence_clock, does_not_count_streams_for_what_has_run_on_them) {
  fence_clock clock;
  EXPECT_FALSE(clock.retired(setup));
  clock.used(inference, false);
  clock.passed(setup);
  clock.used(setup, false);  // a use of a stream that was retired, and ends late
  EXPECT_TRUE(clock.only(inference.stream));
}

}  // namespace
}  // namespace tierpager::test
