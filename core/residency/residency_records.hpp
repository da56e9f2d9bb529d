// What the residency core keeps account of: tensors in tiers, the tiers, requests, loads. Plain records, changed by the
// core alone; no other file includes this.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <core/eviction/lru.hpp>
#include <core/memory/eviction_window.hpp>
#include <core/memory/tier_arena.hpp>
#include <core/residency/command.hpp>
#include <core/residency/residency_options.hpp>
#include <tierpager/eviction_policy.hpp>
#include <tierpager/statistics.hpp>

namespace tierpager::records {

enum class slot_state : std::uint8_t { absent, loading, resident };

enum class used_by : std::uint8_t { none, one_stream, two_streams, several };

/// One tensor in one tier: all that a hit looks at, in one cache line.
struct alignas(64) slot {
  bool unproven : 1 = false;  // VRAM: there are uses whose fence could not be recorded
  bool pinned : 1 = false;    // the user's pin set
  bool fixed : 1 = false;     // pinned, and counted as immovable since its first acquire
  bool guest : 1 = false;     // among the tier's guests
  bool ahead : 1 = false;     // VRAM: loaded, or being loaded, before anybody asked
  bool copying : 1 = false;   // VRAM: its own copy is not known to be over
  slot_state state = slot_state::absent;
  used_by streams = used_by::none;
  std::uint32_t uses = 0;
  byte_range range;
  std::uint64_t footprint_bytes = 0;  // what it takes of the tier
  std::uint64_t bytes = 0;            // of the tensor itself
  // VRAM: where two streams have used it last. Two arrays, since a fence has a gap.
  std::array<std::uint64_t, 2> last_sequences{};
  std::array<std::uint32_t, 2> last_streams{};
};
static_assert(sizeof(slot) == 64);

/// It may stay for long.
inline bool lasting(slot const& one) {
  return one.uses > 0 || one.unproven || (one.fixed && one.state == slot_state::resident);
}
inline bool coming(slot const& one) { return one.state == slot_state::loading && !lasting(one); }
/// It may not be evicted now.
inline bool held(slot const& one) { return lasting(one) || one.state == slot_state::loading; }

/// The rest of what is known of it.
struct slot_rest {
  std::uint64_t generation = 0;
  fence ready;                            // VRAM: of its own copy
  std::vector<fence> last_uses;           // VRAM: of the streams beyond the slot's two, the latest of each
  std::optional<tensor_id> gives_way_to;  // VRAM: the load ahead that got its place last
};

/// Whether `is` is true of any fence behind a use in VRAM: one a stream, but for what was over by then.
template <class Predicate>
bool any_last_use(slot const& one, slot_rest const& rest, Predicate const& is) {
  for (std::size_t i = 0; i < std::min(static_cast<std::size_t>(one.streams), one.last_streams.size()); ++i)
    if (is(fence{.stream = one.last_streams[i], .sequence = one.last_sequences[i]})) return true;
  return one.streams == used_by::several && std::ranges::any_of(rest.last_uses, is);
}

/// Counted as memory already. Whoever has a place in it waits for that use of it.
struct coming_memory {
  byte_range range;
  fence use;
  bool last;  // with it the use is over
};

struct tier_state {
  [[nodiscard]] bool at_rest() const { return waiting.empty() && limit_bytes <= target_bytes && !grows; }
  [[nodiscard]] std::uint64_t held_bytes() const { return lasting_bytes + coming_bytes; }
  /// What the slot counts for in the sums below; no longer, before it changes.
  void count(slot const& one) {
    if (held(one)) ++held_tensors;
    if (lasting(one)) lasting_bytes += one.footprint_bytes;
    if (coming(one)) coming_bytes += one.footprint_bytes;
    if (one.state != slot_state::resident) return;
    resident_bytes += one.bytes;
    ++resident_tensors;
  }
  void uncount(slot const& one) {
    if (held(one)) --held_tensors;
    if (lasting(one)) lasting_bytes -= one.footprint_bytes;
    if (coming(one)) coming_bytes -= one.footprint_bytes;
    if (one.state != slot_state::resident) return;
    resident_bytes -= one.bytes;
    --resident_tensors;
  }

