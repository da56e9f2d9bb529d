#include <core/eviction/lru.hpp>

#include <list>
#include <random>

#include <gmock/gmock.h>

namespace tierpager {
namespace {

std::vector<tensor_id> victims_of(eviction_policy const& policy) {
  std::vector<tensor_id> order;
  for (auto next = policy.first_victim(); next; next = policy.victim_after(*next)) order.push_back(*next);
  return order;
}

TEST(lru, ranks_like_a_list_moved_to_its_back_at_every_touch) {
  for (unsigned seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    auto const tensors = static_cast<std::uint32_t>(1 + random() % 12);
    lru policy(tensors);
    std::list<tensor_id> model;
    for (int event = 0; event < 200; ++event) {
      tensor_id const id{static_cast<std::uint32_t>(random() % tensors)};
      model.remove(id);
      if (random() % 3 == 0) {
        policy.erased(id);
      } else {
        policy.touched(id);
        model.push_back(id);
      }
      ASSERT_EQ(victims_of(policy), (std::vector<tensor_id>(model.begin(), model.end())));
    }
  }
}

TEST(lru, of_no_tensors_has_no_victim) { EXPECT_EQ(lru(0).first_victim(), std::nullopt); }

TEST(make_eviction_policy, knows_lru_and_auto_and_names_what_it_does_not_know) {
  for (char const* name : {"lru", "auto"}) {
    auto const policy = value_or_throw(make_eviction_policy(name, 3));
    policy->touched(tensor_id{2});
    policy->touched(tensor_id{1});
    EXPECT_EQ(victims_of(*policy), (std::vector{tensor_id{2}, tensor_id{1}}));
  }
  failure const why = make_eviction_policy("mru", 3).error();
  EXPECT_EQ(why.code, errc::invalid_argument);
  EXPECT_THAT(why.what, testing::HasSubstr("'mru'"));
}

}  // namespace
}  // namespace tierpager
