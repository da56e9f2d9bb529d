// What every device must do. A device joins by a type with `device& port()`, a default constructor that makes a fresh
// one, and `void submit(stream_ref, std::function<void()>)`, which queues work on a stream that make_stream() gave; and
// one INSTANTIATE_TYPED_TEST_SUITE_P line. One that detects races also has `void expect_race()`.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <latch>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include <tests/support/scratch_file.hpp>
#include <tierpager/checksum.hpp>
#include <tierpager/device.hpp>

namespace tierpager::tests {

template <class Made>
class device_contract : public ::testing::Test {
 protected:
  static constexpr std::uint64_t arena_bytes = 64ULL << 20U;

  device_contract() {
    vram_ = value_or_throw(port().reserve(tier::vram, arena_bytes));
    ram_ = value_or_throw(port().reserve(tier::ram, arena_bytes));
  }

  device& port() { return made_.port(); }
  stream_ref stream() { return value_or_throw(port().make_stream()); }
  std::uint64_t granule(tier where) { return port().granule_bytes(where); }

  /// Commits `bytes`, rounded up, at the start of both arenas.
  void commit(std::uint64_t bytes) {
    for (tier const where : {tier::vram, tier::ram})
      value_or_throw(port().commit(where, {0, round_up(bytes, granule(where))}));
  }
  void fill_ram(std::uint64_t offset, std::span<std::byte const> content) { std::ranges::copy(content, ram_ + offset); }
  void until_passed(fence which) {
    while (!value_or_throw(port().passed(which))) std::this_thread::yield();
  }
  /// Device memory, eight bytes at a time, after what is queued on `on`.
  std::vector<std::byte> vram_content(std::uint64_t offset, std::uint64_t bytes, stream_ref on) {
    std::vector<std::byte> content(bytes);
    for (std::uint64_t i = 0; i < bytes; i += 8) {
      std::uint64_t const word = value_or_throw(port().read_back(on, vram_ + offset + i));
      std::memcpy(content.data() + i, &word, std::min<std::uint64_t>(8, bytes - i));
    }
    return content;
  }
  /// Device memory for a checksum under way; each number has its own.
  std::span<std::byte> scratch(std::uint64_t number = 0) {
    std::uint64_t const bytes =
        round_up(port().checksum_scratch_bytes(), std::max<std::uint64_t>(granule(tier::vram), 256));
    std::uint64_t const offset = arena_bytes / 2 + number * bytes;
    if (bytes > 0 && scratches_.insert(number).second) value_or_throw(port().commit(tier::vram, {offset, bytes}));
    return {vram_ + offset, port().checksum_scratch_bytes()};
  }
  /// Blocks a stream until the latch is counted down.
  std::shared_ptr<std::latch> block(stream_ref which) {
    auto gate = std::make_shared<std::latch>(1);
    made_.submit(which, [gate] { gate->wait(); });
    return gate;
  }
  static std::uint64_t checksum_of(std::span<std::byte const> content) {
    checksum_accumulator sum;
    sum.add(content);
    return sum.value();
  }

  Made made_;
  std::byte* vram_ = nullptr;
  std::byte* ram_ = nullptr;
  std::set<std::uint64_t> scratches_;
};
TYPED_TEST_SUITE_P(device_contract);

TYPED_TEST_P(device_contract, reserves_aligned_arenas_of_sound_granules) {
  EXPECT_FALSE(this->port().name().empty());
  for (auto const& [where, base] : {std::pair{tier::vram, this->vram_}, std::pair{tier::ram, this->ram_}}) {
    std::uint64_t const granule = this->granule(where);
    EXPECT_GE(granule, 256U);
    EXPECT_EQ(granule & (granule - 1), 0U);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(base) % granule, 0U);
  }
  EXPECT_TRUE(this->port().free_vram_bytes().ok());
}

TYPED_TEST_P(device_contract, commits_gives_back_and_commits_again) {
  std::uint64_t const granule = std::max(this->granule(tier::vram), this->granule(tier::ram));
  std::uint64_t const bytes = std::min<std::uint64_t>(granule, 512);
  auto const content = seeded_bytes(bytes, 1);
  stream_ref const mine = this->stream();
  for (int round = 0; round < 3; ++round) {
    for (tier const where : {tier::vram, tier::ram})
      ASSERT_TRUE(this->port().commit(where, {2 * granule, 3 * granule}).ok());
    this->fill_ram(5 * granule - bytes, content);
    auto const done = this->port().copy_async(2 * granule, 5 * granule - bytes, bytes);
    ASSERT_TRUE(done.ok()) << done.error().describe();
    this->until_passed(*done);
    EXPECT_EQ(this->vram_content(2 * granule, bytes, mine), content);
    for (tier const where : {tier::vram, tier::ram}) {  // in other pieces than it came
      ASSERT_TRUE(this->port().decommit(where, {3 * granule, granule}).ok());
      ASSERT_TRUE(this->port().decommit(where, {4 * granule, granule}).ok());
      ASSERT_TRUE(this->port().decommit(where, {2 * granule, granule}).ok());
    }
  }
}

