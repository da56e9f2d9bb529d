// The residents of a tier by rank, lowest first, to be walked along: a treap over dense ids whose priorities are
// hashes of the ids. Ranks may grow unnoticed and are looked at again when they are met, so that a hit costs nothing
// here. Logarithmic time a call, constant to clear it; no allocation after construction. Not thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <core/mixed_id.hpp>
#include <core/policy/eviction_rank.hpp>

namespace tierpager {

class rank_tree {
 public:
  static constexpr std::uint32_t none = ~std::uint32_t{0};

  explicit rank_tree(std::size_t ids) : nodes_(ids) {}

  void clear() { root_ = none; }

  /// Of one that is not in.
  void insert(std::uint32_t id, eviction_rank ranked) {
    std::uint32_t above = none;
    std::size_t side = 0;
    for (std::uint32_t at = root_; at != none; at = nodes_[at].below[side]) {
      above = at;
      side = ranked < nodes_[at].ranked ? 0 : 1;
    }
    nodes_[id].ranked = ranked;
    nodes_[id].seen_use = ranked.last_use;
    attach(id, above, side);
  }

  /// Of one that is in.
  void erase(std::uint32_t id) {
    for (;;) {
      auto const [left, right] = nodes_[id].below;
      if (left == none || right == none) return replace(id, left == none ? right : left);
      rotate_up(mixed_id(left) > mixed_id(right) ? left : right);
    }
  }

  /// The lowest, or `none`. Whose rank is `outdated(id, last_use)` is ranked anew, ranked_anew_max of them at most;
  /// `rank_now(id)` is never lower than it was.
  template <class Outdated, class RankNow>
  std::uint32_t lowest(Outdated const& outdated, RankNow const& rank_now) {
    return settled(none, outdated, rank_now);
  }
  /// The one behind `id`, which is in and stays where it was last seen; else like `lowest`.
  template <class Outdated, class RankNow>
  std::uint32_t after(std::uint32_t id, Outdated const& outdated, RankNow const& rank_now) {
    return settled(id, outdated, rank_now);
  }
  /// The lowest `count`, as far as they are outdated.
  template <class Outdated, class RankNow>
  void bring_up_to_date(unsigned count, Outdated const& outdated, RankNow const& rank_now) {
    for (; count > 0; --count) {
      std::uint32_t const next = outermost(root_, 0);
      if (next == none || !outdated(next, nodes_[next].seen_use)) return;
      erase(next);
      insert(next, rank_now(next));
    }
  }

 private:
  struct node {
    eviction_rank ranked;        // as of the use seen, or lower
    std::uint64_t seen_use = 0;  // which tells whether it is outdated
    std::uint32_t above = none;
    std::array<std::uint32_t, 2> below{none, none};
  };

  // Whoever is the answer though others before it are still outdated comes to stand before those, so that a walk meets
  // them too.
  template <class Outdated, class RankNow>
  std::uint32_t settled(std::uint32_t place, Outdated const& outdated, RankNow const& rank_now) {
    std::uint32_t best = none;
    for (unsigned ranked_anew = 0;; ++ranked_anew) {
      std::uint32_t const next = place == none ? outermost(root_, 0) : follower(place);
      if (next == none || !outdated(next, nodes_[next].seen_use)) return next;
      if (ranked_anew == ranked_anew_max) {
        move_before(next, best);
        return best;
      }
      erase(next);
      insert(next, rank_now(next));
      if (best == none || nodes_[next].ranked < nodes_[best].ranked) best = next;
    }
  }

  void move_before(std::uint32_t place, std::uint32_t id) {
    erase(id);
    nodes_[id].ranked = nodes_[place].ranked;
    std::uint32_t const left = nodes_[place].below[0];
    left == none ? attach(id, place, 0) : attach(id, outermost(left, 1), 1);
  }

  [[nodiscard]] std::uint32_t outermost(std::uint32_t id, std::size_t side) const {
    while (id != none && nodes_[id].below[side] != none) id = nodes_[id].below[side];
    return id;
  }
  [[nodiscard]] std::uint32_t follower(std::uint32_t id) const {
    if (nodes_[id].below[1] != none) return outermost(nodes_[id].below[1], 0);
    while (nodes_[id].above != none && nodes_[nodes_[id].above].below[1] == id) id = nodes_[id].above;
    return nodes_[id].above;
  }

  void attach(std::uint32_t id, std::uint32_t above, std::size_t side) {
    nodes_[id].above = above;
    nodes_[id].below = {none, none};
    (above == none ? root_ : nodes_[above].below[side]) = id;
    while (nodes_[id].above != none && mixed_id(nodes_[id].above) < mixed_id(id)) rotate_up(id);
  }
  // By `other`, which may be none, in what is above.
  void replace(std::uint32_t id, std::uint32_t other) {
    std::uint32_t const above = nodes_[id].above;
    (above == none ? root_ : nodes_[above].below[nodes_[above].below[1] == id ? 1 : 0]) = other;
    if (other != none) nodes_[other].above = above;
  }
  // The one above comes to stand below, on the other side.
  void rotate_up(std::uint32_t id) {
    std::uint32_t const above = nodes_[id].above;
    std::size_t const side = nodes_[above].below[1] == id ? 1 : 0;
    replace(above, id);
    std::uint32_t const between = nodes_[id].below[1 - side];
    nodes_[above].below[side] = between;
    if (between != none) nodes_[between].above = above;
    nodes_[id].below[1 - side] = above;
    nodes_[above].above = id;
  }

  std::vector<node> nodes_;
  std::uint32_t root_ = none;
};

}  // namespace tierpager
