// What may be true of both tiers, said as simply as possible: who holds, waits and is pinned, which bytes of which tensor
// were read and copied, what was counted. Watches every command and looks at the whole core after each event; throws
// `violation` where the two do not agree. Decides nothing. Not thread-safe.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include <core/residency/residency.hpp>
#include <tests/core/residency/simulation/shadow_device.hpp>

namespace tierpager::simulation {

struct setup {
  catalog tensors;
  residency_options options;
  std::string policy = "lru";
};

constexpr std::size_t slot(tier where) { return where == tier::vram ? 0 : 1; }
inline constexpr std::array both_tiers{tier::vram, tier::ram};

class naive_model {
 public:
  naive_model(setup const& options, residency const& core, shadow_device& device);

  // What the driver tells before it calls the core ------------------------------------------------------------------
  void begin_event();
  void released(tensor_id id, tier where);
  void shared(tensor_id id, tier where);
  void read_answered(read_command const& command, bool ok);
  void copy_answered(copy_command const& command, bool ok);
  void remap_answered(remap_command const& command, std::uint64_t most_committed, bool ok);
  void lost() { lost_ = true; }
  /// A remap or a settle failed: what could not be given back is not tried again until something changes.
  void memory_stuck() { memory_stuck_ = true; }

  // What the core answered ------------------------------------------------------------------------------------------
  /// How many bytes so many tensors need at once, where that is more than the budget.
  [[nodiscard]] std::optional<std::uint64_t> more_than_budget(std::set<tensor_id> const& ids, tier where) const;
  /// The same for an acquire, beside the pins.
  [[nodiscard]] std::optional<std::uint64_t> never_fits(std::span<tensor_id const> ids, tier where) const;
  void acquire_answered(std::span<tensor_id const> ids, tier where, result<residency::acquired> const& answer);
  void try_acquire_answered(std::span<tensor_id const> ids, tier where, result<bool> const& answer);
  void pin_answered(std::span<tensor_id const> ids, tier where, status const& answer);
  void unpinned(std::span<tensor_id const> ids, tier where);
  void budget_answered(tier where, std::uint64_t bytes, status const& answer);

  // Commands --------------------------------------------------------------------------------------------------------
  void seen(read_command const& command);
  void seen(copy_command const& command);
  void seen(remap_command const& command);
  void seen(grant_command const& command);
  void seen(reject_command const& command);
  void seen(tell_loading_command const& command);
  void seen(tell_evicted_command const& command);

  /// Every invariant that can be told from outside.
  void check_all();
  /// The same once nothing is pending, held or waiting.
  void check_at_rest() const;

  /// Whether anything was loaded before it was asked for.
  [[nodiscard]] bool any_ahead() const { return any_ahead_; }
  [[nodiscard]] bool waiting(request_id request) const { return waiting_.contains(request); }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
  [[nodiscard]] std::uint64_t footprint(tensor_id id, tier where) const {
    return round_up(bytes_of(id), options_of(where).footprint_align_bytes());
  }
  [[nodiscard]] std::uint64_t ram_floor_bytes() const;

 private:
  struct wanted {
    std::vector<tensor_id> ids;
    tier where;
  };
  struct load {  // into one tier
    std::vector<bool> done;
    std::uint32_t pending = 0;
    bool under_way = false;
    bool failed = false;
    std::uint64_t base = 0;
    std::uint64_t failed_loads_before = 0;
    std::uint64_t generation = 0;
  };
  struct held {
    std::uint32_t count = 0;
    std::uint64_t offset = 0;
  };
  struct entry {
    std::array<load, 2> loads;
    std::array<held, 2> holds;
    std::array<bool, 2> resident{};
    bool ahead = false;                                              // its last load began before it was asked for
    bool given_up = false;                                           // one before did, and may have been given up
    std::array<bool, 2> immovable{};                                 // acquired or loaded while pinned
    std::optional<std::pair<std::uint64_t, std::uint64_t>> address;  // the generation last granted, and its offset
  };

  [[nodiscard]] std::uint64_t bytes_of(tensor_id id) const { return setup_.tensors[id].bytes; }
  [[nodiscard]] std::uint64_t budget_of(tier where) const;
  /// The budget that so many bytes of tensors and scratch need: whole granules, and what the device keeps.
  [[nodiscard]] std::uint64_t budget_for(std::uint64_t bytes, tier where) const {
    return round_up(bytes, options_of(where).granule_bytes) + options_of(where).overhead_bytes;
  }
  /// Scratch.
  [[nodiscard]] std::uint64_t never_a_tensor_s(tier where) const {
    tier_options const& of = options_of(where);
    return where == tier::vram ? round_up(setup_.options.scratch_bytes, of.footprint_align_bytes()) : 0;
  }
  [[nodiscard]] tier_options const& options_of(tier where) const {
    return where == tier::vram ? setup_.options.vram : setup_.options.ram;
  }
  static tier_statistics const& of(statistics const& all, tier where) {
    return where == tier::vram ? all.vram : all.ram;
  }
  load& begin_or_continue(tensor_id id, tier where, bool first);
  void cover(load& into, tensor_id id, byte_range part, char const* what);
  [[nodiscard]] bool leaves_for_load(tell_evicted_command const& command) const;
  [[nodiscard]] bool any_load_is_read() const;
  void finished(tensor_id id, tier where, bool ok);
  void granted(wanted const& request);
  void refused(std::span<tensor_id const> ids, tier where, failure const& why) const;
  void check_tier(tier where, statistics const& now);
  void check_tensor(tensor_id id, tier where, std::vector<bool>& taken);
  void check_counters(statistics const& now);
  void check_hits_ahead(statistics const& now) const;

  setup const& setup_;
  residency const& core_;
  shadow_device& device_;
  std::vector<entry> entries_;
  std::array<std::set<tensor_id>, 2> pins_;
  std::array<std::uint64_t, 2> asked_;
  std::array<std::uint64_t, 2> effective_before_{}, effective_most_{}, committed_most_{};
  std::array<std::uint64_t, 2> departures_{};
  std::array<bool, 2> remapping_{};
  std::set<std::pair<tensor_id, tier>> left_;  // of what the core says, in this event
  std::map<request_id, wanted> waiting_;
  std::set<request_id> over_;
  statistics before_;
  std::uint64_t read_done_ = 0, copy_done_ = 0, loads_started_ = 0;
  bool any_ahead_ = false;
  bool lost_ = false;
  bool rejected_any_ = false;
  bool memory_stuck_ = false;
};

}  // namespace tierpager::simulation
