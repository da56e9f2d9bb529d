// What a pager asks of the allocator: nothing for a hit, as little for a miss of many tensors as for one of few and
// whatever their size, and less than 1 KiB for each tensor. An executable of its own, as it replaces the allocator.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include <malloc.h>

#include <core/residency/residency.hpp>
#include <host/host_device.hpp>
#include <tests/support/pattern_model.hpp>
#include <tierpager/pager.hpp>

namespace {

std::atomic<std::size_t> allocations = 0;
std::atomic<std::size_t> live_bytes = 0;

void* count(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  ++allocations;
  live_bytes += malloc_usable_size(memory);
  return memory;
}

void forget(void* memory) noexcept {
  if (memory != nullptr) live_bytes -= malloc_usable_size(memory);
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t bytes) { return count(std::malloc(bytes)); }
void* operator new(std::size_t bytes, std::align_val_t to) {
  auto const alignment = static_cast<std::size_t>(to);
  return count(std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment));
}
void operator delete(void* memory) noexcept { forget(memory); }
void operator delete(void* memory, std::size_t) noexcept { forget(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { forget(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { forget(memory); }

namespace tierpager::test {
namespace {

tensor_id nth(std::size_t index) { return tensor_id{static_cast<std::uint32_t>(index)}; }

class hits : public testing::TestWithParam<char const*> {};
INSTANTIATE_TEST_SUITE_P(policies, hits, testing::Values("lru", "auto"), [](auto const& of) { return of.param; });

TEST_P(hits, ask_the_allocator_for_nothing) {
  constexpr std::size_t tensors = 64;
  pattern_model const model = make_pattern_model(tensors, 4096);
  pager_options options;
  options.vram = "unlimited";
  options.ram = "1MiB";
  options.policy = GetParam();
  pager pages(model.tensors, model.source, std::make_shared<host_device>(), options);
  host_stream stream;
  auto const pass = [&] {
    for (std::size_t i = 0; i < tensors; ++i) (void)pages.acquire(nth(i), stream);
  };
  for (int i = 0; i < 8; ++i) pass();  // under "auto" a plan is made meanwhile
  // Other threads may still be learning that the last copies are over, some passes long.
  std::uint64_t hits_counted = 0;
  std::size_t allocated = 1;
  for (int tries = 0; tries < 1000 && allocated > 0; ++tries) {
    std::uint64_t const hits_before = pages.stats().vram_hits;
    std::size_t const before = allocations;
    for (int i = 0; i < 100; ++i) pass();
    allocated = allocations - before;
    hits_counted = pages.stats().vram_hits - hits_before;
  }
  EXPECT_EQ(allocated, 0U);
  EXPECT_EQ(hits_counted, 100 * tensors);
  pages.retire_stream(stream);
}

// A core whose commands are carried out at once, without bytes.
struct obeyed_core {
  obeyed_core(std::size_t tensors, std::uint64_t bytes_each, char const* policy)
      : model(make_pattern_model(tensors, bytes_each)) {
    std::vector<std::uint64_t> const bytes(tensors, bytes_each);
    auto const make = [&] { return value_or_throw(make_eviction_policy(policy, bytes)); };
    core = std::make_unique<residency>(
        model.tensors,
        residency_options{.vram = {.budget_bytes = 8 * bytes_each}, .ram = {.budget_bytes = 4 * bytes_each}}, make(),
        make());
  }
  void acquire(tensor_id id) {
    (void)core->acquire(std::span(&id, 1), tier::vram, owner_id{});
    obey();
    core->release(id, tier::vram, owner_id{}, std::nullopt);
    obey();
  }
  void obey() {
    for (core->take_commands(next); !next.empty(); next.clear(), core->take_commands(next)) {
      for (command const& each : next) {
        if (auto const* remap = std::get_if<remap_command>(&each))
          core->remapped(remap->where, remap->decommits.size(), remap->commits.size(), {});
        if (auto const* read = std::get_if<read_command>(&each)) core->read_done(read->tensor, read->chunk, {});
        if (auto const* copy = std::get_if<copy_command>(&each))
          core->copy_queued(copy->tensor, copy->chunk, {0, ++copies});
        if (auto const* watch = std::get_if<watch_command>(&each)) core->passed(watch->until);
      }
    }
  }
  pattern_model model;
  std::unique_ptr<residency> core;
  std::vector<command> next;
  std::uint64_t copies = 0;
};

std::size_t allocations_of_misses(std::size_t tensors, std::uint64_t bytes_each) {
  obeyed_core pages(tensors, bytes_each, "lru");
  for (std::size_t i = 0; i < 32; ++i) pages.acquire(nth(i));
  std::size_t const before = allocations;
  for (std::size_t i = 32; i < 64; ++i) pages.acquire(nth(i));
  EXPECT_EQ(pages.core->stats().disk_reads, 64U);
  return allocations - before;
}

TEST(misses, ask_the_allocator_as_often_however_many_and_large_the_tensors) {
  std::size_t const few = allocations_of_misses(64, 4096);
  EXPECT_EQ(allocations_of_misses(20000, 4096), few);
  EXPECT_EQ(allocations_of_misses(64, 4U << 20U), few);
  EXPECT_LE(few, 32 * 40U);
}

TEST(scale, a_tensor_takes_less_than_a_kibibyte) {
  constexpr std::size_t tensors = 100000;
  for (char const* policy : {"lru", "auto"}) {
    std::size_t const before = live_bytes;
    obeyed_core const pages(tensors, 4096, policy);
    EXPECT_LT((live_bytes - before) / tensors, 1024U) << policy;
  }
}

}  // namespace
}  // namespace tierpager::test
