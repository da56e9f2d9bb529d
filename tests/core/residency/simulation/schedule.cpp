#include <tests/core/residency/simulation/schedule.hpp>

#include <algorithm>
#include <array>
#include <deque>

namespace tierpager::simulation {
namespace {

// Alike in their lowest bits.
constexpr std::array owners{owner_id{0}, owner_id{256}, owner_id{512}};
constexpr owner_id follower = owners[0];    // goes through the order
constexpr owner_id hands_over = owners[2];  // others release some of its handles

owner_id any_owner(chooser& choices) { return owners.at(choices.choose(owners.size())); }

tier any_tier(chooser& choices, setup const& options) {
  return options.options.vram.present && !choices.happens(20) ? tier::vram : tier::ram;
}

std::vector<tensor_id> any_set(chooser& choices, setup const& options, std::uint32_t most) {
  std::uint32_t const count = choices.happens(50) ? 1 : 1 + choices.choose(most);
  std::vector<tensor_id> ids;
  for (std::uint32_t i = 0; i < count; ++i)
    ids.push_back(tensor_id{choices.choose(static_cast<std::uint32_t>(options.tensors.size()))});
  return ids;
}

std::uint64_t any_budget(chooser& choices, setup const& options, profile const& kind) {
  std::uint64_t const all = options.tensors.bytes() + 64;
  if (!kind.tiny_budgets && choices.happens(10)) return unlimited_bytes;
  return choices.choose(static_cast<std::uint32_t>(kind.tiny_budgets ? all / 3 : all));
}

class player {
 public:
  player(setup const& options, chooser& choices, profile const& kind, std::string* trace)
      : setup_(options), choices_(choices), kind_(kind), driver_(options, choices, faults_of(kind), trace) {}

  void run() {
    std::uint32_t const events = (kind_.orders ? 100 : 40) + choices_.choose(100);
    if (kind_.orders) change_order();
    for (std::uint32_t i = 0; i < events; ++i) step();
    driver_.finish();
    if (!driver_.over()) driver_.close();
    driver_.finish();
  }

 private:
  static faults faults_of(profile const& kind) {
    if (!kind.fail_calls) return {};
    return {.read = 15, .copy = 15, .remap = 10, .query = 2, .settle = 30};
  }

  void step() {
    auto const pending = driver_.pending_answers();
    if (!pending.empty() && choices_.happens(60)) {
      auto const next = choices_.one_of(pending);
      // Some plans take longer than anything else, so that budgets, pins and orders change meanwhile.
      bool const delayed = kind_.late_plans && next.what == driver::pending_answer::kind::plan && choices_.happens(90);
      if (!delayed) return driver_.give(next);
    }
    std::uint32_t const which = choices_.choose(100);
    if (kind_.orders && which < 36) return choices_.happens(97) ? follow_order() : change_order();
    if (kind_.orders && which == 36) return driver_.prefetch(any_set(choices_, setup_, 3));
    if (which < 40) return acquire();
    if (which < 75) return release();
    if (which < 80) return try_acquire();
    if (which < 84) return share();
    if (which < 88) return cancel();
    if (which < 93) return pin_or_unpin();
    if (which < 96) return set_budget();
    if (which < 98) return driver_.prove(1 + choices_.choose(streams - 1));
    if (kind_.fail_calls) return fail();
  }

  void acquire() {
    owner_id const owner = any_owner(choices_);
    if (driver_.waiting(owner).size() > 1) return;
    (void)driver_.acquire(any_set(choices_, setup_, kind_.large_sets ? 5 : 3), any_tier(choices_, setup_), owner);
  }

  // A cycle, in which tensors may come twice, in sets held together, some beyond the next call; half of them are
  // declared, the others may be learned.
  void change_order() {
    order_.clear();
    position_ = 0;
    bool const sets = choices_.happens(40);
    held_calls_ = choices_.happens(70) ? 0 : 1 + choices_.choose(2);
    std::uint32_t const length = 1 + choices_.choose(static_cast<std::uint32_t>(setup_.tensors.size()) + 2);
    for (std::uint32_t i = 0; i < length; ++i) order_.push_back(any_set(choices_, setup_, sets ? 3 : 1));
    if (choices_.happens(50))
      driver_.set_order(choices_.happens(5) ? std::vector<std::vector<tensor_id>>() : order_, held_calls_);
  }

  void follow_order() {
    if (!driver_.waiting(follower).empty()) return;
    while (following_.size() > held_calls_) {
      for (tensor_id const id : following_.front()) let_follower_release(id);
      following_.pop_front();
    }
    std::vector<tensor_id> const& set = order_[position_];
    if (driver_.acquire(set, in_order(), follower).now != driver::outcome::refused) following_.push_back(set);
    position_ = (position_ + 1) % order_.size();
  }

  // Unless it was released in between.
  void let_follower_release(tensor_id id) {
    auto const& all = driver_.handles();
    auto const own = [&](driver::handle const& each) {
      return each.id == id && each.owner == follower && each.where == in_order();
    };
    auto const found = std::find_if(all.begin(), all.end(), own);
    if (found == all.end()) return;
    driver_.release(static_cast<std::size_t>(found - all.begin()), driver::last_use::fenced, 1);
  }

  [[nodiscard]] tier in_order() const { return setup_.options.vram.present ? tier::vram : tier::ram; }

  void try_acquire() {
    owner_id const owner = any_owner(choices_);
    (void)driver_.try_acquire(any_set(choices_, setup_, 2), any_tier(choices_, setup_), owner);
  }

  std::uint32_t any_handle() { return choices_.choose(static_cast<std::uint32_t>(driver_.handles().size())); }