TYPED_TEST_P(device_contract, refuses_to_commit_outside_the_arena_and_stays_usable) {
  for (tier const where : {tier::vram, tier::ram}) {
    EXPECT_FALSE(this->port().commit(where, {this->arena_bytes, this->granule(where)}).ok());
    EXPECT_FALSE(this->port().commit(where, {0, this->arena_bytes + this->granule(where)}).ok());
    EXPECT_TRUE(this->port().commit(where, {0, this->granule(where)}).ok());
  }
}

TYPED_TEST_P(device_contract, copies_in_the_order_queued) {
  this->commit(8000);
  std::vector<fence> fences;
  for (std::uint64_t i = 0; i < 10; ++i) {
    this->fill_ram(i * 800, seeded_bytes(800, i));
    fences.push_back(value_or_throw(this->port().copy_async(0, i * 800, 800)));
  }
  EXPECT_TRUE(std::ranges::is_sorted(fences));
  EXPECT_TRUE(std::ranges::all_of(fences, [&](fence each) { return each.stream == fences[0].stream; }));
  this->until_passed(fences.back());
  for (fence const each : fences) EXPECT_TRUE(value_or_throw(this->port().passed(each)));
  EXPECT_EQ(this->vram_content(0, 800, this->stream()), seeded_bytes(800, 9));
}

TYPED_TEST_P(device_contract, a_fence_passes_after_what_was_queued_before_it_and_stays_passed) {
  stream_ref const mine = this->stream();
  fence const before = value_or_throw(this->port().record(mine));
  auto const gate = this->block(mine);
  fence const behind = value_or_throw(this->port().record(mine));
  EXPECT_EQ(before.stream, behind.stream);
  EXPECT_LT(before.sequence, behind.sequence);
  this->until_passed(before);
  EXPECT_FALSE(value_or_throw(this->port().passed(behind)));
  gate->count_down();
  this->until_passed(behind);
  auto const later = this->block(mine);
  EXPECT_TRUE(value_or_throw(this->port().passed(behind)));
  EXPECT_FALSE(value_or_throw(this->port().passed(value_or_throw(this->port().record(mine)))));
  later->count_down();
}

TYPED_TEST_P(device_contract, copies_wait_for_another_stream_s_fence) {
  this->commit(1024);
  auto const old_bytes = seeded_bytes(512, 1);
  auto const new_bytes = seeded_bytes(512, 2);
  this->fill_ram(0, old_bytes);
  this->fill_ram(512, new_bytes);
  this->until_passed(value_or_throw(this->port().copy_async(0, 0, 512)));
  stream_ref const user = this->stream();
  stream_ref const observer = this->stream();
  auto const gate = this->block(user);
  ASSERT_TRUE(this->port().wait(this->port().copy_stream(), value_or_throw(this->port().record(user))).ok());
  fence const copied = value_or_throw(this->port().copy_async(0, 512, 512));
  EXPECT_FALSE(value_or_throw(this->port().passed(copied)));
  if constexpr (requires { this->made_.expect_race(); }) this->made_.expect_race();  // only a look without order shows
  EXPECT_EQ(this->vram_content(0, 512, observer), old_bytes);
  gate->count_down();
  this->until_passed(copied);
  EXPECT_EQ(this->vram_content(0, 512, observer), new_bytes);
}

TYPED_TEST_P(device_contract, a_stream_waits_for_a_copy) {
  this->commit(16384);
  auto const content = seeded_bytes(8192, 3);
  this->fill_ram(0, content);
  stream_ref const blocker = this->stream();
  stream_ref const user = this->stream();
  auto const gate = this->block(blocker);
  ASSERT_TRUE(this->port().wait(this->port().copy_stream(), value_or_throw(this->port().record(blocker))).ok());
  fence const copied = value_or_throw(this->port().copy_async(0, 0, 8192));
  ASSERT_TRUE(this->port().wait(user, copied).ok());
  ASSERT_TRUE(this->port().checksum_async(user, {this->vram_, 8192}, this->vram_ + 8192, this->scratch()).ok());
  fence const summed = value_or_throw(this->port().record(user));
  EXPECT_FALSE(value_or_throw(this->port().passed(summed)));
  gate->count_down();
  EXPECT_EQ(value_or_throw(this->port().read_back(user, this->vram_ + 8192)), this->checksum_of(content));
  EXPECT_TRUE(value_or_throw(this->port().passed(summed)));
}

