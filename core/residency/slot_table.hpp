// State and bytes of every tensor in each of the two tiers: absent, loading or resident, in use or not, pinned or not, where it
// lies, which work used it last; and the sums of these. Not thread-safe: called under the pager's lock. Decides nothing: who may
// be loaded or evicted is for the parts above it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <core/memory/eviction_window.hpp>
#include <core/residency/fence_clock.hpp>
#include <tierpager/catalog.hpp>
#include <tierpager/types.hpp>

namespace tierpager {

enum class slot_state : std::uint8_t { absent, loading, resident };
enum class used_by : std::uint8_t { none, one_stream, two_streams, several };

/// One tensor in one tier: all that a hit looks at, in one cache line.
struct alignas(64) slot {
  bool unproven : 1 = false;  // VRAM: there are uses whose fence could not be recorded
  bool pinned : 1 = false;    // in the user's pin set
  bool fixed : 1 = false;     // pinned, and counted as immovable since its first acquire
  bool streamed : 1 = false;  // among the tier's first victims: it has its home elsewhere
  bool ahead : 1 = false;     // VRAM: loaded, or being loaded, before any acquire asked for it
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

/// In use, or immovable for another reason that no load will end.
inline bool lasting(slot const& tensor) {
  return tensor.uses > 0 || tensor.unproven || (tensor.fixed && tensor.state == slot_state::resident);
}
/// Being loaded, and not lasting yet.
inline bool coming(slot const& tensor) { return tensor.state == slot_state::loading && !lasting(tensor); }
/// It may not be evicted now.
inline bool held(slot const& tensor) { return lasting(tensor) || tensor.state == slot_state::loading; }

/// The tensors of a set, each once, in ascending order.
std::vector<tensor_id> distinct(std::span<tensor_id const> ids);

class slot_table {
 public:
  /// Of one tier, in bytes of footprints but for the resident ones.
  struct sums {
    [[nodiscard]] std::uint64_t held_bytes() const { return lasting_bytes + coming_bytes; }
    std::uint64_t lasting_bytes = 0;   // of what is lasting, and the scratch
    std::uint64_t coming_bytes = 0;    // of what is coming
    std::uint64_t held_tensors = 0;    // of both
    std::uint64_t pinned_bytes = 0;    // of the pin set, loaded or not
    std::uint64_t resident_bytes = 0;  // tensors' own bytes
    std::uint64_t resident_tensors = 0;
  };

  /// Every tensor takes a multiple of its tier's alignment, in bytes. An empty tensor is resident in both tiers for ever.
  slot_table(catalog const& tensors, std::uint64_t vram_align, std::uint64_t ram_align);

  [[nodiscard]] std::size_t size() const { return tiers_[0].slots.size(); }
  [[nodiscard]] slot const& at(tensor_id id, tier where) const { return in(where).slots[index_of(id)]; }
  [[nodiscard]] std::span<slot const> all(tier where) const { return in(where).slots; }
  [[nodiscard]] sums const& sum(tier where) const { return in(where).sum; }
  [[nodiscard]] std::uint64_t footprint(tensor_id id, tier where) const { return at(id, where).footprint_bytes; }
  /// By tensor, as the slots have them: shared with the questions that plans are made for.
  [[nodiscard]] std::shared_ptr<std::vector<std::uint64_t> const> const& footprints(tier where) const {
    return in(where).footprints;
  }

  // States and uses ------------------------------------------------------------------------------------------------
  void set_state(tensor_id id, tier where, slot_state state) {
    change(id, where, [state](slot& tensor) { tensor.state = state; });
  }
  /// One use more or less, whether it is resident or on its way.
  void begin_use(tensor_id id, tier where) {
    table& of = in(where);
    slot& tensor = of.slots[index_of(id)];
    if (!lasting(tensor)) become_lasting(of.sum, tensor);
    ++tensor.uses;
    tensor.fixed = tensor.pinned;
  }
  void end_use(tensor_id id, tier where);
  /// Of a tensor in use.
  void add_use(tensor_id id, tier where) { ++in(where).slots[index_of(id)].uses; }
  /// The bytes of a resident tensor are right once this has passed: of its own copy to VRAM. None: they are right.
  void set_copied(tensor_id id, std::optional<fence> until);
  /// Its own copy is over, as far as is known.
  void copy_passed(tensor_id id) { in(tier::vram).slots[index_of(id)].copying = false; }
  [[nodiscard]] fence last_copy(tensor_id id) const { return rest_[index_of(id)].copied; }
  /// The tensor has left VRAM or RAM.
  void set_absent(tensor_id id, tier where);
  /// How often the tensor was placed in VRAM.
  [[nodiscard]] std::uint64_t generation(tensor_id id) const { return rest_[index_of(id)].generation; }
  void count_placement(tensor_id id) { ++rest_[index_of(id)].generation; }
  /// The scratch at the start of VRAM, which is lasting.
  void add_scratch(std::uint64_t bytes) { in(tier::vram).sum.lasting_bytes += bytes; }

