// Promise 4: threads that want one absent tensor cause one load. A failed load frees what it took, evicts nothing from
// VRAM and leaves every other tensor as it was; the next acquire tries again.
#include <gtest/gtest.h>

#include <tests/support/faulty_source.hpp>
#include <tests/support/gated_source.hpp>
#include <tests/support/paged_reading.hpp>

namespace tierpager::test {
namespace {

using tests::faulty_source;
using tests::gated_source;

constexpr std::uint64_t chunks = 5;
constexpr std::uint32_t callers = 16;

enum class path : std::uint8_t { device, host, mixed };

// `held`: every caller has joined the load before its first byte is read.
void expect_one_load(path by, bool held, std::uint64_t seed) {
  watchdog const limit("16 callers of one tensor, seed " + std::to_string(seed));
  pattern_model model = make_pattern_model(3, chunks * page - 5);
  stream_reader reader(model.tensors);
  std::vector<host_stream> streams(callers);
  auto gated = std::make_shared<gated_source>(model.source);
  pager paged(model.tensors, gated, jittery_device(seed),
              {.vram = bytes(2 * chunks * page), .ram = bytes(2 * chunks * page), .chunk_bytes = page});
  tensor_id const wanted{1};
  if (held) gated->hold();
  {
    std::vector<std::jthread> threads;
    for (std::uint32_t i = 0; i < callers; ++i) {
      threads.emplace_back([&, i] {
        for (std::uint64_t spin = 0; spin < (seed * 7 + i * 13) % 50; ++spin) std::this_thread::yield();
        bool const on_host = by == path::host || (by == path::mixed && i % 2 == 0);
        if (on_host)
          reader.read_now(paged.acquire_host(wanted));
        else
          reader.read(paged.acquire(wanted, streams[i]), streams[i]);
      });
    }
    if (held) {
      eventually([&] { return paged.stats().acquires == callers; });
      gated->release();
    }
  }
  for (host_stream& each : streams) each.synchronize();
  EXPECT_EQ(reader.checked(), callers);
  EXPECT_EQ(reader.wrong(), 0U);
  EXPECT_EQ(gated->reads(), chunks);
  for (std::uint64_t chunk = 0; chunk < chunks; ++chunk)
    EXPECT_EQ(gated->reads_at(0, model.tensors[wanted].offset + chunk * page), 1U) << "chunk " << chunk;
  statistics const now = paged.stats();
  EXPECT_EQ(now.acquires, callers);
  EXPECT_EQ(now.disk_reads, 1U);
  EXPECT_EQ(now.bytes_from_disk, model.tensors[wanted].bytes);
  EXPECT_EQ(now.bytes_to_device, by == path::host ? 0U : model.tensors[wanted].bytes);
}

constexpr std::uint64_t seeds = under_thread_sanitizer ? 5 : 25;

TEST(promise_4_one_load, sixteen_threads_that_join_it_cause_one_read) {
  for (path by : {path::device, path::host, path::mixed})
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) expect_one_load(by, true, seed);
}

TEST(promise_4_one_load, sixteen_threads_at_any_time_cause_one_read) {
  for (path by : {path::device, path::host, path::mixed})
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) expect_one_load(by, false, seed);
}

TEST(promise_4_one_load, through_a_buffer_is_one_read_too) {
  watchdog const limit("16 callers of one tensor through a buffer");
  pattern_model model = make_pattern_model(1, 9 * page);
  stream_reader reader(model.tensors);
  std::vector<host_stream> streams(callers);
  auto gated = std::make_shared<gated_source>(model.source);
  pager paged(model.tensors, gated, jittery_device(), {.vram = bytes(9 * page), .ram = bytes(0), .chunk_bytes = page});
  gated->hold();
  {
    std::vector<std::jthread> threads;
    for (host_stream& stream : streams)
      threads.emplace_back([&] { reader.read(paged.acquire(tensor_id{0}, stream), stream); });
    eventually([&] { return paged.stats().acquires == callers; });
    gated->release();
  }
  for (host_stream& each : streams) each.synchronize();
  EXPECT_EQ(reader.checked(), callers);
  EXPECT_EQ(reader.wrong(), 0U);
  EXPECT_EQ(gated->reads(), 9U);
}

/// What must not change where a load of another tensor fails.
struct picture {
  std::vector<bool> in_vram, in_ram;
  std::vector<std::uint64_t> generations;
  std::uint64_t vram_evictions, ram_evictions;
  std::uint64_t vram_bytes, ram_bytes;
  friend bool operator==(picture const&, picture const&) = default;
};

picture take(pager const& paged, tensor_id but) {
  picture now{};
  for (std::uint32_t i = 0; i < paged.tensors().size(); ++i) {
    if (tensor_id{i} == but) continue;
    now.in_vram.push_back(paged.resident(tensor_id{i}, tier::vram));
    now.in_ram.push_back(paged.resident(tensor_id{i}, tier::ram));
    now.generations.push_back(paged.generation(tensor_id{i}));
  }
  statistics const stats = paged.stats();
  now.vram_evictions = stats.vram.evictions();
  now.ram_evictions = stats.ram.evictions();
  now.vram_bytes = stats.vram.resident_bytes;
  now.ram_bytes = stats.ram.resident_bytes;
  return now;
}

