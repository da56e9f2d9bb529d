// What docs/layer_pager.md names: the promises of a one-tier pager, kept on a pager without a device tier and on one
// with it, and that pager's defects, absent on both.
#include <array>
#include <atomic>
#include <barrier>
#include <cerrno>
#include <list>
#include <random>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <host/host_device.hpp>
#include <host/pread_source.hpp>
#include <tests/support/faulty_source.hpp>
#include <tests/support/gated_source.hpp>
#include <tests/support/pattern_model.hpp>
#include <tests/support/scratch_file.hpp>
#include <tierpager/host_stream.hpp>
#include <tierpager/pager.hpp>

namespace tierpager::tests {
namespace {

using test::make_pattern_model;
using test::pattern_model;

constexpr std::uint64_t page = 4096;

enum class shape : std::uint8_t { without_device_tier, with_device_tier };

class layer_pager : public testing::TestWithParam<shape> {
 protected:
  // The tier whose budget and pins the test is about.
  [[nodiscard]] static tier home() { return GetParam() == shape::with_device_tier ? tier::vram : tier::ram; }
  [[nodiscard]] static tier_statistics home_stats(pager const& from) {
    return home() == tier::vram ? from.stats().vram : from.stats().ram;
  }
  [[nodiscard]] static pager_options options(budget const& home_budget, std::vector<std::string> pins = {}) {
    if (home() == tier::ram) return {.vram = "none", .ram = home_budget, .pin_ram = std::move(pins)};
    return {.vram = home_budget, .ram = "unlimited", .pin_vram = std::move(pins)};
  }
  [[nodiscard]] static pager_options with_lru(budget const& home_budget) {
    pager_options chosen = options(home_budget);
    chosen.policy = "lru";
    return chosen;
  }
  [[nodiscard]] static pager open(catalog tensors, std::shared_ptr<source> from, pager_options const& with) {
    auto on = std::make_shared<host_device>(host_device_options{.jitter_seed = 11, .poison = true});
    return {std::move(tensors), std::move(from), std::move(on), with};
  }
  [[nodiscard]] static handle acquire(pager& from, tensor_id id, host_stream& stream, wait_options const& wait = {}) {
    return home() == tier::vram ? from.acquire(id, stream, wait) : from.acquire_host(id, wait);
  }
  [[nodiscard]] handle acquire(pager& from, tensor_id id) { return acquire(from, id, stream_); }
  [[nodiscard]] handle acquire(pager& from, std::uint32_t number) { return acquire(from, tensor_id{number}, stream_); }
  // As a kernel would see the bytes: in the order of the stream.
  static bool right(tensor_info const& tensor, handle const& held, host_stream& stream) {
    std::span const bytes(held.data(), held.size_bytes());
    std::uint64_t wrong = 0;
    if (held.where() == tier::ram) {
      wrong = test::first_wrong_byte(tensor, bytes);
    } else {
      stream.submit([&] { wrong = test::first_wrong_byte(tensor, bytes); });
      stream.synchronize();
    }
    return bytes.size() == tensor.bytes && wrong == bytes.size();
  }
  [[nodiscard]] bool right(pager const& from, handle const& held) {
    return right(from.tensors()[held.id()], held, stream_);
  }
  [[nodiscard]] static std::vector<bool> residents(pager const& from) {
    std::vector<bool> in;
    for (std::uint32_t i = 0; i < from.tensors().size(); ++i) in.push_back(from.resident(tensor_id{i}, home()));
    return in;
  }

