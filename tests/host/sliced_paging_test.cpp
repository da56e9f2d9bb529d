// Tables that are larger than a tier's whole budget, paged by blocks of rows: what a refusal suggests works, and the bytes
// of every block are right.
#include <array>
#include <regex>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <core/slice_option.hpp>
#include <tests/support/paged_reading.hpp>
#include <tierpager/open.hpp>

#include "temporary_folder.hpp"

namespace tierpager::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::temporary_folder;

constexpr std::uint64_t table_rows = 500;
constexpr std::uint64_t row_bytes = 200;
constexpr std::uint64_t budget_bytes = 6 * page;  // a block of 64 rows takes 4 pages

// A norm of one page, and a table of 25 behind it.
pattern_model small_norm_and_large_table() {
  pattern_model made;
  made.tensors.add_file("pattern");
  value_or_throw(made.tensors.add({.name = "norm", .dtype = "U8", .shape = {page}, .bytes = page}));
  value_or_throw(made.tensors.add({.name = "table",
                                   .dtype = "U8",
                                   .shape = {table_rows, row_bytes},
                                   .offset = page,
                                   .bytes = table_rows * row_bytes}));
  made.source = std::make_shared<pattern_source>(page + table_rows * row_bytes);
  return made;
}

// Three passes through the catalog, in which the order is found and a plan made of it. Each reads the whole file, whatever
// the catalog says about where a block lies: norm and table are all there is, and their blocks follow each other.
void expect_right_bytes(pager& paged) {
  std::vector<std::byte> read;
  host_stream stream;
  for (int pass = 0; pass < 3; ++pass) {
    read.clear();
    for (std::uint32_t i = 0; i < paged.tensors().size(); ++i) {
      handle const held = paged.acquire(tensor_id{i}, stream);
      stream.submit([&read, bytes = std::span(held.data(), held.size_bytes())] {
        read.insert(read.end(), bytes.begin(), bytes.end());
      });
    }
    stream.synchronize();
    ASSERT_EQ(read.size(), page + table_rows * row_bytes);
    EXPECT_EQ(first_wrong_byte(tensor_info{}, read), read.size()) << "pass " << pass;
  }
  paged.retire_stream(stream);
}

// What stands between the quotes behind "--slice".
std::string suggested_slice(failure const& refused) {
  std::smatch found;
  EXPECT_TRUE(std::regex_search(refused.what, found, std::regex("--slice '([^']*)'"))) << refused.what;
  return found[1];
}

TEST(sliced_paging, works_as_the_refusal_of_the_whole_table_suggests) {
  pattern_model const model = small_norm_and_large_table();
  pager_options const options{.vram = bytes(budget_bytes), .ram = bytes(0), .pin_vram = {"norm"}};
  pager_options const unpinned{.vram = bytes(budget_bytes), .ram = bytes(0)};
  pager whole(model.tensors, model.source, jittery_device(), unpinned);
  host_stream stream;
  failure const refused = failure_of([&] { return whole.acquire("table", stream); }).value();
  EXPECT_EQ(refused.code, errc::budget_too_small);
  EXPECT_THAT(refused.what, HasSubstr("needs at least " + std::to_string(25 * page) + " bytes, or slices"));
  EXPECT_EQ(suggested_slice(refused), "table:64");

  slice_option const asked = value_or_throw(parse_slice(suggested_slice(refused), model.tensors));
  catalog const blocks = value_or_throw(model.tensors.slice(asked.glob, asked.rows));
  ASSERT_EQ(blocks.size(), 1U + 8);
  for (pager_options const& each : {unpinned, options}) {
    pager paged(blocks, model.source, jittery_device(), each);
    expect_right_bytes(paged);
    EXPECT_LE(paged.stats().vram.peak_bytes, budget_bytes);
  }
}

TEST(sliced_paging, suggests_no_more_than_scratch_memory_leaves_and_nothing_for_a_set) {
  pattern_model const model = small_norm_and_large_table();
  host_stream stream;
  for (auto const& [scratch_bytes, slice] : {std::pair{page, "table:64"}, std::pair{2 * page + 1, "table:32"}}) {
    pager paged(model.tensors, model.source, jittery_device(),
                {.vram = bytes(5 * page), .ram = bytes(0), .scratch_bytes = scratch_bytes});
    EXPECT_EQ(suggested_slice(failure_of([&] { return paged.acquire("table", stream); }).value()), slice);
    auto const set = [&] { return paged.acquire(std::array{tensor_id{0}, tensor_id{1}}, stream); };
    EXPECT_EQ(failure_of(set)->what.find("--slice"), std::string::npos);
    EXPECT_THAT(failure_of(set)->what, HasSubstr(" for a set of 2 tensors, of which the largest is 'table'"));
  }
}

