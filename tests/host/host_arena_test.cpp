#include <host/host_arena.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <span>
#include <vector>

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <tierpager/checksum.hpp>

namespace tierpager::tests {
namespace {

constexpr std::uint64_t arena_bytes = 1U << 20U;

bool backed(std::byte const* at) {
  std::byte copied{};
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  bool const readable = ::write(ends[1], at, 1) == 1;  // EFAULT instead of a signal
  EXPECT_EQ(::read(ends[0], &copied, readable ? 1 : 0), readable ? 1 : 0);
  (void)::close(ends[0]);
  (void)::close(ends[1]);
  return readable;
}

TEST(host_arena, backs_exactly_what_is_committed) {
  auto const page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  host_arena arena({.granule_bytes = page_bytes});
  std::byte* const base = value_or_throw(arena.reserve(arena_bytes));
  EXPECT_FALSE(backed(base));
  value_or_throw(arena.commit({page_bytes, 2 * page_bytes}));
  EXPECT_FALSE(backed(base));
  EXPECT_TRUE(backed(base + page_bytes));
  EXPECT_TRUE(backed(base + 3 * page_bytes - 1));
  EXPECT_FALSE(backed(base + 3 * page_bytes));
  EXPECT_EQ(arena.committed_bytes(), 2 * page_bytes);
  value_or_throw(arena.decommit({page_bytes, page_bytes}));
  EXPECT_FALSE(backed(base + page_bytes));
  EXPECT_TRUE(backed(base + 2 * page_bytes));
  EXPECT_EQ(arena.committed_bytes(), page_bytes);
}

TEST(host_arena, memory_given_back_leaves_the_process) {
  for (bool const lock_pages : {false, true}) {
    host_arena arena({.lock_pages = lock_pages});
    std::byte* const base = value_or_throw(arena.reserve(arena_bytes));
    value_or_throw(arena.commit({0, arena_bytes}));
    std::ranges::fill(std::span(base, arena_bytes), std::byte{1});
    value_or_throw(arena.decommit({0, arena_bytes}));
    std::vector<unsigned char> in_core(arena_bytes / static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
    ASSERT_EQ(::mincore(base, arena_bytes, in_core.data()), 0);
    EXPECT_TRUE(std::ranges::all_of(in_core, [](unsigned char page) { return (page & 1U) == 0; }));
    value_or_throw(arena.commit({0, arena_bytes}));
    EXPECT_TRUE(std::ranges::all_of(std::span(base, arena_bytes), [](std::byte each) { return each == std::byte{}; }));
  }
}

TEST(host_arena, poison_fills_fresh_memory) {
  host_arena arena({.poison = true});
  std::byte* const base = value_or_throw(arena.reserve(arena_bytes));
  value_or_throw(arena.commit({4096, 8192}));
  EXPECT_EQ(base[4096], std::byte{0xa5});
  EXPECT_EQ(base[4096 + 8191], std::byte{0xa5});
}

TEST(host_arena, refuses_what_is_not_whole_free_or_its_own) {
  host_arena arena({});
  value_or_throw(arena.reserve(arena_bytes));
  value_or_throw(arena.commit({8192, 8192}));
  for (byte_range const range :
       {byte_range{1, 4096}, byte_range{0, 100}, byte_range{arena_bytes, 4096}, byte_range{~std::uint64_t{4095}, 8192},
        byte_range{4096, 8192}, byte_range{12288, 8192}, byte_range{4096, 16384}, byte_range{8192, 4096}}) {
    status const done = arena.commit(range);
    ASSERT_FALSE(done.ok()) << range.offset;
    EXPECT_EQ(done.error().code, errc::invalid_argument);
  }
  for (byte_range const range :
       {byte_range{0, 4096}, byte_range{4096, 8192}, byte_range{12288, 8192}, byte_range{8192, 1}})
    EXPECT_FALSE(arena.decommit(range).ok()) << range.offset;
  EXPECT_EQ(arena.committed_bytes(), 8192U);
  EXPECT_FALSE(arena.reserve(arena_bytes).ok());
}

TEST(host_arena, reports_address_space_that_cannot_be_had) {
  host_arena arena({});
  for (std::uint64_t const bytes : {std::uint64_t{1} << 63U, ~std::uint64_t{0}}) {
    auto const reserved = arena.reserve(bytes);
    ASSERT_FALSE(reserved.ok());
    EXPECT_EQ(reserved.error().code, errc::out_of_memory);
    EXPECT_NE(reserved.error().system_error, 0);
  }
  EXPECT_TRUE(arena.reserve(arena_bytes).ok());
}

TEST(host_arena, reports_memory_that_cannot_be_had_and_stays_as_it_was) {
  host_arena arena({});
  std::byte* const base = value_or_throw(arena.reserve(arena_bytes));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_DATA, &before), 0);
  rlimit const nothing{.rlim_cur = 1, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_DATA, &nothing), 0);
  status const refused = arena.commit({0, arena_bytes});
  ASSERT_EQ(::setrlimit(RLIMIT_DATA, &before), 0);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, errc::out_of_memory);
  EXPECT_EQ(arena.committed_bytes(), 0U);
  EXPECT_FALSE(backed(base));
  EXPECT_TRUE(arena.commit({0, arena_bytes}).ok());
}