  void release() {
    if (driver_.handles().empty()) return;
    std::uint32_t const how = choices_.choose(8);
    auto const last = how == 0   ? driver::last_use::none
                      : how == 1 ? driver::last_use::unproven
                                 : driver::last_use::fenced;
    std::uint32_t const which = any_handle();
    if (how == 7 && driver_.handles()[which].owner == hands_over) driver_.note_released_elsewhere(hands_over);
    driver_.release(which, last, 1 + choices_.choose(streams - 1));
  }

  void share() {
    if (!driver_.handles().empty()) driver_.share(any_handle());
  }

  void cancel() {
    auto const waiting = driver_.waiting(any_owner(choices_));
    if (!waiting.empty()) driver_.cancel(choices_.one_of(waiting));
  }

  void pin_or_unpin() {
    auto const ids = any_set(choices_, setup_, 2);
    tier const where = any_tier(choices_, setup_);
    if (choices_.happens(60))
      (void)driver_.pin(ids, where);
    else
      driver_.unpin(ids, where);
  }

  void set_budget() {
    tier const where = any_tier(choices_, setup_);
    std::uint64_t const bytes = any_budget(choices_, setup_, kind_);
    // The scratch stays where it is; a budget below it is refused where the pager is opened.
    std::uint64_t const least =
        where == tier::vram ? round_up(setup_.options.scratch_bytes, setup_.options.vram.granule_bytes) : 0;
    driver_.set_budget(where, std::max(bytes, least));
  }

  void fail() {
    if (choices_.happens(80)) return driver_.fail_query();
    if (driver_.over()) return;
    if (choices_.happens(50))
      driver_.close();
    else
      driver_.lose_device();
  }

  setup const& setup_;
  chooser& choices_;
  profile kind_;
  driver driver_;
  std::vector<std::vector<tensor_id>> order_;
  std::size_t position_ = 0;
  std::uint32_t held_calls_ = 0;
  std::deque<std::vector<tensor_id>> following_;  // the latest calls, whose handles are not let go yet
};

}  // namespace

setup random_setup(chooser& choices, profile const& kind) {
  setup made;
  made.tensors.add_file("model");
  std::uint32_t const tensors = 1 + choices.choose(8);
  for (std::uint32_t i = 0; i < tensors; ++i) {
    std::uint64_t bytes = 16;
    if (kind.mixed_sizes)
      bytes = choices.happens(10) ? 0 : choices.happens(20) ? 1 + choices.choose(90) : 1 + choices.choose(30);
    (void)made.tensors.add({.name = "t" + std::to_string(i), .dtype = "I8", .shape = {bytes}, .bytes = bytes});
  }
  residency_options& options = made.options;
  options.vram.granule_bytes = 1U << choices.choose(6);
  options.vram.align_bytes = std::max<std::uint64_t>(options.vram.granule_bytes >> choices.choose(4), 1);
  options.ram.granule_bytes = 1U << choices.choose(4);
  options.chunk_bytes = options.ram.granule_bytes << choices.choose(3);
  options.vram.present = !kind.no_vram;
  if (kind.prefer_idle || kind.orders) made.policy = "auto";
  if (kind.odd_devices) {
    options.vram.can_remap = choices.happens(30);
    options.ram.overhead_bytes = choices.choose(20);
  }
  options.overcommit_pins = kind.overcommit_pins;
  options.vram.budget_bytes = any_budget(choices, made, kind);
  options.ram.budget_bytes = any_budget(choices, made, kind);
  if (!kind.no_vram && choices.happens(20))
    options.scratch_bytes =
        choices.choose(static_cast<std::uint32_t>(std::min<std::uint64_t>(options.vram.budget_bytes / 2, 16) + 1));
  return made;
}

void play(std::uint64_t seed, profile const& kind, std::string* trace) {
  seeded choices(seed);
  setup const options = random_setup(choices, kind);
  if (trace != nullptr) {
    *trace += "tensors of";
    for (tensor_info const& each : options.tensors) *trace += " " + std::to_string(each.bytes);
    *trace += " bytes, vram " + std::to_string(options.options.vram.budget_bytes) + " by " +
              std::to_string(options.options.vram.granule_bytes) + " at multiples of " +
              std::to_string(options.options.vram.footprint_align_bytes()) + ", ram " +
              std::to_string(options.options.ram.budget_bytes) + " by " +
              std::to_string(options.options.ram.granule_bytes) + ", chunks of " +
              std::to_string(options.options.chunk_bytes) + ", scratch " +
              std::to_string(options.options.scratch_bytes) + "\n";
  }
  player(options, choices, kind, trace).run();
}

std::optional<std::string> play_all(std::uint64_t first_seed, std::uint64_t schedules, profile const& kind) {
  replay const& wanted = requested_replay();
  first_seed = wanted.seed.value_or(first_seed);
  schedules = wanted.schedules.value_or(wanted.seed ? 1 : schedules);
  for (std::uint64_t seed = first_seed; seed < first_seed + schedules; ++seed) {
    seed_under_way() = seed;
    try {
      play(seed, kind);
    } catch (violation const& first) {
      std::string trace;
      std::string again = "nothing when played again";
      try {
        play(seed, kind, &trace);
      } catch (violation const& second) {
        again = second.what();
      }
      return "seed " + std::to_string(seed) + ": " + first.what() + " (then: " + again +
             "); replay with --seed=" + std::to_string(seed) + "\n" + trace;
    }
  }
  return std::nullopt;
}

replay& requested_replay() {
  static replay wanted;
  return wanted;
}

std::uint64_t& seed_under_way() {
  static std::uint64_t seed = 0;
  return seed;
}

}  // namespace tierpager::simulation
