// Handles that hold a part of VRAM all over the arena, in seeded histories of two callers, sets and pins, on granules of
// 2 MiB: whatever is admitted finds a place, and nothing waits for ever. Everything the core asks for is carried out at once.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <core/owner.hpp>
#include <core/residency/residency.hpp>
#include <tests/support/pattern_model.hpp>

namespace tierpager::test {
namespace {

constexpr std::uint64_t mib = 1U << 20U;
constexpr std::uint64_t vram_bytes = 256 * mib;
constexpr std::uint32_t tensors = 120;

// Two thirds of the tensors are small. The large ones take up to two fifths of VRAM, so one in the way of another counts.
constexpr bool large(std::uint32_t tensor) { return tensor % 3 == 0; }

pattern_model make_model(std::mt19937_64& random) {
  std::vector<std::uint64_t> sizes;
  for (std::uint32_t i = 0; i < tensors; ++i)
    sizes.push_back(large(i) ? (8 + random() % 90) * mib + random() % mib : 1 + random() % (3 * mib));
  return make_pattern_model(sizes);
}

class history {
 public:
  history(std::uint64_t seed, bool can_remap)
      : random_(seed),
        held_max_bytes_(vram_bytes * (5 + seed % 26) / 100),
        model_(make_model(random_)),
        can_remap_(can_remap),
        core_(tensors_,
              {.vram = {.budget_bytes = vram_bytes,
                        .granule_bytes = 2 * mib,
                        .align_bytes = vram_align_bytes,
                        .can_remap = can_remap},
               .ram = {}},
              make_eviction_policy("lru", sizes()).value(), make_eviction_policy("lru", sizes()).value()) {
    carry_out();
  }

  void play() {
    for (int step = 0; step < 80 && !testing::Test::HasFailure(); ++step) {
      auto const caller = static_cast<std::uint8_t>(random_() % 2);
      if (random_() % 16 == 0) change_pins();
      if (held_bytes() > held_max_bytes_ || random_() % 4 == 0)
        let_go(caller);
      else if (!waits_.contains(caller))
        acquire(caller);
      carry_out();
      expect_no_load_without_a_place();
    }
    for (std::uint8_t caller = 0; caller < 2; ++caller)
      while (let_go(caller)) carry_out();
    for (std::uint8_t caller = 0; caller < 2; ++caller)  // what was granted since
      while (let_go(caller)) carry_out();
    EXPECT_TRUE(waits_.empty());
    core_.check();
  }
  [[nodiscard]] std::uint64_t last_resorts() const { return core_.stats().vram.last_resorts; }
  [[nodiscard]] std::uint64_t blocked() const { return blocked_; }

 private:
  struct hold {
    std::vector<tensor_id> ids;
    std::uint8_t caller;
  };
  [[nodiscard]] std::vector<std::uint64_t> sizes() const {
    std::vector<std::uint64_t> all;
    for (tensor_info const& each : tensors_) all.push_back(each.bytes);
    return all;
  }
  [[nodiscard]] std::uint64_t held_bytes() const {
    std::set<tensor_id> distinct;
    for (hold const& each : holds_) distinct.insert(each.ids.begin(), each.ids.end());
    std::uint64_t bytes = 0;
    for (tensor_id const id : distinct) bytes += tensors_[id].bytes;
    return bytes;
  }

  void acquire(std::uint8_t caller) {
    std::vector<tensor_id> ids(1 + random_() % 4);
    for (tensor_id& each : ids) each = static_cast<tensor_id>(random_() % tensors);
    if (random_() % 2 == 0) std::erase_if(ids, [](tensor_id each) { return large(static_cast<std::uint32_t>(each)); });
    if (ids.empty()) return;
    auto const got = core_.acquire(ids, tier::vram, owner_of_token(caller));
    if (!got.ok()) {
      EXPECT_TRUE(got.error().code == errc::budget_too_small || names_holders(got.error())) << got.error().what;
      return;
    }
    if (got.value().granted)
      holds_.push_back({ids, caller});
    else
      waits_.emplace(caller, std::pair(got.value().request, ids));
  }

