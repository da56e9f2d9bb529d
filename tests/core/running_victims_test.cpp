// Who leaves where every possible victim may be in use on a stream: the core's questions, and what the answers lead to.
#include <gtest/gtest.h>

#include <core/residency.hpp>
#include <tests/support/pattern_model.hpp>

namespace tierpager::test {
namespace {

constexpr std::uint64_t tensor_bytes = 4096;
constexpr tensor_id first{0}, second{1}, third{2};

// Carries out whatever the core asks for, at once and successfully; questions are left to the test.
class running_victims : public testing::Test {
 protected:
  void carry_out() {
    std::vector<command> next;
    for (core_.take_commands(next); !next.empty(); next.clear(), core_.take_commands(next)) {
      for (command const& one : next) {
        if (auto const* remap = std::get_if<remap_command>(&one))
          core_.remapped(remap->where, remap->decommits.size(), remap->commits.size(), {});
        if (auto const* read = std::get_if<read_command>(&one)) core_.read_done(read->tensor, read->chunk, {});
        if (auto const* copy = std::get_if<copy_command>(&one))
          core_.copy_queued(copy->tensor, copy->chunk, {.stream = 0, .sequence = ++copies_});
        if (auto const* watch = std::get_if<watch_command>(&one); watch != nullptr && watch->until.stream == 0)
          core_.passed(watch->until);
        if (auto const* ask = std::get_if<ask_command>(&one)) asked_.push_back(ask->about);
      }
    }
  }
  void load(tensor_id id) {
    ASSERT_TRUE(core_.acquire(std::span(&id, 1), tier::vram, caller_id{}).ok());
    carry_out();
  }
  void use(tensor_id id, fence last_use) {
    load(id);
    core_.release(id, tier::vram, caller_id{}, last_use);
    carry_out();
  }
  [[nodiscard]] bool in_vram(tensor_id id) const { return core_.resident(id, tier::vram); }
  [[nodiscard]] std::vector<fence> take_asked() { return std::exchange(asked_, {}); }

  pattern_model model_ = make_pattern_model(3, tensor_bytes);
  std::vector<std::uint64_t> sizes_ = std::vector<std::uint64_t>(3, tensor_bytes);
  residency core_{model_.tensors,
                  {.vram = {.budget_bytes = 2 * tensor_bytes}, .ram = {}},
                  make_eviction_policy("auto", sizes_).value(),
                  make_eviction_policy("auto", sizes_).value()};
  std::uint64_t copies_ = 0;
  std::vector<fence> asked_;
  fence const blocked_{.stream = 1, .sequence = 1};
  fence const slow_{.stream = 2, .sequence = 1};
};

TEST_F(running_victims, are_asked_about_once_more_before_one_of_them_leaves) {
  use(first, slow_);
  use(second, blocked_);  // the first in line: of equals the newest leaves
  load(third);
  EXPECT_EQ(take_asked().size(), 2U);
  core_.running(blocked_);
  core_.running(slow_);
  carry_out();
  EXPECT_EQ(take_asked().size(), 2U);
  EXPECT_TRUE(in_vram(first) && in_vram(second));
  core_.running(blocked_);
  core_.passed(slow_);
  carry_out();
  EXPECT_TRUE(in_vram(second) && in_vram(third));
}

TEST_F(running_victims, leave_where_all_are_still_in_use) {
  use(first, blocked_);
  use(second, slow_);
  load(third);
  for (int round = 0; round < 2; ++round) {
    EXPECT_FALSE(in_vram(third));
    for (fence const each : take_asked()) core_.running(each);
    carry_out();
  }
  EXPECT_TRUE(in_vram(third));
  EXPECT_TRUE(take_asked().empty());
}

}  // namespace
}  // namespace tierpager::test
