// The fault loop: one workload on a pager whose ports fail at the n-th call, for many n up to the calls of a clean run,
// once and for ever until lifted, and with the device lost. No hang, no wrong byte, no leak; and a full pass afterwards.
#include <gtest/gtest.h>

#include <cstdio>
#include <functional>

#include <tests/support/faulty_device.hpp>
#include <tests/support/faulty_source.hpp>
#include <tests/support/metered_device.hpp>
#include <tests/support/paged_reading.hpp>

namespace tierpager::test {
namespace {

using tests::device_call;
using tests::device_calls;
using tests::faulty_device;
using tests::faulty_source;

constexpr tensor_id id(std::uint32_t number) { return tensor_id{number}; }

constexpr std::uint32_t small_tensors = 8;
constexpr tensor_id buffer_tensor = id(small_tensors);  // larger than RAM
constexpr tensor_id empty_tensor = id(small_tensors + 1);
constexpr std::uint64_t vram_bytes = 18 * page;
constexpr std::uint64_t vram_bytes_later = 22 * page;
constexpr std::uint64_t ram_bytes = 7 * page;

std::vector<std::uint64_t> sizes() {
  std::vector<std::uint64_t> all(small_tensors, 2 * page);
  all[1] = 3 * page - 7;
  all[5] = page + 1;
  all.push_back(11 * page + 5);
  all.push_back(0);
  return all;
}

class fault_run {
 public:
  /// `in_order`: the workload goes through a declared order.
  explicit fault_run(std::uint64_t seed, bool in_order = false)
      : in_order_(in_order),
        metered_(std::make_shared<metered_device>(jittery_device(seed))),
        device_(std::make_shared<faulty_device>(metered_)),
        source_(std::make_shared<faulty_source>(model_.source)) {}

  faulty_device& on() { return *device_; }
  faulty_source& from() { return *source_; }

  // What is not to fail for ever is tried once; every failure must be one that the ports gave.
  void work() {
    attempt([&] {
      paged_.emplace(model_.tensors, source_, device_,
                     pager_options{.vram = bytes(vram_bytes),
                                   .ram = bytes(ram_bytes),
                                   .pin_vram = {"t6"},
                                   .chunk_bytes = page,
                                   .reader_threads = 2,
                                   .scratch_bytes = page});
      return 0;
    });
    if (!paged_) return;
    if (in_order_) return work_in_order();
    for (std::uint32_t i = 0; i < small_tensors; ++i) use({id(i)}, i % 2);
    use({buffer_tensor}, 0);
    use({id(1), id(2), id(1)}, 1);
    use({id(3), buffer_tensor}, 0);
    for (std::uint32_t i = 0; i < small_tensors; i += 2) use_host(id(i));
    hold(id(4), 1);
    for (std::uint32_t i = 0; i < 4; ++i) use({id(i)}, (i / 2) % 2);
    attempt([&] { return paged_->set_budget(tier::vram, bytes(vram_bytes_later)).effective_bytes; });
    use({id(5), id(6), id(7)}, 0);
    use({buffer_tensor, empty_tensor}, 1);
    attempt([&] { return paged_->set_budget(tier::vram, bytes(vram_bytes)).effective_bytes; });
    held_.release(streams_[0]);
    attempt([&] { return paged_->pin(id(2), tier::ram), 0; });
    for (std::uint32_t i = small_tensors; i-- > 0;) use({id(i)}, i % 2);
    use_host(id(2));
    attempt([&] { return paged_->unpin(id(2), tier::ram), 0; });
    attempt([&] {
      if (auto const found = paged_->try_acquire(id(0), streams_[0])) read(*found, 0);
      return 0;
    });
    attempt([&] { return paged_->set_budget(tier::ram, bytes(0)).effective_bytes; });
    use({id(1)}, 0);
    use({buffer_tensor}, 1);
    attempt([&] { return paged_->set_budget(tier::ram, bytes(ram_bytes)).effective_bytes; });
    use({id(7), id(0)}, 1);
    check_budgets();
  }