  // One of a caller's holds, one with a large tensor first. False where there is none.
  bool let_go(std::uint8_t caller) {
    auto const has_large = [](hold const& each) {
      return std::ranges::any_of(each.ids, [](tensor_id id) { return large(static_cast<std::uint32_t>(id)); });
    };
    std::shuffle(holds_.begin(), holds_.end(), random_);
    std::stable_partition(holds_.begin(), holds_.end(), has_large);
    for (std::size_t i = 0; i < holds_.size(); ++i) {
      if (holds_[i].caller != caller) continue;
      std::vector<tensor_id> const ids = holds_[i].ids;
      holds_.erase(holds_.begin() + static_cast<std::ptrdiff_t>(i));
      for (tensor_id const id : ids) core_.release(id, tier::vram, owner_of_token(caller), std::nullopt);
      return true;
    }
    return false;
  }

  void change_pins() {
    auto const id = static_cast<tensor_id>(random_() % tensors);
    if (core_.pinned(id, tier::vram))
      core_.unpin(std::span(&id, 1), tier::vram);
    else if (tensors_[id].bytes < 2 * mib)
      (void)core_.pin(std::span(&id, 1), tier::vram);
  }

  void carry_out() {
    std::vector<command> next;
    for (core_.take_commands(next); !next.empty(); next.clear(), core_.take_commands(next))
      for (command const& each : next) std::visit([this](auto const& found) { answer(found); }, each);
  }
  void answer(remap_command const& asked) {
    core_.remapped(asked.where, asked.decommits.size(), asked.commits.size(), {});
  }
  void answer(read_command const& asked) { core_.read_done(asked.tensor, asked.chunk, {}); }
  void answer(copy_command const& asked) {
    core_.copy_queued(asked.tensor, asked.chunk, {.stream = 0, .sequence = ++copies_});
  }
  void answer(watch_command const& asked) { core_.passed(asked.until); }
  void answer(ask_command const& asked) { core_.passed(asked.about); }
  void answer(plan_command const& asked) { core_.planned(asked.question->epoch, std::nullopt); }
  void answer(tell_loading_command const& told) { loading_.insert(told.tensor); }
  void answer(grant_command const& granted) { over(granted.request, true); }
  void answer(reject_command const& rejected) {
    bool const pinned_away = rejected.why.code == errc::budget_too_small;
    if (!pinned_away) ++blocked_;
    EXPECT_TRUE(pinned_away || names_holders(rejected.why)) << rejected.why.what;
    over(rejected.request, false);
  }
  template <class Other>
  void answer(Other const&) {}

  static bool names_holders(failure const& why) {
    bool const blocked = why.code == errc::blocked_by_handles || why.code == errc::would_deadlock;
    return blocked && why.what.find("'t") != std::string::npos;
  }
  void over(request_id request, bool granted) {
    for (auto at = waits_.begin(); at != waits_.end(); ++at) {
      if (at->second.first != request) continue;
      if (granted) holds_.push_back({at->second.second, at->first});
      waits_.erase(at);
      return;
    }
  }

  // All answers are in, so a load that has begun and not come waits for a place. Only without virtual memory it may.
  void expect_no_load_without_a_place() {
    for (tensor_id const id : loading_) EXPECT_TRUE(core_.resident(id, tier::vram) || !can_remap_) << tensors_[id].name;
    loading_.clear();
  }

  std::mt19937_64 random_;
  std::uint64_t held_max_bytes_;
  pattern_model model_;
  catalog const& tensors_ = model_.tensors;
  bool can_remap_;
  residency core_;
  std::vector<hold> holds_;
  std::map<std::uint8_t, std::pair<request_id, std::vector<tensor_id>>> waits_;
  std::set<tensor_id> loading_;
  std::uint64_t copies_ = 0, blocked_ = 0;
};

TEST(held_histories, find_a_place_for_all_that_is_admitted) {
  std::uint64_t last_resorts = 0;
  for (std::uint64_t seed = 0; seed < 1000 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    history plays(seed, true);
    plays.play();
    last_resorts += plays.last_resorts();
  }
  std::printf("last resorts: %llu in 1000 histories\n", static_cast<unsigned long long>(last_resorts));
  EXPECT_GT(last_resorts, 0U);  // so they were tried
}

TEST(held_histories, are_told_which_handles_block_them_without_virtual_memory) {
  std::uint64_t blocked = 0;
  for (std::uint64_t seed = 0; seed < 1000 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    history plays(seed, false);
    plays.play();
    blocked += plays.blocked();
  }
  std::printf("blocked by handles: %llu in 1000 histories\n", static_cast<unsigned long long>(blocked));
}

}  // namespace
}  // namespace tierpager::test
