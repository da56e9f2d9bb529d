// The residents of a tier, real or shadow, by rank, lowest first: a binary heap over dense ids. Ranks may grow unnoticed
// and are looked at again when they come to the top, so that a hit costs nothing here. No allocation after construction.
// Not thread-safe.
#pragma once

#include <cassert>
#include <cstdint>
#include <utility>
#include <vector>

namespace tierpager {

class rank_heap {
 public:
  /// Lower leaves first; of equals, the one used last.
  struct rank {
    double key = 0;
    std::uint64_t last_use = 0;
    friend bool operator<(rank const& left, rank const& right) {
      return left.key != right.key ? left.key < right.key : left.last_use > right.last_use;
    }
  };
  struct entry {
    rank ranked;
    std::uint32_t id = 0;
  };

  explicit rank_heap(std::size_t ids) : places_(ids, absent) { entries_.reserve(ids); }

  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] bool contains(std::uint32_t id) const { return places_[id] != absent; }
  [[nodiscard]] std::vector<entry> const& entries() const { return entries_; }

  void insert(entry one) {
    assert(!contains(one.id));
    entries_.push_back(one);
    sift_up(entries_.size() - 1, one);
  }

  void erase(std::uint32_t id) {
    std::size_t const at = places_[id];
    places_[id] = absent;
    entry const last = entries_.back();
    entries_.pop_back();
    if (at < entries_.size()) put(at, last);
  }

  /// Takes out the lowest. Whose rank is `outdated(id, rank)` is ranked anew; `rank_now(id)` is never lower than it was.
  template <class Outdated, class RankNow>
  entry pop(Outdated&& outdated, RankNow&& rank_now) {
    while (outdated(entries_.front().id, entries_.front().ranked)) {
      std::uint32_t const id = entries_.front().id;
      put(0, {.ranked = rank_now(id), .id = id});
    }
    entry const lowest = entries_.front();
    erase(lowest.id);
    return lowest;
  }

  /// All ranks anew.
  template <class RankNow>
  void rank_all(RankNow&& rank_now) {
    for (entry& one : entries_) one.ranked = rank_now(one.id);
    for (std::size_t at = entries_.size() / 2; at-- > 0;) sift_down(at, entries_[at]);
    for (std::size_t at = 0; at < entries_.size(); ++at) places_[entries_[at].id] = static_cast<std::uint32_t>(at);
  }

 private:
  static constexpr std::uint32_t absent = ~std::uint32_t{0};

  void set(std::size_t at, entry const& one) {
    entries_[at] = one;
    places_[one.id] = static_cast<std::uint32_t>(at);
  }
  void put(std::size_t at, entry const& one) {
    if (at > 0 && one.ranked < entries_[(at - 1) / 2].ranked)
      sift_up(at, one);
    else
      sift_down(at, one);
  }
  void sift_up(std::size_t at, entry const one) {
    for (; at > 0 && one.ranked < entries_[(at - 1) / 2].ranked; at = (at - 1) / 2) set(at, entries_[(at - 1) / 2]);
    set(at, one);
  }
  void sift_down(std::size_t at, entry const one) {
    for (;;) {
      std::size_t child = 2 * at + 1;
      if (child >= entries_.size()) break;
      if (child + 1 < entries_.size() && entries_[child + 1].ranked < entries_[child].ranked) ++child;
      if (!(entries_[child].ranked < one.ranked)) break;
      set(at, entries_[child]);
      at = child;
    }
    set(at, one);
  }

  std::vector<entry> entries_;
  std::vector<std::uint32_t> places_;
};

}  // namespace tierpager