  // The ports work again: so does everything.
  void expect_recovered() {
    device_->lift();
    source_->lift();
    if (!paged_) return;  // not even opened: the failure said so
    // Uses that could not be fenced are proved to be over by the next fence of their stream.
    for (std::size_t on = 0; on < streams_.size(); ++on) use({id(0)}, on);
    // A load ahead may have met its fault, and not have said so yet: it tells the acquire that joins it.
    for (std::uint32_t i = 0; in_order_ && i < model_.tensors.size(); ++i) use({id(i)}, 0);
    may_fail_ = false;
    for (std::uint32_t i = 0; i < model_.tensors.size(); ++i) use({id(i)}, i % 2);
    for (std::uint32_t i = 0; i < small_tensors; ++i) use_host(id(i));
    use({id(1), buffer_tensor}, 0);
    for (host_stream& each : streams_) each.synchronize();
    expect_right();
    check_budgets();
    // Nothing is left behind: both tiers can be emptied.
    paged_->unpin(id(6), tier::vram);
    paged_->set_budget(tier::vram, bytes(page));  // the scratch memory
    paged_->set_budget(tier::ram, bytes(0));
    eventually([&] {
      return metered_->committed_bytes(tier::vram) <= page && metered_->committed_bytes(tier::ram) <= 2 * page;
    });
    statistics const now = paged_->stats();
    EXPECT_EQ(now.vram.quarantined_bytes + now.ram.quarantined_bytes, 0U);
    EXPECT_EQ(now.vram.resident_bytes, 0U);
    expect_gone();
  }

  // The device is lost: every call says so, nothing hangs, destructors return.
  void expect_lost() {
    if (!paged_) return;
    while (on().failed() == 0) (void)on().free_vram_bytes();  // how many calls only poll varies from run to run
    for (std::uint32_t i = 0; i < small_tensors; ++i) use({id(i)}, i % 2);
    for (std::uint32_t i = 0; i < small_tensors; ++i) {
      EXPECT_EQ(code_of([&] { return paged_->acquire(id(i), streams_[0]); }), errc::device_lost);
      EXPECT_EQ(code_of([&] { return paged_->acquire_host(id(i)); }), errc::device_lost);
      EXPECT_EQ(code_of([&] { return paged_->try_acquire(id(i), streams_[1]); }), errc::device_lost);
    }
    expect_right();
    check_budgets();
    expect_gone();
  }

  [[nodiscard]] std::uint64_t failures() const { return failures_; }
  [[nodiscard]] std::uint64_t attempts() const { return attempts_; }

 private:
  // Four passes, with all that can come in between.
  void work_in_order() {
    std::vector<tensor_id> order;
    for (std::uint32_t i = 0; i < model_.tensors.size(); ++i) order.push_back(id(i));
    attempt([&] { return paged_->set_order(order), 0; });
    auto pass = [&](std::uint32_t from, std::uint32_t to) {
      for (std::uint32_t i = from; i < to; ++i) use({id(i)}, 0);
    };
    auto const count = static_cast<std::uint32_t>(order.size());
    pass(0, count);
    pass(0, 4);
    hold(id(4), 0);
    pass(5, count);
    attempt([&] { return paged_->set_budget(tier::vram, bytes(vram_bytes_later)).effective_bytes; });
    pass(0, 3);
    attempt([&] { return paged_->prefetch(std::array{id(7), id(2), buffer_tensor}), 0; });
    held_.release(streams_[0]);
    use_host(id(5));
    attempt([&] { return paged_->set_budget(tier::vram, bytes(vram_bytes)).effective_bytes; });
    pass(3, count);
    attempt([&] { return paged_->unpin(id(6), tier::vram), 0; });
    attempt([&] { return paged_->set_budget(tier::ram, bytes(0)).effective_bytes; });
    pass(0, count / 2);
    attempt([&] { return paged_->set_budget(tier::ram, bytes(ram_bytes)).effective_bytes; });
    pass(count / 2, count);
    check_budgets();
  }
  template <class Call>
  void attempt(Call&& call) {
    ++attempts_;
    auto const why = failure_of(std::forward<Call>(call));
    if (!why) return;
    ++failures_;
    bool const known =
        why->code == errc::device_failed || why->code == errc::read_failed || why->code == errc::device_lost;
    EXPECT_TRUE(may_fail_ && known) << why->describe();
  }
  void read(handle const& held, std::size_t on) { reader_.read(held, streams_[on]); }
  void use(std::vector<tensor_id> const& ids, std::size_t on) {
    attempt([&] {
      for (handle const& held : paged_->acquire(ids, streams_[on])) read(held, on);
      return 0;
    });
  }
  void use_host(tensor_id wanted) {
    attempt([&] {
      reader_.read_now(paged_->acquire_host(wanted));
      return 0;
    });
  }
  void hold(tensor_id wanted, std::size_t on) {
    attempt([&] {
      held_ = paged_->acquire(wanted, streams_[on]);
      read(held_, on);
      streams_[on].synchronize();
      return 0;
    });
  }
  void expect_right() {
    for (host_stream& each : streams_) each.synchronize();
    EXPECT_EQ(reader_.wrong(), 0U);
  }
  void check_budgets() {
    statistics const now = paged_->stats();
    EXPECT_LE(metered_->peak_bytes(tier::vram), vram_bytes_later);
    EXPECT_LE(metered_->peak_bytes(tier::ram), ram_bytes);
    EXPECT_LE(now.vram.committed_bytes, now.vram.effective_bytes);
    EXPECT_LE(now.ram.committed_bytes, now.ram.effective_bytes);
  }
  // The pager, and with it the device, is let go by the last handle.
  void expect_gone() {
    std::weak_ptr<device> const left = device_;
    held_.release();
    paged_.reset();
    device_.reset();
    EXPECT_TRUE(left.expired());
  }