TYPED_TEST_P(device_contract, a_wait_for_its_own_or_a_passed_fence_holds_nothing_up) {
  stream_ref const mine = this->stream();
  stream_ref const other = this->stream();
  auto const gate = this->block(mine);
  fence const own = value_or_throw(this->port().record(mine));
  ASSERT_TRUE(this->port().wait(mine, own).ok());
  gate->count_down();
  this->until_passed(value_or_throw(this->port().record(mine)));
  ASSERT_TRUE(this->port().wait(other, own).ok());
  this->until_passed(value_or_throw(this->port().record(other)));
}

TYPED_TEST_P(device_contract, a_retired_stream_s_fences_stay_and_its_other_uses_are_errors) {
  this->commit(4096);
  stream_ref const mine = this->stream();
  stream_ref const other = this->stream();
  auto const gate = this->block(mine);
  fence const last = value_or_throw(this->port().record(mine));
  ASSERT_TRUE(this->port().retire(mine).ok());
  EXPECT_FALSE(value_or_throw(this->port().passed(last)));
  ASSERT_TRUE(this->port().wait(other, last).ok());
  EXPECT_FALSE(this->port().record(mine).ok());
  EXPECT_FALSE(this->port().wait(mine, last).ok());
  EXPECT_FALSE(this->port().checksum_async(mine, {this->vram_, 8}, this->vram_ + 8, this->scratch()).ok());
  EXPECT_FALSE(this->port().read_back(mine, this->vram_).ok());
  gate->count_down();
  this->until_passed(last);
  this->until_passed(value_or_throw(this->port().record(other)));
}

TYPED_TEST_P(device_contract, checksums_as_the_cpu_does) {
  this->commit(200'000);
  stream_ref const mine = this->stream();
  for (std::uint64_t const bytes : {0U, 1U, 7U, 8U, 9U, 15U, 4096U, 100'001U}) {
    auto const content = seeded_bytes(bytes, bytes);
    this->fill_ram(0, content);
    ASSERT_TRUE(this->port().wait(mine, value_or_throw(this->port().copy_async(512, 0, bytes))).ok());
    ASSERT_TRUE(this->port().checksum_async(mine, {this->vram_ + 512, bytes}, this->vram_, this->scratch()).ok());
    EXPECT_EQ(value_or_throw(this->port().read_back(mine, this->vram_)), this->checksum_of(content)) << bytes;
  }
}

TYPED_TEST_P(device_contract, serves_four_threads_at_once) {
  constexpr std::uint64_t part = 32'768;
  this->commit(4 * part + 64);
  for (std::uint64_t number = 0; number < 4; ++number) (void)this->scratch(number);
  std::array<int, 4> wrong{};
  auto work = [&](std::uint64_t number) {
    device& on = this->port();
    stream_ref const mine = this->stream();
    std::byte* const sum = this->vram_ + 4 * part + 8 * number;
    for (std::uint64_t i = 0; i < 20; ++i) {
      auto const content = seeded_bytes(part, number * 100 + i);
      this->fill_ram(number * part, content);
      // The copy waits for the checksum before it, the checksum for the copy: both ways of reuse.
      value_or_throw(on.wait(on.copy_stream(), value_or_throw(on.record(mine))));
      fence const copied = value_or_throw(on.copy_async(number * part, number * part, part));
      value_or_throw(on.wait(mine, copied));
      value_or_throw(on.checksum_async(mine, {this->vram_ + number * part, part}, sum, this->scratch(number)));
      if (value_or_throw(on.read_back(mine, sum)) != this->checksum_of(content)) ++wrong[number];
    }
  };
  {
    std::vector<std::jthread> workers;
    for (std::uint64_t number = 0; number < 4; ++number) workers.emplace_back(work, number);
  }
  EXPECT_EQ(wrong, (std::array<int, 4>{}));
}

REGISTER_TYPED_TEST_SUITE_P(device_contract, reserves_aligned_arenas_of_sound_granules,
                            commits_gives_back_and_commits_again, refuses_to_commit_outside_the_arena_and_stays_usable,
                            copies_in_the_order_queued, a_fence_passes_after_what_was_queued_before_it_and_stays_passed,
                            copies_wait_for_another_stream_s_fence, a_stream_waits_for_a_copy,
                            a_wait_for_its_own_or_a_passed_fence_holds_nothing_up,
                            a_retired_stream_s_fences_stay_and_its_other_uses_are_errors, checksums_as_the_cpu_does,
                            serves_four_threads_at_once);

}  // namespace tierpager::tests