  bool open = false;  // present, and nothing has ended that
  tier_options options;
  std::uint64_t reserve_bytes = 0;
  std::uint64_t need_bytes = 0;                        // of all tensors, staging and scratch
  std::uint64_t target_bytes = 0;                      // what the current budget allows, in whole granules
  std::uint64_t limit_bytes = 0;                       // what binds: the old target until a lower one has drained
  std::uint64_t effective_bytes = 0;                   // the same as `limit_bytes`, as a user counts
  std::uint64_t system_limit_bytes = unlimited_bytes;  // what the system had given when it refused more
  std::uint64_t refused_commits = 0;
  std::uint64_t lasting_bytes = 0;  // footprints of what may stay for long: used, fixed, unproven, scratch
  std::uint64_t coming_bytes = 0;   // of what is not, but loading
  std::uint64_t held_tensors = 0;   // of both
  std::uint64_t pinned_bytes = 0;   // footprints of the pin set, loaded or not
  std::uint64_t quarantined_bytes = 0;
  std::uint64_t rings = 0;  // RAM: that lie there, whether their loads are over or not
  std::uint64_t resident_bytes = 0, resident_tensors = 0;
  std::array<std::uint64_t, eviction_reasons> evictions{};
  std::unique_ptr<eviction_policy> policy;
  std::optional<lru> guests;  // the first victims: what the plan has elsewhere, host copies of what is in VRAM
  std::optional<tier_arena> arena;
  std::vector<slot> slots;
  std::vector<slot_rest> rest;
  std::shared_ptr<std::vector<std::uint64_t> const> footprints;  // as the slots have them, for plans
  tenants lying;                                                 // what has a range
  std::vector<request_id> waiting;                               // tickets that are not admitted yet, in order
  std::optional<remap_command> remap;                            // under way
  std::optional<tensor_id> remap_for;                            // whose placement it serves
  bool memory_failed = false;         // could not be committed or given back: not tried again until something changes
  bool grows = false;                 // there is more to be committed
  bool opens = false;                 // what is being committed is all that was asked for at open
  std::deque<coming_memory> opening;  // RAM: what is still to be committed of what was asked for at open, in order
  std::uint64_t last_resorts = 0;
  std::map<std::uint64_t, std::uint32_t> unpinned;  // how many tensors of that footprint are not pinned
};

/// The tensors of a set, each once, in ascending order.
inline std::vector<tensor_id> distinct(std::span<tensor_id const> ids) {
  std::vector<tensor_id> each(ids.begin(), ids.end());
  std::sort(each.begin(), each.end());
  each.erase(std::unique(each.begin(), each.end()), each.end());
  return each;
}

struct request {
  std::vector<tensor_id> ids;
  tier where;
  owner_id owner;
  bool admitted = false;
  std::uint32_t missing = 0;  // distinct tensors not there yet
};

inline constexpr std::uint32_t ring_slots = 2;
enum class chunk_state : std::uint8_t { waiting, reading, read, copying, queued };

/// One tensor on its way: file -> stage in RAM -> VRAM. The stage is the tensor's own RAM slot, or a ring of chunks. It has
/// one when it begins, where earlier loads may still be under way: then it waits for them.
struct load {
  [[nodiscard]] bool has_stage() const { return stage.bytes > 0; }
  /// All who asked for it were cancelled.
  [[nodiscard]] bool unwanted() const { return waiters.empty() && !(ahead && to_vram); }
  /// Whether it brings the tensor into RAM, as far as is known.
  [[nodiscard]] bool stays_in_ram() const { return !ring && !passing && !from_ram; }

  bool to_vram = false;
  bool ring = false;
  bool from_ram = false;     // the RAM slot was resident: nothing to read
  bool passing = false;      // its place in RAM is promised to another: nothing of it stays there
  bool stage_asked = false;  // it has its place in RAM, whose memory is still being committed
  bool stage_waits = false;  // it has its place in RAM, which earlier loads still use
  bool staged = false;       // it may be read there
  bool placed = false;       // the same for its place in VRAM
  bool place_asked = false;
  bool starved = false;  // what it lacks in RAM is held by others' handles
  bool tainted = false;  // a copy call failed: what it left behind is quarantined
  bool ahead = false;    // nobody has asked for it yet
  bool began_ahead = false;
  bool asked_anew = false;  // whether every possible victim is still in use, as earlier answers say
  bool packed = false;      // only if what its request wants lies together is there room for all of it
  bool off_plan = false;    // and not where the plan has it
  std::optional<failure> failed;
  byte_range stage;
  fence stage_use;                 // passes once nothing of this load touches the stage any more
  std::vector<fence> stage_after;  // the same of earlier loads, whose stages overlap this one
  std::uint64_t chunk_bytes = 0;
  std::uint32_t read_count = 0, queued_count = 0;
  std::uint32_t reads_out = 0, copies_out = 0;  // commands not answered yet
  std::uint64_t bytes_read = 0, bytes_copied = 0;
  std::vector<chunk_state> chunks;
  std::array<std::optional<fence>, ring_slots> ring_fences{};  // of the copy that last left each ring slot
  std::vector<fence> after;  // for its copies to wait for: each may be the first that is queued
  std::optional<fence> last_copy;
  std::vector<request_id> waiters;
};

/// A load that is over, but whose copies may still be reading its stage.
struct ram_drain {
  std::optional<fence> until;  // none while its order is not proved
  fence stage_use;
  byte_range quarantined;  // no tensor's until then
  bool settling = false;   // the settle under way covers it
};
struct quarantine {
  byte_range range;
  bool settling = false;
};

/// A use of VRAM that is over, behind which no fence could be recorded.
struct unproven_use {
  std::uint32_t key;
  tensor_id tensor;
  failure why;
};

/// Where a tensor could go if others left, if anywhere.
struct window_choice {
  std::optional<eviction_window> window;
  bool running = false;  // a stream still uses some of it, and so it is with all other windows
};
/// What a tensor takes of RAM on its way.
struct stage_size {
  std::uint64_t bytes;
  std::uint64_t ring_chunk;  // of its chunks; zero: whole
};

}  // namespace tierpager::records
