#include <gtest/gtest.h>

#include <array>

#include <host/acquired_streams.hpp>

namespace tierpager {
namespace {

struct streams_of_handles : testing::Test {
  stream_ref stream(std::size_t index) { return stream_ref(static_cast<void*>(&addresses_.at(index))); }

  acquired_streams of_;
  std::array<char, 100'000> addresses_{};
};

TEST_F(streams_of_handles, are_known_until_they_are_retired) {
  EXPECT_FALSE(of_.knows(stream(0)));
  of_.learn(stream(0));
  of_.count(stream(1));
  EXPECT_TRUE(of_.knows(stream(0)));
  EXPECT_FALSE(of_.knows(stream(1))) << "used while it captured, say";
  (void)of_.announce_retirement(stream(0));
  EXPECT_FALSE(of_.knows(stream(0)));
}

TEST_F(streams_of_handles, are_remembered_after_their_retirement_as_long_as_handles_are_out) {
  of_.count(stream(0));
  of_.count_another(stream(0), 0);
  std::uint64_t const number = of_.announce_retirement(stream(0));
  EXPECT_EQ(number, 1U);
  of_.count_another(stream(0), 0);  // a third, shared with one of the two
  of_.count(stream(0));             // of a new stream at the same address
  ASSERT_NE(of_.retirement_of(stream(0), 0), nullptr);
  EXPECT_EQ(of_.retirement_of(stream(0), number), nullptr);
  EXPECT_FALSE(of_.retirement_of(stream(0), 0)->last);
  of_.retired(number, {.stream = 7, .sequence = 3});
  EXPECT_EQ(of_.retirement_of(stream(0), 0)->last, (fence{.stream = 7, .sequence = 3}));
  for (int i = 0; i < 2; ++i) of_.uncount(stream(0), 0);
  EXPECT_NE(of_.retirement_of(stream(0), 0), nullptr);
  of_.uncount(stream(0), 0);
  EXPECT_EQ(of_.retirement_of(stream(0), 0), nullptr);
  of_.uncount(stream(0), number);
}

TEST_F(streams_of_handles, are_told_apart_by_when_they_were_retired) {
  for (std::uint64_t number = 1; number <= 3; ++number) {
    of_.count(stream(0));
    ASSERT_EQ(of_.announce_retirement(stream(0)), number);
    of_.retired(number, {.stream = static_cast<std::uint32_t>(number), .sequence = 1});
  }
  for (std::uint32_t before = 0; before < 3; ++before)
    EXPECT_EQ(of_.retirement_of(stream(0), before)->last->stream, before + 1);
  of_.uncount(stream(0), 1);
  EXPECT_EQ(of_.retirement_of(stream(0), 0)->last->stream, 1U);
  EXPECT_EQ(of_.retirement_of(stream(0), 2)->last->stream, 3U);
}

TEST_F(streams_of_handles, live_on_where_the_retirement_failed) {
  of_.count(stream(0));
  std::uint64_t const number = of_.announce_retirement(stream(0));
  of_.take_back_retirement(number);
  EXPECT_EQ(of_.retirement_of(stream(0), 0), nullptr);
  of_.uncount(stream(0), 0);
  (void)of_.announce_retirement(stream(0));
  EXPECT_EQ(of_.size(), 0U);
}

// A program that makes a stream for each request, and holds a handle of the first one for good.
TEST_F(streams_of_handles, are_forgotten_as_fast_as_they_come) {
  of_.learn(stream(0));
  of_.count(stream(0));
  (void)of_.announce_retirement(stream(0));
  for (std::size_t i = 1; i < addresses_.size(); ++i) {
    std::uint64_t const before = of_.retirements();
    of_.learn(stream(i));
    of_.count(stream(i));
    of_.uncount(stream(i), before);
    if (i % 2 == 0) (void)of_.announce_retirement(stream(i));  // the others are destroyed without a word
    ASSERT_LE(of_.size(), 100U);
  }
  EXPECT_NE(of_.retirement_of(stream(0), 0), nullptr);
}

TEST_F(streams_of_handles, are_all_kept_that_have_handles_out) {
  for (std::size_t i = 0; i < 1000; ++i) of_.count(stream(i));
  EXPECT_EQ(of_.size(), 1000U);
  for (std::size_t i = 0; i < 1000; ++i) of_.uncount(stream(i), 0);
  for (std::size_t i = 1000; i < 4000; ++i) of_.learn(stream(i));
  EXPECT_LE(of_.size(), 2000U);
}

}  // namespace
}  // namespace tierpager