// What follows runs in a child process each, as it gives up rights for good.

void allow_to_lock(std::uint64_t bytes) {
  rlimit const limit{.rlim_cur = bytes, .rlim_max = bytes};
  if (::setrlimit(RLIMIT_MEMLOCK, &limit) != 0 || (::geteuid() == 0 && ::setuid(65534) != 0)) std::_Exit(2);
  // Under a sanitizer mlock does nothing and refuses nothing: there is nothing to see then.
  void* const probe = ::mmap(nullptr, 2 * arena_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (::mlock(probe, 2 * arena_bytes) == 0) std::_Exit(0);
}

[[noreturn]] void commit_without_the_right_to_lock() {
  allow_to_lock(0);
  host_arena arena({.lock_pages = true});
  auto const reserved = arena.reserve(arena_bytes);
  if (!reserved.ok() || arena.locks_pages()) std::_Exit(3);
  if (!arena.commit({0, arena_bytes}).ok() || arena.locks_pages()) std::_Exit(4);
  **reserved = std::byte{1};
  std::_Exit(arena.decommit({0, arena_bytes}).ok() ? 0 : 5);
}

// The limit lets the first page through, and refuses a later commit.
[[noreturn]] void commit_more_than_may_be_locked() {
  allow_to_lock(65'536);
  host_arena arena({.lock_pages = true});
  auto const reserved = arena.reserve(arena_bytes);
  if (!reserved.ok() || !arena.locks_pages()) std::_Exit(3);
  if (!arena.commit({0, 65'536}).ok() || !arena.locks_pages()) std::_Exit(4);
  if (!arena.commit({65'536, 65'536}).ok() || arena.locks_pages()) std::_Exit(5);
  (*reserved)[100'000] = std::byte{1};
  std::_Exit(arena.decommit({0, 131'072}).ok() ? 0 : 6);
}

TEST(host_arena_death, works_unlocked_where_the_system_refuses_to_lock) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(commit_without_the_right_to_lock(), ::testing::ExitedWithCode(0), "");
  EXPECT_EXIT(commit_more_than_may_be_locked(), ::testing::ExitedWithCode(0), "");
}

TEST(host_arena_death, touching_what_was_given_back_crashes) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        host_arena arena({});
        std::byte* const base = value_or_throw(arena.reserve(arena_bytes));
        value_or_throw(arena.commit({0, 4096}));
        value_or_throw(arena.decommit({0, 4096}));
        *static_cast<std::byte volatile*>(base) = std::byte{1};
      },
      "");
}

TEST(host_arena, granules_below_a_page_follow_a_model_of_them_through_a_thousand_steps) {
  constexpr std::uint64_t granule = 1024;
  constexpr std::uint64_t granules = 64;
  host_arena arena({.granule_bytes = granule});
  std::byte* const base = value_or_throw(arena.reserve(granule * granules));
  std::set<std::uint64_t> model;
  for (std::uint64_t step = 0; step < 1000; ++step) {
    std::uint64_t const draw = checksum_term(11, step);
    std::uint64_t const first = draw % granules;
    std::uint64_t const count = 1 + (draw >> 8U) % std::min<std::uint64_t>(6, granules - first);
    byte_range const range{first * granule, count * granule};
    std::uint64_t held = 0;
    for (std::uint64_t i = first; i < first + count; ++i) held += model.count(i);
    bool const commits = (draw >> 20U) % 2 == 0;
    ASSERT_EQ((commits ? arena.commit(range) : arena.decommit(range)).ok(), held == (commits ? 0 : count))
        << "step " << step;
    if (commits && held == 0)
      for (std::uint64_t i = first; i < first + count; ++i) model.insert(i);
    if (!commits && held == count)
      for (std::uint64_t i = first; i < first + count; ++i) model.erase(i);
    ASSERT_EQ(arena.committed_bytes(), model.size() * granule);
    ASSERT_EQ(arena.committed(range), held == count ? commits : commits && held == 0) << "step " << step;
    if (!model.empty()) base[*model.rbegin() * granule] = std::byte{1};
  }
}

}  // namespace
}  // namespace tierpager::tests
