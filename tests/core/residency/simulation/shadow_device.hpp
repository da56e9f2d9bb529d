// The memory and the streams that the core's commands act on, byte by byte: what is committed, what each byte holds, who
// still reads or writes it, and which work is ordered before which (vector clocks). Throws `violation` at the first
// command that touches what it must not. Knows nothing of budgets, requests or policies. Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <core/residency/command.hpp>

namespace tierpager::simulation {

class violation : public std::runtime_error {
  using std::runtime_error::runtime_error;
};
[[noreturn]] void broken(std::string const& what);

inline constexpr std::uint32_t copy_stream = 0;
inline constexpr std::uint32_t streams = 4;  // the others belong to callers

class shadow_device {
 public:
  shadow_device(std::uint64_t vram_bytes, std::uint64_t ram_bytes);

  void read_started(read_command const& command);
  void read_finished(read_command const& command, bool ok);
  /// Returns which of the tensor's bytes the copy starts with, as the RAM bytes tell.
  std::uint64_t copy_emitted(copy_command const& command);
  fence copy_queued(copy_command const& command);
  /// `queued`: it runs all the same, and nobody holds a fence for it.
  void copy_failed(copy_command const& command, bool maybe_queued, bool queued);
  void remap_started(remap_command const& command);
  /// Carries out so many of the steps. Returns the most that was committed in between.
  std::uint64_t remap_finished(remap_command const& command, std::size_t decommits_done, std::size_t commits_done);

  /// A caller's kernel that reads the whole tensor, behind `ready`.
  void use(tensor_id id, byte_range where, std::uint32_t stream, std::optional<fence> ready);
  fence record(std::uint32_t stream);
  /// Whether `until` covers all work queued on the copy stream up to `earlier`.
  [[nodiscard]] bool covers(fence until, fence earlier) const;

  // A handle's bytes, between grant and release: nobody may write or take them.
  void hold(tier where, byte_range range) { add_holds(where, range, 1); }
  void unhold(tier where, byte_range range) { add_holds(where, range, -1); }

  /// The core was told that this fence has passed.
  void told(fence which);
  /// The device is gone: nothing runs any more, and what was queued touches nothing.
  void lost();
  [[nodiscard]] bool has_passed(fence which) const { return streams_[which.stream].passed >= which.sequence; }
  /// Whether the core could know that this fence has passed.
  [[nodiscard]] bool known(fence which) const { return known_[which.stream] >= which.sequence; }
  [[nodiscard]] bool can_run(std::uint32_t stream) const;
  void run_one(std::uint32_t stream);

  [[nodiscard]] std::uint64_t committed_bytes(tier where) const;
  /// Whether all of it is committed, and no remap under way takes it.
  [[nodiscard]] bool usable(tier where, byte_range range) const;
  [[nodiscard]] bool holds_tensor(tier where, std::uint64_t offset, tensor_id id, std::uint64_t bytes) const;

 private:
  using clock = std::array<std::uint64_t, streams>;
  struct cell {
    bool committed = false;
    bool remapping = false;
    bool reading = false;
    std::uint16_t holds = 0;
    std::uint32_t tensor = nothing;
    std::uint32_t at = 0;
  };
  struct operation {
    enum class kind : std::uint8_t { copy, use, mark } what;
    tensor_id tensor{};
    std::uint64_t ram_offset = 0;
    byte_range vram = {};
    std::vector<fence> waits = {};
  };
  struct stream_state {
    std::deque<operation> queue;
    std::uint64_t passed = 0;
    clock now{};                // what is ordered before the next operation; of itself, the last fence
    std::vector<clock> fences;  // the clock of each fence, by sequence - 1
  };
  // Work that may still touch a range until `cover` has passed.
  struct hazard {
    tier where;
    byte_range range;
    fence cover;
    bool unproven;  // a call that failed: ordered before nothing on its own stream either
  };
  static constexpr std::uint32_t nothing = ~std::uint32_t{0};
  static constexpr std::uint64_t not_queued = ~std::uint64_t{0};

  std::vector<cell>& cells(tier where) { return where == tier::vram ? vram_ : ram_; }
  [[nodiscard]] std::vector<cell> const& cells(tier where) const { return where == tier::vram ? vram_ : ram_; }
  void need_inside(tier where, byte_range range, char const* who) const;
  void need_untouched(tier where, byte_range range, char const* who) const;
  void add_holds(tier where, byte_range range, int change);
  void join(clock& into, fence other) const;
  void wait(std::vector<fence> const& after);
  void push_copy(copy_command const& command);
  void drop_pending(copy_command const& command);

  std::vector<cell> vram_, ram_;
  std::array<stream_state, streams> streams_;
  clock known_{};
  std::vector<hazard> hazards_;
};

}  // namespace tierpager::simulation