  host_stream stream_;  // outlives every pager of a test
};

class layer_pager_defects : public layer_pager {};

std::string shape_name(testing::TestParamInfo<shape> const& of) {
  return of.param == shape::with_device_tier ? "with_device_tier" : "without_device_tier";
}
auto const both_shapes = testing::Values(shape::without_device_tier, shape::with_device_tier);
INSTANTIATE_TEST_SUITE_P(pagers, layer_pager, both_shapes, shape_name);
INSTANTIATE_TEST_SUITE_P(pagers, layer_pager_defects, both_shapes, shape_name);

template <class Call>
failure failure_of(Call call) {
  try {
    (void)call();
  } catch (error const& thrown) {
    return thrown.details();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

template <class Work>
void in_threads(unsigned count, Work work) {
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < count; ++i) threads.emplace_back(work, i);
}

// Promises ---------------------------------------------------------------------------------------------------------

TEST_P(layer_pager, is_built_from_a_source_and_a_map_of_offsets_and_sizes) {
  catalog tensors;
  tensors.add_file("pattern");
  struct entry {
    char const* name;
    std::uint64_t offset, bytes;
  };
  for (entry const& each :
       {entry{"late", 9 * page + 17, 100}, {"early", 5, page}, {"overlapping", 50, 2 * page}, {"empty", 3, 0}})
    value_or_throw(tensors.add(
        {.name = each.name, .dtype = "U8", .shape = {each.bytes}, .offset = each.offset, .bytes = each.bytes}));
  pager paged = open(tensors, std::make_shared<test::pattern_source>(10 * page), options(bytes(3 * page), {"early"}));
  for (char const* name : {"early", "late", "empty", "overlapping", "early", "late"}) {
    handle const each = acquire(paged, paged.tensors().find(name).value());
    EXPECT_TRUE(right(paged, each)) << name;
  }
  EXPECT_TRUE(paged.pinned(paged.tensors().find("early").value(), home()));
}

TEST_P(layer_pager, evicts_the_least_recently_acquired_and_counts_hits_as_use) {
  constexpr std::uint32_t tensors = 8;
  constexpr std::size_t room = 3;
  pattern_model const model = make_pattern_model(tensors, page);
  pager paged = open(model.tensors, model.source, with_lru(bytes(room * page)));
  std::list<std::uint32_t> expected;  // the latest first
  std::uint64_t evicted = 0;
  std::mt19937 random(20);
  for (int step = 0; step < 500; ++step) {
    auto const number = static_cast<std::uint32_t>(random() % tensors);
    EXPECT_TRUE(right(paged, acquire(paged, number)));
    expected.remove(number);
    expected.push_front(number);
    if (expected.size() > room) {
      expected.pop_back();
      ++evicted;
    }
    std::vector<bool> in(tensors, false);
    for (std::uint32_t each : expected) in[each] = true;
    ASSERT_EQ(residents(paged), in) << "step " << step;
  }
  EXPECT_EQ(home_stats(paged).evictions(), evicted);
}

TEST_P(layer_pager, an_unlimited_budget_evicts_nothing) {
  pattern_model const model = make_pattern_model(64, page + 1);
  pager paged = open(model.tensors, model.source, options("unlimited"));
  for (int pass = 0; pass < 2; ++pass)
    for (std::uint32_t i = 0; i < 64; ++i) EXPECT_TRUE(right(paged, acquire(paged, i)));
  EXPECT_EQ(home_stats(paged).budget_bytes, unlimited_bytes);
  EXPECT_EQ(home_stats(paged).resident_tensors, 64U);
  EXPECT_EQ(home_stats(paged).evictions(), 0U);
  EXPECT_EQ(paged.stats().disk_reads, 64U);
}

TEST_P(layer_pager, best_effort_pins_may_exceed_the_budget_and_stay) {
  pattern_model const model = make_pattern_model(6, page);
  pager_options with = options(bytes(2 * page), {"t0", "t1", "t2", "t3"});
  EXPECT_EQ(failure_of([&] { return open(model.tensors, model.source, with); }).code, errc::budget_too_small);
  with.overcommit_pins = true;
  pager paged = open(model.tensors, model.source, with);
  for (int pass = 0; pass < 2; ++pass)
    for (std::uint32_t i = 0; i < 6; ++i) EXPECT_TRUE(right(paged, acquire(paged, i)));
  EXPECT_EQ(residents(paged), (std::vector<bool>{true, true, true, true, false, true}));
  EXPECT_EQ(home_stats(paged).budget_bytes, 2 * page);
  EXPECT_EQ(home_stats(paged).evictions_by_reason[0], 3U);  // t4, t5, t4
}

TEST_P(layer_pager, shared_uses_keep_the_bytes_until_the_last_is_released) {
  pattern_model const model = make_pattern_model(5, page);
  pager paged = open(model.tensors, model.source, options(bytes(2 * page)));
  handle first = acquire(paged, 0);
  handle const second = first.share();
  first.release();
  for (std::uint32_t i = 1; i < 5; ++i) EXPECT_TRUE(right(paged, acquire(paged, i)));
  EXPECT_TRUE(paged.resident(tensor_id{0}, home()));
  EXPECT_TRUE(right(paged, second));
  EXPECT_EQ(acquire(paged, 0).data(), second.data());
}

TEST_P(layer_pager, the_bytes_outlive_the_pager) {
  pattern_model const model = make_pattern_model(2, page);
  handle kept;
  {
    pager paged = open(model.tensors, model.source, options(bytes(page)));
    kept = acquire(paged, 1);
  }
  EXPECT_TRUE(right(model.tensors[tensor_id{1}], kept, stream_));
}

TEST_P(layer_pager, tells_resident_bytes_and_count_budget_residence_and_pins) {
  std::array<std::uint64_t, 3> const sizes = {100, 5000, 3 * page};
  pattern_model const model = make_pattern_model(sizes);
  pager paged = open(model.tensors, model.source, options(bytes(6 * page), {"t1"}));
  EXPECT_EQ(home_stats(paged).resident_bytes, 0U);
  for (std::uint32_t i = 0; i < 2; ++i) EXPECT_TRUE(acquire(paged, i));
  tier_statistics const stats = home_stats(paged);
  EXPECT_EQ(stats.resident_bytes, 5100U);
  EXPECT_EQ(stats.resident_tensors, 2U);
  EXPECT_EQ(stats.committed_bytes, home() == tier::vram ? 5 * page : 6 * page);  // all that the model needs
  EXPECT_EQ(stats.budget_bytes, 6 * page);
  EXPECT_EQ(stats.effective_bytes, 6 * page);
  EXPECT_EQ(residents(paged), (std::vector<bool>{true, true, false}));
  EXPECT_TRUE(paged.pinned(tensor_id{1}, home()));
  EXPECT_FALSE(paged.pinned(tensor_id{0}, home()));
}

TEST_P(layer_pager, tells_an_unknown_tensor_a_read_past_the_end_and_an_io_error_apart) {
  scratch_file const file(seeded_bytes(2 * page, 5));
  catalog tensors;
  tensors.add_file(file.path());
  auto add = [&](char const* name, std::uint64_t offset, std::uint64_t bytes) {
    return value_or_throw(
        tensors.add({.name = name, .dtype = "U8", .shape = {bytes}, .offset = offset, .bytes = bytes}));
  };
  tensor_id const good = add("good", 0, page);
  tensor_id const past = add("past", page, 2 * page);
  tensor_id const bad = add("bad", page + 1, 10);
  std::vector<open_file> files;
  files.push_back(file.open());
  auto const read_at = [](int descriptor, void* target, std::size_t bytes, off_t offset) -> ssize_t {
    if (offset != off_t{page} + 1) return ::pread(descriptor, target, bytes, offset);
    errno = EIO;
    return -1;
  };
  pager paged = open(tensors, std::make_shared<pread_source>(std::move(files), read_at), options(bytes(4 * page)));
  EXPECT_EQ(failure_of([&] { return acquire(paged, 3); }).code, errc::unknown_tensor);
  failure const short_read = failure_of([&] { return acquire(paged, past); });
  EXPECT_EQ(short_read.code, errc::file_truncated);
  EXPECT_EQ(short_read.tensor, "past");
  EXPECT_EQ(short_read.file, file.path());
  EXPECT_EQ(short_read.byte, 2 * page);
  failure const refused = failure_of([&] { return acquire(paged, bad); });
  EXPECT_EQ(refused.code, errc::read_failed);
  EXPECT_EQ(refused.system_error, EIO);
  EXPECT_EQ(refused.byte, page + 1);
  EXPECT_EQ(failure_of([&] { return paged.acquire_host("no such tensor"); }).code, errc::unknown_tensor);
  EXPECT_TRUE(acquire(paged, good));
}

// Defects ----------------------------------------------------------------------------------------------------------

TEST_P(layer_pager_defects, threads_that_want_one_absent_tensor_read_it_once) {
  constexpr unsigned callers = 16;
  pattern_model const model = make_pattern_model(2, page);
  auto const gate = std::make_shared<gated_source>(model.source);
  std::array<host_stream, callers> streams;
  pager paged = open(model.tensors, gate, options(bytes(page)));
  gate->hold();
  std::jthread const opener([&] {
    while (paged.stats().acquires < callers) std::this_thread::yield();
    gate->release();
  });
  in_threads(callers, [&](unsigned i) {
    handle const held = acquire(paged, tensor_id{1}, streams[i]);
    EXPECT_TRUE(right(model.tensors[tensor_id{1}], held, streams[i]));
  });
  EXPECT_EQ(gate->reads(), 1U);
  EXPECT_EQ(home_stats(paged).resident_bytes, page);
}

TEST_P(layer_pager_defects, races_for_absent_tensors_leak_nothing_from_the_budget) {
  constexpr std::uint32_t tensors = 8;
  pattern_model const model = make_pattern_model(tensors, page);
  std::array<host_stream, 2> streams;
  pager_options exact = options(bytes(4 * page));
  exact.policy = "lru";
  pager paged = open(model.tensors, model.source, exact);
  std::barrier together(2);
  in_threads(2, [&](unsigned i) {
    for (std::uint32_t round = 0; round < 400; ++round) {
      together.arrive_and_wait();
      EXPECT_TRUE(acquire(paged, tensor_id{round % tensors}, streams[i]));
    }
  });
  statistics const stats = paged.stats();
  std::uint64_t const loads = home() == tier::vram ? stats.acquires - stats.vram_hits : stats.disk_reads;
  EXPECT_EQ(loads, 400U);  // an LRU of four never hits on a scan of eight: one load a round, not two
  EXPECT_EQ(loads - home_stats(paged).evictions(), home_stats(paged).resident_tensors);
  EXPECT_LE(home_stats(paged).peak_bytes, 4 * page);
  std::array const whole = {tensor_id{0}, tensor_id{2}, tensor_id{5}, tensor_id{7}};
  EXPECT_EQ((home() == tier::vram ? paged.acquire(whole, stream_) : paged.acquire_host(whole)).size(), 4U);
}

TEST_P(layer_pager_defects, threads_on_small_tensors_all_finish) {
  constexpr unsigned callers = 4;
  pattern_model const model = make_pattern_model(16, 64);
  std::array<host_stream, callers> streams;
  pager paged = open(model.tensors, model.source, options(bytes(callers * page)));
  std::atomic<unsigned> rights = 0;
  in_threads(callers, [&](unsigned i) {
    std::mt19937 random(i);
    for (int step = 0; step < 500; ++step) {
      tensor_id const id{static_cast<std::uint32_t>(random() % 16)};
      if (right(model.tensors[id], acquire(paged, id, streams[i]), streams[i])) ++rights;
    }
  });
  EXPECT_EQ(rights, callers * 500);
  EXPECT_LE(home_stats(paged).peak_bytes, callers * page);
}

TEST_P(layer_pager_defects, threads_that_want_each_others_tensors_all_finish) {
  pattern_model const model = make_pattern_model(3, 64);
  std::array<host_stream, 2> streams;
  pager paged = open(model.tensors, model.source, options(bytes(2 * page)));
  std::atomic<unsigned> granted = 0;
  in_threads(2, [&](unsigned i) {
    for (std::uint32_t step = 0; step < 300; ++step) {
      std::array const pair = {tensor_id{(step + i) % 3}, tensor_id{(step + 2 - i) % 3}};
      std::vector<handle> const set = home() == tier::vram ? paged.acquire(pair, streams[i]) : paged.acquire_host(pair);
      if (set.size() == 2) ++granted;
    }
  });
  EXPECT_EQ(granted, 600U);
}

TEST_P(layer_pager_defects, a_budget_of_one_tensor_holds_one) {
  pattern_model const model = make_pattern_model(2, page);
  std::array<host_stream, 2> streams;
  pager paged = open(model.tensors, model.source, options(bytes(page)));
  std::atomic<int> held = 0;
  in_threads(2, [&](unsigned i) {
    for (int step = 0; step < 200; ++step) {
      handle const each = acquire(paged, tensor_id{i}, streams[i]);
      EXPECT_EQ(++held, 1);
      --held;
    }
  });
  EXPECT_EQ(home_stats(paged).peak_bytes, page);
  handle const each = acquire(paged, 0);
  EXPECT_EQ(failure_of([&] { return acquire(paged, 1); }).code, errc::would_deadlock);
  EXPECT_TRUE(right(paged, each));
}

TEST_P(layer_pager_defects, refuses_a_tensor_larger_than_the_budget_at_once) {
  std::array<std::uint64_t, 2> const sizes = {page, 3 * page};
  pattern_model const model = make_pattern_model(sizes);
  auto const counted = std::make_shared<gated_source>(model.source);
  pager paged = open(model.tensors, counted, options(bytes(3 * page - 1)));
  EXPECT_TRUE(acquire(paged, 0));
  failure const refused = failure_of([&] { return acquire(paged, 1); });
  EXPECT_EQ(refused.code, errc::budget_too_small);
  EXPECT_THAT(refused.what, testing::HasSubstr("needs at least " + std::to_string(3 * page) + " bytes"));
  EXPECT_EQ(counted->reads(), 1U);
  EXPECT_TRUE(paged.resident(tensor_id{0}, home()));
  (void)paged.set_budget(home(), bytes(3 * page));
  EXPECT_TRUE(right(paged, acquire(paged, 1)));
}

TEST_P(layer_pager_defects, a_failed_load_throws_nothing_out_where_there_was_room) {
  pattern_model const model = make_pattern_model(3, page);
  auto const faulty = std::make_shared<faulty_source>(model.source);
  pager paged = open(model.tensors, faulty, options(bytes(3 * page)));
  for (std::uint32_t i = 0; i < 2; ++i) EXPECT_TRUE(acquire(paged, i));
  faulty->fail({.for_ever = true});
  for (int tries = 0; tries < 3; ++tries)
    EXPECT_EQ(failure_of([&] { return acquire(paged, 2); }).code, errc::read_failed);
  EXPECT_EQ(residents(paged), (std::vector<bool>{true, true, false}));
  EXPECT_EQ(home_stats(paged).resident_bytes, 2 * page);
  faulty->lift();
  EXPECT_TRUE(right(paged, acquire(paged, 2)));
  EXPECT_EQ(residents(paged), (std::vector<bool>{true, true, true}));
}

TEST_P(layer_pager_defects, a_failed_load_into_a_full_tier_throws_out_only_what_its_reads_need) {
  pattern_model const model = make_pattern_model(4, page);
  auto const faulty = std::make_shared<faulty_source>(model.source);
  pager paged = open(model.tensors, faulty, with_lru(bytes(3 * page)));
  for (std::uint32_t i = 0; i < 3; ++i) EXPECT_TRUE(acquire(paged, i));
  faulty->fail({.for_ever = true});
  for (int tries = 0; tries < 3; ++tries)
    EXPECT_EQ(failure_of([&] { return acquire(paged, 3); }).code, errc::read_failed);
  // RAM is read into: a full one gives up its least recently used tensor for that, once. VRAM gives up nothing.
  bool const kept = home() == tier::vram;
  EXPECT_EQ(residents(paged), (std::vector<bool>{kept, true, true, false}));
  EXPECT_EQ(home_stats(paged).evictions(), kept ? 0U : 1U);
  faulty->lift();
  EXPECT_TRUE(right(paged, acquire(paged, 3)));
  EXPECT_EQ(residents(paged), (std::vector<bool>{false, true, true, true}));
}

}  // namespace
}  // namespace tierpager::tests
