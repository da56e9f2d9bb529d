// A search for a victim that meets more tensors in use than one call may pass over: it goes on in another call, and what
// waits for it neither fails nor waits for ever.
#include <gtest/gtest.h>

#include <vector>

#include <core/residency.hpp>
#include <tests/support/pattern_model.hpp>

namespace tierpager::test {
namespace {

constexpr std::uint64_t page = 4096;
constexpr tensor_id large{6};

// VRAM of six pages that cannot be remapped, six tensors of one, and one of two.
class one_block : public testing::Test {
 protected:
  void go_on() {
    std::vector<command> next;
    do {
      while (core_.finish_some()) ++portions_;
      next.clear();
      core_.take_commands(next);
      for (command const& one : next) carry_out(one);
    } while (!next.empty());
  }
  void carry_out(command const& one) {
    if (std::holds_alternative<grant_command>(one)) ++granted_;
    if (std::holds_alternative<reject_command>(one)) ++rejected_;
    if (auto const* remap = std::get_if<remap_command>(&one))
      core_.remapped(remap->where, remap->decommits.size(), remap->commits.size(), {});
    if (auto const* read = std::get_if<read_command>(&one)) core_.read_done(read->tensor, read->chunk, {});
    if (auto const* copy = std::get_if<copy_command>(&one))
      core_.copy_queued(copy->tensor, copy->chunk, {.stream = 0, .sequence = ++copies_});
    if (auto const* watch = std::get_if<watch_command>(&one)) core_.passed(watch->until);
  }
  void hold(tensor_id id) {
    ASSERT_TRUE(core_.acquire(std::span(&id, 1), tier::vram, caller_id{}).ok());
    go_on();
  }
  void use(tensor_id id) {
    hold(id);
    core_.release(id, tier::vram, caller_id{}, fence{.stream = 1, .sequence = ++uses_});
    go_on();
  }

  std::vector<std::uint64_t> sizes_{page, page, page, page, page, page, 2 * page};
  pattern_model model_ = make_pattern_model(sizes_);
  residency core_{model_.tensors,
                  {.vram = {.budget_bytes = 6 * page, .can_remap = false},
                   .ram = {},
                   .chunk_bytes = page,
                   .passed_over_at_once = 1},
                  make_eviction_policy("lru", sizes_).value(),
                  make_eviction_policy("lru", sizes_).value()};
  std::uint64_t copies_ = 0, uses_ = 0;
  unsigned granted_ = 0, rejected_ = 0, portions_ = 0;
};

// The two that leave first lie apart, and before the next one the search meets two that are held, by whoever waits here.
TEST_F(one_block, is_given_in_one_piece_though_that_is_found_later) {
  go_on();
  for (std::uint32_t i = 0; i < 6; ++i) use(tensor_id{i});
  for (std::uint32_t const i : {1U, 3U}) use(tensor_id{i});
  for (std::uint32_t const i : {0U, 2U}) hold(tensor_id{i});
  for (std::uint32_t const i : {4U, 5U}) use(tensor_id{i});
  for (std::uint32_t i = 0; i < 6; ++i) ASSERT_EQ(core_.offset(tensor_id{i}, tier::vram), i * page);
  unsigned const granted = granted_;
  hold(large);
  EXPECT_EQ(granted_, granted + 1);
  EXPECT_EQ(rejected_, 0U);
  EXPECT_EQ(core_.offset(large, tier::vram), 3 * page);
  EXPECT_TRUE(core_.resident(tensor_id{5}, tier::vram));
  EXPECT_TRUE(core_.idle());
}

}  // namespace
}  // namespace tierpager::test
