// What is known of fences: which have passed, which had not when they were asked about, about which a question is out; and
// the streams on which uses end. Fences of one stream pass in order, so a number a stream says it all. Not thread-safe;
// under the pager's lock. Emits no commands: who asks, or has something watched, does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <tierpager/types.hpp>

namespace tierpager {

class fence_clock {
 public:
  /// So has all before it on its stream.
  void passed(fence which);
  /// It had not when it was asked about; nor has what comes behind it.
  void running(fence which);
  /// Nothing runs any more, so every fence counts as passed, and no answer comes.
  void device_lost();
  [[nodiscard]] bool lost() const { return lost_; }
  /// What was queued before it has run.
  [[nodiscard]] bool has_passed(fence which) const {
    return which.stream < passed_.size() && passed_[which.stream] >= which.sequence;
  }
  /// Or never will, since the device is lost: nothing has to wait for it.
  [[nodiscard]] bool known_passed(fence which) const { return lost_ || has_passed(which); }
  [[nodiscard]] bool known_running(fence which) const {
    return which.stream < running_.size() && running_[which.stream] <= which.sequence;
  }
  /// What was running there may have passed by now.
  void forget_running(std::uint32_t stream);

  /// Whether the question is a new one: then it is to be asked. `passed` or `running` answers it.
  bool ask(fence about);
  [[nodiscard]] bool has_questions() const { return !asked_.empty(); }

  /// A use ended there.
  void used(fence last_use, bool loads_under_way) {
    if (!only(last_use.stream)) used_beside_others(last_use, loads_under_way);
  }
  /// All that was and will be used there lies before that fence. False where nothing was. A stream counts until it is
  /// retired and has run.
  bool retired(fence last);
  /// Whether it is the only one on which uses end.
  [[nodiscard]] bool only(std::uint32_t stream) const { return stream == only_; }
  /// Whether there are several, or were when the loads under way began, in whatever order.
  [[nodiscard]] bool several() const { return several_; }

 private:
  struct used_stream {
    std::uint32_t number;
    std::optional<fence> last;  // where it was retired
  };
  static constexpr std::uint32_t none = ~std::uint32_t{0};
  static constexpr std::uint64_t none_running = ~std::uint64_t{0};

  void used_beside_others(fence last_use, bool loads_under_way);
  [[nodiscard]] std::vector<used_stream>::iterator find(std::uint32_t stream);

  std::vector<std::uint64_t> passed_;   // by stream: the highest sequence known to have passed
  std::vector<std::uint64_t> running_;  // by stream: the lowest sequence known not to have passed when asked about
  std::vector<fence> asked_;            // about which no answer has come
  std::vector<used_stream> streams_;
  std::size_t retired_ = 0;  // of these
  std::uint32_t only_ = none;
  bool several_ = false;
  bool lost_ = false;
};

}  // namespace tierpager
