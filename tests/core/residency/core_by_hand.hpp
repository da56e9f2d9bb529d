// A residency core driven by hand: whatever it asks for is carried out at once and succeeds, but for questions about
// fences and plans, and reads where they are to wait, which are the test's to answer. VRAM holds two of its tensors, which
// are four chunks each; one thread.
#pragma once

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include <core/residency/residency.hpp>
#include <tests/support/pattern_model.hpp>

namespace tierpager::test {

class core_by_hand : public testing::Test {
 protected:
  static constexpr std::uint64_t chunk_bytes = 4096;
  static constexpr std::uint64_t tensor_bytes = 4 * chunk_bytes;
  static constexpr std::uint32_t tensors = 4;

  explicit core_by_hand(std::uint64_t ram_bytes = unlimited_bytes, char const* policy = "auto")
      : core_by_hand({.vram = {.budget_bytes = 2 * tensor_bytes},
                      .ram = {.budget_bytes = ram_bytes},
                      .chunk_bytes = chunk_bytes},
                     policy) {}
  explicit core_by_hand(residency_options const& options, char const* policy = "auto",
                        std::vector<std::uint64_t> sizes = std::vector<std::uint64_t>(tensors, tensor_bytes))
      : sizes_(std::move(sizes)),
        core_(model_.tensors, options, make_eviction_policy(policy, sizes_).value(),
              make_eviction_policy(policy, sizes_).value()) {}

  void carry_out() {
    std::vector<command> next;
    for (core_.take_commands(next); !next.empty(); next.clear(), core_.take_commands(next)) {
      for (command const& each : next) {
        if (auto const* remap = std::get_if<remap_command>(&each))
          core_.remapped(remap->where, remap->decommits.size(), remap->commits.size(), {});
        if (auto const* read = std::get_if<read_command>(&each)) reads_.push_back(*read);
        if (auto const* copy = std::get_if<copy_command>(&each)) {
          copied_after_.insert(copied_after_.end(), copy->after.begin(), copy->after.end());
          core_.copy_queued(copy->tensor, copy->chunk, {.stream = 0, .sequence = ++copies_});
        }
        if (auto const* watch = std::get_if<watch_command>(&each); watch != nullptr && watch->until.stream == 0)
          core_.passed(watch->until);
        if (auto const* ask = std::get_if<ask_command>(&each)) asked_.push_back(ask->about);
        if (auto const* plan = std::get_if<plan_command>(&each)) plans_.push_back(plan->question);
        if (std::holds_alternative<grant_command>(each)) ++granted_;
        if (std::holds_alternative<reject_command>(each)) ++rejected_;
      }
      if (!reads_wait_) answer_reads();
    }
  }
  void answer_reads() {
    for (read_command const& read : std::exchange(reads_, {})) core_.read_done(read.tensor, read.chunk, {});
  }
  /// With the plan that is asked for, and those that are asked for then.
  void answer_plans() {
    for (carry_out(); !plans_.empty(); carry_out()) {
      auto const asked = std::exchange(plans_, {});
      for (auto const& each : asked) core_.planned(each->epoch, make_plan(*each));
    }
  }
  /// One tensor a call, let go before the next.
  void declare(std::vector<tensor_id> const& calls) {
    acquire_order order;
    for (tensor_id const id : calls) {
      order.entries.push_back({.id = id, .call = order.calls, .until = order.calls + 1});
      ++order.calls;
    }
    core_.set_order(std::make_unique<access_cycle>(std::move(order), tensors));
    carry_out();
  }
  /// Answers the latest question with a plan of these homes and places, and a buffer as large as VRAM.
  void adopt(std::vector<home> homes, std::vector<std::uint64_t> places) {
    memory_plan plan;
    plan.homes = std::move(homes);
    plan.places = std::move(places);
    plan.vram_buffer = {0, 2 * tensor_bytes};
    core_.planned(plans_.back()->epoch, std::move(plan));
    carry_out();
  }
  void load(tensor_id id) {
    ASSERT_TRUE(core_.acquire(std::span(&id, 1), tier::vram, owner_id{}).ok());
    carry_out();
  }
  void use(tensor_id id, fence last_use) {
    load(id);
    core_.release(id, tier::vram, owner_id{}, last_use);
    carry_out();
  }
  [[nodiscard]] bool in_vram(tensor_id id) const { return core_.resident(id, tier::vram); }
  [[nodiscard]] std::vector<fence> take_asked() { return std::exchange(asked_, {}); }

  std::vector<std::uint64_t> sizes_;
  pattern_model model_ = make_pattern_model(sizes_);
  residency core_;
  std::uint64_t copies_ = 0;
  std::vector<fence> copied_after_;  // what copies so far have had to wait for
  std::vector<fence> asked_;
  std::vector<std::shared_ptr<plan_question const>> plans_;  // asked for
  bool reads_wait_ = false;
  std::vector<read_command> reads_;
  unsigned granted_ = 0, rejected_ = 0;
};

}  // namespace tierpager::test
