// Which tensors stream through a tier, and which stay: the choice that make_plan takes once for VRAM and once for RAM.
// Pure, any thread. Knows sizes, uses and one budget; knows nothing of offsets, rates or the other tier.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <core/plan/plan_cycle.hpp>

namespace tierpager {

/// The tensors that stream, and what ring they need.
class streamed_set {
 public:
  streamed_set(cycle_uses const& cycle, std::vector<std::uint64_t> const& bytes);

  [[nodiscard]] bool contains(std::size_t tensor) const { return member_[tensor] != 0; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  /// Of one cycle: every load counts.
  [[nodiscard]] std::uint64_t loaded_bytes() const { return loaded_bytes_; }
  void clear();
  void add(std::size_t tensor);
  void remove(std::size_t tensor);
  /// Whether what is held by a streaming call, the tensor included, and (with two slots or more) what the next
  /// streaming call brings stay within the cap wherever the tensor matters.
  [[nodiscard]] bool fits(std::size_t tensor, std::uint64_t cap_bytes, bool alone) const;
  /// Whether without it the calls that become neighbours are within the cap.
  [[nodiscard]] bool may_leave(std::size_t tensor, std::uint64_t cap_bytes, bool alone) const;
  /// The most that a streaming call holds of the set, plus what the next `slots - 1` streaming calls bring.
  [[nodiscard]] std::uint64_t ring_bytes(std::uint32_t slots) const;
  /// The most slots for which a ring of so many bytes has room.
  [[nodiscard]] std::uint32_t slots_in(std::uint64_t bytes) const;

 private:
  void change(std::size_t tensor, bool in);
  [[nodiscard]] std::vector<std::uint32_t> streaming_calls() const;
  cycle_uses const& cycle_;
  std::vector<std::uint64_t> const& sizes_;
  std::vector<std::uint8_t> member_;
  std::vector<std::uint64_t> held_, new_;  // per call: of the set
  std::vector<std::uint32_t> arrivals_;    // per call: uses of the set that begin
  call_set streaming_;                     // calls with arrivals
  std::uint64_t bytes_ = 0, loaded_bytes_ = 0;
};

struct selection_request {
  cycle_uses const& cycle;
  std::vector<std::uint64_t> const& bytes;
  std::vector<std::uint8_t> candidates;  // per tensor: may stay or stream. All others are not this tier's concern
  std::vector<std::uint8_t> stays;       // per tensor: of equals, leave this one where it is. May be empty
  std::uint64_t budget_bytes = 0;        // for the candidates that stay and the ring
  std::uint64_t least_ring_bytes = 0;    // as soon as anything streams
  bool ring_is_least = false;            // tensors pass the ring in pieces: it need not hold them
};

struct selection {
  std::vector<std::uint8_t> streamed;  // per tensor
  std::uint64_t ring_bytes = 0;
  std::uint64_t streamed_bytes = 0;  // distinct
  std::uint64_t loaded_bytes = 0;    // of one cycle
  std::uint32_t asked_slots = 0;     // for which the ring was chosen
  std::uint32_t slots = 0;           // for which it has room
};

class selector {
 public:
  explicit selector(selection_request request);
  /// The choice that loads the fewest bytes a cycle, as far as is found; none where no ring of that many slots leaves
  /// the rest within the budget. After the first call, rings about as large as the first's are tried.
  std::optional<selection> select(std::uint32_t slots, std::uint64_t least_ring_bytes = 0);

 private:
  struct member {
    std::uint32_t tensor;
    double position;  // bytes of the cycle before its first use
  };
  struct group {
    std::uint32_t loads;
    bool stays;
    std::uint64_t bytes;
    std::vector<member> members;  // by position
  };
  struct attempt {
    std::uint64_t cap_bytes;  // of two neighbours
    bool feasible;
    double loaded_bytes;
  };
  void make_groups();
  [[nodiscard]] bool admits(std::size_t tensor, std::uint64_t cap_bytes) const;
  [[nodiscard]] std::uint64_t smallest_cap() const;
  [[nodiscard]] std::uint64_t pair_bytes() const;
  [[nodiscard]] std::uint64_t needed_bytes(std::uint64_t ring_bytes) const;
  [[nodiscard]] std::uint64_t ring_for(std::uint64_t cap_bytes) const;
  [[nodiscard]] std::uint64_t ring_now() const;
  attempt try_cap(std::uint64_t cap_bytes);
  void stream_evenly(group const& from, std::uint64_t cap_bytes, std::uint64_t needed_bytes);
  void stream_the_rest(group const& from, std::uint64_t cap_bytes, std::uint64_t needed_bytes);
  std::optional<std::uint64_t> best_cap();
  void trim(std::uint64_t cap_bytes, std::uint64_t needed);
  void fill_up(std::uint64_t cap_bytes, std::uint64_t needed);

  selection_request request_;
  streamed_set set_;
  std::vector<group> groups_;  // what is best streamed first
  std::uint64_t candidate_bytes_ = 0;
  double cycle_bytes_ = 0;
  std::uint64_t least_ring_bytes_ = 0;
  std::uint32_t slots_ = 2;
  std::optional<std::uint64_t> last_cap_;  // where the search for another number of slots begins
};

}  // namespace tierpager
