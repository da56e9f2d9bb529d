// What a profiler is told: names, bytes, nesting, and that every range is closed, on failed paths too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include <tests/host/trace/nvtx_recorder.hpp>
#include <tests/support/faulty_device.hpp>
#include <tests/support/faulty_source.hpp>
#include <tests/support/gated_source.hpp>
#include <tests/support/paged_reading.hpp>

namespace tierpager::test {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using tests::recorded_range;

// NVTX looks for its tool once, when it is first used.
[[maybe_unused]] int const tool_is_named = setenv("NVTX_INJECTION64_PATH", TIERPAGER_NVTX_RECORDER, 1);

constexpr tensor_id id(std::uint32_t number) { return tensor_id{number}; }

class trace : public testing::Test {
 protected:
  trace() { (void)tests::take_recorded(); }
  ~trace() override {
    EXPECT_EQ(tests::open_ranges(), 0U);
    EXPECT_EQ(tests::misuses(), 0U);
  }

  /// Of everything told since the last call. To be called once the pager is gone.
  void take() {
    told_ = tests::take_recorded();
    EXPECT_THAT(told_, Each(Field(&recorded_range::domain, "tierpager")));
    EXPECT_THAT(told_, Each(Field(&recorded_range::payload_is_bytes, true)));
  }
  [[nodiscard]] std::vector<recorded_range> of(std::string const& category) const {
    std::vector<recorded_range> found;
    std::ranges::copy_if(told_, std::back_inserter(found), [&](auto const& each) { return each.category == category; });
    return found;
  }
  [[nodiscard]] std::vector<std::string> messages_of(std::string const& category) const {
    std::vector<std::string> messages;
    for (recorded_range const& range : of(category)) messages.push_back(range.message);
    return messages;
  }
  [[nodiscard]] std::vector<std::uint64_t> payloads_of(std::string const& category) const {
    std::vector<std::uint64_t> payloads;
    for (recorded_range const& range : of(category)) payloads.push_back(range.payload);
    return payloads;
  }

