// How long a hit may have to wait for the lock: the basic blocks that each call of the core takes, which is what a pager
// holds its lock for, in a small world and in a large one. Everything grows alike: the model, both budgets, what is
// resident. Sizes are of eight kinds at most, so no call evicts more than eight a tier, and what is free lies in pieces.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <core/plan.hpp>
#include <core/residency.hpp>
#include <tests/support/pattern_model.hpp>

namespace {
std::uint64_t steps = 0;
}
extern "C" void __sanitizer_cov_trace_pc() { ++steps; }  // NOLINT: gcc's name for it

namespace tierpager::test {
namespace {

constexpr std::uint64_t tensor_bytes = 4096;

// What one call of each kind took at most.
using most_steps = std::map<std::string, std::uint64_t>;

std::vector<std::uint64_t> sizes_of(std::uint32_t tensors, std::uint32_t largest) {
  std::vector<std::uint64_t> sizes(tensors, tensor_bytes);
  for (std::uint32_t i = 0; i < tensors; ++i) sizes[i] *= 1 + i * 5 % largest;
  return sizes;
}

class counted_world {
 public:
  /// The model is `share` times the VRAM budget.
  counted_world(std::uint32_t tensors, char const* policy, std::uint32_t share = 4, std::uint32_t kinds = 1)
      : sizes_(sizes_of(tensors, kinds)),
        model_(make_pattern_model(sizes_)),
        core_(model_.tensors,
              {.vram = {.budget_bytes = model_.tensors.bytes() / share},
               .ram = {.budget_bytes = model_.tensors.bytes() / 2},
               .chunk_bytes = tensor_bytes},
              make_eviction_policy(policy, sizes_).value(), make_eviction_policy(policy, sizes_).value()) {}

  void use(tensor_id id) {
    counted("acquire", [&] { ASSERT_TRUE(core_.acquire(std::span(&id, 1), tier::vram, caller_id{}).ok()); });
    carry_out();
    counted("release", [&] { core_.release_after(id, caller_id{}, {.stream = stream_, .sequence = ++uses_}); });
    carry_out();
  }
  /// From here on all is used on another stream. The one before is retired, and runs to its end `later` or at once.
  void change_stream(bool later) {
    fence const last{.stream = stream_, .sequence = ++uses_};
    ++stream_;
    core_.stream_retired(last);
    std::vector<command> next;
    core_.take_commands(next);
    later ? runs_.push_back(last) : core_.passed(last);
  }
  void hold(tensor_id id) {
    ASSERT_TRUE(core_.acquire(std::span(&id, 1), tier::vram, caller_id{}).ok());
    carry_out();
  }
  void pin(tensor_id id, tier where) {
    counted("pin", [&] { ASSERT_TRUE(core_.pin(std::span(&id, 1), where).ok()); });
    carry_out();
  }
  void unpin(tensor_id id, tier where) {
    counted("unpin", [&] { core_.unpin(std::span(&id, 1), where); });
    carry_out();
  }
  // One tensor less, and one more again.
  void change_budgets() {
    for (tier const where : {tier::vram, tier::ram}) {
      tier_statistics const& now = where == tier::vram ? core_.stats().vram : core_.stats().ram;
      for (std::uint64_t const bytes : {now.budget_bytes - tensor_bytes, now.budget_bytes}) {
        counted("set_budget", [&] { ASSERT_TRUE(core_.set_budget(where, bytes).ok()); });
        carry_out();
      }
    }
  }
  void let_all_run() {
    for (fence const each : std::exchange(runs_, {})) core_.passed(each);
  }
  void scan() {
    for (std::uint32_t i = 0; i < sizes_.size(); ++i) use(tensor_id{i});
  }
  void declare_scan() {
    acquire_order order;
    for (std::uint32_t i = 0; i < sizes_.size(); ++i, ++order.calls)
      order.entries.push_back({.id = tensor_id{i}, .call = i, .until = i + 1});
    auto cycle = std::make_unique<known_cycle>(std::move(order), sizes_.size());
    counted("set_order", [&] { core_.set_order(std::move(cycle)); });
    carry_out();
  }
  void forget_order() {
    counted("set_order", [&] { core_.set_order({}); });
    carry_out();
  }
  /// What was counted since the last call.
  most_steps take() { return std::exchange(most_, {}); }

 private:
  void counted(char const* what, std::function<void()> const& call) {
    std::uint64_t const before = steps;
    call();
    std::uint64_t& most = most_[what];
    most = std::max(most, steps - before);
  }
  void plan() {
    finish();
    while (core_.wants_plan()) {
      std::optional<plan_question> question;
      counted("take_plan_question", [&] { question = core_.take_plan_question(); });
      for (bool more = true; more;) counted("note_further", [&] { more = core_.note_further(*question); });
      std::uint64_t const epoch = question->epoch;
      auto made = make_plan(std::move(*question));
      counted("planned", [&] { core_.planned(epoch, std::move(made)); });
      finish();
    }
  }
  void finish() {
    for (bool more = core_.is_unfinished(); more;) counted("finish_some", [&] { more = core_.finish_some(); });
  }
  void carry_out() {
    plan();
    std::vector<command> next;
    for (core_.take_commands(next); !next.empty(); next.clear(), core_.take_commands(next)) {
      for (command const& one : next) answer(one);
      plan();
    }
  }
  void answer(command const& one) {
    if (auto const* remap = std::get_if<remap_command>(&one))
      counted("remapped", [&] { core_.remapped(remap->where, remap->decommits.size(), remap->commits.size(), {}); });
    if (auto const* read = std::get_if<read_command>(&one))
      counted("read_done", [&] { core_.read_done(read->tensor, read->chunk, {}); });
    if (auto const* copy = std::get_if<copy_command>(&one))
      counted("copy_queued",
              [&] { core_.copy_queued(copy->tensor, copy->chunk, {.stream = 0, .sequence = ++copies_}); });
    if (auto const* watch = std::get_if<watch_command>(&one)) counted("passed", [&] { core_.passed(watch->until); });
    if (auto const* ask = std::get_if<ask_command>(&one)) counted("passed", [&] { core_.passed(ask->about); });
  }

