// What a pager loads and evicts follows from the program's calls, not from how long things take, where RAM holds what is
// paged. A failure prints the seed; it alone decides the case.
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

cycle_case make_case(std::uint64_t seed, bool declared) {
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
      std::vector<event> one = decided(left, kind, where);
      std::vector<event> other = decided(right, kind, where);
      // What is still under way at the end has evicted nobody yet.
      std::size_t const both = kind == event::kind::evicted ? std::min(one.size(), other.size()) : one.size();
      if (kind == event::kind::loading && one.size() != other.size()) return false;
      if (!std::equal(one.begin(), one.begin() + static_cast<std::ptrdiff_t>(both), other.begin())) return false;
    }
  return std::ranges::equal(left.passes, right.passes, [](pass_report const& one, pass_report const& other) {
    return one.counted.bytes_to_device == other.counted.bytes_to_device &&
           one.counted.bytes_from_disk == other.counted.bytes_from_disk;
  });
}

// Of so many cases, those that time makes a difference to.
std::vector<std::uint64_t> seeds_that_differ(std::uint64_t seeds, bool declared) {
  std::vector<std::uint64_t> differ;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    cycle_case const what = make_case(seed, declared);
    auto const nothing = [](std::uint64_t) {};
    simulation const at_once = simulate(what.tensors, what.options, what.passes, nothing);
    for (transfer_rates const rates :
         {transfer_rates{.link_bytes_per_second = 1e6}, transfer_rates{.disk_bytes_per_second = 1e6},
          transfer_rates{.link_bytes_per_second = 1e6, .disk_bytes_per_second = 5e5}}) {
      virtual_pager_options slower = what.options;
      slower.machine = rates;
      if (decided_the_same(at_once, simulate(what.tensors, slower, what.passes, nothing))) continue;
      differ.push_back(seed);
      break;
    }
  }
  return differ;
}

TEST(decisions, are_the_same_however_long_copies_and_reads_take) {
  EXPECT_EQ(seeds_that_differ(200, true), std::vector<std::uint64_t>());
}

// Between the policy and a plan, who leaves may still depend on which of the loads under way ends first.
TEST(decisions, hardly_ever_depend_on_time_while_an_order_is_learned) {
  EXPECT_LE(seeds_that_differ(300, false).size(), 6U);
}

}  // namespace
}  // namespace tierpager::tools
