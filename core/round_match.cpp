#include <core/round_match.hpp>

namespace tierpager {

// Where it is the same from several places on, the one at which the cycle was left is taken.
bool round_match::go_on(work_portion& work) {
  for (; cycle_ < cycles_.size(); ++cycle_, place_ = 0) {
    known_cycle& one = *cycles_[cycle_];
    auto const places = one.places_tried(round_.symbol(1));
    for (; place_ < places.size(); ++place_, matched_ = 0) {
      std::uint32_t const place = places[place_];
      if (!one.call_ends_with(place)) continue;
      if (!compare(one, place, work)) return false;
      if (matched_ < one.size() || (found_ != nullptr && !one.left_in_call_of(place))) continue;
      found_ = &one;
      next_ = one.after(place);
    }
    if (found_ != nullptr) return true;
  }
  return true;
}

bool round_match::compare(known_cycle const& one, std::uint32_t place, work_portion& work) {
  for (; matched_ < one.size(); ++matched_) {
    std::uint32_t const position = matched_ <= place ? place - matched_ : place + one.size() - matched_;
    if (one.symbols()[position] != round_.symbol(matched_ + 1)) return true;
    if (!work.take()) return false;
  }
  return true;
}

}  // namespace tierpager
