// Plans for hundreds of tensors: they hold as others do, and callers beside the thread that makes them get what they ask for.
#include <gtest/gtest.h>

#include <random>

#include <tests/support/paged_reading.hpp>

namespace tierpager::test {
namespace {

constexpr std::uint32_t tensors = 700;
constexpr std::uint32_t in_vram = 400;

struct large_plans : testing::Test {
  watchdog const limit{"a test of large plans"};
  pattern_model model = make_pattern_model(tensors, page);
  stream_reader reader{model.tensors};
  pager pages{model.tensors, model.source, jittery_device(), options()};

  static pager_options options() {
    pager_options made;
    made.vram = bytes(in_vram * page);
    made.ram = bytes(tensors / 2 * page);
    made.chunk_bytes = page;
    made.reader_threads = 2;
    return made;
  }
  static std::vector<tensor_id> all() {
    std::vector<tensor_id> ids;
    for (std::uint32_t i = 0; i < tensors; ++i) ids.push_back(tensor_id{i});
    return ids;
  }
  void use(tensor_id id, host_stream& stream) {
    handle const held = pages.acquire(id, stream);
    reader.read(held, stream);
  }
};

TEST_F(large_plans, move_what_has_no_home_and_nothing_else) {
  host_stream stream;
  auto const pass = [&] {
    for (tensor_id const id : all()) use(id, stream);
  };
  pages.set_order(all());
  for (int i = 0; i < 2; ++i) pass();
  std::uint64_t const before = pages.stats().bytes_to_device;
  for (int i = 0; i < 3; ++i) pass();
  std::uint64_t const moved_bytes = pages.stats().bytes_to_device - before;
  EXPECT_GE(moved_bytes, 3 * (tensors - in_vram) * page);
  EXPECT_LE(moved_bytes, 3 * (tensors - in_vram + 3) * page);  // a buffer of two, and one ahead
  pages.set_order(std::vector<tensor_id>());                   // whose loss is taken up like a plan
  pass();
  stream.synchronize();
  EXPECT_EQ(reader.checked(), 6 * tensors);
  EXPECT_EQ(reader.wrong(), 0U);
}

TEST_F(large_plans, are_made_beside_hits_and_misses_of_others) {
  constexpr std::uint32_t kept = 16;
  constexpr std::uint64_t rounds = under_thread_sanitizer || under_address_sanitizer ? 20 : 60;
  std::vector<tensor_id> pinned = all();
  pinned.resize(kept);
  pages.pin(pinned, tier::vram);
  host_stream hits, misses;
  std::uint64_t hit = 0, missed = 0;
  {
    std::jthread const of_hits([&](std::stop_token const& over) {
      for (; !over.stop_requested(); ++hit) use(tensor_id{static_cast<std::uint32_t>(hit % kept)}, hits);
    });
    std::jthread const of_misses([&](std::stop_token const& over) {
      std::mt19937 random(1);
      for (; !over.stop_requested(); ++missed) use(tensor_id{static_cast<std::uint32_t>(random() % tensors)}, misses);
    });
    for (std::uint64_t i = 0; i < rounds; ++i) {
      pages.set_order(i % 3 == 2 ? std::vector<tensor_id>() : all());
      (void)pages.set_budget(tier::vram, bytes((in_vram - i % 4 * 50) * page));
    }
    eventually([&] { return pages.stats().acquires > 4 * tensors; });
  }
  for (host_stream* each : {&hits, &misses}) each->synchronize();
  EXPECT_EQ(reader.checked(), hit + missed);
  EXPECT_EQ(reader.wrong(), 0U);
}

}  // namespace
}  // namespace tierpager::test