  // Last uses of VRAM ----------------------------------------------------------------------------------------------
  void add_last_use(tensor_id id, fence last_use, fence_clock const& fences);
  /// One a stream, the latest of each, but for what was over when a later one was added.
  [[nodiscard]] std::vector<fence> last_uses(tensor_id id) const;
  /// Whether `is` is true of any of these.
  template <class Predicate>
  [[nodiscard]] bool any_last_use(tensor_id id, Predicate const& is) const {
    slot const& tensor = at(id, tier::vram);
    for (std::size_t i = 0; i < std::min(static_cast<std::size_t>(tensor.streams), tensor.last_streams.size()); ++i)
      if (is(fence{.stream = tensor.last_streams[i], .sequence = tensor.last_sequences[i]})) return true;
    return tensor.streams == used_by::several && std::ranges::any_of(rest_[index_of(id)].last_uses, is);
  }
  void set_unproven(tensor_id id, bool unproven) {
    change(id, tier::vram, [unproven](slot& tensor) { tensor.unproven = unproven; });
  }

  // Pins -----------------------------------------------------------------------------------------------------------
  void set_pinned(tensor_id id, tier where, bool pinned);
  void set_fixed(tensor_id id, tier where, bool fixed) {
    change(id, where, [fixed](slot& tensor) { tensor.fixed = fixed; });
  }
  /// How many tensors are not pinned, by footprint.
  [[nodiscard]] std::map<std::uint64_t, std::uint32_t> const& unpinned(tier where) const { return in(where).unpinned; }
  [[nodiscard]] std::uint64_t largest_unpinned_bytes(tier where) const {
    return unpinned(where).empty() ? 0 : unpinned(where).rbegin()->first;
  }

  // Places ---------------------------------------------------------------------------------------------------------
  /// By address: tensors, and in RAM the buffers through which others are streamed.
  [[nodiscard]] tenants const& places(tier where) const { return in(where).places; }
  [[nodiscard]] std::vector<tensor_id> lying_in(byte_range range, tier where) const {
    return tierpager::lying_in(places(where), range);
  }
  /// An empty range: it has no place.
  void set_range(tensor_id id, tier where, byte_range range);
  /// Buffers in RAM, whether their loads are over or not.
  [[nodiscard]] std::uint64_t buffers() const { return buffers_; }
  void add_buffer(tensor_id id, byte_range range);
  void remove_buffer(byte_range range);
  [[nodiscard]] bool is_buffer(tenant const& place) const { return at(place.id, tier::ram).range != place.range; }

  // Victims --------------------------------------------------------------------------------------------------------
  void set_streamed(tensor_id id, tier where, bool streamed) { in(where).slots[index_of(id)].streamed = streamed; }
  /// What is in VRAM, or on its way there, before any acquire asked for it; in the order in which these loads began.
  [[nodiscard]] std::span<tensor_id const> ahead() const { return ahead_; }
  [[nodiscard]] std::uint64_t ahead_bytes() const { return ahead_bytes_; }
  void set_ahead(tensor_id id, bool ahead);
  /// The load ahead that got its place in VRAM last, or will get it.
  [[nodiscard]] std::optional<tensor_id> evicted_for(tensor_id id) const { return rest_[index_of(id)].evicted_for; }
  void set_evicted_for(tensor_id id, std::optional<tensor_id> load) { rest_[index_of(id)].evicted_for = load; }

  /// Asserts that sums and places say what the slots say. For tests; linear in the number of tensors.
  void check(std::uint64_t scratch_bytes) const;

 private:
  /// What a hit does not look at. VRAM only.
  struct slot_rest {
    std::uint64_t generation = 0;
    fence copied;
    std::vector<fence> last_uses;  // of the streams beyond the slot's two
    std::optional<tensor_id> evicted_for;
  };
  struct table {
    std::vector<slot> slots;
    sums sum;
    std::map<std::uint64_t, std::uint32_t> unpinned;
    std::shared_ptr<std::vector<std::uint64_t> const> footprints;
    tenants places;
  };

  [[nodiscard]] table& in(tier where) { return tiers_[static_cast<std::size_t>(where)]; }
  [[nodiscard]] table const& in(tier where) const { return tiers_[static_cast<std::size_t>(where)]; }
  static void count(sums& sum, slot const& tensor);
  static void uncount(sums& sum, slot const& tensor);
  static void become_lasting(sums& sum, slot const& tensor) {
    sum.lasting_bytes += tensor.footprint_bytes;
    if (tensor.state == slot_state::loading)
      sum.coming_bytes -= tensor.footprint_bytes;
    else
      ++sum.held_tensors;
  }
  void change(tensor_id id, tier where, auto const& how) {
    slot& tensor = in(where).slots[index_of(id)];
    uncount(in(where).sum, tensor);
    how(tensor);
    count(in(where).sum, tensor);
  }
  void add_stream(tensor_id id, fence last_use, fence_clock const& fences);
  void check_tier(tier where, std::uint64_t scratch_bytes) const;

  std::array<table, 2> tiers_;
  std::vector<slot_rest> rest_;
  std::vector<tensor_id> ahead_;
  std::uint64_t ahead_bytes_ = 0;
  std::uint64_t buffers_ = 0;
};

}  // namespace tierpager
