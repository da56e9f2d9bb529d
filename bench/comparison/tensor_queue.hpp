// A queue of tensors that knows how many bytes it holds, out of whose middle one can be taken in constant time. What
// the comparison caches are made of; not thread-safe.
#pragma once

#include <cstdint>
#include <iterator>
#include <list>
#include <span>
#include <vector>

namespace tierpager::tools {

class tensor_queue {
 public:
  using position = std::list<std::uint32_t>::iterator;

  explicit tensor_queue(std::span<std::uint64_t const> tensor_bytes)
      : tensor_bytes_(tensor_bytes), places_(tensor_bytes.size(), order_.end()) {}

  [[nodiscard]] bool empty() const { return order_.empty(); }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] bool contains(std::uint32_t id) { return places_[id] != order_.end(); }
  [[nodiscard]] std::uint32_t front() const { return order_.front(); }
  [[nodiscard]] position begin() { return order_.begin(); }
  [[nodiscard]] position end() { return order_.end(); }

  void push(std::uint32_t id) {
    order_.push_back(id);
    places_[id] = std::prev(order_.end());
    bytes_ += tensor_bytes_[id];
  }
  /// Returns where the next one is.
  position remove(std::uint32_t id) {
    position const next = order_.erase(places_[id]);
    places_[id] = order_.end();
    bytes_ -= tensor_bytes_[id];
    return next;
  }
  std::uint32_t pop() {
    std::uint32_t const first = order_.front();
    remove(first);
    return first;
  }

 private:
  std::span<std::uint64_t const> tensor_bytes_;
  std::list<std::uint32_t> order_;
  std::vector<position> places_;
  std::uint64_t bytes_ = 0;
};

}  // namespace tierpager::tools
