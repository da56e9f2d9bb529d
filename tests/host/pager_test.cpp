#include <tierpager/pager.hpp>

#include <gtest/gtest.h>

#include <host/host_device.hpp>
#include <tests/support/pattern_model.hpp>
#include <tierpager/host_stream.hpp>
#include <tierpager/open.hpp>

namespace tierpager::test {
namespace {

constexpr std::uint64_t page = 4096;

std::shared_ptr<device> jittery_device() {
  return std::make_shared<host_device>(host_device_options{.jitter_seed = 7, .poison = true});
}

// Reads a handle's bytes the way a kernel would: in the order of a stream.
std::uint64_t wrong_byte(pager const& from, handle const& held, host_stream& stream) {
  std::uint64_t wrong = 0;
  stream.submit([&] { wrong = first_wrong_byte(from.tensors()[held.id()], {held.data(), held.size_bytes()}); });
  stream.synchronize();
  return wrong;
}

TEST(pager, refuses_streams_that_name_no_one_stream) {
  pattern_model model = make_pattern_model(1, page);
  pager paged(model.tensors, model.source, jittery_device(), {.vram = bytes(page), .ram = bytes(page)});
  for (std::uintptr_t const value : {0U, 2U}) {  // null, cudaStreamPerThread
    stream_ref const nobody(reinterpret_cast<void*>(value));
    EXPECT_THROW((void)paged.acquire(tensor_id{0}, nobody), error);
    EXPECT_THROW((void)paged.try_acquire(tensor_id{0}, nobody), error);
  }
  EXPECT_EQ(paged.stats().acquires, 0U);
}

TEST(pager, pages_a_model_through_both_tiers) {
  pattern_model model = make_pattern_model(8, 3 * page);
  pager paged(model.tensors, model.source, jittery_device(),
              {.vram = bytes(9 * page), .ram = bytes(12 * page), .policy = "lru"});
  host_stream stream;
  for (int pass = 0; pass < 3; ++pass) {
    for (std::uint32_t i = 0; i < 8; ++i) {
      handle const held = paged.acquire(tensor_id{i}, stream);
      EXPECT_EQ(wrong_byte(paged, held, stream), held.size_bytes()) << "pass " << pass << " tensor " << i;
    }
  }
  statistics const stats = paged.stats();
  EXPECT_EQ(stats.acquires, 24U);
  EXPECT_EQ(stats.disk_reads, 24U);  // an LRU never hits on a scan
  EXPECT_EQ(stats.vram.peak_bytes, 9 * page);
  EXPECT_EQ(stats.ram.peak_bytes, 12 * page);
  EXPECT_EQ(stats.vram.evictions(), 21U);
  EXPECT_EQ(stats.ram.evictions(), 20U);
  paged.retire_stream(stream);
}

TEST(pager, moves_a_tensor_larger_than_ram_through_a_buffer) {
  std::uint64_t const sizes[] = {40 * page + 5, page, 30 * page};
  pattern_model model = make_pattern_model(sizes);
  pager paged(model.tensors, model.source, jittery_device(),
              {.vram = bytes(41 * page), .ram = bytes(0), .chunk_bytes = 4 * page});
  host_stream stream;
  for (int pass = 0; pass < 4; ++pass) {
    for (std::uint32_t i = 0; i < 3; ++i) {
      handle const held = paged.acquire(tensor_id{i}, stream);
      EXPECT_EQ(wrong_byte(paged, held, stream), held.size_bytes()) << "pass " << pass << " tensor " << i;
    }
  }
  EXPECT_EQ(paged.stats().ram.effective_bytes, 8 * page);
  EXPECT_EQ(paged.stats().ram.peak_bytes, 8 * page);
  paged.retire_stream(stream);
}

TEST(pager, without_a_device_tier_hands_out_host_pointers) {
  pattern_model model = make_pattern_model(6, 2 * page);
  pager paged(model.tensors, model.source, jittery_device(), {.vram = "none", .ram = bytes(6 * page)});
  for (int pass = 0; pass < 2; ++pass) {
    for (std::uint32_t i = 0; i < 6; ++i) {
      handle const held = paged.acquire_host(tensor_id{i});
      EXPECT_EQ(first_wrong_byte(paged.tensors()[held.id()], {held.data(), held.size_bytes()}), held.size_bytes());
    }
  }
  EXPECT_EQ(paged.stats().ram.peak_bytes, 6 * page);
  host_stream stream;
  EXPECT_THROW((void)paged.acquire(tensor_id{0}, stream), error);
}

TEST(pager, handles_outlive_the_pager) {
  pattern_model model = make_pattern_model(2, page);
  host_stream stream;
  handle kept;
  catalog const tensors = model.tensors;
  {
    pager paged(model.tensors, model.source, jittery_device(), {.vram = bytes(2 * page), .ram = bytes(2 * page)});
    kept = paged.acquire(tensor_id{1}, stream);
  }
  std::uint64_t wrong = 0;
  stream.submit([&] { wrong = first_wrong_byte(tensors[tensor_id{1}], {kept.data(), kept.size_bytes()}); });
  stream.synchronize();
  EXPECT_EQ(wrong, page);
  kept.release();
}

TEST(pager, keeps_the_metadata_of_the_model_that_it_pages) {
  std::string const path = std::string(TIERPAGER_FIXTURES) + "/mixed.gguf";
  pager const opened = open(path, {.vram = "100%", .ram = "100%"}, {.device = device_kind::host});
  EXPECT_EQ(opened.metadata().format, "gguf");
  EXPECT_EQ(opened.metadata().get<std::string>("general.architecture"), "llama");
  auto read = read_model({path});
  EXPECT_EQ(read.metadata().get<int>("test.uint8"), 200);
  pager paged(std::move(read), jittery_device(), {.vram = "100%", .ram = "100%"});
  metadata const& said = paged.metadata();
  pager const moved = std::move(paged);
  EXPECT_EQ(&moved.metadata(), &said);
  EXPECT_EQ(said.get<std::vector<bool>>("test.flags"), (std::vector<bool>{true, false, true}));
  pattern_model model = make_pattern_model(1, page);
  pager const built(model.tensors, model.source, jittery_device(), {.vram = bytes(page), .ram = bytes(page)});
  EXPECT_EQ(built.metadata().format, "");
  EXPECT_EQ(built.metadata().values.size(), 0U);
}

TEST(pager, that_was_refused_leaves_its_device_to_the_next) {
  pattern_model model = make_pattern_model(4, page);
  std::shared_ptr<device> const device = jittery_device();
  EXPECT_THROW(
      pager(model.tensors, model.source, device, {.vram = bytes(page), .ram = bytes(page), .pin_vram = {"t0"}}), error);
  EXPECT_THROW(pager(model.tensors, model.source, device, {.vram = bytes(page), .ram = bytes(page), .policy = "best"}),
               error);
  pager paged(model.tensors, model.source, device, {.vram = bytes(2 * page), .ram = bytes(page), .pin_vram = {"t0"}});
  host_stream stream;
  handle const held = paged.acquire("t3", stream);
  EXPECT_EQ(wrong_byte(paged, held, stream), page);
}

}  // namespace
}  // namespace tierpager::test
