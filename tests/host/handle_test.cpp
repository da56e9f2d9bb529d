// What a handle knows of its tensor, and handles that are moved into the work that uses them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <latch>
#include <optional>

#include <tests/support/paged_reading.hpp>
#include <tests/support/pattern_model.hpp>
#include <tierpager/host_stream.hpp>
#include <tierpager/pager.hpp>

namespace tierpager::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uint64_t page = 4096;

struct handles : testing::Test {
  static catalog make_catalog() {
    catalog made;
    made.add_file("pattern");
    std::uint64_t offset = 0;
    auto const add = [&](char const* name, char const* dtype, std::vector<std::uint64_t> shape, dimension_order order,
                         std::uint64_t size) {
      value_or_throw(made.add(
          {.name = name, .dtype = dtype, .shape = std::move(shape), .order = order, .offset = offset, .bytes = size}));
      offset += size;
    };
    add("q4", "Q4_K", {256, 2}, dimension_order::innermost_first, 288);
    add("f32", "F32", {3, 2}, dimension_order::outermost_first, 24);
    add("odd", "U8", {6}, dimension_order::outermost_first, 6);
    add("new", "Z9_Q", {5}, dimension_order::outermost_first, 5);
    add("none", "F32", {0}, dimension_order::outermost_first, 0);
    return made;
  }
  pager open() const {
    return {make_catalog(), std::make_shared<pattern_source>(page), jittery_device(), {.vram = "100%", .ram = "100%"}};
  }
  host_stream stream;
};

TEST_F(handles, know_name_type_shape_order_and_block) {
  pager paged = open();
  tensor_info const& q4 = paged.acquire("q4", stream).info();
  EXPECT_EQ(q4.name, "q4");
  EXPECT_EQ(q4.dtype, "Q4_K");
  EXPECT_THAT(q4.shape, ElementsAre(256, 2));
  EXPECT_EQ(q4.order, dimension_order::innermost_first);
  EXPECT_EQ(q4.block(), (block_geometry{256, 144}));
  EXPECT_EQ(paged.acquire_host("f32").info().block(), (block_geometry{1, 4}));
  EXPECT_EQ(paged.acquire("new", stream).info().block(), (block_geometry{0, 0}));
}

TEST_F(handles, know_it_when_the_pager_is_gone) {
  std::optional<pager> paged(open());
  handle held = paged->acquire("f32", stream);
  paged.reset();
  EXPECT_EQ(held.info().name, "f32");
  EXPECT_EQ(held.span<float>().size(), 6U);
  held.release();
  EXPECT_EQ(code_of([&] { return held.info().bytes; }), errc::invalid_argument);
  EXPECT_EQ(code_of([&] { return held.span<float>().size(); }), errc::invalid_argument);
  EXPECT_EQ(code_of([&] { return handle().info().bytes; }), errc::invalid_argument);
}

TEST_F(handles, a_span_has_the_tensor_s_bytes_in_whole_elements) {
  pager paged = open();
  handle const f32 = paged.acquire("f32", stream);
  EXPECT_EQ(static_cast<void const*>(f32.span<float>().data()), f32.data());
  EXPECT_EQ(f32.span<float>().size_bytes(), 24U);
  EXPECT_EQ(f32.span<std::byte>().size(), 24U);
  EXPECT_EQ(paged.acquire("none", stream).span<float>().size(), 0U);
  failure const refused = failure_of([&] { return paged.acquire("odd", stream).span<float>().size(); }).value();
  EXPECT_EQ(refused.code, errc::invalid_argument);
  EXPECT_EQ(refused.describe(), "tensor 'odd': its 6 bytes (U8) are no whole number of elements of 4 bytes");
}

TEST_F(handles, a_span_is_aligned_for_its_elements) {
  struct alignas(2 * page) wide {
    std::array<std::byte, 2 * page> all;
  };
  pattern_model const model = make_pattern_model(std::array<std::uint64_t, 3>{2 * page, page, 2 * page});
  pager paged(model.tensors, model.source, jittery_device(), {.vram = bytes(5 * page), .ram = bytes(0)});
  auto const held = paged.acquire({"t0", "t1", "t2"}, stream);  // one of the outer two lies at a multiple of its size
  auto const of_first = failure_of([&] { return held[0].span<wide>().size(); });
  auto const of_last = failure_of([&] { return held[2].span<wide>().size(); });
  ASSERT_NE(of_first.has_value(), of_last.has_value());
  failure const refused = of_first ? *of_first : *of_last;
  EXPECT_EQ(refused.code, errc::invalid_argument);
  EXPECT_THAT(refused.what, HasSubstr("8192"));
}

TEST_F(handles, are_moved_into_the_work_that_uses_them) {
  pattern_model const model = make_pattern_model(12, page);
  pager paged(model.tensors, model.source, jittery_device(), {.vram = bytes(3 * page), .ram = bytes(12 * page)});
  std::atomic<int> right = 0;
  for (std::uint32_t pass = 0; pass < 3; ++pass) {
    for (std::uint32_t i = 0; i < 12; ++i) {
      handle held = paged.acquire(tensor_id{i}, stream, {.owner = new_owner()});
      stream.submit([&right, held = std::move(held)] {
        if (first_wrong_byte(held.info(), held.span<std::byte>()) == page) ++right;
      });
      EXPECT_FALSE(held);  // NOLINT(bugprone-use-after-move)
    }
  }
  stream.synchronize();
  EXPECT_EQ(right, 36);
  paged.retire_stream(stream);
}

TEST_F(handles, in_work_that_has_run_are_released) {
  pattern_model const model = make_pattern_model(2, page);
  pager paged(model.tensors, model.source, jittery_device(), {.vram = bytes(page), .ram = bytes(page)});
  stream.submit([held = paged.acquire("t0", stream)] {});
  stream.synchronize();
  EXPECT_EQ(paged.acquire("t1", stream, {.owner = new_owner()}).info().name, "t1");
}

// The last handle ends the pager's life, on the thread of the stream for whose work it has to wait.
TEST_F(handles, the_last_one_may_end_on_its_stream_with_work_queued_behind_it) {
  for (bool const more_behind : {false, true}) {
    std::latch queued(1);
    int ran = 0;
    {
      std::optional<host_stream> own(std::in_place);
      {
        pager paged = open();
        own->submit([&, held = paged.acquire("f32", *own)] {
          queued.wait();
          ran += held.span<float>().size() == 6 ? 1 : 0;
        });
      }
      if (more_behind) own->submit([&] { ++ran; });
      queued.count_down();
    }
    EXPECT_EQ(ran, more_behind ? 2 : 1);
  }
}

TEST_F(handles, a_pager_may_end_on_a_stream) {
  pager paged = open();
  (void)paged.acquire("f32", stream);
  stream.submit([last = std::move(paged)] {});
  stream.synchronize();
}

}  // namespace
}  // namespace tierpager::test
