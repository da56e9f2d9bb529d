// What a pager loads and evicts follows from the program's calls, not from how long things take, whatever RAM holds. A
// failure prints the seed, or the budgets; they alone decide the case.
#include <algorithm>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include <tools/simulation.hpp>

namespace tierpager::tools {
namespace {

constexpr std::uint64_t granule_bytes = 4096;

struct cycle_case {
  catalog tensors;
  virtual_pager_options options;
  schedule passes;
};

enum class ram : std::uint8_t { unlimited, scarce };

cycle_case make_case(std::uint64_t seed, bool declared, ram how_much) {
  std::mt19937_64 random(seed);
  auto const number = [&](std::uint64_t low, std::uint64_t high) {
    return std::uniform_int_distribution(low, high)(random);
  };
  cycle_case made;
  made.tensors.add_file("file");
  std::uint64_t sum = 0;
  std::uint64_t largest = 0;
  for (std::uint64_t i = 0, count = number(4, 12); i < count; ++i) {
    std::uint64_t const bytes = granule_bytes * number(1, 20);
    EXPECT_TRUE(
        made.tensors
            .add({.name = "t" + std::to_string(i), .dtype = "U8", .shape = {bytes}, .offset = sum, .bytes = bytes})
            .ok());
    sum += bytes;
    largest = std::max(largest, bytes);
  }
  made.options.core.vram.budget_bytes = largest + number(0, sum - largest);
  if (how_much == ram::scarce) made.options.core.ram.budget_bytes = number(0, sum);  // buffers where tensors do not fit
  made.options.core.chunk_bytes = granule_bytes * number(1, 24);
  made.options.record_events = true;
  made.passes.orders = {file_order(made.tensors)};
  made.passes.passes = 6;
  if (declared) made.passes.declared = made.passes.orders.front();
  return made;
}

std::vector<event> decided(simulation const& played, event::kind what, tier where) {
  std::vector<event> all;
  for (event const& each : played.events)
    if (each.what == what && each.where == where) all.push_back(each);
  return all;
}

bool decided_the_same(simulation const& left, simulation const& right) {
  for (tier const where : {tier::vram, tier::ram})
    for (event::kind const kind : {event::kind::loading, event::kind::evicted}) {
      std::vector<event> each = decided(left, kind, where);
      std::vector<event> other = decided(right, kind, where);
      // What is still under way at the end has evicted nobody yet.
      std::size_t const both = kind == event::kind::evicted ? std::min(each.size(), other.size()) : each.size();
      if (kind == event::kind::loading && each.size() != other.size()) return false;
      if (!std::equal(each.begin(), each.begin() + static_cast<std::ptrdiff_t>(both), other.begin())) return false;
    }
  return std::ranges::equal(left.passes, right.passes, [](pass_report const& each, pass_report const& other) {
    return each.counted.bytes_to_device == other.counted.bytes_to_device &&
           each.counted.bytes_from_disk == other.counted.bytes_from_disk;
  });
}

bool follows_requests(cycle_case const& what) {
  auto const nothing = [](std::uint64_t) {};
  simulation const at_once = simulate(what.tensors, what.options, what.passes, nothing);
  for (transfer_rates const rates :
       {transfer_rates{.link_bytes_per_second = 1e6}, transfer_rates{.disk_bytes_per_second = 1e6},
        transfer_rates{.link_bytes_per_second = 1e6, .disk_bytes_per_second = 5e5},
        transfer_rates{.link_bytes_per_second = 1e6, .disk_bytes_per_second = 2e6, .compute_seconds = 0.5}}) {
    virtual_pager_options slower = what.options;
    slower.machine = rates;
    if (!decided_the_same(at_once, simulate(what.tensors, slower, what.passes, nothing))) return false;
  }
  return true;
}

// Of so many cases, those that time makes a difference to.
std::vector<std::uint64_t> seeds_that_differ(std::uint64_t seeds, bool declared, ram how_much) {
  std::vector<std::uint64_t> differ;
  for (std::uint64_t seed = 0; seed < seeds; ++seed)
    if (!follows_requests(make_case(seed, declared, how_much))) differ.push_back(seed);
  return differ;
}

TEST(decisions, are_the_same_however_long_copies_and_reads_take) {
  EXPECT_EQ(seeds_that_differ(200, true, ram::unlimited), std::vector<std::uint64_t>());
  EXPECT_EQ(seeds_that_differ(300, true, ram::scarce), std::vector<std::uint64_t>());
}

TEST(decisions, are_the_same_while_an_order_is_learned) {
  EXPECT_EQ(seeds_that_differ(200, false, ram::unlimited), std::vector<std::uint64_t>());
  EXPECT_EQ(seeds_that_differ(300, false, ram::scarce), std::vector<std::uint64_t>());
}

// An embedding, eight layers in the sizes of the model's tensors in 64ths of its feed-forward's, a norm and an output.
cycle_case make_model(std::vector<std::uint64_t> const& layer, std::uint64_t embedding, unsigned vram_percent,
                      unsigned ram_percent, bool declared) {
  std::vector<std::uint64_t> granules{embedding};
  for (int i = 0; i < 8; ++i) granules.insert(granules.end(), layer.begin(), layer.end());
  granules.insert(granules.end(), {1, embedding});
  cycle_case made;
  made.tensors.add_file("file");
  std::uint64_t sum = 0;
  for (std::uint64_t const each : granules) {
    std::uint64_t const bytes = each * granule_bytes;
    EXPECT_TRUE(made.tensors
                    .add({.name = "t" + std::to_string(made.tensors.size()),
                          .dtype = "U8",
                          .shape = {bytes},
                          .offset = sum,
                          .bytes = bytes})
                    .ok());
    sum += bytes;
  }
  made.options.core.vram.budget_bytes = sum * vram_percent / 100;
  made.options.core.ram.budget_bytes = sum * ram_percent / 100;
  made.options.core.chunk_bytes = 8 * granule_bytes;
  made.options.record_events = true;
  made.passes.orders = {file_order(made.tensors)};
  made.passes.passes = 6;
  if (declared) made.passes.declared = made.passes.orders.front();
  return made;
}

TEST(decisions, are_the_same_on_models_in_two_tiers) {
  struct shape {
    std::string name;
    std::vector<std::uint64_t> layer;
    std::uint64_t embedding;
  };
  for (shape const& each : {shape{"llama_3_8b", {1, 8, 2, 2, 8, 1, 28, 28, 28}, 125},
                            shape{"llama_3_70b", {1, 32, 4, 4, 32, 1, 112, 112, 112}, 125},
                            shape{"mistral_7b", {1, 8, 2, 2, 8, 1, 28, 28, 28}, 32}})
    for (unsigned const vram_percent : {25U, 50U, 75U})
      for (unsigned const ram_percent : {10U, 20U, 30U, 50U})
        for (bool const declared : {true, false})
          EXPECT_TRUE(follows_requests(make_model(each.layer, each.embedding, vram_percent, ram_percent, declared)))
              << each.name << " V " << vram_percent << " % R " << ram_percent
              << (declared ? " % declared" : " % learned");
}

}  // namespace
}  // namespace tierpager::tools
