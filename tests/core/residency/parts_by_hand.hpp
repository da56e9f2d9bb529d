// The ledger of a small model, for tests that drive one part of the residency core alone: tensors of so many bytes, VRAM and RAM
// of so many, all of it committed. Tensors are put where a test wants them, without loads.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <core/residency/ledger.hpp>
#include <tests/support/catalog_of_sizes.hpp>

namespace tierpager::test {

constexpr std::uint64_t page = 4096;

inline catalog tensors_of(std::vector<std::uint64_t> const& sizes) {
  catalog_of_sizes made;
  for (std::size_t i = 0; i < sizes.size(); ++i) made.add("t" + std::to_string(i), sizes[i]);
  return made.take();
}

inline constexpr tensor_id id(std::uint32_t number) { return tensor_id{number}; }

struct small_ledger {
  explicit small_ledger(std::vector<std::uint64_t> const& sizes, residency_options const& options,
                        char const* policy = "lru")
      : tensors(tensors_of(sizes)),
        now(tensors, options, make_eviction_policy(policy, sizes).value(),
            make_eviction_policy(policy, sizes).value()) {
    for (tier const where : both_tiers) {
      now.memory[where].commit_at_open();
      if (now.memory[where].remaps()) (void)now.memory[where].remapped(0, commits(take()), {});
    }
  }

  /// All commands since the last call.
  std::vector<command> take() {
    std::vector<command> all;
    now.commands.take(all);
    return all;
  }
  static std::size_t commits(std::vector<command> const& all) {
    std::size_t count = 0;
    for (command const& each : all)
      if (auto const* remap = std::get_if<remap_command>(&each)) count += remap->commits.size();
    return count;
  }
  /// The tensor is in that tier, in the first hole that is large enough.
  void put(tensor_id which, tier where) {
    auto const placed = now.memory[where].arena().place(now.slots.footprint(which, where));
    ASSERT_TRUE(placed);
    now.slots.set_range(which, where, placed->range);
    now.slots.set_state(which, where, slot_state::resident);
    now.order[where].entered(which);
  }

  catalog tensors;
  ledger now;
};

/// VRAM and RAM of so many pages.
inline residency_options pages(std::uint64_t vram, std::uint64_t ram) {
  return {.vram = {.budget_bytes = vram * page}, .ram = {.budget_bytes = ram * page}, .chunk_bytes = page};
}

template <class Command>
std::vector<Command> only(std::vector<command> const& all) {
  std::vector<Command> found;
  for (command const& each : all)
    if (auto const* wanted = std::get_if<Command>(&each)) found.push_back(*wanted);
  return found;
}

}  // namespace tierpager::test
