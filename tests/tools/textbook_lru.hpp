// What `--policy lru` is held against: two textbook LRU lists over tensors of one size, written without a look at the
// pager. The RAM tier sees only VRAM misses and keeps its copy. Pinned tensors never leave once they are in. Pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <optional>
#include <set>

namespace tierpager::tests {

class textbook_lru {
 public:
  textbook_lru(std::size_t room, std::set<std::size_t> pinned) : room_(room), pinned_(std::move(pinned)) {}

  /// Whether the tensor was in; afterwards it is, and the most recent.
  bool acquire(std::size_t tensor) {
    auto const at = std::find(recency_.begin(), recency_.end(), tensor);
    bool const hit = at != recency_.end();
    if (hit) {
      recency_.erase(at);
    } else if (recency_.size() == room_) {
      recency_.erase(
          std::find_if(recency_.begin(), recency_.end(), [&](std::size_t other) { return !pinned_.contains(other); }));
      ++evictions_;
    }
    recency_.push_back(tensor);
    return hit;
  }

  [[nodiscard]] std::uint64_t evictions() const { return evictions_; }

 private:
  std::size_t room_;
  std::set<std::size_t> pinned_;
  std::list<std::size_t> recency_;  // least recent first
  std::uint64_t evictions_ = 0;
};

struct simulated_counts {
  std::uint64_t acquires = 0;
  std::uint64_t vram_hits = 0;
  std::uint64_t ram_hits = 0;
  std::uint64_t disk_reads = 0;
  std::uint64_t vram_evictions = 0;
  std::uint64_t ram_evictions = 0;
};

class textbook_tiers {
 public:
  /// No VRAM tier where `vram` is empty.
  textbook_tiers(std::optional<textbook_lru> vram, textbook_lru ram) : vram_(std::move(vram)), ram_(std::move(ram)) {}

  void acquire(std::size_t tensor) {
    ++counts_.acquires;
    if (vram_ && vram_->acquire(tensor)) {
      ++counts_.vram_hits;
    } else if (ram_.acquire(tensor)) {
      ++counts_.ram_hits;
    } else {
      ++counts_.disk_reads;
    }
  }

  /// Since the beginning.
  [[nodiscard]] simulated_counts counts() const {
    simulated_counts all = counts_;
    all.vram_evictions = vram_ ? vram_->evictions() : 0;
    all.ram_evictions = ram_.evictions();
    return all;
  }

 private:
  std::optional<textbook_lru> vram_;
  textbook_lru ram_;
  simulated_counts counts_;
};

}  // namespace tierpager::tests
