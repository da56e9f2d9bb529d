// Dense ids ordered by eviction rank, lowest first. A rank may grow unnoticed: a search ranks anew each outdated id that
// it meets, so that a hit costs nothing here. Logarithmic time for each id that is inserted, erased or ranked anew; no
// allocation after construction. Not thread-safe.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <iterator>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <core/eviction/use_counts.hpp>

namespace tierpager {

class ranked_ids {
 public:
  /// Ids below `ids` may be inserted. No two may have the same rank.
  explicit ranked_ids(std::size_t ids) : places_(ids) {
    nodes_.reserve(ids);
    sorted_.reserve(ids);
    for (std::uint32_t id = 0; id < ids; ++id) nodes_.push_back(order_.extract(order_.insert({{}, id}).first));
  }

  [[nodiscard]] bool contains(std::uint32_t id) const { return nodes_[id].empty(); }
  void insert(std::uint32_t id, eviction_rank rank) {
    assert(!contains(id));
    nodes_[id].value().rank = rank;
    auto const inserted = order_.insert(std::move(nodes_[id]));
    assert(inserted.inserted);
    places_[id] = inserted.position;
  }
  void erase(std::uint32_t id) {
    assert(contains(id));
    nodes_[id] = order_.extract(places_[id]);
  }

  /// The lowest id, if there is any. `rank_now(id)` is not lower than when the id was ranked last.
  template <class RankNow>
  std::optional<std::uint32_t> lowest(RankNow const& rank_now) {
    return first_up_to_date([&] { return order_.begin(); }, rank_now);
  }
  /// The id that follows `id`, which is in.
  template <class RankNow>
  std::optional<std::uint32_t> after(std::uint32_t id, RankNow const& rank_now) {
    assert(contains(id));
    return first_up_to_date([&] { return std::next(places_[id]); }, rank_now);
  }
  /// Ranks every id anew, by a lower rank too. They are sorted first: to insert each at the end takes no search.
  template <class RankNow>
  void rank_all_anew(RankNow const& rank_now) {
    sorted_.clear();
    while (!order_.empty()) {
      std::uint32_t const id = order_.begin()->id;
      erase(id);
      nodes_[id].value().rank = rank_now(id);
      sorted_.push_back(id);
    }
    std::sort(sorted_.begin(), sorted_.end(),
              [&](auto left, auto right) { return nodes_[left].value() < nodes_[right].value(); });
    for (std::uint32_t const id : sorted_) places_[id] = order_.insert(order_.end(), std::move(nodes_[id]));
  }

 private:
  struct entry {
    eviction_rank rank;
    std::uint32_t id = 0;
    friend bool operator<(entry const& left, entry const& right) { return left.rank < right.rank; }
  };
  using ordered = std::set<entry>;

  template <class Position, class RankNow>
  std::optional<std::uint32_t> first_up_to_date(Position const& position, RankNow const& rank_now) {
    for (auto found = position(); found != order_.end(); found = position()) {
      std::uint32_t const id = found->id;
      eviction_rank const now = rank_now(id);
      if (now.last_use == found->rank.last_use) return id;
      erase(id);
      insert(id, now);
    }
    return std::nullopt;
  }

  ordered order_;
  std::vector<ordered::node_type> nodes_;  // of each id that is not in
  std::vector<ordered::iterator> places_;  // of each id that is
  std::vector<std::uint32_t> sorted_;      // scratch
};

}  // namespace tierpager