  std::vector<std::uint64_t> sizes_;
  pattern_model model_;
  residency core_;
  std::uint64_t uses_ = 0, copies_ = 0;
  std::uint32_t stream_ = 1;
  std::vector<fence> runs_;
  most_steps most_;
};

// What a portion of 256 tensors takes. One block for each tensor of the large world is more.
constexpr std::uint64_t portion = 30'000;

// Eight times the tensors, and no call takes twice as long, unless it is short: trees are a few levels deeper. What a
// constant bounds that the small world does not reach stays below that.
void expect_alike(most_steps const& small, most_steps const& large, most_steps const& bounded = {}) {
  for (auto const& [call, most] : large) {
    ASSERT_TRUE(small.contains(call)) << call;
    auto const bound = bounded.find(call);
    EXPECT_LT(most, bound != bounded.end() ? bound->second : std::max(portion, 2 * small.at(call))) << call;
  }
}

constexpr std::uint32_t few = 4096, many = 8 * few;

struct played {
  most_steps at_random, scans, lost, learned;
};

played play(std::uint32_t tensors, char const* policy) {
  played counted;
  counted_world world(tensors, policy, 4, 8);
  world.scan();
  (void)world.take();
  std::mt19937 random(1);
  for (std::uint32_t i = 0; i < tensors; ++i) world.use(tensor_id{static_cast<std::uint32_t>(random() % tensors)});
  counted.at_random = world.take();
  world.declare_scan();
  for (int pass = 0; pass < 2; ++pass) world.scan();
  counted.scans = world.take();
  for (std::uint32_t i = 0; i < tensors / 4; ++i) world.use(tensor_id{static_cast<std::uint32_t>(random() % tensors)});
  counted.lost = world.take();
  world.forget_order();
  for (int pass = 0; pass < 3; ++pass) world.scan();
  counted.learned = world.take();
  return counted;
}

void expect_alike(played const& small, played const& large, most_steps const& bounded = {}) {
  expect_alike(small.at_random, large.at_random, bounded);
  expect_alike(small.scans, large.scans, bounded);
  expect_alike(small.lost, large.lost, bounded);
  expect_alike(small.learned, large.learned, bounded);
}

// By calls at random, a declared order, the loss of its plan, an order that is learned.
TEST(lock_steps, do_not_grow_with_the_model_nor_with_the_pieces_that_its_memory_is_in) {
  for (char const* const policy : {"lru", "auto"}) {
    SCOPED_TRACE(policy);
    expect_alike(play(few, policy), play(many, policy));
  }
}

// One in 16 is held, and one in 16 of either tier is pinned: searches for victims meet them all.
most_steps play_beside_held_and_pinned(std::uint32_t tensors, char const* policy) {
  counted_world world(tensors, policy);
  for (std::uint32_t i = 0; i < tensors; i += 16) {
    world.hold(tensor_id{i});
    world.pin(tensor_id{i + 1}, tier::vram);
    world.use(tensor_id{i + 1});
    world.pin(tensor_id{i + 2}, tier::ram);
    world.use(tensor_id{i + 2});
  }
  world.scan();
  std::mt19937 random(2);
  for (std::uint32_t i = 0; i < tensors; ++i) {
    world.use(tensor_id{static_cast<std::uint32_t>(random() % tensors)});
    if (i % 16 == 0) world.change_budgets();
  }
  for (std::uint32_t i = 0; i < tensors; i += 16) {
    world.unpin(tensor_id{i + 1}, tier::vram);
    world.unpin(tensor_id{i + 2}, tier::ram);
  }
  world.scan();
  return world.take();
}

TEST(lock_steps, do_not_grow_with_what_is_held_and_pinned) {
  for (char const* const policy : {"lru", "auto"}) {
    SCOPED_TRACE(policy);
    // 256 ranks brought up to date, 170 blocks each.
    expect_alike(play_beside_held_and_pinned(few, policy), play_beside_held_and_pinned(many, policy),
                 {{"read_done", 256 * 200}});
  }
}

TEST(lock_steps, of_a_hit_are_few_where_a_plan_keeps_all_in_vram) {
  counted_world world(few, "auto", 1);
  world.declare_scan();
  for (int pass = 0; pass < 3; ++pass) world.scan();
  (void)world.take();
  world.use(tensor_id{0});
  std::uint64_t const first = world.take().at("acquire");
  for (std::uint32_t i = 1; i < few; ++i) world.use(tensor_id{i});
  EXPECT_LE(world.take().at("acquire"), 4 * first);  // the one that begins the next round
}

TEST(lock_steps, of_a_release_do_not_grow_with_streams_that_have_run) {
  counted_world world(few, "lru");
  world.use(tensor_id{0});
  (void)world.take();
  world.use(tensor_id{0});
  std::uint64_t const on_one = world.take().at("release");
  for (int stream = 0; stream < 100; ++stream) {
    world.change_stream(true);
    world.use(tensor_id{0});
  }
  world.let_all_run();
  world.change_stream(false);
  world.use(tensor_id{0});
  (void)world.take();
  world.use(tensor_id{0});
  EXPECT_EQ(world.take().at("release"), on_one);
}

}  // namespace
}  // namespace tierpager::test
