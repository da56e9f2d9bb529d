#include <core/policy/use_rate.hpp>

#include <cassert>

namespace tierpager {

use_rate::use_rate(std::span<std::uint64_t const> tensor_bytes)
    : counts_(tensor_bytes.size()),
      shadows_(counts_, tensor_bytes),
      line_places_(tensor_bytes.size(), not_in_line),
      heap_(tensor_bytes.size()),
      aside_(tensor_bytes.size()) {
  line_.reserve(tensor_bytes.size());
}

void use_rate::touched(tensor_id id) {
  auto const index = static_cast<std::uint32_t>(id);
  assert(index < line_places_.size());
  bool const first_use = !counts_.ever_used(index);
  bool const pass_ended = counts_.touched(index);
  shadows_.touched(index, first_use);
  if (pass_ended) follow(shadows_.pass_ended(order_));
  if (ranked(index)) return;
  aside_[index] = false;
  insert(index);
}

void use_rate::erased(tensor_id id) {
  auto const index = static_cast<std::uint32_t>(id);
  assert(index < line_places_.size());
  aside_[index] = false;
  take_out(index);
}

void use_rate::set_aside(tensor_id id) {
  auto const index = static_cast<std::uint32_t>(id);
  assert(index < line_places_.size() && (ranked(index) || aside_[index]));
  aside_[index] = true;
  take_out(index);
}

void use_rate::put_back(tensor_id id) {
  auto const index = static_cast<std::uint32_t>(id);
  if (!aside_[index]) return;
  aside_[index] = false;
  insert(index);
}

void use_rate::take_out(std::uint32_t id) {
  if (heap_.contains(id)) heap_.erase(id);
  if (line_places_[id] != not_in_line) take_from_line(line_places_[id]);
}

void use_rate::follow(std::size_t order) {
  if (order == order_) return;
  order_ = order;
  while (!line_.empty()) shorten_line();
  heap_.rank_all([&](std::uint32_t id) { return rank_now(id); });
}

void use_rate::shorten_line() const {
  heap_.insert(line_.back());
  line_places_[line_.back().id] = not_in_line;
  line_.pop_back();
}

void use_rate::take_from_line(std::size_t place) const {
  line_places_[line_[place].id] = not_in_line;
  line_.erase(line_.begin() + static_cast<std::ptrdiff_t>(place));
  for (; place < line_.size(); ++place) line_places_[line_[place].id] = static_cast<std::uint32_t>(place);
}

void use_rate::insert(std::uint32_t id) const {
  rank_heap::entry const fresh{.ranked = rank_now(id), .id = id};
  while (!line_.empty() && fresh.ranked < line_.back().ranked) shorten_line();
  heap_.insert(fresh);
}

// Who stands there; the line is made longer if need be.
std::optional<tensor_id> use_rate::line_at(std::size_t place) const {
  while (place < line_.size() && counts_.outdated(line_[place].id, line_[place].ranked)) {
    std::uint32_t const outdated = line_[place].id;
    take_from_line(place);
    insert(outdated);
  }
  if (place == line_.size()) {
    if (heap_.empty()) return std::nullopt;
    auto const outdated = [&](std::uint32_t id, auto const& known) { return counts_.outdated(id, known); };
    line_.push_back(heap_.pop(outdated, [&](std::uint32_t id) { return rank_now(id); }));
    line_places_[line_.back().id] = static_cast<std::uint32_t>(place);
  }
  return tensor_id{line_[place].id};
}

std::optional<tensor_id> use_rate::first_victim() const { return line_at(0); }

std::optional<tensor_id> use_rate::victim_after(tensor_id id) const {
  auto const index = static_cast<std::uint32_t>(id);
  assert(ranked(index));
  while (line_places_[index] == not_in_line)
    if (!line_at(line_.size())) break;
  return line_at(line_places_[index] + 1);
}

}  // namespace tierpager
