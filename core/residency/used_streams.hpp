// The streams on which uses end, and whether all is on one. A stream counts until it is retired and has run. Not
// thread-safe; under the pager's lock.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <tierpager/types.hpp>

namespace tierpager {

class used_streams {
 public:
  /// Whether it is the only one.
  [[nodiscard]] bool only(std::uint32_t stream) const { return stream == only_; }
  /// Whether there are several, or were when the loads under way began, in whatever order.
  [[nodiscard]] bool several() const { return several_; }
  /// A use ended there, on a stream that is not the only one so far. `passed` says which fences are known to have.
  template <class Passed>
  void used(fence last_use, bool loads_under_way, Passed const& passed) {
    auto const known = [&] { return std::ranges::find(streams_, last_use.stream, &entry::number) != streams_.end(); };
    if (retired_ == 0 && streams_.size() > 1 && known()) return;  // they are as many as before
    retired_ -= std::erase_if(streams_, [&](entry const& each) { return each.last && passed(*each.last); });
    if (!known() && !passed(last_use)) streams_.push_back({last_use.stream, {}});
    several_ = streams_.size() > 1 || (several_ && loads_under_way);
    only_ = several_ || streams_.empty() ? none : streams_.front().number;
  }
  /// All that was and will be used there lies before that fence. False where nothing was.
  bool retired(fence last) {
    auto const known = std::ranges::find(streams_, last.stream, &entry::number);
    if (known == streams_.end()) return false;
    if (!known->last) ++retired_;
    known->last = last;
    return true;
  }

 private:
  struct entry {
    std::uint32_t number;
    std::optional<fence> last;  // where it was retired
  };
  static constexpr std::uint32_t none = ~std::uint32_t{0};
  std::vector<entry> streams_;
  std::size_t retired_ = 0;  // of these
  std::uint32_t only_ = none;
  bool several_ = false;
};

}  // namespace tierpager
