#include <tools/report.hpp>

#include <gtest/gtest.h>

#include <tierpager/budget.hpp>

namespace tierpager::tools {
namespace {

constexpr tensor_id small{0};
constexpr tensor_id large{1};

catalog two_tensors() {
  catalog made;
  made.add_file("file");
  EXPECT_TRUE(made.add({.name = "small", .dtype = "U8", .shape = {100}, .bytes = 100}).ok());
  EXPECT_TRUE(made.add({.name = "large", .dtype = "U8", .shape = {1000}, .offset = 100, .bytes = 1000}).ok());
  return made;
}

statistics tiers(std::optional<std::uint64_t> vram_bytes, std::uint64_t ram_bytes) {
  statistics made;
  made.vram.present = vram_bytes.has_value();
  made.vram.effective_bytes = vram_bytes.value_or(0);
  made.ram.present = true;
  made.ram.effective_bytes = ram_bytes;
  return made;
}

void expect_bound(std::optional<byte_bound> const& bound, std::uint64_t to_device_bytes,
                  std::uint64_t from_disk_bytes) {
  ASSERT_TRUE(bound.has_value());
  EXPECT_EQ(bound->to_device_bytes, to_device_bytes);
  EXPECT_EQ(bound->from_disk_bytes, from_disk_bytes);
}

TEST(lower_bound, counts_each_tensor_once_a_pass) {
  std::vector<pass_order> const passes{{large, small, large}};
  expect_bound(lower_bound(passes, two_tensors(), tiers(300, 200)), 800, 600);
  expect_bound(lower_bound({{small}}, two_tensors(), tiers(30, 20)), 70, 50);
}

TEST(lower_bound, is_nothing_where_everything_fits) {
  std::vector<pass_order> const passes{{large, small}};
  expect_bound(lower_bound(passes, two_tensors(), tiers(1100, 0)), 0, 0);
  expect_bound(lower_bound(passes, two_tensors(), tiers(600, 600)), 500, 0);
  expect_bound(lower_bound(passes, two_tensors(), tiers(unlimited_bytes, unlimited_bytes)), 0, 0);
  expect_bound(lower_bound(passes, two_tensors(), tiers(1, unlimited_bytes)), 1099, 0);
}

TEST(lower_bound, has_no_bytes_to_the_device_without_a_device_tier) {
  expect_bound(lower_bound({{large, small}}, two_tensors(), tiers(std::nullopt, 400)), 0, 700);
}

TEST(lower_bound, is_unknown_where_passes_differ) {
  EXPECT_FALSE(lower_bound({{large, small}, {large}}, two_tensors(), tiers(1, 1)).has_value());
  EXPECT_TRUE(lower_bound({{large, small}, {large, small}}, two_tensors(), tiers(1, 1)).has_value());
}

}  // namespace
}  // namespace tierpager::tools
