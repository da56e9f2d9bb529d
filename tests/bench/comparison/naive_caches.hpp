// The comparison caches a second time, from their papers and without a look at the first: plain vectors, searched from
// end to end, every sum added up anew. For tests; not thread-safe.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace tierpager::tools {

using queue = std::vector<std::uint32_t>;  // oldest first

inline bool take(queue& from, std::uint32_t id) { return std::erase(from, id) > 0; }
inline bool has(queue const& where, std::uint32_t id) {
  return std::find(where.begin(), where.end(), id) != where.end();
}
inline std::uint32_t take_oldest(queue& from) {
  std::uint32_t const oldest = from.front();
  from.erase(from.begin());
  return oldest;
}

class naive_cache {
 public:
  naive_cache(std::uint64_t room, std::vector<std::uint64_t> sizes) : room_(room), sizes_(std::move(sizes)) {}
  virtual ~naive_cache() = default;
  /// Whether it was in; afterwards it is.
  virtual bool access(std::uint32_t id) = 0;
  virtual void pass_ended() {}
  [[nodiscard]] virtual queue residents() const = 0;

 protected:
  [[nodiscard]] std::uint64_t sum(queue const& of) const {
    std::uint64_t bytes = 0;
    for (std::uint32_t const id : of) bytes += sizes_[id];
    return bytes;
  }
  std::uint64_t room_;
  std::vector<std::uint64_t> sizes_;
};

class naive_lru final : public naive_cache {
 public:
  using naive_cache::naive_cache;
  bool access(std::uint32_t id) override {
    bool const hit = take(order_, id);
    while (sum(order_) + sizes_[id] > room_) take_oldest(order_);
    order_.push_back(id);
    return hit;
  }
  [[nodiscard]] queue residents() const override { return order_; }

 private:
  queue order_;
};

class naive_sieve final : public naive_cache {
 public:
  using naive_cache::naive_cache;
  bool access(std::uint32_t id) override {
    if (has(order_, id)) {
      if (!has(visited_, id)) visited_.push_back(id);
      return true;
    }
    while (sum(order_) + sizes_[id] > room_) {
      hand_ %= order_.size();
      if (take(visited_, order_[hand_]))
        ++hand_;
      else
        order_.erase(order_.begin() + static_cast<std::ptrdiff_t>(hand_));
      if (hand_ == order_.size()) hand_ = 0;
    }
    // A hand past the newest has gone round: the newcomer is not what it points to.
    order_.push_back(id);
    return false;
  }
  [[nodiscard]] queue residents() const override { return order_; }

 private:
  queue order_, visited_;
  std::size_t hand_ = 0;
};

class naive_s3fifo final : public naive_cache {
 public:
  using naive_cache::naive_cache;
  bool access(std::uint32_t id) override {
    uses_.resize(sizes_.size());
    if (has(small_, id) || has(main_, id)) {
      uses_[id] = std::min(uses_[id] + 1, 3);
      return true;
    }
    while (sum(small_) + sum(main_) + sizes_[id] > room_) evict();
    uses_[id] = 0;
    (take(ghosts_, id) ? main_ : small_).push_back(id);
    return false;
  }
  [[nodiscard]] queue residents() const override {
    queue all = small_;
    all.insert(all.end(), main_.begin(), main_.end());
    return all;
  }

 private:
  void evict() {
    if (!main_.empty() && (small_.empty() || sum(small_) < room_ / 10)) {
      std::uint32_t const oldest = take_oldest(main_);
      if (uses_[oldest]-- > 0) main_.push_back(oldest);
      return;
    }
    std::uint32_t const oldest = take_oldest(small_);
    if (uses_[oldest] >= 2) {
      main_.push_back(oldest);
      uses_[oldest] = 0;
      return;
    }
    ghosts_.push_back(oldest);
    while (sum(ghosts_) > room_ - room_ / 10) take_oldest(ghosts_);
  }
  queue small_, main_, ghosts_;
  std::vector<int> uses_;
};

