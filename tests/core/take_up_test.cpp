// Plans noted and taken up in portions: what comes of a program is the same as if it had all been done at once, hits go on
// in between, and what is asked for is held back until the end.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <core/residency.hpp>
#include <tests/support/pattern_model.hpp>

namespace tierpager::test {
namespace {

constexpr std::uint64_t tensor_bytes = 4096;
constexpr std::uint32_t tensors = 24;
constexpr std::size_t at_once = 1'000'000;

// A core whose commands are carried out at once; what it tells of loads and evictions is kept.
class world {
 public:
  explicit world(std::size_t portion)
      : core_(model_.tensors,
              {.vram = {.budget_bytes = tensors / 3 * tensor_bytes},
               .ram = {.budget_bytes = tensors / 2 * tensor_bytes},
               .chunk_bytes = tensor_bytes,
               .tensors_at_once = portion},
              make_eviction_policy("auto", sizes_).value(), make_eviction_policy("auto", sizes_).value()) {}

  // As an executor does: plans first, so that what comes now comes to its place.
  void go_on() {
    make_plans();
    std::vector<command> next;
    for (core_.take_commands(next); !next.empty(); next.clear(), core_.take_commands(next)) {
      for (command const& one : next) {
        carry_out(one);
        make_plans();
      }
    }
  }
  void make_plans() {
    finish();
    while (auto question = core_.take_plan_question()) {
      for (++questions_; core_.note_further(*question); ++portions_) {
      }
      core_.planned(question->epoch, make_plan(*question));
      finish();
    }
  }
  void finish() {
    while (core_.finish_some()) ++portions_;
  }
  void acquire(tensor_id id) {
    auto const asked = core_.acquire(std::span(&id, 1), tier::vram, caller_id{}).value();
    go_on();
    EXPECT_TRUE(asked.granted || granted_[asked.request]);
  }
  void release(tensor_id id) {
    core_.release(id, tier::vram, caller_id{}, fence{.stream = 1, .sequence = ++uses_});
    go_on();
  }
  void use(tensor_id id) {
    acquire(id);
    release(id);
  }
  void declare(std::vector<tensor_id> const& ids) {
    acquire_order order;
    for (tensor_id const id : ids) {
      order.entries.push_back({.id = id, .call = order.calls, .until = order.calls + 1});
      ++order.calls;
    }
    core_.set_order(access_cycle::of(std::move(order), tensors));
  }
  // Has a plan, whose order it leaves for good: that is seen by the last of so many acquires, whose tensor was not there.
  void lose_plan() {
    std::vector<tensor_id> all;
    for (std::uint32_t i = 0; i < tensors; ++i) all.push_back(tensor_id{i});
    declare(all);
    go_on();
    for (tensor_id const id : all) use(id);
    ASSERT_NE(core_.plan(), nullptr);
    declare({});
  }

  pattern_model model_ = make_pattern_model(tensors, tensor_bytes);
  std::vector<std::uint64_t> sizes_ = std::vector<std::uint64_t>(tensors, tensor_bytes);
  residency core_;
  std::vector<std::string> told_;
  std::map<request_id, bool> granted_, rejected_;
  std::uint64_t uses_ = 0, copies_ = 0;
  unsigned questions_ = 0, portions_ = 0;