  bool const in_order_;
  std::vector<std::uint64_t> const sizes_ = sizes();
  pattern_model model_ = make_pattern_model(sizes_);
  stream_reader reader_{model_.tensors};
  std::array<host_stream, 2> streams_;
  std::shared_ptr<metered_device> metered_;
  std::shared_ptr<faulty_device> device_;
  std::shared_ptr<faulty_source> source_;
  std::optional<pager> paged_;
  handle held_;
  bool may_fail_ = true;
  std::uint64_t failures_ = 0, attempts_ = 0;
};

// Every n up to this many device calls, then ever further apart: cuda/schedules fails each one, on fibers. Here threads
// are real, and wake each other all the time, which takes a time slice each where the machine is busy.
constexpr std::uint64_t dense_calls = under_thread_sanitizer ? 10 : 24;
// Reads fail one by one nowhere else.
constexpr std::uint64_t dense_reads = under_thread_sanitizer ? 10 : under_address_sanitizer ? 40 : 120;

std::uint64_t next_of(std::uint64_t n, std::uint64_t dense = dense_calls) { return n < dense ? n + 1 : n + 1 + n / 4; }

char const* name_of(device_call kind) {
  constexpr std::array<char const*, device_calls> names = {
      "free_vram_bytes", "reserve", "commit",         "decommit",  "copy_async", "capturing", "record", "wait",
      "passed",          "retire",  "checksum_async", "read_back", "make_stream"};
  return names[static_cast<std::size_t>(kind)];
}

std::uint64_t clean_calls(std::optional<device_call> kind, bool in_order = false) {
  fault_run clean(3, in_order);
  clean.work();
  std::uint64_t const calls = kind ? clean.on().calls(*kind) : clean.on().calls();
  EXPECT_EQ(clean.failures(), 0U);
  EXPECT_GE(clean.attempts(), 40U);
  clean.expect_recovered();
  return calls;
}

void report(char const* what, std::uint64_t runs, std::uint64_t failures) {
  std::printf("%s: %llu fault runs, %llu calls of the facade failed\n", what, static_cast<unsigned long long>(runs),
              static_cast<unsigned long long>(failures));
}

using arming = std::function<void(fault_run&, std::uint64_t)>;

void expect_survives(char const* what, std::uint64_t calls, arming const& arm, bool must_fail = true,
                     bool in_order = false, std::uint64_t dense = dense_calls) {
  std::uint64_t runs = 0;
  std::uint64_t failures = 0;
  for (std::uint64_t n = 1; n <= calls; n = next_of(n, dense) + (in_order ? 2 : 0)) {
    watchdog const limit(std::string(what) + ", call " + std::to_string(n));
    SCOPED_TRACE(std::string(what) + ", call " + std::to_string(n));
    fault_run run(n, in_order);
    arm(run, n);
    run.work();
    run.expect_recovered();
    ++runs;
    failures += run.failures();
    if (testing::Test::HasFailure()) return;
  }
  report(what, runs, failures);
  EXPECT_GE(runs, std::min(calls, dense) / (in_order ? 3 : 1));
  EXPECT_TRUE(failures > 0 || !must_fail);
}

TEST(fault_loop, survives_every_read_that_fails) {
  fault_run clean(3);
  clean.work();
  std::uint64_t const reads = clean.from().calls();
  clean.expect_recovered();
  ASSERT_GE(reads, 40U);
  for (bool const for_ever : {false, true})
    expect_survives(
        for_ever ? "every read fails from one on" : "a read fails once", reads,
        [&](fault_run& run, std::uint64_t n) { run.from().fail({.at_call = n, .for_ever = for_ever}); }, true, false,
        dense_reads);
}

struct device_faults_of_a_kind : testing::TestWithParam<device_call> {};

TEST_P(device_faults_of_a_kind, are_survived_once_and_for_ever) {
  device_call const kind = GetParam();
  std::uint64_t const calls = clean_calls(kind);
  ASSERT_GE(calls, 1U);
  std::string const what = name_of(kind);
  // A query that fails once is asked again, and nobody is told.
  bool const told = kind != device_call::passed && kind != device_call::record && kind != device_call::decommit;
  expect_survives((what + " fails once").c_str(), calls,
                  [&](fault_run& run, std::uint64_t n) { run.on().fail({.at_call = n, .only = kind}); }, told);
  expect_survives((what + " fails from one on").c_str(), calls, [&](fault_run& run, std::uint64_t n) {
    run.on().fail({.at_call = n, .for_ever = true, .only = kind});
  });
}

INSTANTIATE_TEST_SUITE_P(each, device_faults_of_a_kind,
                         testing::Values(device_call::reserve, device_call::commit, device_call::decommit,
                                         device_call::copy_async, device_call::record, device_call::wait,
                                         device_call::passed),
                         [](auto const& each) { return std::string(name_of(each.param)); });

TEST(fault_loop, survives_copies_and_waits_that_were_carried_out_though_reported_as_failed) {
  for (device_call kind : {device_call::copy_async, device_call::wait}) {
    std::uint64_t const calls = clean_calls(kind);
    expect_survives(name_of(kind), calls, [&](fault_run& run, std::uint64_t n) {
      run.on().fail({.at_call = n, .only = kind, .carried_out = true});
    });
    expect_survives(name_of(kind), calls, [&](fault_run& run, std::uint64_t n) {
      run.on().fail({.at_call = n, .for_ever = true, .only = kind, .carried_out = true});
    });
  }
}

TEST(fault_loop, survives_a_device_on_which_everything_fails) {
  std::uint64_t const calls = clean_calls(std::nullopt);
  expect_survives("every device call fails from one on", calls,
                  [](fault_run& run, std::uint64_t n) { run.on().fail({.at_call = n, .for_ever = true}); });
}

TEST(fault_loop, survives_a_source_and_a_device_that_fail_together) {
  std::uint64_t const calls = clean_calls(device_call::copy_async);
  expect_survives("a read and a copy fail from one on", calls, [](fault_run& run, std::uint64_t n) {
    run.from().fail({.at_call = n + 2, .for_ever = true});
    run.on().fail({.at_call = n, .for_ever = true, .only = device_call::copy_async});
  });
}

// Where a load ahead fails, nobody is told; who then acquires the tensor loads it.
TEST(fault_loop, survives_loads_ahead_that_fail_at_every_call) {
  fault_run clean(3, true);
  clean.work();
  std::uint64_t const reads = clean.from().calls();
  clean.expect_recovered();
  for (bool const for_ever : {false, true})
    expect_survives(
        "a read fails under an order", reads,
        [&](fault_run& run, std::uint64_t n) { run.from().fail({.at_call = n, .for_ever = for_ever}); }, for_ever, true,
        dense_reads);
  for (device_call const kind : {device_call::commit, device_call::copy_async, device_call::wait, device_call::record})
    for (bool const for_ever : {false, true})
      expect_survives(
          (std::string(name_of(kind)) + " fails under an order").c_str(), clean_calls(kind, true),
          [&](fault_run& run, std::uint64_t n) { run.on().fail({.at_call = n, .for_ever = for_ever, .only = kind}); },
          false, true);
}

TEST(fault_loop, a_device_that_is_lost_at_any_call_stays_lost_and_nothing_hangs) {
  failure const lost{.code = errc::device_lost, .what = "lost, as the test asked"};
  std::uint64_t runs = 0;
  for (std::uint64_t n = 1, calls = clean_calls(std::nullopt); n <= calls; n = next_of(n)) {
    watchdog const limit("lost at call " + std::to_string(n));
    SCOPED_TRACE("lost at call " + std::to_string(n));
    fault_run run(n, n % 2 == 0);
    run.on().fail({.at_call = n, .for_ever = true, .why = lost});
    run.work();
    run.expect_lost();
    ++runs;
    if (HasFailure()) return;
  }
  report("the device is lost", runs, 0);
  EXPECT_GE(runs, dense_calls / 2);
}

}  // namespace
}  // namespace tierpager::test
