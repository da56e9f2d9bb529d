#include <core/residency/fence_clock.hpp>

#include <algorithm>

namespace tierpager {

void fence_clock::passed(fence which) {
  if (which.stream >= passed_.size()) passed_.resize(which.stream + 1, 0);
  passed_[which.stream] = std::max(passed_[which.stream], which.sequence);
  if (which.stream < running_.size() && running_[which.stream] <= passed_[which.stream]) forget_running(which.stream);
  std::erase_if(asked_, [this](fence about) { return known_passed(about); });
}

void fence_clock::running(fence which) {
  std::erase(asked_, which);
  if (which.stream >= running_.size()) running_.resize(which.stream + 1, none_running);
  running_[which.stream] = std::min(running_[which.stream], which.sequence);
}

void fence_clock::device_lost() {
  lost_ = true;
  asked_.clear();
}

void fence_clock::forget_running(std::uint32_t stream) {
  if (stream < running_.size()) running_[stream] = none_running;
}

bool fence_clock::ask(fence about) {
  if (std::ranges::find(asked_, about) != asked_.end()) return false;
  asked_.push_back(about);
  return true;
}

std::vector<fence_clock::used_stream>::iterator fence_clock::find(std::uint32_t stream) {
  return std::ranges::find(streams_, stream, &used_stream::number);
}

void fence_clock::used_beside_others(fence last_use, bool loads_under_way) {
  if (retired_ == 0 && streams_.size() > 1 && find(last_use.stream) != streams_.end()) return;  // as many as before
  retired_ -= std::erase_if(streams_, [&](used_stream const& each) { return each.last && known_passed(*each.last); });
  if (find(last_use.stream) == streams_.end() && !known_passed(last_use)) streams_.push_back({last_use.stream, {}});
  several_ = streams_.size() > 1 || (several_ && loads_under_way);
  only_ = several_ || streams_.empty() ? none : streams_.front().number;
}

bool fence_clock::retired(fence last) {
  auto const known = find(last.stream);
  if (known == streams_.end()) return false;
  if (!known->last) ++retired_;
  known->last = last;
  return true;
}

}  // namespace tierpager
