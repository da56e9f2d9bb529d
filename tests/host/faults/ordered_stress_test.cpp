// Threads that follow an order, others that prefetch and change budgets, pins and the order itself, on a catalog of
// slices among whole tensors: every byte is right, no budget is exceeded, nothing hangs. Each thread follows a seed of its own.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include <tests/support/metered_device.hpp>
#include <tests/support/paged_reading.hpp>

namespace tierpager::test {
namespace {

constexpr std::uint32_t whole_tensors = 8;
constexpr std::uint32_t slices = 6;
constexpr std::uint32_t tensors = whole_tensors + slices;
constexpr std::uint64_t vram_most = 20 * page;
constexpr std::uint64_t ram_most = 10 * page;
constexpr std::uint64_t steps = under_thread_sanitizer ? 250 : 600;

/// One file: some tensors, and a stack of experts that is paged by slices.
catalog make_catalog() {
  catalog whole;
  whole.add_file("pattern");
  std::uint64_t offset = 0;
  auto add = [&](std::string const& name, std::vector<std::uint64_t> const& shape, std::uint64_t bytes) {
    (void)value_or_throw(whole.add({.name = name, .dtype = "I8", .shape = shape, .offset = offset, .bytes = bytes}));
    offset += bytes;
  };
  for (std::uint32_t i = 0; i < whole_tensors; ++i) {
    std::uint64_t const bytes = (i % 3 + 1) * page - i;
    add("t" + std::to_string(i), {bytes}, bytes);
  }
  std::uint64_t const slice_bytes = 2 * page - 3;
  add("experts", {slices, slice_bytes}, slices * slice_bytes);
  return value_or_throw(whole.slice("experts"));
}

/// What the threads share.
struct stress {
  explicit stress(std::uint64_t seed) : device(std::make_shared<metered_device>(jittery_device(seed))) {}

  catalog const model = make_catalog();
  stream_reader reader{model};
  std::array<host_stream, 2> streams;
  std::shared_ptr<metered_device> device;
  std::atomic<std::uint64_t> position = 0;  // in the order: nearly everybody follows it
  pager paged{model,
              std::make_shared<pattern_source>(model.infos().back().offset + model.infos().back().bytes),
              device,
              {.vram = bytes(vram_most), .ram = bytes(ram_most), .chunk_bytes = page, .reader_threads = 2}};

  void allow(std::function<void()> const& call) {  // pins and budgets change meanwhile
    auto const why = failure_of([&] { return call(), 0; });
    EXPECT_TRUE(!why || why->code == errc::budget_too_small) << why->describe();
  }
  void expect_budgets_kept() {
    statistics const now = paged.stats();
    EXPECT_LE(now.vram.committed_bytes, now.vram.effective_bytes);
    EXPECT_LE(now.ram.committed_bytes, now.ram.effective_bytes);
    EXPECT_LE(now.ahead_unused_bytes, now.ahead_bytes);
    EXPECT_LE(now.ahead_bytes, now.bytes_to_device);
  }
};

class actor {
 public:
  actor(stress& shared, std::uint64_t seed) : shared_(shared), random_(seed) {}

  void follow(host_stream& stream) {
    auto const next = static_cast<tensor_id>(shared_.position++ % tensors);
    shared_.allow([&] {
      handle const held = shared_.paged.acquire(next, stream);
      shared_.reader.read(held, stream);
      if (draw(8) == 0) stream.synchronize();
    });
  }
  void prefetch() {
    std::vector<tensor_id> const ids = {any(), any(), any()};
    shared_.paged.prefetch(ids);
    if (draw(4) == 0) shared_.allow([&] { shared_.reader.read_now(shared_.paged.acquire_host(any())); });
    std::this_thread::yield();
  }
  void change() {
    pager& paged = shared_.paged;
    switch (draw(6)) {
      case 0: shared_.allow([&] { paged.set_budget(tier::vram, bytes(vram_most - draw(10) * page)); }); break;
      case 1: shared_.allow([&] { paged.set_budget(tier::ram, bytes(draw(11) * page)); }); break;
      case 2: shared_.allow([&] { paged.pin(any(), draw(2) == 0 ? tier::vram : tier::ram); }); break;
      case 3: unpin_all(); break;
      case 4: change_order(); break;
      default: shared_.expect_budgets_kept(); break;
    }
    std::this_thread::yield();
  }
  void unpin_all() {
    shared_.paged.unpin(all(), tier::vram);
    shared_.paged.unpin(all(), tier::ram);
  }
  static std::vector<tensor_id> all() {
    std::vector<tensor_id> ids;
    for (std::uint32_t i = 0; i < tensors; ++i) ids.push_back(tensor_id{i});
    return ids;
  }

 private:
  std::uint64_t draw(std::uint64_t below) {
    return std::uniform_int_distribution<std::uint64_t>(0, below - 1)(random_);
  }
  tensor_id any() { return static_cast<tensor_id>(draw(tensors)); }

  // Mostly what is done, beginning anywhere; now and then sets, or none.
  void change_order() {
    std::vector<tensor_id> order = all();
    std::uint64_t const how = draw(6);
    if (how == 0) return shared_.paged.set_order(std::span<tensor_id const>());
    std::rotate(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(shared_.position % tensors), order.end());
    if (how > 1) return shared_.paged.set_order(order);
    std::vector<std::vector<tensor_id>> const sets = {{order[0], order[1]}, {order[2]}, {order[3], order[0]}};
    shared_.paged.set_order(sets);
  }

  stress& shared_;
  std::mt19937_64 random_;
};

void expect_full_passes(stress& shared) {
  actor player(shared, 0);
  player.unpin_all();
  shared.paged.set_budget(tier::vram, bytes(vram_most));
  shared.paged.set_budget(tier::ram, bytes(ram_most));
  shared.paged.set_order(actor::all());
  shared.position = 0;
  for (std::uint32_t i = 0; i < 3 * tensors; ++i) player.follow(shared.streams[0]);
  for (host_stream& each : shared.streams) each.synchronize();
  EXPECT_EQ(shared.reader.wrong(), 0U);
  EXPECT_GE(shared.reader.checked(), 3U * tensors);
}

TEST(thread_stress, under_an_order_that_changes_ends_with_right_bytes_and_no_budget_exceeded) {
  for (std::uint64_t seed = 1; seed <= (under_thread_sanitizer ? 2U : 4U); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    watchdog const limit("ordered stress of seed " + std::to_string(seed));
    stress shared(seed);
    {
      std::vector<std::jthread> threads;
      for (std::uint32_t number = 0; number < 4; ++number)
        threads.emplace_back([&shared, number, seed] {
          actor player(shared, 100 * seed + number);
          for (std::uint64_t i = 0; i < steps; ++i)
            number < 2 ? player.follow(shared.streams[number]) : number == 2 ? player.prefetch() : player.change();
        });
    }
    expect_full_passes(shared);
    shared.expect_budgets_kept();
    statistics const now = shared.paged.stats();
    EXPECT_EQ(now.vram_hits + now.ram_hits + now.disk_reads, now.acquires);
    EXPECT_GT(now.ahead_bytes, 0U);
    EXPECT_EQ(now.failed_loads, 0U);
    EXPECT_LE(shared.device->peak_bytes(tier::vram), vram_most);
    EXPECT_LE(shared.device->peak_bytes(tier::ram), ram_most);
    shared.paged.set_budget(tier::vram, bytes(0));
    eventually([&] { return shared.device->committed_bytes(tier::vram) == 0; });
  }
}

}  // namespace
}  // namespace tierpager::test
