// Uses of VRAM that are over, behind which no fence could be recorded: nothing says when their work ends. Each has a key under
// which it may be proved later. Not thread-safe: called under the pager's lock.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <tierpager/error.hpp>
#include <tierpager/types.hpp>

namespace tierpager {

class unproven_uses {
 public:
  void add(tensor_id id, std::uint32_t key, failure const& why) { uses_.push_back({key, id, why}); }
  /// Whose order is proved now: the tensors, once for each use.
  [[nodiscard]] std::vector<tensor_id> prove(std::uint32_t key) {
    std::vector<tensor_id> proved;
    std::erase_if(uses_, [&](use const& each) {
      if (each.key == key) proved.push_back(each.tensor);
      return each.key == key;
    });
    return proved;
  }
  [[nodiscard]] bool empty() const { return uses_.empty(); }
  [[nodiscard]] bool contains(tensor_id id) const {
    return std::ranges::any_of(uses_, [id](use const& each) { return each.tensor == id; });
  }
  /// Once for each use.
  [[nodiscard]] std::vector<tensor_id> tensors() const {
    std::vector<tensor_id> ids;
    for (use const& each : uses_) ids.push_back(each.tensor);
    return ids;
  }
  /// For an error: how many there are, and the first failure, which is what the others follow from. Nothing where there are
  /// none.
  [[nodiscard]] std::string in_words() const {
    if (uses_.empty()) return "";
    return "; no fence could be recorded behind " + std::to_string(uses_.size()) +
           (uses_.size() == 1 ? " use: " : " uses: ") + uses_.front().why.what;
  }

 private:
  struct use {
    std::uint32_t key;
    tensor_id tensor;
    failure why;
  };
  std::vector<use> uses_;  // the earliest first
};

}  // namespace tierpager
