// A residency core driven by hand: whatever it asks for is carried out at once and succeeds, but for questions about
// fences and plans, which are the test's to answer. VRAM holds two of its tensors; one thread.
#pragma once

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include <core/residency.hpp>
#include <tests/support/pattern_model.hpp>

namespace tierpager::test {

class core_by_hand : public testing::Test {
 protected:
  static constexpr std::uint64_t tensor_bytes = 4096;
  static constexpr std::uint32_t tensors = 4;

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

  pattern_model model_ = make_pattern_model(tensors, tensor_bytes);
  std::vector<std::uint64_t> sizes_ = std::vector<std::uint64_t>(tensors, tensor_bytes);
  residency core_{model_.tensors,
                  {.vram = {.budget_bytes = 2 * tensor_bytes}, .ram = {}},
                  make_eviction_policy("auto", sizes_).value(),
                  make_eviction_policy("auto", sizes_).value()};
  std::uint64_t copies_ = 0;
  std::vector<fence> asked_;
};

}  // namespace tierpager::test
