#include <tests/core/residency/simulation/chooser.hpp>

#include <cassert>

namespace tierpager::simulation {

std::uint64_t seeded::next() {  // splitmix64: any seed is as good as another
  state_ += 0x9e3779b97f4a7c15ULL;
  std::uint64_t mixed = state_;
  mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebULL;
  return mixed ^ (mixed >> 31U);
}

std::uint32_t every_path::take(std::uint32_t count, bool bounded) {
  assert(count > 0);
  if (position_ == steps_.size()) steps_.push_back({0, count, bounded, deviations()});
  step const& now = steps_[position_++];
  assert(now.count == count && now.bounded == bounded);
  return now.answer;
}

std::uint32_t every_path::deviations() const {
  if (steps_.empty()) return 0;
  step const& last = steps_.back();
  return last.deviations_before + (last.bounded && last.answer != 0 ? 1 : 0);
}

bool every_path::next_path() {
  assert(position_ == steps_.size());
  position_ = 0;
  for (; !steps_.empty(); steps_.pop_back()) {
    step& last = steps_.back();
    bool const allowed = !last.bounded || last.deviations_before < deviations_max_;
    if (allowed && last.answer + 1 < last.count) {
      ++last.answer;
      return true;
    }
  }
  return false;
}

std::string every_path::describe() const {
  std::string text = "path";
  for (step const& each : steps_) text += " " + std::to_string(each.answer) + "/" + std::to_string(each.count);
  return text;
}

}  // namespace tierpager::simulation