struct promise_4_one_load_failed : testing::Test {
  watchdog const limit{"a failed load"};
  pattern_model model = make_pattern_model(6, 4 * page);
  stream_reader reader{model.tensors};
  host_stream stream;
  std::shared_ptr<faulty_source> faulty = std::make_shared<faulty_source>(model.source);

  void expect_nothing_changed_by_a_failed_load(pager_options options, std::uint64_t at_read) {
    SCOPED_TRACE("read " + std::to_string(at_read) + " fails");
    pager paged(model.tensors, faulty, jittery_device(), options);
    std::vector<std::byte const*> before_at;
    for (std::uint32_t i = 0; i < 4; ++i) before_at.push_back(paged.acquire(tensor_id{i}, stream).data());
    picture const before = take(paged, tensor_id{5});
    faulty->fail({.at_call = at_read});
    auto const why = failure_of([&] { return paged.acquire(tensor_id{5}, stream); });
    ASSERT_TRUE(why);
    EXPECT_EQ(why->code, errc::read_failed);
    EXPECT_EQ(why->tensor, "t5");
    EXPECT_EQ(why->byte, model.tensors[tensor_id{5}].offset + (at_read - 1) * page);
    EXPECT_EQ(take(paged, tensor_id{5}), before);
    EXPECT_FALSE(paged.resident(tensor_id{5}, tier::vram));
    EXPECT_EQ(paged.stats().failed_loads, 1U);
    for (std::uint32_t i = 0; i < 4; ++i) {
      handle const still = paged.acquire(tensor_id{i}, stream);
      EXPECT_EQ(still.data(), before_at[i]);
      reader.read(still, stream);
    }
    EXPECT_EQ(paged.stats().vram_hits, 4U);
    reader.read(paged.acquire(tensor_id{5}, stream), stream);  // tries again
    stream.synchronize();
    EXPECT_EQ(reader.wrong(), 0U);
    // Nothing of the failed load is left: the tiers can be emptied.
    paged.set_budget(tier::vram, bytes(0));
    eventually([&] { return paged.stats().vram.committed_bytes == 0; });
    EXPECT_EQ(paged.stats().vram.quarantined_bytes + paged.stats().ram.quarantined_bytes, 0U);
  }
};

TEST_F(promise_4_one_load_failed, evicts_nothing_from_full_vram_and_leaves_the_others_as_they_were) {
  for (std::uint64_t read = 1; read <= 4; ++read)
    expect_nothing_changed_by_a_failed_load(
        {.vram = bytes(16 * page), .ram = bytes(24 * page), .chunk_bytes = page, .reader_threads = 1}, read);
}

TEST_F(promise_4_one_load_failed, through_a_buffer_evicts_nothing_while_the_buffer_is_first_filled) {
  for (std::uint64_t read = 1; read <= 2; ++read)
    expect_nothing_changed_by_a_failed_load(
        {.vram = bytes(16 * page), .ram = bytes(0), .chunk_bytes = page, .reader_threads = 1}, read);
}

TEST_F(promise_4_one_load_failed, tells_every_caller_that_joined_it_and_the_next_acquire_tries_again) {
  auto gated = std::make_shared<gated_source>(faulty);
  std::vector<host_stream> streams(callers);
  pager paged(model.tensors, gated, jittery_device(),
              {.vram = bytes(16 * page), .ram = bytes(16 * page), .chunk_bytes = 4 * page});
  gated->hold();
  faulty->fail({});
  std::atomic<std::uint32_t> told = 0;
  {
    std::vector<std::jthread> threads;
    for (host_stream& each : streams)
      threads.emplace_back(
          [&] { told += code_of([&] { return paged.acquire(tensor_id{5}, each); }) == errc::read_failed ? 1U : 0U; });
    eventually([&] { return paged.stats().acquires == callers; });
    gated->release();
  }
  EXPECT_EQ(told, callers);
  EXPECT_EQ(gated->reads(), 1U);
  EXPECT_EQ(paged.stats().failed_loads, 1U);
  reader.read(paged.acquire(tensor_id{5}, stream), stream);
  stream.synchronize();
  EXPECT_EQ(reader.wrong(), 0U);
  EXPECT_EQ(gated->reads(), 2U);
}

TEST_F(promise_4_one_load_failed, on_the_host_frees_what_it_took) {
  pager paged(model.tensors, faulty, jittery_device(), {.vram = "none", .ram = bytes(4 * page)});
  faulty->fail({});
  EXPECT_EQ(code_of([&] { return paged.acquire_host(tensor_id{5}); }), errc::read_failed);
  EXPECT_EQ(paged.stats().ram.resident_bytes, 0U);
  reader.read_now(paged.acquire_host(tensor_id{4}));  // needs all of the tier
  reader.read_now(paged.acquire_host(tensor_id{5}));
  EXPECT_EQ(reader.wrong(), 0U);
}

}  // namespace
}  // namespace tierpager::test