 private:
  void carry_out(command const& one) {
    if (auto const* loading = std::get_if<tell_loading_command>(&one))
      told_.push_back("load " + std::to_string(index_of(loading->tensor)) + (loading->ahead ? " ahead" : ""));
    if (auto const* gone = std::get_if<tell_evicted_command>(&one))
      told_.push_back("evict " + std::to_string(index_of(gone->tensor)) + " from " + std::string(name_of(gone->where)));
    if (auto const* grant = std::get_if<grant_command>(&one)) granted_[grant->request] = true;
    if (auto const* reject = std::get_if<reject_command>(&one)) rejected_[reject->request] = true;
    if (auto const* remap = std::get_if<remap_command>(&one))
      core_.remapped(remap->where, remap->decommits.size(), remap->commits.size(), {});
    if (auto const* read = std::get_if<read_command>(&one)) core_.read_done(read->tensor, read->chunk, {});
    if (auto const* copy = std::get_if<copy_command>(&one))
      core_.copy_queued(copy->tensor, copy->chunk, {.stream = 0, .sequence = ++copies_});
    if (auto const* watch = std::get_if<watch_command>(&one)) core_.passed(watch->until);
    if (auto const* ask = std::get_if<ask_command>(&one)) core_.passed(ask->about);
  }
};

// Cycles, declared, repeated until they are learned, changed and left; budgets and pins that change in between.
void play(world& in, std::uint32_t seed) {
  std::mt19937 random(seed);
  auto const below = [&](std::uint32_t limit) { return static_cast<std::uint32_t>(random() % limit); };
  for (int phase = 0; phase < 12; ++phase) {
    std::vector<tensor_id> cycle;
    for (std::uint32_t i = 0; i < tensors; ++i)
      if (below(8) != 0) cycle.push_back(tensor_id{i});
    std::ranges::shuffle(cycle, random);
    if (below(2) == 0) in.declare(below(6) == 0 ? std::vector<tensor_id>() : cycle);
    in.go_on();
    for (std::uint32_t pass = 0; pass < 1 + below(4); ++pass)
      for (tensor_id const id : cycle) in.use(below(40) == 0 ? tensor_id{below(tensors)} : id);
    tensor_id const one{below(tensors)};
    if (below(3) == 0) (void)in.core_.pin(std::span(&one, 1), below(2) == 0 ? tier::vram : tier::ram);
    if (below(3) == 0) in.core_.unpin(std::span(&one, 1), tier::vram);
    if (below(3) == 0) (void)in.core_.set_budget(tier::vram, (4 + below(tensors)) * tensor_bytes);
    if (below(3) == 0) (void)in.core_.set_budget(tier::ram, (4 + below(tensors)) * tensor_bytes);
    in.go_on();
  }
}

TEST(plans_in_portions, lead_to_the_same_loads_and_evictions) {
  unsigned questions = 0;
  for (std::uint32_t seed = 0; seed < 100; ++seed) {
    world whole(at_once);
    play(whole, seed);
    EXPECT_EQ(whole.portions_, 0U);
    questions += whole.questions_;
    for (std::size_t const portion : {1U, 5U, 17U}) {
      world cut(portion);
      play(cut, seed);
      ASSERT_EQ(cut.told_, whole.told_) << "seed " << seed << ", portions of " << portion;
      ASSERT_GT(cut.portions_, 0U);
    }
  }
  EXPECT_GT(questions, 500U);
}

TEST(plans_in_portions, let_hits_pass_and_hold_back_what_is_not_there) {
  world in(1);
  in.lose_plan();
  ASSERT_TRUE(in.core_.stands_still());
  std::uint32_t here = 0;
  while (!in.core_.resident(tensor_id{here}, tier::vram)) ++here;
  std::uint32_t absent = 0;
  while (in.core_.resident(tensor_id{absent}, tier::vram)) ++absent;
  tensor_id const hit{here}, miss{absent};
  auto const held_back = in.core_.acquire(std::span(&miss, 1), tier::vram, caller_id{1}).value();
  EXPECT_FALSE(held_back.granted);
  EXPECT_FALSE(in.core_.has_commands()) << "a load has begun";
  EXPECT_TRUE(in.core_.acquire(std::span(&hit, 1), tier::vram, caller_id{2}).value().granted);
  EXPECT_TRUE(in.core_.stands_still());
  EXPECT_FALSE(in.core_.idle());
  in.go_on();
  EXPECT_TRUE(in.granted_[held_back.request]);
  EXPECT_TRUE(in.core_.idle());
}

TEST(plans_in_portions, can_be_waited_for_no_longer) {
  world in(1);
  in.lose_plan();
  std::uint32_t absent = 0;
  while (in.core_.resident(tensor_id{absent}, tier::vram)) ++absent;
  tensor_id const miss{absent};
  auto const cancelled = in.core_.acquire(std::span(&miss, 1), tier::vram, caller_id{1}).value();
  auto const closed = in.core_.acquire(std::span(&miss, 1), tier::vram, caller_id{1}).value();
  in.core_.cancel(cancelled.request, {.code = errc::cancelled, .what = "no longer wanted"});
  ASSERT_TRUE(in.core_.stands_still());
  in.core_.close();
  in.go_on();
  EXPECT_TRUE(in.rejected_[cancelled.request]);
  EXPECT_TRUE(in.rejected_[closed.request]);
  EXPECT_FALSE(in.core_.resident(miss, tier::vram));
  EXPECT_TRUE(in.core_.idle());
}

TEST(plans_in_portions, begin_again_where_another_is_lost_or_made_meanwhile) {
  world in(1);
  in.lose_plan();
  (void)in.core_.finish_some();
  std::vector<tensor_id> few;
  for (std::uint32_t i = 0; i < tensors / 2; ++i) few.push_back(tensor_id{i});
  in.declare(few);
  auto question = in.core_.take_plan_question().value();
  while (in.core_.note_further(question)) {
  }
  in.core_.planned(question.epoch, make_plan(question));
  EXPECT_TRUE(in.core_.stands_still());
  std::size_t portions = 1;
  while (in.core_.finish_some()) ++portions;
  EXPECT_EQ(portions, 2 * tensors - 1);  // but for the first
  EXPECT_FALSE(in.core_.stands_still());
  in.go_on();
  for (int pass = 0; pass < 3; ++pass)
    for (tensor_id const id : few) in.use(id);
  EXPECT_TRUE(in.core_.idle());
}

}  // namespace
}  // namespace tierpager::test
