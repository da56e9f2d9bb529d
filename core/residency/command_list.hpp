// The commands that the parts of the residency core emit, in order, until the executor takes them. Not thread-safe: called
// under the pager's lock. Carries nothing out.
#pragma once

#include <iterator>
#include <utility>
#include <vector>

#include <core/residency/command.hpp>

namespace tierpager {

class command_list {
 public:
  void emit(auto&& what) { commands_.emplace_back(std::forward<decltype(what)>(what)); }
  void watch(fence until) { emit(watch_command{until}); }
  [[nodiscard]] bool empty() const { return commands_.empty(); }
  /// Appends all of them to `into`; none are left here.
  void take(std::vector<command>& into) {
    into.insert(into.end(), std::make_move_iterator(commands_.begin()), std::make_move_iterator(commands_.end()));
    commands_.clear();
  }

 private:
  std::vector<command> commands_;
};

}  // namespace tierpager
