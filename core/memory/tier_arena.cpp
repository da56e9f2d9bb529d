#include <core/memory/tier_arena.hpp>

#include <algorithm>
#include <cassert>

namespace tierpager {
namespace {

constexpr unsigned windows_tried = 16;

bool overlap(byte_range a, byte_range b) { return a.offset < b.end() && b.offset < a.end(); }

byte_range intersection(byte_range a, byte_range b) {
  std::uint64_t const from = std::max(a.offset, b.offset);
  std::uint64_t const to = std::min(a.end(), b.end());
  return from < to ? byte_range{from, to - from} : byte_range{from, 0};
}

}  // namespace

tier_arena::tier_arena(std::uint64_t reserve_bytes) : space_(reserve_bytes), idle_(reserve_bytes) {
  if (reserve_bytes == 0) return;
  bool const taken = idle_.allocate_at({0, reserve_bytes});  // nothing is committed yet
  assert(taken);
  (void)taken;
}

byte_range tier_arena::commit_all() {
  assert(committed_ == 0 && allocated_ == 0);
  byte_range const all{0, space_.bytes()};
  idle_.free(all);
  committed_ = all.bytes;
  return all;
}

std::optional<tier_arena::placement> tier_arena::place(std::uint64_t bytes, std::uint64_t limit_bytes, bool may_remap) {
  assert(bytes > 0 && allocated_ + bytes <= limit_bytes);
  if (auto const offset = idle_.allocate(bytes)) {
    byte_range const range{*offset, bytes};
    bool const free = space_.allocate_at(range);
    assert(free);
    (void)free;
    allocated_ += bytes;
    return placement{range, {}, {}, draining_.fences_in(range)};
  }
  if (!may_remap) return std::nullopt;
  auto const where = good_window(bytes);
  if (!where) return std::nullopt;
  return take_within(where->range, where->idle_bytes, limit_bytes);
}

std::optional<tier_arena::placement> tier_arena::place_at(byte_range range, std::uint64_t limit_bytes, bool may_remap) {
  assert(range.bytes > 0 && allocated_ + range.bytes <= limit_bytes);
  if (range.end() > space_.bytes() || !space_.is_free(range)) return std::nullopt;
  if (idle_.is_free(range)) return take(range, {});
  if (!may_remap) return std::nullopt;
  return take_within(range, idle_within(range), limit_bytes);
}

// Commits what of the free range is not, for which idle memory elsewhere is given back where the limit asks for it.
std::optional<tier_arena::placement> tier_arena::take_within(byte_range range, std::uint64_t idle_bytes,
                                                             std::uint64_t limit_bytes) {
  std::uint64_t const committed_after = committed_ + range.bytes - idle_bytes;
  std::vector<byte_range> decommits;
  if (committed_after > limit_bytes) {
    decommits = reclaimable(committed_after - limit_bytes, range);
    std::uint64_t given = 0;
    for (byte_range each : decommits) given += each.bytes;
    if (given < committed_after - limit_bytes) return std::nullopt;
  }
  return take(range, std::move(decommits));
}

// Where few bytes must be committed: of the free windows that start or end with one of the largest idle ranges, the one
// with the most idle bytes, the lowest of equals; else where a small free range begins.
std::optional<tier_arena::window> tier_arena::good_window(std::uint64_t bytes) const {
  std::optional<window> best;
  auto consider = [&](byte_range free, std::uint64_t offset) {
    if (offset < free.offset || offset + bytes > free.end()) return;
    window const candidate{{offset, bytes}, idle_within({offset, bytes})};
    bool const better = !best || candidate.idle_bytes > best->idle_bytes ||
                        (candidate.idle_bytes == best->idle_bytes && offset < best->range.offset);
    if (better) best = candidate;
  };
  unsigned tried = 0;
  for (auto idle = idle_.by_size().rbegin(); idle != idle_.by_size().rend() && tried < windows_tried; ++idle, ++tried) {
    byte_range const free = space_.free_around(*idle).value();
    consider(free, idle->offset);
    if (idle->end() >= bytes) consider(free, idle->end() - bytes);
  }
  if (best) return best;
  if (auto const free = space_.smallest_free(bytes)) consider(*free, free->offset);
  return best;
}

std::uint64_t tier_arena::idle_within(byte_range range) const {
  std::uint64_t bytes = 0;
  for (auto idle = idle_.first_beyond(range.offset); idle != idle_.end() && idle->offset < range.end(); ++idle)
    bytes += intersection(*idle, range).bytes;
  return bytes;
}

// What must not be given back of an idle range: what streams may still use, and `except`. The lowest end first.
std::vector<byte_range> tier_arena::kept(byte_range idle, byte_range except) {
  std::vector<byte_range> all = draining_.touching(idle);
  if (except.bytes == 0 || !overlap(except, idle)) return all;
  all.push_back(except);
  std::sort(all.begin(), all.end(), [](byte_range a, byte_range b) { return a.end() < b.end(); });
  return all;
}

// Idle parts outside `except` that no stream uses, from the highest address down, at most `bytes` of them.
std::vector<byte_range> tier_arena::reclaimable(std::uint64_t bytes, byte_range except) {
  std::vector<byte_range> chosen;
  auto choose = [&](std::uint64_t from, std::uint64_t to) {
    if (from >= to || bytes == 0) return;
    std::uint64_t const part = std::min(to - from, bytes);
    chosen.push_back({to - part, part});
    bytes -= part;
  };
  for (auto at = idle_.end(); at != idle_.begin() && bytes > 0;) {
    --at;
    std::uint64_t to = at->end();
    std::vector<byte_range> const keep = kept(*at, except);
    for (auto each = keep.rbegin(); each != keep.rend(); ++each) {
      choose(each->end(), to);
      to = std::min(to, std::max(each->offset, at->offset));
    }
    choose(at->offset, to);
  }
  return chosen;
}

std::vector<byte_range> tier_arena::reclaim(std::uint64_t limit_bytes) {
  if (committed_ <= limit_bytes) return {};
  std::vector<byte_range> ranges = reclaimable(committed_ - limit_bytes, {});
  for (byte_range range : ranges) {
    bool const taken = idle_.allocate_at(range);
    assert(taken);
    (void)taken;
    committed_ -= range.bytes;
  }
  return ranges;
}

tier_arena::placement tier_arena::take(byte_range range, std::vector<byte_range> decommits) {
  placement placed{range, std::move(decommits), {}, draining_.fences_in(range)};
  std::uint64_t committed = committed_;
  for (byte_range given : placed.decommits) {
    bool const idle = idle_.allocate_at(given);
    assert(idle);
    (void)idle;
    committed -= given.bytes;
  }
  std::vector<byte_range> reused;
  for (auto idle = idle_.first_beyond(range.offset); idle != idle_.end() && idle->offset < range.end(); ++idle)
    reused.push_back(intersection(*idle, range));
  std::uint64_t at = range.offset;
  for (byte_range part : reused) {
    if (part.offset > at) placed.commits.push_back({at, part.offset - at});
    at = part.end();
    bool const idle = idle_.allocate_at(part);
    assert(idle);
    (void)idle;
  }
  if (at < range.end()) placed.commits.push_back({at, range.end() - at});
  for (byte_range fresh : placed.commits) committed += fresh.bytes;
  bool const free = space_.allocate_at(range);
  assert(free);
  (void)free;
  allocated_ += range.bytes;
  committed_ = committed;
  return placed;
}

void tier_arena::free(byte_range range, std::span<fence const> last_uses) {
  space_.free(range);
  idle_.free(range);
  allocated_ -= range.bytes;
  draining_.add(range, last_uses);
}

void tier_arena::decommit_failed(byte_range range) {
  idle_.free(range);
  committed_ += range.bytes;
}

void tier_arena::free_uncommitted(byte_range range, std::span<byte_range const> missing) {
  space_.free(range);
  allocated_ -= range.bytes;
  idle_.free(range);
  for (byte_range gap : missing) {
    bool const taken = idle_.allocate_at(gap);
    assert(taken);
    (void)taken;
    committed_ -= gap.bytes;
  }
}

void tier_arena::check() const {
  std::uint64_t idle_bytes = 0;
  for (byte_range idle : idle_) {
    assert(space_.is_free(idle));
    idle_bytes += idle.bytes;
  }
  assert(committed_ == allocated_ + idle_bytes);
  assert(space_.bytes() - space_.free_bytes() == allocated_);
  (void)idle_bytes;
}

}  // namespace tierpager