  std::vector<recorded_range> told_;
};

TEST_F(trace, a_miss_is_an_acquire_around_a_wait_and_a_read_and_a_copy_a_chunk) {
  pattern_model model = make_pattern_model(2, 2 * page + 100);
  {
    host_stream stream;
    pager paged(model.tensors, model.source, jittery_device(),
                {.vram = bytes(8 * page), .ram = bytes(8 * page), .chunk_bytes = page});
    (void)paged.acquire(id(1), stream);
    stream.synchronize();
    paged.retire_stream(stream);
  }
  take();
  EXPECT_THAT(told_, Each(Field(&recorded_range::message, "t1")));
  EXPECT_THAT(payloads_of("acquire"), ElementsAre(2 * page + 100));
  EXPECT_THAT(payloads_of("wait"), ElementsAre(2 * page + 100));
  EXPECT_THAT(payloads_of("read"), UnorderedElementsAre(page, page, 100));
  EXPECT_THAT(payloads_of("copy"), UnorderedElementsAre(page, page, 100));
  ASSERT_TRUE(of("acquire").size() == 1 && of("wait").size() == 1);
  recorded_range const acquire = of("acquire").front();
  recorded_range const wait = of("wait").front();
  EXPECT_EQ(wait.inside, "acquire");
  EXPECT_EQ(wait.thread, acquire.thread);
  EXPECT_TRUE(acquire.opened < wait.opened && wait.closed < acquire.closed);
  for (recorded_range const& read : of("read")) EXPECT_NE(read.thread, acquire.thread);
  for (recorded_range const& copy : of("copy")) EXPECT_TRUE(copy.inside.empty() && copy.thread != acquire.thread);
}

TEST_F(trace, a_hit_is_an_acquire_alone) {
  pattern_model model = make_pattern_model(1, page);
  {
    host_stream stream;
    pager paged(model.tensors, model.source, jittery_device(), {.vram = bytes(page), .ram = bytes(page)});
    (void)paged.acquire(id(0), stream);
    (void)tests::take_recorded();
    (void)paged.acquire(id(0), stream);
    (void)paged.try_acquire(id(0), stream);
    take();
    paged.retire_stream(stream);
  }
  EXPECT_THAT(told_,
              ElementsAre(Field(&recorded_range::category, "acquire"), Field(&recorded_range::category, "acquire")));
  EXPECT_THAT(told_, Each(Field(&recorded_range::message, "t0")));
}

TEST_F(trace, a_set_is_named_after_its_first_and_counts_all_bytes) {
  pattern_model model = make_pattern_model(4, page);
  {
    host_stream stream;
    pager paged(model.tensors, model.source, jittery_device(), {.vram = bytes(4 * page), .ram = bytes(4 * page)});
    (void)paged.acquire(std::vector{id(2), id(0), id(3)}, stream);
    paged.retire_stream(stream);
  }
  take();
  EXPECT_THAT(messages_of("acquire"), ElementsAre("t2 and 2 more"));
  EXPECT_THAT(payloads_of("acquire"), ElementsAre(3 * page));
  EXPECT_THAT(messages_of("wait"), ElementsAre("t2 and 2 more"));
  EXPECT_THAT(messages_of("read"), UnorderedElementsAre("t0", "t2", "t3"));
}

TEST_F(trace, every_eviction_is_told_with_its_tier) {
  pattern_model model = make_pattern_model(6, page);
  statistics now;
  {
    host_stream stream;
    pager paged(model.tensors, model.source, jittery_device(),
                {.vram = bytes(2 * page), .ram = bytes(4 * page), .policy = "lru"});
    for (int pass = 0; pass < 2; ++pass)
      for (std::uint32_t i = 0; i < 6; ++i) (void)paged.acquire(id(i), stream);
    paged.set_budget(tier::vram, bytes(page));
    paged.retire_stream(stream);
    paged.close();
    now = paged.stats();
  }
  take();
  EXPECT_GE(now.ram.evictions(), 1U);
  EXPECT_EQ(of("evict from VRAM").size(), now.vram.evictions());
  EXPECT_EQ(of("evict from RAM").size(), now.ram.evictions());
  EXPECT_THAT(payloads_of("evict from VRAM"), Each(page));
  EXPECT_THAT(messages_of("evict from VRAM"), testing::IsSupersetOf({"t0", "t1", "t2", "t3"}));
}

TEST_F(trace, a_name_is_registered_once) {
  pattern_model model = make_pattern_model(3, page);
  std::uint64_t const before = tests::registered_names();
  {
    host_stream stream;
    pager paged(model.tensors, model.source, jittery_device(), {.vram = bytes(page), .ram = bytes(page)});
    for (int pass = 0; pass < 3; ++pass)
      for (std::uint32_t i = 0; i < 3; ++i) (void)paged.acquire(id(i), stream);
    paged.retire_stream(stream);
  }
  EXPECT_EQ(tests::registered_names() - before, 3U);
}

// The lock is not recursive: told under it, this tool would wait for itself.
TEST_F(trace, a_tool_that_asks_the_pager_back_does_not_hang) {
  watchdog const limit("a tool that calls stats()");
  pattern_model model = make_pattern_model(6, 2 * page);
  {
    host_stream stream;
    pager paged(model.tensors, model.source, jittery_device(),
                {.vram = bytes(4 * page), .ram = bytes(8 * page), .chunk_bytes = page});
    tests::set_on_event([&] { (void)paged.stats(); });
    for (int pass = 0; pass < 2; ++pass)
      for (std::uint32_t i = 0; i < 6; ++i) (void)paged.acquire(id(i), stream);
    paged.retire_stream(stream);
    paged.close();
    tests::set_on_event({});
  }
  take();
  EXPECT_THAT(of("evict from VRAM"), testing::Not(IsEmpty()));
}

TEST_F(trace, a_refused_acquire_is_closed) {
  pattern_model model = make_pattern_model(2, 3 * page);
  auto gated = std::make_shared<tests::gated_source>(model.source);
  {
    host_stream stream;
    pager paged(model.tensors, gated, jittery_device(), {.vram = bytes(4 * page), .ram = bytes(4 * page)});
    EXPECT_EQ(code_of([&] { return paged.acquire(id(7), stream); }), errc::unknown_tensor);
    EXPECT_EQ(code_of([&] { return paged.acquire(std::vector<tensor_id>{}, stream); }), errc::invalid_argument);
    EXPECT_EQ(code_of([&] { return paged.acquire(id(0), stream_ref(static_cast<void*>(nullptr))); }),
              errc::invalid_argument);
    EXPECT_EQ(code_of([&] { return paged.acquire(std::vector{id(0), id(1)}, stream); }), errc::budget_too_small);
    gated->hold();
    EXPECT_EQ(code_of([&] { return paged.acquire(id(0), stream, no_wait()); }), errc::timed_out);
    gated->release();
    paged.retire_stream(stream);
    paged.close();
    EXPECT_EQ(code_of([&] { return paged.acquire(id(1), stream); }), errc::closed);
  }
  take();
  EXPECT_THAT(messages_of("acquire"),
              ElementsAre("(unknown tensor)", "(empty set)", "t0", "t0 and 1 more", "t0", "t1"));
  EXPECT_THAT(messages_of("wait"), ElementsAre("t0"));
}

// Ports that fail at their n-th call, for each n of a clean run: the fixture sees that every range is closed.
TEST_F(trace, every_range_is_closed_where_a_port_fails) {
  pattern_model model = make_pattern_model(5, 2 * page);
  auto const run = [&](auto&& arm) {
    auto on = std::make_shared<tests::faulty_device>(jittery_device());
    auto from = std::make_shared<tests::faulty_source>(model.source);
    std::uint64_t acquires = 0, failures = 0;
    {
      host_stream stream;
      pager paged(model.tensors, from, on, {.vram = bytes(4 * page), .ram = bytes(6 * page), .chunk_bytes = page});
      arm(*on, *from);
      for (std::uint32_t i = 0; i < 10; ++i, ++acquires)
        if (code_of([&] { return paged.acquire(id(i % 5), stream); })) ++failures;
      stream.synchronize();
      on->lift();
      (void)failure_of([&] { return paged.retire_stream(stream), 0; });
    }
    take();
    EXPECT_EQ(of("acquire").size(), acquires);
    EXPECT_EQ(tests::open_ranges(), 0U);
    return std::tuple(failures, on->calls(), from->calls());
  };
  auto const [clean_failures, device_calls, source_calls] = run([](auto&, auto&) {});
  EXPECT_EQ(clean_failures, 0U);
  std::uint64_t failures = 0;
  for (std::uint64_t n = 1; n <= source_calls; ++n)
    failures += std::get<0>(run([&](auto&, auto& from) { from.fail({.at_call = n, .for_ever = n % 2 == 0}); }));
  for (std::uint64_t n = 1; n <= device_calls; n += 3)
    failures += std::get<0>(run([&](auto& on, auto&) { on.fail({.at_call = n, .for_ever = n % 2 == 0}); }));
  EXPECT_GT(failures, source_calls);
  EXPECT_GT(std::get<0>(run([](auto& on, auto&) { on.lose(); })), 0U);
}

}  // namespace
}  // namespace tierpager::test
