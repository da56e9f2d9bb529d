#include <core/whole_or_parts.hpp>

#include <algorithm>
#include <cassert>
#include <utility>

namespace tierpager {

whole_or_parts::whole_or_parts(repeated_round const& round, std::vector<std::uint32_t> shorter)
    : round_(round), shorter_(std::move(shorter)) {
  std::erase_if(shorter_, [&](std::uint32_t part) { return part > round_.period() / 2; });
  std::ranges::sort(shorter_);
}

bool whole_or_parts::go_on(work_portion& work) {
  if (shorter_.empty()) return true;
  repeated_.reserve(round_.period());
  auto const ready = static_cast<std::uint32_t>(repeated_.size());
  if (ready < round_.period()) repeated_.resize(ready + work.take(round_.period() - ready));
  if (repeated_.size() < round_.period()) return false;
  for (; part_ < shorter_.size() && !one_part_only_; ++part_) {
    if (!find_start(work) || !find_runs(work)) return false;
    start_ = ago_ = 0;
  }
  return true;
}

bool whole_or_parts::whole_is_better() const { return !one_part_only_ && saved_in_turn_ <= saved_whole_; }

bool whole_or_parts::same(std::uint32_t ago) const {
  std::uint32_t const here = ago % round_.period(), before = (ago + shorter_[part_]) % round_.period();
  return !repeated_[here] && round_.symbol(here + 1) == round_.symbol(before + 1);
}

bool whole_or_parts::find_start(work_portion& work) {
  if (ago_ != 0) return true;
  for (; start_ < round_.period() && same(start_); ++start_)
    if (!work.take()) return false;
  one_part_only_ = start_ == round_.period();
  ago_ = start_ + 1;
  return true;
}

bool whole_or_parts::find_runs(work_portion& work) {
  if (one_part_only_) return true;
  std::uint32_t const part = shorter_[part_];
  assert(part > 0);
  for (; ago_ <= start_ + round_.period(); ++ago_) {
    if (!work.take()) return false;
    if (same(ago_)) {
      ++run_;
      continue;
    }
    if (run_ >= part) {
      while (noted_ < run_ + part) {
        repeated_[(ago_ - run_ + noted_++) % round_.period()] = true;
        if (!work.take()) return false;
      }
      std::uint32_t const times = 1 + run_ / part;
      saved_in_turn_ += times - 1;
      saved_whole_ = std::max(saved_whole_, times);
    }
    run_ = noted_ = 0;
  }
  return true;
}

}  // namespace tierpager
