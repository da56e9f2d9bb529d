#include <core/memory/offset_arena.hpp>

#include <cassert>
#include <iterator>

namespace tierpager {

offset_arena::offset_arena(std::uint64_t bytes) : bytes_(bytes) {
  if (bytes > 0) insert({0, bytes});
}

std::optional<std::uint64_t> offset_arena::allocate(std::uint64_t bytes) {
  assert(bytes > 0);
  auto const fits = smallest_free(bytes);
  if (!fits) return std::nullopt;
  take(free_by_offset_.find(*fits), {fits->offset, bytes});
  return fits->offset;
}

bool offset_arena::allocate_at(byte_range range) {
  auto const from = around(range);
  if (from == free_by_offset_.end()) return false;
  take(from, range);
  return true;
}

void offset_arena::free(byte_range range) {
  assert(range.bytes > 0 && range.bytes <= bytes_ && range.offset <= bytes_ - range.bytes);
  byte_range merged = range;
  auto const next = free_by_offset_.lower_bound(range);
  if (next != free_by_offset_.begin()) {
    auto const previous = std::prev(next);
    assert(previous->end() <= range.offset);
    if (previous->end() == range.offset) {
      merged = {previous->offset, previous->bytes + range.bytes};
      erase(previous);
    }
  }
  if (next != free_by_offset_.end()) {
    assert(range.end() <= next->offset);
    if (range.end() == next->offset) {
      merged.bytes += next->bytes;
      erase(next);
    }
  }
  insert(merged);
}

std::uint64_t offset_arena::largest_free_bytes() const {
  return free_by_bytes_.empty() ? 0 : free_by_bytes_.rbegin()->bytes;
}

std::optional<byte_range> offset_arena::smallest_free(std::uint64_t bytes) const {
  auto const fits = free_by_bytes_.lower_bound({0, bytes});
  return fits == free_by_bytes_.end() ? std::nullopt : std::optional(*fits);
}

offset_arena::ranges_by_offset::const_iterator offset_arena::first_beyond(std::uint64_t offset) const {
  auto const after = free_by_offset_.upper_bound({offset, 0});
  if (after == free_by_offset_.begin()) return after;
  return std::prev(after)->end() > offset ? std::prev(after) : after;
}

/// The free range that holds all of `range`, or the end.
offset_arena::ranges_by_offset::const_iterator offset_arena::around(byte_range range) const {
  assert(range.bytes > 0);
  auto const after = free_by_offset_.upper_bound(range);
  if (after == free_by_offset_.begin()) return free_by_offset_.end();
  auto const candidate = std::prev(after);
  std::uint64_t const skipped = range.offset - candidate->offset;
  bool const holds = skipped < candidate->bytes && range.bytes <= candidate->bytes - skipped;
  return holds ? candidate : free_by_offset_.end();
}

void offset_arena::take(ranges_by_offset::const_iterator from, byte_range range) {
  byte_range const whole = *from;
  erase(from);
  if (range.offset > whole.offset) insert({whole.offset, range.offset - whole.offset});
  if (range.end() < whole.end()) insert({range.end(), whole.end() - range.end()});
}

void offset_arena::insert(byte_range range) {
  free_by_offset_.insert(range);
  free_by_bytes_.insert(range);
  free_bytes_ += range.bytes;
}

void offset_arena::erase(ranges_by_offset::const_iterator where) {
  free_bytes_ -= where->bytes;
  free_by_bytes_.erase(*where);
  free_by_offset_.erase(where);
}

}  // namespace tierpager
