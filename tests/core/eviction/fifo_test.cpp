// A policy that the library does not have, written in this file alone: the first to come leaves first, however often it is used
// since. The core needs nothing but the port to follow it.
#include <gmock/gmock.h>

#include <algorithm>
#include <vector>

#include <core/residency/residency.hpp>
#include <tests/support/pattern_model.hpp>

namespace tierpager::test {
namespace {

using testing::ElementsAre;

class fifo final : public eviction_policy {
 public:
  [[nodiscard]] bool exact() const override { return true; }
  void touched(tensor_id id) override {
    if (std::ranges::find(queue_, id) == queue_.end()) queue_.push_back(id);
  }
  void erased(tensor_id id) override { std::erase(queue_, id); }
  [[nodiscard]] std::optional<tensor_id> first_victim() const override {
    return queue_.empty() ? std::nullopt : std::optional(queue_.front());
  }
  [[nodiscard]] std::optional<tensor_id> victim_after(tensor_id id) const override {
    auto const next = std::next(std::ranges::find(queue_, id));
    return next == queue_.end() ? std::nullopt : std::optional(*next);
  }
  [[nodiscard]] double use_of(tensor_id id) const override {
    return static_cast<double>(std::ranges::find(queue_, id) - queue_.begin() + 1);
  }

 private:
  std::vector<tensor_id> queue_;  // as they came
};

constexpr std::uint64_t page = 4096;

// VRAM holds three of these.
class fifo_pager : public testing::Test {
 protected:
  fifo_pager()
      : core_(model_.tensors, {.vram = {.budget_bytes = 3 * page}, .ram = {}}, std::make_unique<fifo>(),
              std::make_unique<fifo>()) {
    carry_out();
  }

  void use(std::uint32_t number) {
    tensor_id const id{number};
    ASSERT_TRUE(core_.acquire(std::span(&id, 1), tier::vram, owner_id{}).ok());
    carry_out();
    core_.release(id, tier::vram, owner_id{}, std::nullopt);
    carry_out();
  }
  void carry_out() {
    std::vector<command> next;
    for (core_.take_commands(next); !next.empty(); next.clear(), core_.take_commands(next)) {
      for (command const& each : next) {
        if (auto const* remap = std::get_if<remap_command>(&each))
          core_.remapped(remap->where, remap->decommits.size(), remap->commits.size(), {});
        if (auto const* read = std::get_if<read_command>(&each)) core_.read_done(read->tensor, read->chunk, {});
        if (auto const* copy = std::get_if<copy_command>(&each))
          core_.copy_queued(copy->tensor, copy->chunk, {.stream = 0, .sequence = ++copies_});
        if (auto const* watch = std::get_if<watch_command>(&each)) core_.passed(watch->until);
      }
    }
  }
  [[nodiscard]] std::vector<std::uint32_t> resident() const {
    std::vector<std::uint32_t> numbers;
    for (std::uint32_t i = 0; i < 5; ++i)
      if (core_.resident(tensor_id{i}, tier::vram)) numbers.push_back(i);
    return numbers;
  }

  pattern_model model_ = make_pattern_model(5, page);
  residency core_;
  std::uint64_t copies_ = 0;
};

TEST_F(fifo_pager, lets_the_first_to_come_leave_though_it_was_used_last) {
  for (std::uint32_t const number : {0U, 1U, 2U, 0U}) use(number);
  use(3);
  EXPECT_THAT(resident(), ElementsAre(1, 2, 3));
  use(4);
  EXPECT_THAT(resident(), ElementsAre(2, 3, 4));
}

TEST_F(fifo_pager, queues_anew_what_comes_back) {
  for (std::uint32_t const number : {0U, 1U, 2U, 3U, 0U}) use(number);
  EXPECT_THAT(resident(), ElementsAre(0, 2, 3));
  use(1);
  EXPECT_THAT(resident(), ElementsAre(0, 1, 3));
}

}  // namespace
}  // namespace tierpager::test
