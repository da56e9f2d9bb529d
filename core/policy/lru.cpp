#include <core/policy/lru.hpp>

#include <cassert>
#include <utility>

namespace tierpager {

lru::lru(std::size_t tensors, bool exact)
    : links_(tensors + 1), sequences_(tensors), gaps_(tensors + 1, id_sequences::none), exact_(exact) {
  for (std::uint32_t index = 0; index < links_.size(); ++index) links_[index] = {index, index};
}

void lru::touched(tensor_id id) {
  auto const index = static_cast<std::uint32_t>(index_of(id));
  assert(index < head());
  if (asides_ > 0) [[unlikely]]
    return touched_beside_gaps(index);
  unlink(index);
  link_before(head(), index);
}

// What lies before the end lies before the newest.
[[gnu::noinline]] void lru::touched_beside_gaps(std::uint32_t index) {
  take_out(index);
  link_before(head(), index);
  set_gap(index, std::exchange(gaps_[head()], id_sequences::none));
}

void lru::erased(tensor_id id) {
  auto const index = static_cast<std::uint32_t>(index_of(id));
  assert(index < head());
  take_out(index);
  links_[index] = {index, index};
}

void lru::set_aside(tensor_id id) {
  auto const index = static_cast<std::uint32_t>(index_of(id));
  if (is_aside(index)) return;
  assert(index < head() && links_[index].next != index);
  std::uint32_t const next = links_[index].next;
  set_gap(next, sequences_.join(sequences_.join(gaps_[index], index), gaps_[next]));
  gaps_[index] = aside;
  ++asides_;
  unlink(index);
  links_[index] = {index, index};
}

void lru::put_back(tensor_id id) {
  auto const index = static_cast<std::uint32_t>(index_of(id));
  if (!is_aside(index)) return;
  std::uint32_t const next = sequences_.owner_of(index);
  auto const [before, behind] = sequences_.take_apart(index);
  set_gap(index, before);
  set_gap(next, behind);
  --asides_;
  link_before(next, index);
}

std::optional<tensor_id> lru::first_victim() const { return id_at(links_[head()].next); }

std::optional<tensor_id> lru::victim_after(tensor_id id) const {
  auto const index = static_cast<std::uint32_t>(index_of(id));
  assert(index < head() && links_[index].next != index);
  return id_at(links_[index].next);
}

std::optional<tensor_id> lru::id_at(std::uint32_t index) const {
  if (index == head()) return std::nullopt;
  return tensor_id{index};
}

void lru::unlink(std::uint32_t index) {
  auto const [previous, next] = links_[index];
  links_[previous].next = next;
  links_[next].previous = previous;
}

void lru::link_before(std::uint32_t next, std::uint32_t index) {
  std::uint32_t const previous = links_[next].previous;
  links_[index] = {previous, next};
  links_[previous].next = index;
  links_[next].previous = index;
}

// From the list, whose next one gets its gap, or from a gap. Its own links are the caller's.
void lru::take_out(std::uint32_t index) {
  if (is_aside(index)) {
    std::uint32_t const next = sequences_.owner_of(index);
    auto const [before, behind] = sequences_.take_apart(index);
    set_gap(next, sequences_.join(before, behind));
    --asides_;
  } else {
    std::uint32_t const next = links_[index].next;
    if (next != index) set_gap(next, sequences_.join(gaps_[index], gaps_[next]));
  }
  gaps_[index] = id_sequences::none;
  unlink(index);
}

void lru::set_gap(std::uint32_t index, id_sequences::sequence to) {
  gaps_[index] = to;
  sequences_.set_owner(to, index);
}

}  // namespace tierpager
