// Which tensors stream through a tier, and which stay: the choice that make_plan takes once for VRAM and once for RAM.
// Pure, any thread. Knows sizes, uses and one budget; knows nothing of offsets, rates or the other tier.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <core/plan/plan_cycle.hpp>
#include <core/plan/streamed_set.hpp>

namespace tierpager {

struct selection_request {
  cycle_uses const& cycle;
  std::vector<std::uint64_t> const& bytes;
  std::vector<std::uint8_t> candidates;  // per tensor: may stay or stream. All others are not this tier's concern
  std::vector<std::uint8_t> stays;       // per tensor: of equals, leave this one where it is. May be empty
  std::uint64_t budget_bytes = 0;        // for the candidates that stay and the buffer
  std::uint64_t least_buffer_bytes = 0;  // as soon as anything streams
  bool buffer_is_least = false;          // tensors pass the buffer in pieces: it need not hold them
};

struct selection {
  std::vector<std::uint8_t> streamed;  // per tensor
  std::uint64_t buffer_bytes = 0;
  std::uint64_t streamed_bytes = 0;  // distinct
  std::uint64_t loaded_bytes = 0;    // of one cycle
  std::uint32_t asked_slots = 0;     // for which the buffer was chosen
  std::uint32_t slots = 0;           // for which it has room
};

class selector {
 public:
  explicit selector(selection_request request);
  /// The choice that loads the fewest bytes a cycle, as far as is found; none where no buffer of that many slots leaves
  /// the rest within the budget. After the first call, buffers about as large as the first's are tried.
  std::optional<selection> select(std::uint32_t slots, std::uint64_t least_buffer_bytes = 0);

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
  [[nodiscard]] std::uint64_t needed_bytes(std::uint64_t buffer_bytes) const;
  [[nodiscard]] std::uint64_t buffer_for(std::uint64_t cap_bytes) const;
  [[nodiscard]] std::uint64_t buffer_now() const;
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
  std::uint64_t least_buffer_bytes_ = 0;
  std::uint32_t slots_ = 2;
  std::optional<std::uint64_t> last_cap_;  // where the search for another number of slots begins
};

}  // namespace tierpager
