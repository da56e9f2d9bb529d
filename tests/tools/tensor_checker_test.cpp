// That `--verify` sees a wrong byte: the pager reads through a source that lies, the checker through one that does not.
#include <tools/tensor_checker.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tierpager::tools {
namespace {

constexpr std::uint64_t tensor_bytes = 12289;  // not a multiple of a word, more than one page
constexpr std::uint32_t tensors = 700;         // more than the results that fit in the scratch memory at once

class numbered_source final : public source {
 public:
  /// Alters the byte at that offset, if any.
  explicit numbered_source(std::optional<std::uint64_t> altered = std::nullopt) : altered_(altered) {}

  status read(std::uint32_t /*file*/, std::uint64_t offset, std::span<std::byte> target) override {
    for (std::size_t i = 0; i < target.size(); ++i) {
      std::uint64_t const at = offset + i;
      target[i] = static_cast<std::byte>(at * 31 / 7 + (at == altered_ ? 1 : 0));
    }
    return {};
  }

 private:
  std::optional<std::uint64_t> altered_;
};

model a_model(std::optional<std::uint64_t> altered) {
  model made;
  made.tensors.add_file("model");
  for (std::uint64_t number = 0; number < tensors; ++number) {
    EXPECT_TRUE(made.tensors
                    .add({.name = "t" + std::to_string(number),
                          .dtype = "U8",
                          .shape = {tensor_bytes},
                          .offset = number * tensor_bytes,
                          .bytes = tensor_bytes})
                    .ok());
  }
  EXPECT_TRUE(made.tensors.add({.name = "empty", .dtype = "U8", .shape = {0}, .offset = 0, .bytes = 0}).ok());
  made.source = std::make_shared<numbered_source>(altered);
  return made;
}

struct counts {
  std::uint64_t checked;
  std::uint64_t mismatches;
  std::string first;
};

counts check_all(budget const& vram, std::optional<std::uint64_t> altered) {
  paging_options options;
  options.vram = vram;
  options.ram = bytes(4 * 16384);
  std::shared_ptr<device> const on = open_device(device_kind::host);
  tools::held_warnings warnings;
  paged_model pages(a_model(altered), on, options, tensor_checker::scratch_bytes(*on), warnings);
  numbered_source truth;
  tensor_checker checker(pages, truth);
  for (std::uint32_t id = 0; id < pages.tensors().size(); ++id) {
    checker.learn(tensor_id{id});
    checker.check(pages.acquire(tensor_id{id}));
  }
  checker.finish();
  return {checker.checked(), checker.mismatches(),
          checker.first_mismatch() ? checker.first_mismatch()->describe() : ""};
}

class tensor_checker_on : public testing::TestWithParam<char const*> {};

TEST_P(tensor_checker_on, finds_every_tensor_right_where_the_pager_read_the_truth) {
  counts const found = check_all(GetParam(), std::nullopt);
  EXPECT_EQ(found.checked, tensors + 1);
  EXPECT_EQ(found.mismatches, 0U);
  EXPECT_EQ(found.first, "");
}

TEST_P(tensor_checker_on, names_the_tensor_that_has_one_wrong_byte) {
  for (std::uint64_t const number : {0U, 511U, 512U, 699U}) {
    counts const found = check_all(GetParam(), (number + 1) * tensor_bytes - 1);
    EXPECT_EQ(found.checked, tensors + 1);
    EXPECT_EQ(found.mismatches, 1U);
    EXPECT_THAT(found.first, testing::StartsWith("model: tensor 't" + std::to_string(number) + "': "));
  }
}

INSTANTIATE_TEST_SUITE_P(budgets, tensor_checker_on, testing::Values("128KiB", "unlimited", "none"));

}  // namespace
}  // namespace tierpager::tools
