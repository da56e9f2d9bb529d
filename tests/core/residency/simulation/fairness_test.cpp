// Who waits for whom: tickets, callers that hold, joined loads, and what a failed call leaves to others.
#include <gmock/gmock.h>

#include <tests/core/residency/simulation/driver.hpp>

namespace tierpager::simulation {
namespace {

using outcome = driver::outcome;
using kind = driver::pending_answer::kind;

constexpr owner_id first{0}, second{1}, third{2};

setup of_equal(std::uint32_t tensors, std::uint64_t vram_places, std::uint64_t ram_places) {
  setup made;
  made.tensors.add_file("model");
  for (std::uint32_t i = 0; i < tensors; ++i) {
    (void)made.tensors.add({.name = "t" + std::to_string(i), .dtype = "I8", .shape = {16}, .bytes = 16});
  }
  made.options.vram = {.budget_bytes = vram_places * 16, .granule_bytes = 4};
  made.options.ram = {.budget_bytes = ram_places * 16, .granule_bytes = 4};
  made.options.chunk_bytes = 8;
  return made;
}

tensor_id id(std::uint32_t index) { return tensor_id{index}; }

void release_all(driver& play, owner_id owner) {
  for (std::size_t i = play.handles().size(); i-- > 0;) {
    if (play.handles()[i].owner == owner) play.release(i, driver::last_use::fenced, 1);
  }
}

TEST(fairness, a_set_that_waits_for_room_is_not_overtaken_by_small_requests_that_come_later) {
  setup const options = of_equal(6, 2, 6);
  seeded choices(1);
  driver play(options, choices);
  (void)play.acquire({id(0)}, tier::vram, first);
  play.answer_all();
  auto const set = play.acquire({id(1), id(2)}, tier::vram, second);
  auto const small = play.acquire({id(3)}, tier::vram, third);  // would fit at once
  auto const hit = play.acquire({id(0)}, tier::vram, third);    // and this is even there
  play.answer_all();
  EXPECT_TRUE(play.waiting(set.request));
  EXPECT_TRUE(play.waiting(small.request));
  EXPECT_EQ(hit.now, outcome::waiting);
  EXPECT_FALSE(play.try_acquire({id(0)}, tier::vram, third));
  release_all(play, first);
  play.answer_all();
  EXPECT_FALSE(play.waiting(set.request));
  EXPECT_TRUE(play.waiting(small.request));
  play.finish();
}

TEST(fairness, who_holds_handles_passes_requests_that_may_wait_for_them) {
  setup const options = of_equal(4, 3, 4);
  seeded choices(1);
  driver play(options, choices);
  (void)play.acquire({id(0)}, tier::vram, first);
  play.answer_all();
  auto const all = play.acquire({id(1), id(2), id(3)}, tier::vram, second);  // needs the place of what `first` holds
  auto const more = play.acquire({id(1)}, tier::vram, first);
  auto const again = play.acquire({id(0)}, tier::vram, first);
  EXPECT_EQ(again.now, outcome::granted);
  play.answer_all();
  EXPECT_FALSE(play.waiting(more.request));
  EXPECT_TRUE(play.waiting(all.request));
  release_all(play, first);
  play.answer_all();
  EXPECT_FALSE(play.waiting(all.request));
  play.finish();
}

TEST(fairness, tickets_are_served_in_order) {
  setup const options = of_equal(5, 1, 5);
  seeded choices(1);
  driver play(options, choices);
  (void)play.acquire({id(0)}, tier::vram, first);
  play.answer_all();
  std::vector<request_id> tickets;
  for (std::uint32_t i = 1; i < 5; ++i) tickets.push_back(play.acquire({id(i)}, tier::vram, owner_id{i}).request);
  for (std::uint32_t i = 0; i < 4; ++i) {
    while (!play.handles().empty()) play.release(0, driver::last_use::fenced, 1);
    play.answer_all();
    for (std::uint32_t each = 0; each < 4; ++each)
      EXPECT_EQ(play.waiting(tickets[each]), each > i) << each << " after " << i;
  }
  play.finish();
}

TEST(fairness, a_cancelled_request_lets_the_next_one_go_and_its_loads_go_on) {
  setup const options = of_equal(4, 2, 4);
  seeded choices(1);
  driver play(options, choices);
  (void)play.acquire({id(0)}, tier::vram, first);
  play.answer_all();
  auto const set = play.acquire({id(1), id(2)}, tier::vram, second);
  auto const small = play.acquire({id(3)}, tier::vram, third);
  play.cancel(set.request);
  EXPECT_TRUE(play.waiting(small.request));
  play.cancel(small.request);
  play.answer_all();
  EXPECT_TRUE(play.core().resident(id(3), tier::ram));
  EXPECT_EQ(play.core().uses(id(3), tier::vram), 0U);
  play.finish();
}

TEST(fairness, many_callers_that_want_one_absent_tensor_cause_one_read) {
  setup const options = of_equal(2, 2, 2);
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    seeded choices(seed);
    driver play(options, choices);
    for (std::uint64_t owner = 0; owner < 16; ++owner) {
      (void)play.acquire({id(0)}, tier::vram, owner_id{owner});
      auto const pending = play.pending_answers();
      if (!pending.empty() && choices.happens(30)) play.give(choices.one_of(pending));
    }
    play.answer_all();
    EXPECT_EQ(play.handles().size(), 16U);
    EXPECT_EQ(play.core().stats().bytes_from_disk, 16U);
    EXPECT_EQ(play.core().stats().disk_reads, 1U);
    EXPECT_EQ(play.core().stats().vram_hits, 15U);
    play.finish();
  }
}

TEST(fairness, a_failed_read_rejects_all_that_wait_for_it_at_once_and_leaves_the_rest) {
  setup const options = of_equal(4, 2, 4);
  seeded choices(1);
  driver play(options, choices, {.read = 100});
  for (std::uint32_t i = 0; i < 2; ++i) {
    (void)play.acquire({id(i)}, tier::vram, first);
    play.answer_all();  // these work
  }
  release_all(play, first);
  play.answer_all();
  auto const found = play.acquire({id(2)}, tier::vram, first);
  auto const two = play.acquire({id(2), id(0)}, tier::vram, second);
  while (play.waiting(found.request)) {
    auto const pending = play.pending_answers();
    ASSERT_FALSE(pending.empty());
    play.give(pending.front());
  }
  EXPECT_FALSE(play.waiting(two.request));
  for (request_id const each : {found.request, two.request}) EXPECT_EQ(play.why(each).code, errc::read_failed);
  EXPECT_EQ(play.why(found.request).tensor, "t2");
  EXPECT_TRUE(play.core().resident(id(0), tier::vram));
  EXPECT_TRUE(play.core().resident(id(1), tier::vram));
  auto const again = play.acquire({id(2)}, tier::vram, third);
  play.answer_all();
  EXPECT_FALSE(play.waiting(again.request));
  EXPECT_EQ(play.handles().size(), 1U);
  play.finish();
}

}  // namespace
}  // namespace tierpager::simulation
