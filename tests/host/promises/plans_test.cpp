// What holds beside the promises where there is an order: addresses are stable under a plan, and loads ahead take nothing
// from anybody, give way to what is asked for, fail silently and end with the pager.
#include <gtest/gtest.h>

#include <tests/support/faulty_source.hpp>
#include <tests/support/gated_source.hpp>
#include <tests/support/metered_device.hpp>
#include <tests/support/paged_reading.hpp>

namespace tierpager::test {
namespace {

using ids = std::vector<tensor_id>;
using tests::faulty_source;
using tests::gated_source;

constexpr std::uint32_t tensors = 10;
constexpr std::uint64_t tensor_bytes = 2 * page;

constexpr tensor_id id(std::uint32_t number) { return tensor_id{number}; }

ids from_to(std::uint32_t from, std::uint32_t to) {
  ids all;
  for (std::uint32_t i = from; i < to; ++i) all.push_back(id(i));
  return all;
}

std::uint64_t evicted(tier_statistics const& from, eviction_reason why) {
  return from.evictions_by_reason[static_cast<std::size_t>(why)];
}

/// One stream, so that what is decided does not depend on how fast it runs.
struct plans : testing::Test {
  watchdog const limit{"a test of plans"};
  pattern_model model = make_pattern_model(tensors, tensor_bytes);
  stream_reader reader{model.tensors};
  host_stream stream;
  std::shared_ptr<gated_source> gated = std::make_shared<gated_source>(model.source);
  std::shared_ptr<metered_device> metered = std::make_shared<metered_device>(jittery_device());
  std::optional<pager> paged;

