#include <core/memory/tier_arena.hpp>

#include <algorithm>
#include <cassert>

namespace tierpager {
namespace {

constexpr unsigned windows_tried = 16;

void take(offset_arena& from, byte_range range) {
  bool const taken = from.allocate_at(range);
  assert(taken);
  (void)taken;
}

}  // namespace

tier_arena::tier_arena(std::uint64_t reserve_bytes, std::uint64_t granule_bytes)
    : granule_bytes_(granule_bytes),
      end_(round_down(reserve_bytes, granule_bytes)),
      space_(end_),
      vacant_(space_.bytes()),
      idle_(space_.bytes()) {
  if (vacant_.bytes() > 0) take(idle_, {0, vacant_.bytes()});  // nothing is committed yet
}

void tier_arena::end_at(std::uint64_t reserve_bytes) {
  std::uint64_t const end = round_down(reserve_bytes, granule_bytes_);
  if (end >= end_) return;
  take(space_, {end, end_ - end});
  take(vacant_, {end, end_ - end});
  end_ = end;
}

byte_range tier_arena::whole_granules(byte_range range) const {
  std::uint64_t const from = round_down(range.offset, granule_bytes_);
  return {from, round_up(range.end(), granule_bytes_) - from};
}

void tier_arena::allocated(std::uint64_t bytes) {
  allocated_ += bytes;
  peak_allocated_ = std::max(peak_allocated_, allocated_);
}

// Places -----------------------------------------------------------------------------------------------------------

std::optional<tier_arena::placement> tier_arena::place(std::uint64_t bytes) {
  assert(bytes > 0);
  auto const offset = idle_.allocate(bytes);
  if (!offset) return std::nullopt;
  byte_range const range{*offset, bytes};
  take(space_, range);
  allocated(bytes);
  return placement{range, {}, {}, draining_.fences_in(range)};
}

std::optional<tier_arena::placement> tier_arena::place_at(byte_range range) {
  assert(range.bytes > 0);
  if (range.end() > idle_.bytes() || !idle_.allocate_at(range)) return std::nullopt;
  take(space_, range);
  allocated(range.bytes);
  return placement{range, {}, {}, draining_.fences_in(range)};
}

std::optional<tier_arena::placement> tier_arena::place_by_remap(std::uint64_t bytes, std::uint64_t limit_bytes) {
  auto free = space_.by_size().lower_bound({0, bytes});
  for (unsigned tried = 0; free != space_.by_size().end() && tried < windows_tried; ++free, ++tried)
    if (auto placed = remap_into({free->offset, bytes}, limit_bytes)) return placed;
  return std::nullopt;
}

// Commits the granules of the free range that are not, for which as many elsewhere are given back where the limit asks
// for it. The range begins where a free range does, so none of its granules is shared but with committed memory.
std::optional<tier_arena::placement> tier_arena::remap_into(byte_range range, std::uint64_t limit_bytes) {
  placement placed{.range = range, .decommits = {}, .commits = {}, .after = {}};
  byte_range const window = whole_granules(range);
  std::uint64_t missing = 0;
  for (auto gap = vacant_.first_beyond(window.offset); gap != vacant_.end() && gap->offset < window.end(); ++gap) {
    std::uint64_t const from = std::max(gap->offset, window.offset);
    placed.commits.push_back({from, std::min(gap->end(), window.end()) - from});
    missing += placed.commits.back().bytes;
  }
  if (committed_ + missing > limit_bytes) {
    std::uint64_t const excess = committed_ + missing - limit_bytes;
    placed.decommits = reclaimable(excess, std::span(&window, 1));
    std::uint64_t given = 0;
    for (byte_range each : placed.decommits) given += each.bytes;
    if (given < excess) return std::nullopt;
  }
  placed.after = draining_.fences_in(range);
  for (byte_range each : placed.decommits) give_up(each);
  for (byte_range each : placed.commits) take(vacant_, each);
  committed_ += missing;
  std::uint64_t at = range.offset;  // what of the range is committed already is no hole meanwhile
  for (byte_range each : placed.commits) {
    if (each.offset > at) take(idle_, {at, each.offset - at});
    at = each.end();
  }
  if (at < range.end()) take(idle_, {at, range.end() - at});
  take(space_, range);
  allocated(range.bytes);
  return placed;
}

void tier_arena::free(byte_range range, std::span<fence const> last_uses) {
  space_.free(range);
  idle_.free(range);
  allocated_ -= range.bytes;
  draining_.add(range, last_uses);
}

// Memory -----------------------------------------------------------------------------------------------------------

std::vector<byte_range> tier_arena::grow(std::uint64_t limit_bytes, std::uint64_t piece_bytes) {
  std::vector<byte_range> pieces;
  while (committed_ + granule_bytes_ <= limit_bytes && vacant_.begin() != vacant_.end()) {
    byte_range const lowest = *vacant_.begin();
    std::uint64_t const wanted = round_down(limit_bytes - committed_, granule_bytes_);
    byte_range const piece{lowest.offset, std::min({lowest.bytes, wanted, piece_bytes})};
    take(vacant_, piece);
    committed_ += piece.bytes;
    pieces.push_back(piece);
  }
  return pieces;
}

std::uint64_t tier_arena::end_of_committed(std::uint64_t bytes) const {
  std::uint64_t end = bytes;
  for (byte_range const gap : vacant_) {
    if (gap.offset > end) break;
    end += gap.bytes;
  }
  return std::min(end, reserve_bytes());
}

std::vector<byte_range> tier_arena::vacant_under(std::uint64_t limit_bytes) const {
  std::uint64_t growing = round_down(limit_bytes - std::min(limit_bytes, committed_), granule_bytes_);
  std::uint64_t const end = growing > 0 ? reserve_bytes() : round_up(end_of_committed(limit_bytes), granule_bytes_);
  std::vector<byte_range> vacant;
  for (byte_range const gap : vacant_) {
    if (gap.offset >= end) break;
    std::uint64_t const grown = std::min(growing, gap.bytes);
    growing -= grown;
    if (grown < gap.bytes) vacant.push_back({gap.offset + grown, gap.bytes - grown});
  }
  if (end < reserve_bytes() && (vacant.empty() || vacant.back().end() < end))
    vacant.push_back({end, reserve_bytes() - end});
  return vacant;
}

void tier_arena::committed(byte_range range) { idle_.free(range); }

void tier_arena::commit_failed(byte_range range) {
  vacant_.free(range);
  committed_ -= range.bytes;
}

// From the books: what was a hole goes back to the system.
void tier_arena::give_up(byte_range range) {
  take(idle_, range);
  vacant_.free(range);
  committed_ -= range.bytes;
}

void tier_arena::decommit_failed(byte_range range) {
  take(vacant_, range);
  idle_.free(range);
  committed_ += range.bytes;
}

// Behind the range, the rest of the last granule is a hole.
void tier_arena::remap_carried_out(placement const& placed) {
  if (placed.commits.empty()) return;
  std::uint64_t const end = placed.commits.back().end();
  if (end > placed.range.end()) idle_.free({placed.range.end(), end - placed.range.end()});
}

void tier_arena::remap_failed(placement const& placed, std::size_t commits_done) {
  remap_carried_out(placed);
  space_.free(placed.range);
  idle_.free(placed.range);
  allocated_ -= placed.range.bytes;
  for (byte_range gap : std::span(placed.commits).subspan(commits_done)) give_up(gap);
}

// Whole granules outside `except` that are free and that no stream uses, from the highest address down, at most `bytes`
// of them.
std::vector<byte_range> tier_arena::reclaimable(std::uint64_t bytes, std::span<byte_range const> except) {
  std::vector<byte_range> chosen;
  auto choose = [&](std::uint64_t from, std::uint64_t to) {
    from = round_up(from, granule_bytes_);
    to = round_down(to, granule_bytes_);
    if (from >= to || bytes == 0) return;
    std::uint64_t const part = std::min(to - from, bytes);
    chosen.push_back({to - part, part});
    bytes -= part;
  };
  for (auto at = idle_.end(); at != idle_.begin() && bytes > 0;) {
    --at;
    std::vector<byte_range> keep = draining_.touching(*at);
    for (byte_range const each : except)
      if (each.offset < at->end() && at->offset < each.end()) keep.push_back(whole_granules(each));
    std::sort(keep.begin(), keep.end(), [](byte_range a, byte_range b) { return a.offset < b.offset; });
    std::vector<byte_range> parts;  // ascending
    std::uint64_t from = at->offset;
    for (byte_range each : keep) {
      if (each.offset > from) parts.push_back({from, each.offset - from});
      from = std::max(from, each.end());
    }
    if (from < at->end()) parts.push_back({from, at->end() - from});
    for (auto part = parts.rbegin(); part != parts.rend(); ++part) choose(part->offset, part->end());
  }
  return chosen;
}

std::vector<byte_range> tier_arena::reclaim(std::uint64_t limit_bytes) {
  if (committed_ <= limit_bytes) return {};
  std::uint64_t const surplus = round_up(committed_ - limit_bytes, granule_bytes_);
  std::uint64_t const end = round_down(end_of_committed(limit_bytes), granule_bytes_);
  byte_range const below{0, end}, above{end, reserve_bytes() - end};
  std::vector<byte_range> ranges = reclaimable(surplus, std::span(&below, 1));
  if (ranges.empty() && draining_.touching(above).empty()) ranges = reclaimable(surplus, {});
  for (byte_range range : ranges) give_up(range);
  return ranges;
}

std::uint64_t tier_arena::whole_free_bytes() const {
  std::uint64_t bytes = 0;
  for (byte_range hole : idle_) bytes += whole_bytes_in(hole);
  return bytes;
}

void tier_arena::check() const {
  std::uint64_t idle_bytes = 0;
  for (byte_range idle : idle_) idle_bytes += idle.bytes;
  assert(vacant_.free_bytes() + committed_ == end_);
  assert(allocated_ + idle_bytes <= committed_);  // less what is still to be committed
  (void)idle_bytes;
}

}  // namespace tierpager
