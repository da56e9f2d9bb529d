// What a pager loads and evicts follows from the program's calls, not from how long things take. A failure prints the
// seed; it alone decides the case.
#include <random>

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

cycle_case make_case(std::uint64_t seed) {
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
  made.options.core.ram.budget_bytes = number(0, 1) == 0 ? sum : number(0, sum);
  made.options.record_events = true;
  made.passes.orders = {file_order(made.tensors)};
  made.passes.passes = 6;
  if (number(0, 1) == 0) made.passes.declared = made.passes.orders.front();
  return made;
}

std::vector<event> decided(simulation const& played, event::kind what, tier where) {
  std::vector<event> all;
  for (event const& each : played.events)
    if (each.what == what && each.where == where) all.push_back(each);
  return all;
}

TEST(decisions, are_the_same_however_long_copies_and_reads_take) {
  for (std::uint64_t seed = 0; seed < 400 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    cycle_case const what = make_case(seed);
    auto const nothing = [](std::uint64_t) {};
    simulation const at_once = simulate(what.tensors, what.options, what.passes, nothing);
    for (transfer_rates const rates :
         {transfer_rates{.link_bytes_per_second = 1e6}, transfer_rates{.disk_bytes_per_second = 1e6},
          transfer_rates{.link_bytes_per_second = 1e6, .disk_bytes_per_second = 5e5}}) {
      virtual_pager_options slower = what.options;
      slower.core.rates = rates;
      simulation const played = simulate(what.tensors, slower, what.passes, nothing);
      for (tier const where : {tier::vram, tier::ram})
        for (event::kind const kind : {event::kind::loading, event::kind::evicted})
          EXPECT_EQ(decided(played, kind, where), decided(at_once, kind, where));
      for (std::size_t pass = 0; pass < played.passes.size(); ++pass)
        EXPECT_EQ(played.passes[pass].counted.bytes_to_device, at_once.passes[pass].counted.bytes_to_device);
    }
  }
}

}  // namespace
}  // namespace tierpager::tools