  pager& open(std::uint64_t vram_tensors, std::uint64_t ram_tensors, pager_options options = {}) {
    options.vram = bytes(vram_tensors * tensor_bytes);
    options.ram = bytes(ram_tensors * tensor_bytes);
    options.chunk_bytes = page;
    options.reader_threads = 2;
    return paged.emplace(model.tensors, gated, metered, options);
  }
  std::byte const* use(tensor_id wanted) {
    handle const held = paged->acquire(wanted, stream);
    reader.read(held, stream);
    return held.data();
  }
  void pass() {
    for (tensor_id each : from_to(0, tensors)) (void)use(each);
  }
  void expect_right(std::uint64_t reads) {
    stream.synchronize();
    EXPECT_EQ(reader.checked(), reads);
    EXPECT_EQ(reader.wrong(), 0U);
  }
};

TEST_F(plans, keep_every_address_while_generations_count_the_reloads) {
  open(6, 20);
  paged->set_order(from_to(0, tensors));
  pass();
  std::vector<std::byte const*> first;
  std::vector<std::uint64_t> before;
  for (tensor_id each : from_to(0, tensors)) first.push_back(use(each)), before.push_back(paged->generation(each));
  constexpr std::uint64_t passes = 3;
  for (std::uint64_t i = 0; i < passes; ++i)
    for (tensor_id each : from_to(0, tensors)) EXPECT_EQ(use(each), first[index_of(each)]) << index_of(each);
  std::uint64_t resident = 0, streamed = 0;
  for (tensor_id each : from_to(0, tensors)) {
    std::uint64_t const reloads = paged->generation(each) - before[index_of(each)];
    EXPECT_TRUE(reloads == 0 || reloads >= passes - 1) << index_of(each) << " came " << reloads << " times";
    ++(reloads == 0 ? resident : streamed);
  }
  EXPECT_GE(resident, 3U);
  EXPECT_GE(streamed, 4U);
  expect_right((2 + passes) * tensors);
}

TEST_F(plans, say_why_a_tensor_left) {
  open(6, 3);
  paged->set_order(from_to(0, tensors));
  for (int i = 0; i < 3; ++i) pass();
  statistics const now = paged->stats();
  EXPECT_GE(evicted(now.vram, eviction_reason::plan), 4U);
  EXPECT_EQ(evicted(now.vram, eviction_reason::promoted), 0U);
  EXPECT_GE(evicted(now.ram, eviction_reason::promoted), 1U);
  EXPECT_EQ(evicted(now.ram, eviction_reason::plan), 0U);
  EXPECT_EQ(evicted(now.vram, eviction_reason::budget), 0U);
  paged->set_budget(tier::vram, bytes(3 * tensor_bytes));
  EXPECT_GE(evicted(paged->stats().vram, eviction_reason::budget), 1U);
  expect_right(3 * tensors);
}

// A pass moves what has no home there, once, and all of that before it is asked for; also after a change of budget.
TEST_F(plans, load_ahead_what_streams_and_nothing_else) {
  open(6, 4);
  paged->set_order(from_to(0, tensors));
  for (std::uint64_t const vram_tensors : {6U, 8U}) {
    paged->set_budget(tier::vram, bytes(vram_tensors * tensor_bytes));
    for (int i = 0; i < 3; ++i) pass();
    statistics const before = paged->stats();
    constexpr std::uint64_t passes = 4;
    for (std::uint64_t i = 0; i < passes; ++i) pass();
    statistics const now = paged->stats();
    std::uint64_t const moved_bytes = now.bytes_to_device - before.bytes_to_device;
    EXPECT_LE(moved_bytes, passes * (tensors - vram_tensors + 2) * tensor_bytes);  // a buffer of two
    EXPECT_EQ(now.ahead_bytes - before.ahead_bytes, moved_bytes);
    EXPECT_EQ(now.ahead_unused_bytes, before.ahead_unused_bytes);
    EXPECT_LE(now.bytes_from_disk - before.bytes_from_disk, passes * (tensors - vram_tensors) * tensor_bytes);
  }
  expect_right(14 * tensors);
}

TEST_F(plans, end_with_the_order_they_were_made_for) {
  open(6, 20, {.record_events = true});
  paged->set_order(from_to(0, 5));
  paged->prefetch(from_to(9, 10));  // no part of the plan
  for (event const& each : paged->take_events()) EXPECT_LT(index_of(each.tensor), 5U);
  paged->set_order(ids());
  paged->prefetch(from_to(9, 10));
  eventually([&] { return paged->resident(id(9), tier::vram); });
}

TEST_F(plans, keep_overcommitted_pins) {
  open(4, 20, {.overcommit_pins = true});
  paged->pin(from_to(2, 8), tier::vram);
  paged->set_order(from_to(0, tensors));
  for (int i = 0; i < 3; ++i) pass();
  for (tensor_id each : from_to(2, 8)) EXPECT_EQ(paged->generation(each), 1U) << index_of(each);
  EXPECT_EQ(paged->generation(id(0)), 3U);
  statistics const now = paged->stats();
  EXPECT_GE(now.vram.effective_bytes, 7 * tensor_bytes);
  EXPECT_LE(metered->peak_bytes(tier::vram), now.vram.effective_bytes);
  expect_right(3 * tensors);
}

TEST_F(plans, for_unknown_tensors_are_refused_and_start_nothing) {
  open(6, 20);
  ids const wrong = {id(0), id(tensors)};
  std::vector<ids> const sets = {{id(0)}, wrong};
  EXPECT_EQ(code_of([&] { return paged->set_order(wrong), 0; }), errc::unknown_tensor);
  EXPECT_EQ(code_of([&] { return paged->set_order(sets), 0; }), errc::unknown_tensor);
  EXPECT_EQ(code_of([&] { return paged->prefetch(wrong), 0; }), errc::unknown_tensor);
  EXPECT_EQ(paged->stats().bytes_from_disk, 0U);
}

TEST_F(plans, of_a_pager_that_closes_end_with_it) {
  open(6, 20);
  paged->set_order(from_to(0, tensors));
  handle const held = paged->acquire(id(0), stream);
  eventually([&] { return paged->resident(id(1), tier::vram); });
  gated->hold();
  (void)use(id(1));
  gated->wait_for_held(1);  // something is being read ahead
  std::jthread const releases([&] { gated->release(); });
  paged->close();
  EXPECT_EQ(code_of([&] { return paged->acquire(id(9), stream); }), errc::closed);
  reader.read(held, stream);
  expect_right(2);
}

struct prefetches : plans {};

TEST_F(prefetches, take_neither_what_is_in_use_nor_more_than_the_budget) {
  open(4, 20);
  for (tensor_id each : from_to(0, 4)) (void)use(each);
  std::vector<handle> const held = paged->acquire(from_to(0, 3), stream);
  paged->prefetch(from_to(4, tensors));
  eventually([&] { return paged->resident(id(4), tier::vram); });
  EXPECT_EQ(paged->stats().ahead_bytes, tensor_bytes);
  EXPECT_FALSE(paged->resident(id(3), tier::vram));
  for (handle const& each : held) reader.read(each, stream);
  EXPECT_LE(metered->peak_bytes(tier::vram), 4 * tensor_bytes);
  expect_right(7);
}

TEST_F(prefetches, give_way_to_whoever_asks) {
  open(4, 20);
  for (tensor_id each : from_to(0, 4)) (void)use(each);
  gated->hold();
  paged->prefetch(from_to(4, 5));
  gated->wait_for_held(1);
  for (handle const& each : paged->acquire(from_to(0, 4), stream)) reader.read(each, stream);  // before it is read
  statistics const now = paged->stats();
  EXPECT_EQ(now.vram_hits, 4U);
  EXPECT_EQ(now.ahead_bytes, 0U);
  EXPECT_EQ(now.bytes_to_device, 4 * tensor_bytes);
  gated->release();
  eventually([&] { return paged->resident(id(4), tier::ram); });  // what is read of it stays there
  EXPECT_FALSE(paged->resident(id(4), tier::vram));
  expect_right(8);
}

TEST_F(prefetches, are_counted_where_nobody_came_for_them) {
  open(4, 20);
  paged->prefetch(from_to(5, 7));
  eventually([&] { return paged->resident(id(5), tier::vram) && paged->resident(id(6), tier::vram); });
  (void)use(id(6));
  for (handle const& each : paged->acquire(from_to(0, 4), stream)) reader.read(each, stream);
  statistics const now = paged->stats();
  EXPECT_EQ(now.ahead_bytes, 2 * tensor_bytes);
  EXPECT_EQ(now.ahead_unused_bytes, tensor_bytes);
  EXPECT_EQ(now.vram_hits, 1U);
  expect_right(5);
}

TEST_F(prefetches, that_fail_are_silent_and_the_next_acquire_tries_again) {
  auto const failing = std::make_shared<faulty_source>(model.source);
  gated = std::make_shared<gated_source>(failing);
  open(4, 20);
  failing->fail({.at_call = 1, .for_ever = true});
  paged->prefetch(from_to(2, 3));
  eventually([&] { return paged->stats().failed_loads == 1 && paged->stats().ahead_bytes == 0; });
  failing->lift();
  (void)use(id(2));
  EXPECT_EQ(paged->stats().disk_reads, 1U);
  expect_right(1);
}

}  // namespace
}  // namespace tierpager::test
