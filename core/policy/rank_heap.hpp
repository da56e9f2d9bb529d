// The residents of a shadow tier by rank, lowest first: a binary heap over dense ids. Ranks may grow unnoticed and are
// looked at again when they come to the top, so that a hit costs nothing here. Logarithmic time a call; no allocation
// after construction. Not thread-safe.
#pragma once

#include <cassert>
#include <cstdint>
#include <vector>

#include <core/policy/eviction_rank.hpp>

namespace tierpager {

class rank_heap {
 public:
  struct entry {
    eviction_rank ranked;
    std::uint32_t id = 0;
  };

  explicit rank_heap(std::size_t ids) : places_(ids, absent) { entries_.reserve(ids); }

  [[nodiscard]] bool contains(std::uint32_t id) const { return places_[id] != absent; }

  void insert(entry one) {
    assert(!contains(one.id));
    entries_.push_back(one);
    sift_up(entries_.size() - 1, one);
  }

  /// Takes out the lowest. Whose rank is `outdated(id, last_use)` is ranked anew, ranked_anew_max of them at most;
  /// `rank_now(id)` is never lower than it was.
  template <class Outdated, class RankNow>
  entry pop(Outdated const& outdated, RankNow const& rank_now) {
    entry lowest;
    for (unsigned ranked_anew = 0; ranked_anew <= ranked_anew_max; ++ranked_anew) {
      entry const& top = entries_.front();
      if (!outdated(top.id, top.ranked.last_use)) {
        lowest = top;
        break;
      }
      if (ranked_anew == ranked_anew_max) break;
      entry const fresh{.ranked = rank_now(top.id), .id = top.id};
      put(0, fresh);
      if (ranked_anew == 0 || fresh.ranked < lowest.ranked) lowest = fresh;
    }
    erase(lowest.id);
    return lowest;
  }

 private:
  static constexpr std::uint32_t absent = ~std::uint32_t{0};

  void erase(std::uint32_t id) {
    std::size_t const at = places_[id];
    places_[id] = absent;
    entry const last = entries_.back();
    entries_.pop_back();
    if (at < entries_.size()) put(at, last);
  }
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
