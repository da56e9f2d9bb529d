#include <core/memory/draining_ranges.hpp>

#include <algorithm>
#include <cassert>
#include <iterator>
#include <utility>

namespace tierpager {
namespace {

void add_latest(std::vector<fence>& to, fence added) {
  auto const known = std::ranges::find(to, added.stream, &fence::stream);
  if (known == to.end()) {
    to.push_back(added);
  } else {
    known->sequence = std::max(known->sequence, added.sequence);
  }
}

}  // namespace

draining_ranges::by_offset::iterator draining_ranges::first_beyond(std::uint64_t offset) {
  auto const after = pieces_.upper_bound(offset);
  if (after == pieces_.begin() || std::prev(after)->second.end <= offset) return after;
  return std::prev(after);
}

// The pieces that touch the range and have not passed; the others are forgotten.
template <class Visit>
void draining_ranges::visit(byte_range range, Visit const& each) {
  for (auto at = first_beyond(range.offset); at != pieces_.end() && at->first < range.end();) {
    std::erase_if(at->second.until, [this](fence use) { return has_passed(use); });
    if (at->second.until.empty()) {
      at = pieces_.erase(at);
    } else {
      each(*at);
      ++at;
    }
  }
}

void draining_ranges::cut(std::uint64_t at) {
  auto const across = first_beyond(at);
  if (across == pieces_.end() || across->first >= at) return;
  piece behind = across->second;
  across->second.end = at;
  pieces_.emplace_hint(std::next(across), at, std::move(behind));
}

void draining_ranges::count(fence added) {
  if (added.stream >= streams_.size()) streams_.resize(added.stream + 1);
  stream& of = streams_[added.stream];
  bool const ran = of.added > of.passed;
  of.added = std::max(of.added, added.sequence);
  if (!ran && of.added > of.passed) ++running_streams_;
}

// What lies in the range becomes one piece, so that there are never many more than tensors fit. That its fences count for all
// of it makes nobody wait longer: what was placed there waited for them.
void draining_ranges::add(byte_range range, std::span<fence const> until) {
  assert(range.bytes > 0);
  if (until.empty()) return;
  piece whole{range.end(), {}};
  for (fence const each : until) {
    add_latest(whole.until, each);
    count(each);
  }
  cut(range.offset);
  cut(range.end());
  visit(range, [&](auto const& earlier) {
    for (fence const each : earlier.second.until) add_latest(whole.until, each);
  });
  pieces_.erase(pieces_.lower_bound(range.offset), pieces_.lower_bound(range.end()));
  pieces_.emplace(range.offset, std::move(whole));
}

void draining_ranges::replace(byte_range range, fence until) {
  assert(range.bytes > 0);
  count(until);
  cut(range.offset);
  cut(range.end());
  pieces_.erase(pieces_.lower_bound(range.offset), pieces_.lower_bound(range.end()));
  pieces_.emplace(range.offset, piece{range.end(), {until}});
}

void draining_ranges::passed(fence which) {
  if (which.stream >= streams_.size()) streams_.resize(which.stream + 1);
  stream& of = streams_[which.stream];
  bool const ran = of.added > of.passed;
  of.passed = std::max(of.passed, which.sequence);
  if (ran && of.added <= of.passed && --running_streams_ == 0) pieces_.clear();
}

void draining_ranges::clear() {
  pieces_.clear();
  for (stream& each : streams_) each.passed = std::max(each.passed, each.added);
  running_streams_ = 0;
}

std::vector<fence> draining_ranges::fences_in(byte_range range) {
  std::vector<fence> latest;
  visit(range, [&](auto const& found) {
    for (fence const each : found.second.until) add_latest(latest, each);
  });
  return latest;
}

std::vector<byte_range> draining_ranges::touching(byte_range range) {
  std::vector<byte_range> found;
  visit(range, [&](auto const& each) { found.push_back({each.first, each.second.end - each.first}); });
  return found;
}

}  // namespace tierpager
