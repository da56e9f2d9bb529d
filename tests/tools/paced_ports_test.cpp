// The slowed-down ports keep what every port promises, and time is claimed by arithmetic alone. Nothing here waits.
#include <tools/paced_ports.hpp>

#include <gtest/gtest.h>

#include <host/host_device.hpp>
#include <host/host_stream_identity.hpp>
#include <host/pread_source.hpp>
#include <tests/contract/device_contract.hpp>
#include <tests/contract/source_contract.hpp>

namespace tierpager::tests {
namespace {

using tools::paced_device;
using tools::paced_source;
using tools::pacer;

constexpr double no_time_to_speak_of = 1e18;  // bytes a second

struct made_paced_device {
  device& port() { return paced_; }
  void submit(stream_ref stream, std::function<void()> work) {
    host_stream_access::stream_of(stream).submit(std::move(work));
  }
  paced_device paced_{std::make_shared<host_device>(host_device_options{.jitter_seed = 7}), no_time_to_speak_of, {}};
};

struct paced_source_maker {
  static std::unique_ptr<source> make(std::vector<open_file> files) {
    return std::make_unique<paced_source>(std::make_shared<pread_source>(std::move(files)), no_time_to_speak_of,
                                          std::stop_token());
  }
};

INSTANTIATE_TYPED_TEST_SUITE_P(paced, device_contract, made_paced_device);
INSTANTIATE_TYPED_TEST_SUITE_P(paced, source_contract, paced_source_maker);

TEST(pacer, lets_each_claim_end_so_much_later_than_the_one_before) {
  pacer paces({});
  auto const before = pacer::clock::now();
  auto const first = paces.claim(1000);
  EXPECT_GE(first - before, std::chrono::seconds(1000));
  EXPECT_EQ(paces.claim(1) - first, std::chrono::seconds(1));
  EXPECT_EQ(paces.claim(0.5) - first, std::chrono::milliseconds(1500));
  auto const century = std::chrono::hours(24 * 365 * 100);
  EXPECT_LE(paces.claim(1e18) - before, century + std::chrono::hours(1));
  EXPECT_GE(paces.claim(1e18) - before, century);
}

TEST(pacer, knows_how_much_of_what_was_claimed_is_over) {
  pacer paces({});
  EXPECT_EQ(paces.spent_seconds(pacer::clock::now()), 0.0);
  auto const due = paces.claim(1000);
  EXPECT_NEAR(paces.spent_seconds(due - std::chrono::seconds(1000)), 0.0, 1e-6);
  EXPECT_NEAR(paces.spent_seconds(due - std::chrono::seconds(1)), 999.0, 1e-6);
  EXPECT_NEAR(paces.spent_seconds(due), 1000.0, 1e-6);
  EXPECT_EQ(paces.spent_seconds(due + std::chrono::seconds(1)), 1000.0);
  (void)paces.claim(500);
  EXPECT_NEAR(paces.spent_seconds(due), 1000.0, 1e-6);
  EXPECT_NEAR(paces.spent_seconds(due + std::chrono::seconds(2)), 1002.0, 1e-6);
}

TEST(pacer, waits_no_longer_once_it_is_stopped) {
  std::stop_source stop;
  pacer const paces(stop.get_token());
  stop.request_stop();
  paces.wait_until(pacer::clock::now() + std::chrono::hours(1000));
}

TEST(paced_device, runs_nothing_behind_a_copy_before_its_time_is_over) {
  std::stop_source stop;
  auto const real = std::make_shared<host_device>();
  paced_device paced(real, 1e-3, stop.get_token());  // two thousand seconds for the copy below
  for (tier const where : {tier::vram, tier::ram}) {
    ASSERT_TRUE(paced.reserve(where, 4096).ok());
    ASSERT_TRUE(paced.commit(where, {0, 4096}).ok());
  }
  fence const copied = value_or_throw(paced.copy_async(0, 0, 2));
  EXPECT_EQ(copied.sequence, 3U);  // behind the claim, the copy and the wait
  while (!value_or_throw(paced.passed({copied.stream, copied.sequence - 1}))) std::this_thread::yield();
  EXPECT_FALSE(value_or_throw(paced.passed(copied)));
  stop.request_stop();
  while (!value_or_throw(paced.passed(copied))) std::this_thread::yield();
}

}  // namespace
}  // namespace tierpager::tests
