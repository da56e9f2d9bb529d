// What a hit costs, counted: calls of the policy and commands, with few residents and with many.
#include <gtest/gtest.h>

#include <core/eviction/lru.hpp>
#include <core/residency/residency.hpp>
#include <tests/support/pattern_model.hpp>

namespace tierpager::test {
namespace {

// A policy that counts what it is asked.
class counting_policy final : public eviction_policy {
 public:
  counting_policy(std::size_t tensors, std::uint64_t& calls) : ranks_(tensors), calls_(calls) {}
  [[nodiscard]] bool exact() const override { return true; }
  void touched(tensor_id id) override { ++calls_, ranks_.touched(id); }
  void erased(tensor_id id) override { ++calls_, ranks_.erased(id); }
  [[nodiscard]] std::optional<tensor_id> first_victim() const override { return ++calls_, ranks_.first_victim(); }
  [[nodiscard]] std::optional<tensor_id> victim_after(tensor_id id) const override {
    return ++calls_, ranks_.victim_after(id);
  }
  [[nodiscard]] double use_of(tensor_id id) const override { return ++calls_, ranks_.use_of(id); }

 private:
  lru ranks_;
  std::uint64_t& calls_;
};

// Carries out whatever the core asks for, at once and successfully.
void obey(residency& core, std::uint64_t& copies) {
  std::vector<command> next;
  for (core.take_commands(next); !next.empty(); next.clear(), core.take_commands(next)) {
    for (command const& each : next) {
      if (auto const* remap = std::get_if<remap_command>(&each))
        core.remapped(remap->where, remap->decommits.size(), remap->commits.size(), {});
      if (auto const* read = std::get_if<read_command>(&each)) core.read_done(read->tensor, read->chunk, {});
      if (auto const* copy = std::get_if<copy_command>(&each))
        core.copy_queued(copy->tensor, copy->chunk, {0, ++copies});
      if (auto const* watch = std::get_if<watch_command>(&each)) core.passed(watch->until);
    }
  }
}

class hit_cost : public testing::TestWithParam<tier> {};
INSTANTIATE_TEST_SUITE_P(tiers, hit_cost, testing::Values(tier::vram, tier::ram),
                         [](auto const& of) { return std::string(name_of(of.param)); });

TEST_P(hit_cost, a_hit_asks_the_policy_once_however_many_are_resident) {
  tier const home = GetParam();
  for (std::uint32_t const tensors : {8U, 4096U}) {
    pattern_model const model = make_pattern_model(tensors, 4096);
    std::uint64_t calls = 0;
    std::uint64_t copies = 0;
    residency core(model.tensors, {.vram = {.present = home == tier::vram}, .ram = {}},
                   std::make_unique<counting_policy>(tensors, calls),
                   std::make_unique<counting_policy>(tensors, calls));
    auto acquire_each = [&](bool expect_hits) {
      for (std::uint32_t i = 0; i < tensors; ++i) {
        tensor_id const id{i};
        EXPECT_EQ(core.acquire(std::span(&id, 1), home, owner_id{}).value().granted, expect_hits);
        obey(core, copies);
        core.release(id, home, owner_id{}, std::nullopt);
      }
    };
    acquire_each(false);
    EXPECT_EQ(core.stats().disk_reads, tensors);
    calls = 0;
    acquire_each(true);
    EXPECT_EQ(calls, tensors);
    std::vector<command> asked;
    core.take_commands(asked);
    EXPECT_TRUE(asked.empty());
  }
}

}  // namespace
}  // namespace tierpager::test
