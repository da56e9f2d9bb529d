// How often each tensor is used, for several half-lives at once, and when it was last. Time is counted in passes: a pass
// is a run of uses until a tensor comes again, so that a half-life means the same in a small model and a large one.
// Not thread-safe; no allocation after construction.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace tierpager {

/// Lower leaves first; of equals, the one used last.
struct eviction_rank {
  double key = 0;
  std::uint64_t last_use = 0;
  friend bool operator<(eviction_rank const& left, eviction_rank const& right) {
    return left.key != right.key ? left.key < right.key : left.last_use > right.last_use;
  }
};

/// The orders to choose from: number 0 is the order of last use, the others that of a use rate.
inline constexpr std::array<float, 8> half_lives_passes{2, 4, 8, 16, 32, 64, 256, 1024};
inline constexpr std::size_t use_orders = half_lives_passes.size() + 1;
/// Before anything is known: keeps one pass over everything, such as a prompt's, from flushing what is used often.
inline constexpr std::size_t use_order_at_first = 4;

class use_counts {
 public:
  explicit use_counts(std::size_t tensors);

  /// Whether a pass has ended before this use.
  bool touched(std::uint32_t id);
  [[nodiscard]] bool ever_used(std::uint32_t id) const { return tensors_[id].last_use > 0; }
  /// Grows with each use of the tensor, and with nothing else.
  [[nodiscard]] eviction_rank rank_of(std::uint32_t id, std::size_t order) const;
  /// The same as a number of uses: in the order of last use one over its age in uses, else the count that is left now.
  [[nodiscard]] double use_of(std::uint32_t id, std::size_t order) const;

 private:
  using per_half_life = std::array<float, half_lives_passes.size()>;
  struct usage {
    per_half_life counts{};      // as of `pass`
    std::uint32_t pass = 0;      // of its last use
    std::uint64_t last_use = 0;  // 0: never
  };
  [[nodiscard]] bool pass_ends_before(usage const& next) const;

  std::array<per_half_life, 64> left_{};  // of a count, after so many passes
  std::vector<usage> tensors_;
  std::uint64_t uses_ = 0;
  std::uint32_t pass_ = 1;
  std::uint64_t pass_uses_ = 0;        // in this pass so far
  std::uint64_t usual_pass_uses_ = 0;  // the lesser of the last two
  std::uint64_t previous_pass_uses_ = 0;
};

}  // namespace tierpager
