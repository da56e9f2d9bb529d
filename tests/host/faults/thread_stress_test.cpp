// Several threads that do everything at once to one small pager: every byte is right, nothing hangs, and the
// statistics add up afterwards. Each thread follows a seed of its own.
#include <gtest/gtest.h>

#include <random>

#include <tests/support/metered_device.hpp>
#include <tests/support/paged_reading.hpp>

namespace tierpager::test {
namespace {

constexpr std::uint32_t tensors = 14;
constexpr std::uint32_t threads = 5;
constexpr std::uint64_t steps = under_thread_sanitizer ? 300 : 600;

std::vector<std::uint64_t> sizes() {
  std::vector<std::uint64_t> all;
  for (std::uint32_t i = 0; i < tensors; ++i) all.push_back((i % 4 + 1) * page - i);
  all[3] = 9 * page;  // larger than RAM: goes through a buffer
  return all;
}

/// What the threads share.
struct stress {
  explicit stress(std::uint64_t seed) : device(std::make_shared<metered_device>(jittery_device(seed))) {}

  std::vector<std::uint64_t> const sizes_bytes = sizes();
  pattern_model model = make_pattern_model(sizes_bytes);
  stream_reader reader{model.tensors};
  std::array<host_stream, threads> streams;
  std::shared_ptr<metered_device> device;
  std::atomic<std::uint64_t> granted = 0;  // tensors
  pager paged{model.tensors,
              model.source,
              device,
              {.vram = bytes(24 * page), .ram = bytes(8 * page), .chunk_bytes = page, .reader_threads = 2}};
};

/// One thread's random acts. Holds no handle while it asks for more but by try_acquire, so nobody waits for ever.
class actor {
 public:
  actor(stress& shared, std::uint32_t number, std::uint64_t seed)
      : shared_(shared), stream_(shared.streams[number]), random_(seed) {}

  void step() {
    pager& paged = shared_.paged;
    switch (draw(0, 11)) {
      case 0: allow({}, [&] { paged.pin(any(), draw(0, 1) == 0 ? tier::vram : tier::ram); }); break;
      case 1:
      case 2: unpin_all(); break;
      case 3: allow({}, [&] { paged.set_budget(tier::vram, bytes((20 + draw(0, 12)) * page)); }); break;
      case 4: allow({}, [&] { paged.set_budget(tier::ram, bytes(draw(0, 12) * page)); }); break;
      case 5: allow({errc::timed_out}, [&] { use_device({any(), any()}, no_wait()); }); break;
      case 6: cancelled(); break;
      case 7: try_one(); break;
      case 8: allow({}, [&] { use_host(any()); }); break;
      case 9: allow({}, [&] { use_device({any(), any(), any()}, {}); }); break;
      default: allow({}, [&] { use_device({any()}, {}); }); break;
    }
  }

 private:
  std::uint64_t draw(std::uint64_t from, std::uint64_t to) {
    return std::uniform_int_distribution<std::uint64_t>(from, to)(random_);
  }
  tensor_id any() { return static_cast<tensor_id>(draw(0, tensors - 1)); }

  // Pins and budgets change meanwhile, so any request may become one that can never fit.
  template <class Call>
  void allow(std::vector<errc> const& also, Call&& call) {
    auto const why = failure_of([&] { return call(), 0; });
    if (!why || why->code == errc::budget_too_small) return;
    EXPECT_NE(std::find(also.begin(), also.end(), why->code), also.end()) << why->describe();
  }
  void use_device(std::vector<tensor_id> const& ids, wait_options const& wait) {
    std::vector<handle> all = shared_.paged.acquire(ids, stream_, wait);
    shared_.granted += all.size();
    for (handle& held : all) shared_.reader.read(held, stream_);
    if (draw(0, 3) == 0) {
      handle const again = all.back().share();
      all.clear();
      shared_.reader.read(again, stream_);
    }
  }
  void use_host(tensor_id wanted) {
    handle const held = shared_.paged.acquire_host(wanted);
    ++shared_.granted;
    shared_.reader.read_now(held);
  }
  void try_one() {
    allow({}, [&] {
      auto const found = shared_.paged.try_acquire(any(), stream_);
      if (!found) return;
      ++shared_.granted;
      shared_.reader.read(*found, stream_);
    });
  }
  void cancelled() {
    std::stop_source stop;
    std::jthread const stopper([&stop] { stop.request_stop(); });
    allow({errc::cancelled}, [&] { use_device({any(), any()}, {.stop = stop.get_token()}); });
  }
  void unpin_all() {
    std::vector<tensor_id> all;
    for (std::uint32_t i = 0; i < tensors; ++i) all.push_back(tensor_id{i});
    shared_.paged.unpin(all, tier::vram);
    shared_.paged.unpin(all, tier::ram);
  }

  stress& shared_;
  host_stream& stream_;
  std::mt19937_64 random_;
};

void expect_a_full_pass(stress& shared) {
  std::vector<tensor_id> all;
  for (std::uint32_t i = 0; i < tensors; ++i) all.push_back(tensor_id{i});
  shared.paged.unpin(all, tier::vram);
  shared.paged.unpin(all, tier::ram);
  shared.paged.set_budget(tier::vram, bytes(24 * page));
  shared.paged.set_budget(tier::ram, bytes(8 * page));
  for (tensor_id each : all) {
    shared.reader.read(shared.paged.acquire(each, shared.streams[0]), shared.streams[0]);
    ++shared.granted;
  }
  for (host_stream& each : shared.streams) each.synchronize();
  EXPECT_EQ(shared.reader.wrong(), 0U);
}

TEST(thread_stress, ends_with_right_bytes_a_full_pass_and_statistics_that_add_up) {
  for (std::uint64_t seed = 1; seed <= (under_thread_sanitizer ? 2U : 4U); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    watchdog const limit("thread stress of seed " + std::to_string(seed));
    stress shared(seed);
    {
      std::vector<std::jthread> all;
      for (std::uint32_t number = 0; number < threads; ++number) {
        all.emplace_back([&shared, number, seed] {
          actor player(shared, number, 100 * seed + number);
          for (std::uint64_t i = 0; i < steps; ++i) player.step();
        });
      }
    }
    expect_a_full_pass(shared);
    statistics const now = shared.paged.stats();
    EXPECT_GE(now.acquires, shared.granted);  // those cancelled on their way count too
    EXPECT_EQ(now.vram_hits + now.ram_hits + now.disk_reads, now.acquires);
    EXPECT_GT(now.vram_hits, 0U);
    EXPECT_GT(now.disk_reads, 0U);
    EXPECT_EQ(now.failed_loads, 0U);
    EXPECT_LE(shared.device->peak_bytes(tier::vram), 32 * page);
    EXPECT_LE(shared.device->peak_bytes(tier::ram), 12 * page);
    EXPECT_EQ(now.vram.quarantined_bytes + now.ram.quarantined_bytes, 0U);
    shared.paged.set_budget(tier::vram, bytes(0));
    eventually([&] { return shared.device->committed_bytes(tier::vram) == 0; });
  }
}

}  // namespace
}  // namespace tierpager::test
