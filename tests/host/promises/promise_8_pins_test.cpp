// Promise 8: pins are lazy; a pinned tensor's first acquire loads it, and from then on it is no victim. A pin set that
// leaves no room for the largest unpinned tensor is refused with the figure; overcommit_pins is best-effort instead.
#include <gtest/gtest.h>

#include <tests/support/metered_device.hpp>
#include <tests/support/paged_reading.hpp>

namespace tierpager::test {
namespace {

constexpr tensor_id id(std::uint32_t number) { return tensor_id{number}; }

struct promise_8_pins : testing::Test {
  watchdog const limit{"a test of promise 8"};
  pattern_model model = make_pattern_model(8, 2 * page);
  stream_reader reader{model.tensors};
  host_stream stream;
  std::shared_ptr<metered_device> metered = std::make_shared<metered_device>(jittery_device());

  pager open(pager_options options) { return {model.tensors, model.source, metered, std::move(options)}; }
  // Every tensor but those.
  void pass(pager& paged, std::vector<tensor_id> const& but = {}) {
    for (std::uint32_t i = 0; i < 8; ++i)
      if (std::find(but.begin(), but.end(), id(i)) == but.end()) reader.read(paged.acquire(id(i), stream), stream);
    stream.synchronize();
    EXPECT_EQ(reader.wrong(), 0U);
  }
};

TEST_F(promise_8_pins, are_lazy_and_counted_by_the_first_acquire) {
  pager paged = open({.vram = bytes(8 * page), .ram = bytes(16 * page), .pin_vram = {"t3"}});
  EXPECT_TRUE(paged.pinned(id(3), tier::vram));
  EXPECT_FALSE(paged.pinned(id(3), tier::ram));
  EXPECT_FALSE(paged.resident(id(3), tier::vram));
  EXPECT_EQ(paged.stats().bytes_from_disk, 0U);
  EXPECT_EQ(paged.stats().vram.resident_bytes, 0U);
  (void)paged.acquire(id(3), stream);
  EXPECT_EQ(paged.stats().disk_reads, 1U);
}

TEST_F(promise_8_pins, are_no_victims_from_the_first_acquire_on) {
  pager paged = open({.vram = bytes(8 * page), .ram = bytes(16 * page)});
  paged.pin(id(3), tier::vram);
  std::byte const* const at = paged.acquire(id(3), stream).data();
  std::uint64_t const generation = paged.generation(id(3));
  for (int i = 0; i < 3; ++i) pass(paged, {id(3)});
  EXPECT_TRUE(paged.resident(id(3), tier::vram));
  EXPECT_EQ(paged.generation(id(3)), generation);
  EXPECT_EQ(paged.acquire(id(3), stream).data(), at);
}

TEST_F(promise_8_pins, in_ram_are_no_victims_there) {
  pager paged = open({.vram = bytes(4 * page), .ram = bytes(6 * page), .pin_ram = {"t5"}});
  (void)paged.acquire_host(id(5));
  std::uint64_t const reads = paged.stats().disk_reads;
  pass(paged, {id(5)});
  for (std::uint32_t i = 0; i < 8; ++i) reader.read_now(paged.acquire_host(id(i)));
  EXPECT_TRUE(paged.resident(id(5), tier::ram));
  EXPECT_FALSE(paged.pinned(id(5), tier::vram));
  EXPECT_GT(paged.stats().disk_reads, reads);
  std::uint64_t const now = paged.stats().disk_reads;
  (void)paged.acquire(id(5), stream);
  EXPECT_EQ(paged.stats().disk_reads, now);  // from RAM
  EXPECT_EQ(reader.wrong(), 0U);
}

TEST_F(promise_8_pins, that_leave_no_room_are_refused_with_the_figure_and_pin_nothing) {
  pager paged = open({.vram = bytes(8 * page), .ram = bytes(0)});
  std::vector<tensor_id> const four = {id(0), id(1), id(2), id(3)};
  auto const why = failure_of([&] { return paged.pin(four, tier::vram), 0; });
  ASSERT_TRUE(why);
  EXPECT_EQ(why->code, errc::budget_too_small);
  EXPECT_NE(why->what.find("at least " + std::to_string(10 * page) + " bytes"), std::string::npos) << why->what;
  for (tensor_id each : four) EXPECT_FALSE(paged.pinned(each, tier::vram));
  paged.set_budget(tier::vram, bytes(10 * page));
  paged.pin(four, tier::vram);
  EXPECT_EQ(code_of([&] { return paged.set_budget(tier::vram, bytes(10 * page - 1)); }), errc::budget_too_small);
  EXPECT_EQ(paged.stats().vram.budget_bytes, 10 * page);
  pass(paged);
  pass(paged);
  for (tensor_id each : four) EXPECT_TRUE(paged.resident(each, tier::vram));
  EXPECT_LE(metered->peak_bytes(tier::vram), 10 * page);
}

TEST_F(promise_8_pins, overcommitted_are_best_effort) {
  pager paged = open({.vram = bytes(6 * page), .ram = bytes(0), .overcommit_pins = true});
  std::vector<tensor_id> const five = {id(0), id(1), id(2), id(3), id(4)};
  paged.pin(five, tier::vram);  // 10 pages: no error
  EXPECT_EQ(paged.stats().vram.budget_bytes, 6 * page);
  pass(paged);
  pass(paged);
  for (tensor_id each : five) EXPECT_TRUE(paged.resident(each, tier::vram));
  (void)paged.acquire(id(0), stream);
  (void)paged.acquire(id(7), stream);
  (void)paged.acquire(id(6), stream);
  EXPECT_FALSE(paged.resident(id(5), tier::vram));  // everything unpinned leaves
  EXPECT_FALSE(paged.resident(id(7), tier::vram));
  // The budget is a target: what the pins and one tensor beside them need binds instead, and is reported.
  EXPECT_EQ(paged.stats().vram.effective_bytes, 12 * page);
  EXPECT_LE(metered->peak_bytes(tier::vram), 12 * page);
  paged.unpin(five, tier::vram);
  eventually([&] { return paged.stats().vram.effective_bytes == 6 * page; });
  pass(paged);
  EXPECT_LE(paged.stats().vram.committed_bytes, 6 * page);
}

TEST_F(promise_8_pins, that_are_taken_back_are_victims_again) {
  pager paged = open({.vram = bytes(8 * page), .ram = bytes(16 * page)});
  std::vector<tensor_id> const two = {id(1), id(2)};
  paged.pin(two, tier::vram);
  pass(paged);
  paged.unpin(id(1), tier::vram);
  EXPECT_FALSE(paged.pinned(id(1), tier::vram));
  EXPECT_TRUE(paged.resident(id(1), tier::vram));
  pass(paged, two);
  EXPECT_FALSE(paged.resident(id(1), tier::vram));
  EXPECT_TRUE(paged.resident(id(2), tier::vram));
}

TEST_F(promise_8_pins, may_come_while_the_tensor_is_resident_or_held) {
  pager paged = open({.vram = bytes(8 * page), .ram = bytes(16 * page)});
  (void)paged.acquire(id(1), stream);
  paged.pin(id(1), tier::vram);
  handle held = paged.acquire(id(2), stream);
  paged.pin(id(2), tier::vram);
  held.release();
  pass(paged, {id(1), id(2)});
  EXPECT_TRUE(paged.resident(id(1), tier::vram));
  EXPECT_TRUE(paged.resident(id(2), tier::vram));
  paged.pin(id(2), tier::vram);  // twice is once
  paged.unpin(id(2), tier::vram);
  pass(paged, {id(1), id(2)});
  EXPECT_FALSE(paged.resident(id(2), tier::vram));
}

TEST_F(promise_8_pins, come_by_glob_and_by_preset) {
  pattern_model llama;
  llama.tensors.add_file("pattern");
  std::uint64_t offset = 0;
  for (char const* name : {"token_embd.weight", "blk.0.attn_q.weight", "blk.1.attn_q.weight", "blk.2.ffn_up.weight",
                           "output_norm.weight", "output.weight"}) {
    value_or_throw(llama.tensors.add({.name = name, .dtype = "U8", .shape = {page}, .offset = offset, .bytes = page}));
    offset += page;
  }
  llama.source = std::make_shared<pattern_source>(offset);
  pager paged(llama.tensors, llama.source, metered,
              {.vram = bytes(6 * page), .ram = bytes(6 * page), .pin_vram = {"output"}, .pin_ram = {"last:1"}});
  auto const pins = [&](tier where) {
    std::string text;
    for (std::uint32_t i = 0; i < 6; ++i) text += paged.pinned(id(i), where) ? '1' : '0';
    return text;
  };
  EXPECT_EQ(pins(tier::vram), "000011");
  EXPECT_EQ(pins(tier::ram), "000100");
  paged.pin("embeddings", tier::vram);
  EXPECT_EQ(pins(tier::vram), "100011");
  paged.pin("blk.[01].*", tier::ram);
  EXPECT_EQ(pins(tier::ram), "011100");
  EXPECT_EQ(code_of([&] { return paged.pin("no such*", tier::vram), 0; }), errc::unknown_tensor);
  EXPECT_EQ(code_of([&] { return paged.pin("last:0", tier::vram), 0; }), errc::invalid_argument);
  EXPECT_EQ(pins(tier::vram), "100011");
}

}  // namespace
}  // namespace tierpager::test
