// Promise 3: memory is reused only after its last use, in stream order, on every stream that used it; where that order
// cannot be proved, it is quarantined.
#include <gtest/gtest.h>

#include <tests/support/faulty_device.hpp>
#include <tests/support/paged_reading.hpp>

namespace tierpager::test {
namespace {

using tests::device_call;
using tests::faulty_device;

struct promise_3_reuse : testing::Test {
  watchdog const limit{"a test of promise 3"};
  pattern_model model = make_pattern_model(8, 3 * page);
  stream_reader reader{model.tensors};
  stream_gate gate, second_gate;
  host_stream stream, other, third;
  std::shared_ptr<faulty_device> faulty, unfenced;  // one over the other, so that calls of two kinds can fail
  pager paged = open(2);

  pager open(std::uint64_t vram_tensors, std::string policy = "lru", std::uint64_t ram_tensors = 8) {
    unfenced = std::make_shared<faulty_device>(jittery_device());
    faulty = std::make_shared<faulty_device>(unfenced);
    return {
        model.tensors,
        model.source,
        faulty,
        {.vram = bytes(vram_tensors * 3 * page), .ram = bytes(ram_tensors * 3 * page), .policy = std::move(policy)}};
  }
  void use(std::uint32_t tensor, host_stream& on) { reader.read(paged.acquire(tensor_id{tensor}, on), on); }
  void expect_right(std::uint64_t reads) {
    for (host_stream* each : {&stream, &other, &third}) each->synchronize();
    EXPECT_EQ(reader.wrong(), 0U);
    EXPECT_EQ(reader.checked(), reads);
  }
};

TEST_F(promise_3_reuse, waits_for_a_blocked_stream_in_stream_order_and_not_on_the_host) {
  gate.block(stream);
  use(0, stream);
  for (std::uint32_t i = 1; i < 8; ++i) use(i, other);  // returns although `stream` stands still
  EXPECT_EQ(paged.stats().vram.evictions(), 6U);
  EXPECT_LT(reader.checked(), 8U);
  gate.open();
  expect_right(8);
}

// Behind its tensor's place every copy would wait, and the RAM that the copies read would stay busy.
TEST_F(promise_3_reuse, passes_over_a_stream_that_may_be_waiting_for_the_caller) {
  paged = open(3, "auto", 2);
  gate.block(stream);
  use(0, stream);
  for (int pass = 0; pass < 3; ++pass) {
    for (std::uint32_t i = 1; i < 8; ++i) {
      use(i, other);
      other.synchronize();
    }
  }
  EXPECT_TRUE(paged.resident(tensor_id{0}, tier::vram));
  gate.open();  // what the blocked stream waited for: that all this returned
  expect_right(22);
}

// A load ahead into the place that the blocked stream released last would stand before all others on the way to VRAM.
TEST_F(promise_3_reuse, loads_nothing_ahead_behind_a_stream_that_may_be_waiting_for_the_caller) {
  paged = open(4, "auto", 8);
  std::vector<tensor_id> order;
  for (std::uint32_t i = 0; i < 8; ++i) order.push_back(tensor_id{i});
  paged.set_order(order);
  std::uint64_t reads = 0;
  auto const pass = [&](std::uint32_t on_the_blocked_one) {
    for (std::uint32_t i = 0; i < 8; ++i, ++reads) {
      host_stream& on = i == on_the_blocked_one ? stream : other;
      use(i, on);
      if (&on == &other) other.synchronize();
    }
  };
  constexpr std::uint32_t none = 8;
  for (int i = 0; i < 3; ++i) pass(none);
  for (std::uint32_t blocked = 0; blocked < 8; ++blocked) {
    stream_gate shut;
    shut.block(stream);
    pass(blocked);
    pass(none);
    shut.open();  // what the blocked stream waited for: that all this returned
    stream.synchronize();
  }
  expect_right(reads);
}

TEST_F(promise_3_reuse, takes_the_place_of_a_running_use_where_there_is_no_other) {
  paged = open(2, "auto", 8);
  gate.block(stream);
  use(0, stream);
  use(1, stream);
  use(2, other);
  EXPECT_EQ(paged.stats().vram.evictions(), 1U);
  gate.open();
  expect_right(3);
}

TEST_F(promise_3_reuse, waits_for_every_stream_that_used_a_tensor) {
  gate.block(stream);
  second_gate.block(other);
  use(0, stream);
  use(0, other);
  use(0, third);
  use(1, third);
  use(2, third);  // takes the place of 0
  use(3, third);
  EXPECT_FALSE(paged.resident(tensor_id{0}, tier::vram));
  gate.open();
  stream.synchronize();
  EXPECT_EQ(reader.wrong(), 0U);
  second_gate.open();
  expect_right(6);
}

TEST_F(promise_3_reuse, honours_a_last_use_on_another_stream) {
  handle held = paged.acquire(tensor_id{0}, stream);
  stream.synchronize();  // orders `other` after `stream`, as release(stream) asks for
  gate.block(other);
  reader.read(held, other);
  held.release(other);
  for (std::uint32_t i = 1; i < 5; ++i) use(i, stream);
  EXPECT_FALSE(paged.resident(tensor_id{0}, tier::vram));
  gate.open();
  expect_right(5);
}

TEST_F(promise_3_reuse, orders_a_hit_whose_copy_still_runs) {
  gate.block(stream);
  use(0, stream);
  use(1, stream);
  use(2, other);  // copied once `stream` has read 0: still on its way
  use(2, third);  // a hit: waits for that copy, on its own stream
  EXPECT_EQ(paged.stats().vram_hits, 1U);
  gate.open();
  expect_right(4);
}

TEST_F(promise_3_reuse, keeps_a_tensor_whose_last_fence_could_not_be_recorded_until_a_later_one_proves_it_over) {
  handle held = paged.acquire(tensor_id{0}, stream);
  use(1, other);
  gate.block(stream);
  reader.read(held, stream);
  faulty->fail({.for_ever = true, .only = device_call::record});
  held.release();
  faulty->lift();
  use(2, other);  // takes the place of 1, though 0 was used longer ago
  EXPECT_TRUE(paged.resident(tensor_id{0}, tier::vram));
  std::vector<tensor_id> const both = {tensor_id{3}, tensor_id{4}};
  EXPECT_EQ(code_of([&] { return paged.acquire(both, other); }), errc::device_failed);
  EXPECT_TRUE(paged.resident(tensor_id{0}, tier::vram));
  use(0, stream);  // a later fence of that stream
  std::vector<handle> now = paged.acquire(both, other);
  EXPECT_FALSE(paged.resident(tensor_id{0}, tier::vram));
  for (handle const& each : now) reader.read(each, other);
  gate.open();
  expect_right(6);
}

TEST_F(promise_3_reuse, keeps_a_tensor_of_a_stream_that_cannot_even_be_named) {
  handle held = paged.acquire(tensor_id{0}, stream);
  use(1, other);
  gate.block(stream);
  reader.read(held, stream);
  faulty->fail({.for_ever = true});
  held.release();
  faulty->lift();
  std::vector<tensor_id> const both = {tensor_id{3}, tensor_id{4}};
  EXPECT_EQ(code_of([&] { return paged.acquire(both, other); }), errc::device_failed);
  EXPECT_TRUE(paged.resident(tensor_id{0}, tier::vram));
  use(0, stream);
  std::vector<handle> now = paged.acquire(both, other);
  for (handle const& each : now) reader.read(each, other);
  gate.open();
  expect_right(5);
}

TEST_F(promise_3_reuse, quarantines_the_target_of_a_copy_that_failed_but_may_run) {
  gate.block(stream);
  use(0, stream);
  use(1, stream);
  // The copy of 2 waits on `stream`, runs later, and is reported as failed; nor can its order be proved.
  faulty->fail({.only = device_call::copy_async, .carried_out = true});
  EXPECT_EQ(code_of([&] { return paged.acquire(tensor_id{2}, other); }), errc::device_failed);
  use(3, other);  // by now the order of what failed is known: behind it
  use(2, other);
  gate.open();
  expect_right(4);
  eventually([&] { return paged.stats().vram.quarantined_bytes + paged.stats().ram.quarantined_bytes == 0; });
}

TEST_F(promise_3_reuse, keeps_what_is_quarantined_until_its_order_is_proved) {
  gate.block(stream);
  use(0, stream);
  use(1, stream);
  unfenced->fail({.for_ever = true, .only = device_call::record});
  faulty->fail({.only = device_call::copy_async, .carried_out = true});
  EXPECT_EQ(code_of([&] { return paged.acquire(tensor_id{2}, other); }), errc::device_failed);
  EXPECT_EQ(paged.stats().vram.quarantined_bytes, 3 * page);
  std::vector<tensor_id> const both = {tensor_id{3}, tensor_id{4}};
  EXPECT_EQ(code_of([&] { return paged.acquire(both, other); }), errc::device_failed);
  EXPECT_EQ(paged.stats().vram.quarantined_bytes, 3 * page);
  unfenced->lift();
  for (handle const& each : paged.acquire(both, other)) reader.read(each, other);
  gate.open();
  expect_right(4);
}

TEST_F(promise_3_reuse, copies_no_later_chunk_where_the_first_could_not_be_ordered) {
  faulty = std::make_shared<faulty_device>(jittery_device());
  pager chunked(model.tensors, model.source, faulty,
                {.vram = bytes(3 * page), .ram = bytes(24 * page), .chunk_bytes = page});
  (void)chunked.acquire_host(tensor_id{1});  // so that all its chunks are to be copied at once
  gate.block(stream);
  reader.read(chunked.acquire(tensor_id{0}, stream), stream);
  faulty->fail({.only = device_call::wait});
  EXPECT_EQ(code_of([&] { return chunked.acquire(tensor_id{1}, other); }), errc::device_failed);
  eventually([&] { return faulty->failed() == 1; });
  reader.read(chunked.acquire(tensor_id{1}, other), other);
  gate.open();
  expect_right(2);
}

TEST_F(promise_3_reuse, fails_rather_than_waits_for_fences_that_cannot_be_asked_about) {
  faulty = std::make_shared<faulty_device>(jittery_device());
  pager buffered(model.tensors, model.source, faulty, {.vram = bytes(3 * page), .ram = bytes(0), .chunk_bytes = page});
  faulty->fail({.for_ever = true, .only = device_call::passed});
  EXPECT_EQ(code_of([&] { return buffered.acquire(tensor_id{0}, stream); }), errc::device_failed);
  EXPECT_EQ(code_of([&] { return buffered.acquire(tensor_id{1}, stream); }), errc::device_failed);
  faulty->lift();
  reader.read(buffered.acquire(tensor_id{1}, stream), stream);
  expect_right(1);
}

TEST_F(promise_3_reuse, makes_no_device_call_for_a_hit_whose_copy_is_complete) {
  auto counted = std::make_shared<faulty_device>(jittery_device());
  pager hits(model.tensors, model.source, counted, {.vram = bytes(6 * page), .ram = bytes(6 * page)});
  handle kept = hits.acquire(tensor_id{0}, stream);
  (void)hits.acquire(tensor_id{0}, other);  // the first with a stream asks whether it is one of the device's
  std::uint64_t calls = 0;
  eventually([&] {  // the copy is complete, and that is known
    calls = counted->calls();
    handle const again = hits.acquire(tensor_id{0}, stream);
    return counted->calls() == calls;
  });
  calls = counted->calls();
  std::vector<handle> many;
  for (int i = 0; i < 100; ++i) many.push_back(hits.acquire(tensor_id{0}, i % 2 == 0 ? stream : other));
  for (int i = 0; i < 100; ++i) many.push_back(*hits.try_acquire(tensor_id{0}, other));
  EXPECT_EQ(counted->calls(), calls);
  many.clear();
}

TEST_F(promise_3_reuse, outlives_a_stream_that_is_retired) {
  {
    host_stream brief;
    use(0, brief);
    use(1, brief);
    paged.retire_stream(brief);
  }
  for (std::uint32_t i = 0; i < 8; ++i) use(i, stream);
  expect_right(10);
}

TEST_F(promise_3_reuse, takes_a_handle_released_after_its_stream_was_retired_as_last_used_then) {
  handle late[2];
  {
    host_stream brief;
    for (std::uint32_t i = 0; i < 2; ++i) {
      late[i] = paged.acquire(tensor_id{i}, brief);
      reader.read(late[i], brief);
    }
    paged.retire_stream(brief);
  }
  for (handle& held : late) held.release();
  for (std::uint32_t i = 0; i < 8; ++i) use(i, stream);  // their places can be had again
  expect_right(10);
}

}  // namespace
}  // namespace tierpager::test
