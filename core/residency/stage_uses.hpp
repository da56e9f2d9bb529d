// Which loads still use their stages in RAM. Each use is a fence on a stream of its own making, so that an arena can keep it
// with a range as it keeps any other; a number is given out again once the use that had it has passed.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <tierpager/types.hpp>

namespace tierpager {

class stage_uses {
 public:
  [[nodiscard]] fence begin();
  [[nodiscard]] bool over(fence use) const;
  /// The load of `id` waits for that use.
  void wait(tensor_id id, fence use);
  /// Ends it. Whose loads waited for it, in the order in which they began to.
  [[nodiscard]] std::vector<tensor_id> end(fence use);

 private:
  struct lane {
    std::uint64_t begun = 0;
    bool running = false;
    std::vector<tensor_id> waiting;
  };
  std::vector<lane> lanes_;
  std::vector<std::uint32_t> free_;
};

}  // namespace tierpager
