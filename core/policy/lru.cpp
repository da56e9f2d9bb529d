#include <core/policy/lru.hpp>

#include <cassert>
#include <limits>

namespace tierpager {
namespace {

constexpr std::uint64_t one_touch = 2;  // above the mark

}  // namespace

lru::lru(std::size_t tensors, bool exact) : links_(tensors + 1), exact_(exact) {
  for (std::uint32_t index = 0; index < links_.size(); ++index) links_[index] = {index, index, 0};
}

void lru::touched(tensor_id id) {
  auto const index = static_cast<std::uint32_t>(index_of(id));
  assert(index < head());
  if (((links_[index].stamp | links_[head()].stamp) & mark) != 0) [[unlikely]] {
    take_out(index);
    append(index);
    if (marked(head())) move_mark(head(), index);
    return;
  }
  unlink(index);
  append(index);
}

void lru::erased(tensor_id id) {
  auto const index = static_cast<std::uint32_t>(index_of(id));
  assert(index < head());
  take_out(index);
  links_[index] = {index, index, 0};
}

void lru::set_aside(tensor_id id) {
  auto const index = static_cast<std::uint32_t>(index_of(id));
  if (is_aside(index)) return;
  assert(index < head() && listed(index));
  std::uint32_t const next = links_[index].next;
  aside_.insert(key_of(index).first);
  mark_follower(next);
  take_out(index);
  links_[index] = {index, index, links_[index].stamp | mark};
}

// Between the one that follows its gap and the one before it; of those set aside beside it some may now be followed by it.
void lru::put_back(tensor_id id) {
  auto const index = static_cast<std::uint32_t>(index_of(id));
  if (!is_aside(index)) return;
  std::uint64_t const stamp = key_of(index).first;
  aside_.erase(stamp);
  std::uint32_t const next = followers_.lower_bound({stamp, 0})->second;
  std::uint32_t const previous = links_[next].previous;
  bool const gap_before = any_aside_between(stamp_before(next), stamp);
  bool const gap_after = any_aside_between(stamp, key_of(next).first);
  links_[index] = {previous, next, stamp};
  links_[previous].next = index;
  links_[next].previous = index;
  if (gap_before && gap_after) mark_follower(index);
  if (gap_before && !gap_after) move_mark(next, index);
  if (!gap_before && !gap_after) unmark(next);
}

std::optional<tensor_id> lru::first_victim() const { return id_at(links_[head()].next); }

std::optional<tensor_id> lru::victim_after(tensor_id id) const {
  auto const index = static_cast<std::uint32_t>(index_of(id));
  assert(index < head() && listed(index));
  return id_at(links_[index].next);
}

std::optional<tensor_id> lru::id_at(std::uint32_t index) const {
  if (index == head()) return std::nullopt;
  return tensor_id{index};
}

lru::stamped lru::key_of(std::uint32_t index) const {
  if (index == head()) return {std::numeric_limits<std::uint64_t>::max(), index};
  return {links_[index].stamp & ~mark, index};
}

void lru::unlink(std::uint32_t index) {
  auto const [previous, next, stamp] = links_[index];
  links_[previous].next = next;
  links_[next].previous = previous;
}

void lru::append(std::uint32_t index) {
  link& end = links_[head()];
  end.stamp += one_touch;
  links_[index] = {end.previous, head(), end.stamp & ~mark};
  links_[end.previous].next = index;
  end.previous = index;
}

// From the list, or from those set aside; its own links are the caller's. Who followed a gap leaves it to the next.
void lru::take_out(std::uint32_t index) {
  if (is_aside(index)) {
    std::uint64_t const stamp = key_of(index).first;
    aside_.erase(stamp);
    std::uint32_t const follower = followers_.lower_bound({stamp, 0})->second;
    if (!any_aside_between(stamp_before(follower), key_of(follower).first)) unmark(follower);
  } else if (marked(index)) {
    move_mark(index, links_[index].next);
  }
  unlink(index);
}

void lru::mark_follower(std::uint32_t index) {
  if (marked(index)) return;
  followers_.insert(key_of(index));
  links_[index].stamp |= mark;
}

// Without an allocation, for the sake of `touched`.
void lru::move_mark(std::uint32_t from, std::uint32_t to) {
  auto node = followers_.extract(key_of(from));
  links_[from].stamp &= ~mark;
  if (marked(to)) return;
  node.value() = key_of(to);
  followers_.insert(std::move(node));
  links_[to].stamp |= mark;
}

void lru::unmark(std::uint32_t index) {
  followers_.erase(key_of(index));
  links_[index].stamp &= ~mark;
}

bool lru::any_aside_between(std::uint64_t after, std::uint64_t before) const {
  auto const first = aside_.upper_bound(after);
  return first != aside_.end() && *first < before;
}

// Of the one before it in the list: no stamp is 0.
std::uint64_t lru::stamp_before(std::uint32_t index) const {
  std::uint32_t const previous = links_[index].previous;
  return previous == head() ? 0 : key_of(previous).first;
}

}  // namespace tierpager