TEST(sliced_paging, works_as_the_refusal_of_pins_that_leave_no_room_suggests) {
  pattern_model const model = small_norm_and_large_table();
  pager_options const pinned{.vram = bytes(budget_bytes), .ram = bytes(0), .pin_vram = {"norm"}};
  auto const open_with = [&](catalog const& tensors) { return pager(tensors, model.source, jittery_device(), pinned); };
  failure const refused = failure_of([&] { return open_with(model.tensors).tensors().size(); }).value();
  EXPECT_EQ(refused.code, errc::budget_too_small);
  EXPECT_THAT(refused.what, HasSubstr(" pins with room for the largest unpinned tensor: needs at least "));
  slice_option const asked = value_or_throw(parse_slice(suggested_slice(refused), model.tensors));
  pager paged = open_with(value_or_throw(model.tensors.slice(asked.glob, asked.rows)));
  expect_right_bytes(paged);

  pattern_model const alike = make_pattern_model(3, 6 * page);  // of which no slice of one would do
  auto const none = [&] {
    pager const two(alike.tensors, alike.source, jittery_device(),
                    {.vram = bytes(8 * page), .ram = bytes(0), .pin_vram = {"t0"}});
    return two.tensors().size();
  };
  EXPECT_EQ(failure_of(none)->what.find("--slice"), std::string::npos);
}

TEST(sliced_paging, without_a_device_tier_suggests_what_fits_into_ram) {
  pattern_model const model = small_norm_and_large_table();
  pager whole(model.tensors, model.source, jittery_device(), {.vram = "none", .ram = bytes(budget_bytes)});
  failure const refused = failure_of([&] { return whole.acquire_host("table"); }).value();
  slice_option const asked = value_or_throw(parse_slice(suggested_slice(refused), model.tensors));
  catalog const blocks = value_or_throw(model.tensors.slice(asked.glob, asked.rows));
  pager paged(blocks, model.source, jittery_device(), {.vram = "none", .ram = bytes(budget_bytes)});
  stream_reader reader(blocks);
  for (std::uint32_t i = 0; i < 2 * blocks.size(); ++i)
    reader.read_now(paged.acquire_host(static_cast<tensor_id>(i % blocks.size())));
  EXPECT_EQ(reader.wrong(), 0U);
}

TEST(sliced_paging, opens_a_file_by_blocks_and_pins_one_by_its_name) {
  temporary_folder const folder;
  std::string bytes(page + table_rows * row_bytes, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(pattern_byte(i));
  (void)folder.write("data.bin", bytes);
  std::string const manifest = folder.write(
      "manifest.json",
      R"({"tensors":[)"
      R"({"name":"norm","file":"data.bin","offset":0,"bytes":4096,"dtype":"U8","shape":[4096]},)"
      R"({"name":"table","file":"data.bin","offset":4096,"bytes":100000,"dtype":"U8","shape":[500,200]}]})");
  open_options const by_blocks{.device = device_kind::host, .slice = {"table:250", "table[250:500]:125"}};
  pager paged =
      open(manifest, {.vram = tierpager::bytes(20 * page), .ram = tierpager::bytes(0), .pin_vram = {"table[0:250]"}},
           by_blocks);
  std::vector<std::string> names;
  for (tensor_info const& each : paged.tensors()) names.push_back(each.name);
  EXPECT_THAT(names, ElementsAre("norm", "table[0:250]", "table[250:500][0:125]", "table[250:500][125:250]"));
  EXPECT_TRUE(paged.pinned(*paged.tensors().find("table[0:250]"), tier::vram));
  expect_right_bytes(paged);

  auto const fails = [&](std::string const& slice) {
    return failure_of([&] { return read_model({manifest}, {.slice = {slice}}).tensors.size(); })->code;
  };
  EXPECT_EQ(fails("table:0"), errc::invalid_argument);
  EXPECT_EQ(fails("table:few"), errc::invalid_argument);
  EXPECT_EQ(fails("embedding:4"), errc::unknown_tensor);
}

}  // namespace
}  // namespace tierpager::test
