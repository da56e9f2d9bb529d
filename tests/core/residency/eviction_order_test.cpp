// The order of eviction alone: what is streamed first, then the policy's order.
#include <gmock/gmock.h>

#include <tests/core/residency/parts_by_hand.hpp>

namespace tierpager::test {
namespace {

using testing::ElementsAre;

class eviction_order_alone : public testing::Test {
 protected:
  eviction_order_alone() {
    for (std::uint32_t number : {0U, 1U, 2U, 3U}) order_.touched(id(number), true);
  }
  std::vector<tensor_id> all() const {
    std::vector<tensor_id> ids;
    for (auto next = order_.first(); next; next = order_.next(*next)) ids.push_back(*next);
    return ids;
  }

  catalog tensors_ = tensors_of({page, page, page, page});
  slot_table slots_{tensors_, page, page};
  eviction_order order_{tier::vram, slots_, make_eviction_policy("lru", 4).value(), true};
};

TEST_F(eviction_order_alone, is_the_policy_s_while_nothing_is_streamed) {
  order_.touched(id(0), true);
  EXPECT_THAT(all(), ElementsAre(id(1), id(2), id(3), id(0)));
}

TEST_F(eviction_order_alone, puts_what_is_streamed_first_the_least_recently_used_of_it_before_the_others) {
  order_.set_streamed(id(3), true);
  order_.set_streamed(id(1), true);
  EXPECT_THAT(all(), ElementsAre(id(3), id(1), id(0), id(2)));
  order_.touched(id(3), false);
  EXPECT_THAT(all(), ElementsAre(id(1), id(3), id(0), id(2)));
  order_.set_streamed(id(1), false);
  EXPECT_THAT(all(), ElementsAre(id(3), id(0), id(1), id(2)));
}

TEST_F(eviction_order_alone, tells_the_policy_of_a_use_only_where_it_is_to_rank_it) {
  order_.touched(id(0), false);
  EXPECT_THAT(all(), ElementsAre(id(0), id(1), id(2), id(3)));
}

TEST_F(eviction_order_alone, forgets_what_has_left) {
  order_.erased(id(1));
  EXPECT_THAT(all(), ElementsAre(id(0), id(2), id(3)));
}

TEST_F(eviction_order_alone, says_how_much_a_tensor_is_used_among_its_kind) {
  EXPECT_GT(order_.use_of(id(3)), order_.use_of(id(0)));
  order_.set_streamed(id(3), true);
  order_.set_streamed(id(0), true);
  EXPECT_GT(order_.use_of(id(0)), order_.use_of(id(3))) << "it joined what is streamed later";
}

}  // namespace
}  // namespace tierpager::test
