// Whether all uses are on one stream, as streams come, are retired and run.
#include <gtest/gtest.h>

#include <core/residency/used_streams.hpp>

namespace tierpager::test {
namespace {

constexpr fence setup{.stream = 1, .sequence = 5};
constexpr fence inference{.stream = 2, .sequence = 1};
constexpr auto none_passed = [](fence) { return false; };
constexpr auto setup_passed = [](fence which) { return which.stream == setup.stream; };

TEST(used_streams, are_one_until_another_is_used) {
  used_streams streams;
  EXPECT_FALSE(streams.only(setup.stream));
  streams.used(setup, false, none_passed);
  EXPECT_TRUE(streams.only(setup.stream) && !streams.several());
  streams.used(inference, false, none_passed);
  EXPECT_TRUE(streams.several());
  EXPECT_FALSE(streams.only(setup.stream) || streams.only(inference.stream));
}

TEST(used_streams, are_one_again_once_all_others_are_retired_and_have_run) {
  used_streams streams;
  streams.used(setup, false, none_passed);
  EXPECT_TRUE(streams.retired(setup));
  streams.used(inference, false, none_passed);
  EXPECT_TRUE(streams.several());
  streams.used(inference, false, setup_passed);
  EXPECT_TRUE(streams.only(inference.stream) && !streams.several());
}

TEST(used_streams, remain_several_for_the_loads_under_way) {
  used_streams streams;
  streams.used(setup, false, none_passed);
  streams.used(inference, true, none_passed);
  EXPECT_TRUE(streams.retired(setup));
  streams.used(inference, true, setup_passed);
  EXPECT_TRUE(streams.several() && !streams.only(inference.stream));
  streams.used(inference, false, setup_passed);
  EXPECT_TRUE(streams.only(inference.stream));
}

TEST(used_streams, do_not_count_for_what_has_run_on_them) {
  used_streams streams;
  EXPECT_FALSE(streams.retired(setup));
  streams.used(inference, false, none_passed);
  streams.used(setup, false, setup_passed);  // a use of a stream that was retired, and ends late
  EXPECT_TRUE(streams.only(inference.stream));
}

}  // namespace
}  // namespace tierpager::test
