// Where tensors occur, against a search: cycles made from seeds, ids that lie close to each other and far apart.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include <core/place_index.hpp>

namespace tierpager::test {
namespace {

TEST(place_index, has_each_tensor_where_it_is_however_it_is_built) {
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    auto const below = [&](std::uint32_t limit) { return static_cast<std::uint32_t>(random() % limit); };
    std::uint32_t const distance = seed % 2 == 0 ? 1 : 1 + below(20'000);
    std::uint32_t const tensors = 1 + below(300);
    std::vector<acquire_symbol> symbols(1 + below(300));
    for (acquire_symbol& one : symbols) one = (below(tensors) * distance) | (below(2) == 0 ? call_begins : 0);
    place_index index;
    std::uint32_t const portion = 1 + below(50);
    std::size_t portions = 0;
    for (bool built = false; !built; ++portions) {
      auto work = work_portion(portion);
      built = index.build(symbols, work);
    }
    EXPECT_LE(portions, 1 + (10 * symbols.size() + 10) / portion);
    for (std::uint32_t i = 0; i < tensors; ++i) {
      std::vector<std::uint32_t> places;
      for (std::uint32_t k = 0; k < symbols.size(); ++k)
        if (index_in(symbols[k]) == i * distance) places.push_back(k);
      ASSERT_TRUE(std::ranges::equal(index.places(i * distance), places)) << seed << ' ' << i;
    }
  }
}

}  // namespace
}  // namespace tierpager::test
