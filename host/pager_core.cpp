#include <host/pager_core.hpp>

namespace tierpager {

void pager_core::hand_over() {
  residency_->take_commands(commands_);
  for (command& next : commands_) taker_.take(next);
  commands_.clear();
}

void pager_core::tell_if_lost(failure const& why) {
  if (why.code == errc::device_lost) residency_->device_lost(why);
}

bool pager_core::close() {
  if (closed_) return false;
  closed_ = true;
  residency_->close();
  dispatch();
  return true;
}

bool pager_core::abandon() {
  abandoned_ = true;
  return inside_ == 0;
}

}  // namespace tierpager
