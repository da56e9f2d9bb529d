#include <tests/cuda_standin/clocks.hpp>

namespace tierpager::cuda_standin {

std::string text_of(stamp const& who) {
  std::string text = who.what == call::count_ ? "the CPU" : std::string(name_of(who.what));
  if (who.label != nullptr) text += " '" + *who.label + "'";
  text += " (number " + std::to_string(who.number);
  text += who.component == host_component ? ", the host)" : ", stream " + std::to_string(who.component) + ")";
  return text;
}

/// The first segment that ends behind `offset`; where one reached across it, it is two now.
std::size_t access_table::split_at(std::uint64_t offset) {
  auto const found = std::partition_point(segments_.begin(), segments_.end(),
                                          [offset](segment const& piece) { return piece.last <= offset; });
  auto const index = static_cast<std::size_t>(found - segments_.begin());
  if (found == segments_.end() || found->first >= offset) return index;
  segment lower = *found;
  lower.last = offset;
  found->first = offset;
  segments_.insert(found, std::move(lower));
  return index + 1;
}

void access_table::check_segment(segment const& piece, std::uint64_t first, std::uint64_t last, bool writes,
                                 vector_clock const& clock, std::vector<clash>& clashes) {
  std::uint64_t const from = std::max(piece.first, first);
  std::uint64_t const to = std::min(piece.last, last);
  if (piece.written && !piece.write.before(clock)) {
    clashes.push_back({.earlier = piece.write, .earlier_wrote = true, .first = from, .last = to});
  }
  if (!writes) return;
  for (stamp const& read : piece.reads) {
    if (!read.before(clock)) clashes.push_back({.earlier = read, .earlier_wrote = false, .first = from, .last = to});
  }
}

void access_table::check(std::uint64_t first, std::uint64_t last, vector_clock const& clock,
                         std::vector<clash>& clashes) const {
  for (segment const& piece : segments_) {
    if (piece.first < last && piece.last > first) check_segment(piece, first, last, true, clock, clashes);
  }
}

void access_table::touch(std::uint64_t first, std::uint64_t last, bool writes, stamp const& who,
                         vector_clock const& clock, std::vector<clash>& clashes) {
  if (first >= last) return;
  std::size_t index = split_at(first);
  std::size_t const end = split_at(last);
  for (std::size_t i = index; i != end; ++i) check_segment(segments_[i], first, last, writes, clock, clashes);
  auto const at = [this](std::size_t i) { return segments_.begin() + static_cast<std::ptrdiff_t>(i); };
  if (writes) {
    segment whole{.first = first, .last = last, .written = true, .write = who, .reads = {}};
    if (index == end) {
      segments_.insert(at(index), std::move(whole));
    } else {
      segments_[index] = std::move(whole);
      segments_.erase(at(index + 1), at(end));
    }
    return;
  }
  std::uint64_t covered = first;
  for (std::size_t left = end - index; covered != last; ++index) {
    bool const gap = left == 0 || segments_[index].first != covered;
    if (gap) {
      std::uint64_t const gap_last = left == 0 ? last : segments_[index].first;
      segments_.insert(at(index),
                       segment{.first = covered, .last = gap_last, .written = false, .write = {}, .reads = {who}});
    } else {
      std::vector<stamp>& reads = segments_[index].reads;
      std::erase_if(reads, [&clock](stamp const& read) { return read.before(clock); });
      reads.push_back(who);
      --left;
    }
    covered = segments_[index].last;
  }
}

}  // namespace tierpager::cuda_standin
