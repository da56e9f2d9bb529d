#include <core/eviction/lru.hpp>

#include <cassert>

namespace tierpager {

lru::lru(std::size_t tensors, bool exact) : links_(tensors + 1), last_touches_(tensors), exact_(exact) {
  for (std::uint32_t index = 0; index < links_.size(); ++index) links_[index] = {index, index};
}

void lru::touched(tensor_id id) {
  auto const index = static_cast<std::uint32_t>(index_of(id));
  assert(index < head());
  unlink(index);
  std::uint32_t const newest = links_[head()].previous;
  links_[index] = {newest, head()};
  links_[newest].next = index;
  links_[head()].previous = index;
  last_touches_[index] = ++touches_;
}

void lru::erased(tensor_id id) {
  auto const index = static_cast<std::uint32_t>(index_of(id));
  assert(index < head());
  unlink(index);
  links_[index] = {index, index};
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

}  // namespace tierpager
