// The prefetcher without a residency core above it: plans asked for and adopted, and loads ahead of the program. With it the
// snapshot that plans are made from.
#include <gmock/gmock.h>

#include <core/residency/prefetcher.hpp>
#include <tests/core/residency/parts_by_hand.hpp>

namespace tierpager::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// VRAM of three pages: 0 at home in the first, 1, 2 and 3 streamed through the other two.
class prefetcher_alone : public testing::Test {
 protected:
  prefetcher_alone() {
    acquire_order order;
    for (std::uint32_t number = 0; number < 4; ++number)
      order.entries.push_back({.id = id(number), .call = number, .until = number + 1});
    order.calls = 4;
    prefetcher_.set_order(std::make_unique<access_cycle>(std::move(order), 4));
  }
  std::shared_ptr<plan_question const> question() {
    prefetcher_.ask_for_plan();
    auto const asked = only<plan_command>(parts_.take());
    return asked.empty() ? nullptr : asked.front().question;
  }
  void adopt() {
    memory_plan plan;
    plan.homes = {home::vram, home::ram, home::ram, home::ram};
    plan.places = {0, page, 2 * page, page};
    plan.vram_buffer = {page, 2 * page};
    prefetcher_.adopt(question()->epoch, plan);
  }
  std::vector<tensor_id> begun() {
    std::vector<tensor_id> ids;
    for (tell_loading_command const& load : only<tell_loading_command>(parts_.take())) {
      EXPECT_TRUE(load.ahead);
      ids.push_back(load.tensor);
    }
    return ids;
  }

  small_ledger parts_{{page, page, page, page}, pages(3, 4), "auto"};
  evictor evictor_{parts_.now};
  reservations promised_{parts_.now};
  victim_search search_{parts_.now, evictor_, promised_};
  room_maker rooms_{parts_.now, evictor_, search_, promised_};
  admission admission_{parts_.now, evictor_, search_, rooms_, promised_};
  prefetcher prefetcher_{parts_.now, evictor_, promised_, admission_};
};

TEST_F(prefetcher_alone, asks_once_for_a_plan_of_what_stands_now) {
  parts_.put(id(2), tier::vram);
  parts_.now.slots.set_pinned(id(3), tier::ram, true);
  auto const asked = question();
  ASSERT_NE(asked, nullptr);
  EXPECT_EQ(question(), nullptr);
  EXPECT_EQ(asked->request.vram_budget_bytes, 3 * page);
  EXPECT_EQ(asked->vram_now[2], 0U);
  EXPECT_EQ(asked->vram_now[0], memory_plan::no_place);
  EXPECT_TRUE(asked->request.pinned_ram[3]);
  EXPECT_EQ(asked->order->entries.size(), 4U);
}

TEST_F(prefetcher_alone, loads_ahead_as_far_as_the_streaming_buffer_reaches) {
  adopt();
  EXPECT_THAT(begun(), ElementsAre(id(0), id(1))) << "two pages of buffer";
  EXPECT_EQ(parts_.now.counts.ahead_bytes, 2 * page);
}

TEST_F(prefetcher_alone, loads_nothing_ahead_while_a_request_waits) {
  parts_.put(id(3), tier::vram);
  parts_.put(id(2), tier::vram);
  parts_.put(id(1), tier::vram);
  for (std::uint32_t number : {1U, 2U, 3U}) admission_.begin_use(id(number), tier::vram, owner_id{1});
  (void)admission_.add({.ids = {id(0)}, .where = tier::vram, .owner = owner_id{2}}, true);
  adopt();
  EXPECT_THAT(begun(), IsEmpty());
}

TEST_F(prefetcher_alone, evicts_what_the_plan_has_elsewhere) {
  parts_.put(id(1), tier::vram);
  parts_.put(id(0), tier::vram);  // its home is the first page
  adopt();
  auto const left = only<tell_evicted_command>(parts_.take());
  ASSERT_THAT(left, testing::Not(IsEmpty()));
  EXPECT_EQ(left.front().tensor, id(0));
  EXPECT_EQ(left.front().why, eviction_reason::plan);
}

TEST_F(prefetcher_alone, goes_on_when_a_place_is_released) {
  adopt();
  (void)begun();
  for (std::uint32_t number : {0U, 1U}) {
    admission_.loads().read_done(id(number), 0, {});
    (void)admission_.loads().place_waiting();
    admission_.loads().copy_queued(id(number), 0, {0, number + 1});
  }
  tensor_id const first = id(0);
  prefetcher_.acquired(std::span(&first, 1));
  admission_.begin_use(first, tier::vram, owner_id{1});
  prefetcher_.run_ahead();
  EXPECT_THAT(begun(), ElementsAre(id(2)));
}

TEST_F(prefetcher_alone, fetches_what_it_is_told_to_into_room_that_nothing_needs) {
  std::vector<tensor_id> const wanted{id(1), id(2), id(3), tensor_id{99}};
  parts_.put(id(0), tier::vram);
  admission_.begin_use(id(0), tier::vram, owner_id{1});
  prefetcher_.prefetch(wanted);
  EXPECT_THAT(begun(), ElementsAre(id(1), id(2)));
}

}  // namespace
}  // namespace tierpager::test
