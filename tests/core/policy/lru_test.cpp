#include <core/policy/lru.hpp>

#include <algorithm>
#include <list>
#include <random>
#include <set>

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

// When each was touched last, and who is set aside; all else is worked out anew at each question.
class remembered_touches {
 public:
  explicit remembered_touches(std::size_t tensors) : last_(tensors) {}

  void touched(tensor_id id) {
    last_[index_of(id)] = ++touches_;
    aside_.erase(id);
  }
  void erased(tensor_id id) {
    last_[index_of(id)] = 0;
    aside_.erase(id);
  }
  void set_aside(tensor_id id) { aside_.insert(id); }
  void put_back(tensor_id id) { aside_.erase(id); }
  [[nodiscard]] bool in(tensor_id id) const { return last_[index_of(id)] > 0; }
  [[nodiscard]] std::vector<tensor_id> victims() const {
    std::vector<tensor_id> order;
    for (std::uint32_t i = 0; i < last_.size(); ++i)
      if (last_[i] > 0 && !aside_.contains(tensor_id{i})) order.push_back(tensor_id{i});
    std::sort(order.begin(), order.end(), [&](auto left, auto right) { return last(left) < last(right); });
    return order;
  }

 private:
  [[nodiscard]] int last(tensor_id id) const { return last_[index_of(id)]; }

  std::vector<int> last_;  // 0: not in
  std::set<tensor_id> aside_;
  int touches_ = 0;
};

TEST(lru, what_was_set_aside_comes_back_where_its_last_touch_puts_it) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    auto const tensors = static_cast<std::uint32_t>(1 + random() % 12);
    auto const touches = 1 + random() % 6;  // of ten events: most aside, or few
    lru policy(tensors);
    remembered_touches model(tensors);
    for (int event = 0; event < 300; ++event) {
      tensor_id const id{static_cast<std::uint32_t>(random() % tensors)};
      auto const what = random() % 10;
      if (what < touches) {
        policy.touched(id);
        model.touched(id);
      } else if (what == 9) {
        policy.erased(id);
        model.erased(id);
      } else if (random() % 2 == 0) {
        policy.put_back(id);
        model.put_back(id);
      } else if (model.in(id)) {
        policy.set_aside(id);
        model.set_aside(id);
      }
      ASSERT_EQ(victims_of(policy), model.victims()) << "event " << event;
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