class naive_arc final : public naive_cache {
 public:
  using naive_cache::naive_cache;
  bool access(std::uint32_t id) override {
    if (take(t1_, id) || take(t2_, id)) {
      t2_.push_back(id);
      return true;
    }
    bool const in_b1 = has(b1_, id);
    bool const in_b2 = has(b2_, id);
    auto const ratio = [&](queue const& over, queue const& under) {
      return std::max(1.0, static_cast<double>(sum(over)) / static_cast<double>(sum(under)));
    };
    if (in_b1) p_ = std::min(room_, p_ + static_cast<std::uint64_t>(static_cast<double>(sizes_[id]) * ratio(b2_, b1_)));
    if (in_b2) {
      auto const less = static_cast<std::uint64_t>(static_cast<double>(sizes_[id]) * ratio(b1_, b2_));
      p_ = p_ > less ? p_ - less : 0;
    }
    take(b1_, id);
    take(b2_, id);
    while (sum(t1_) + sum(t2_) + sizes_[id] > room_) {
      bool const first = !t1_.empty() && (sum(t1_) > p_ || (in_b2 && sum(t1_) == p_) || t2_.empty());
      if (first)
        b1_.push_back(take_oldest(t1_));
      else
        b2_.push_back(take_oldest(t2_));
    }
    (in_b1 || in_b2 ? t2_ : t1_).push_back(id);
    while (sum(t1_) + sum(b1_) > room_ && !b1_.empty()) take_oldest(b1_);
    while (sum(t1_) + sum(b1_) + sum(t2_) + sum(b2_) > 2 * room_ && !b2_.empty()) take_oldest(b2_);
    return false;
  }
  [[nodiscard]] queue residents() const override {
    queue all = t1_;
    all.insert(all.end(), t2_.begin(), t2_.end());
    return all;
  }

 private:
  queue t1_, t2_, b1_, b2_;
  std::uint64_t p_ = 0;
};

class naive_lfu final : public naive_cache {
 public:
  naive_lfu(std::uint64_t room, std::vector<std::uint64_t> sizes, unsigned half_life)
      : naive_cache(room, std::move(sizes)), half_life_(half_life), uses_(sizes_.size()) {}
  bool access(std::uint32_t id) override {
    bool const hit = take(order_, id);
    while (sum(order_) + sizes_[id] > room_)
      order_.erase(std::min_element(order_.begin(), order_.end(), [&](std::uint32_t left, std::uint32_t right) {
        return count(left) < count(right) - 1e-9;  // of equals the first, used longest ago
      }));
    uses_[id].push_back(pass_);
    order_.push_back(id);
    return hit;
  }
  void pass_ended() override { ++pass_; }
  [[nodiscard]] queue residents() const override { return order_; }

 private:
  [[nodiscard]] double count(std::uint32_t id) const {
    double all = 0;
    for (unsigned const pass : uses_[id]) all += std::pow(0.5, (pass_ - pass) / static_cast<double>(half_life_));
    return all;
  }
  unsigned half_life_;
  unsigned pass_ = 0;
  std::vector<std::vector<unsigned>> uses_;
  queue order_;  // by last use
};

class naive_belady final : public naive_cache {
 public:
  naive_belady(std::uint64_t room, std::vector<std::uint64_t> sizes, queue future)
      : naive_cache(room, std::move(sizes)), future_(std::move(future)) {}
  bool access(std::uint32_t id) override {
    future_.erase(future_.begin());
    bool const hit = take(in_, id);
    auto next_use = [&](std::uint32_t of) {
      return std::make_pair(std::find(future_.begin(), future_.end(), of) - future_.begin(), of);
    };
    while (sum(in_) + sizes_[id] > room_)
      in_.erase(std::max_element(in_.begin(), in_.end(),
                                 [&](auto left, auto right) { return next_use(left) < next_use(right); }));
    in_.push_back(id);
    return hit;
  }
  [[nodiscard]] queue residents() const override { return in_; }

 private:
  queue future_, in_;
};

}  // namespace tierpager::tools
