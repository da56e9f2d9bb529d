#include <core/memory/eviction_window.hpp>

#include <algorithm>
#include <vector>

namespace tierpager {
namespace {

/// A hole, or a tensor that may leave.
struct piece {
  byte_range range;
  leave_cost cost;
  bool hole;
};

void add(leave_cost& to, leave_cost const& more) {
  to.pinned += more.pinned;
  to.ahead += more.ahead;
  to.bytes_in_use += more.bytes_in_use;
  to.streamed_bytes += more.streamed_bytes;
}

void subtract(leave_cost& from, leave_cost const& less) {
  from.pinned -= less.pinned;
  from.ahead -= less.ahead;
  from.bytes_in_use -= less.bytes_in_use;
  from.streamed_bytes -= less.streamed_bytes;
}

/// Pieces that touch each other, in the order of addresses, until something lies in between that stays.
class run {
 public:
  run(std::uint64_t bytes, bool lowest) : bytes_(bytes), lowest_(lowest) { pieces_.reserve(32); }

  void append(piece const& next) {
    if (!pieces_.empty() && pieces_.back().range.end() != next.range.offset) end();
    pieces_.push_back(next);
  }

  // From each piece on, as many as it takes. A window that begins within a piece costs no less.
  void end() {
    leave_cost cost;
    std::size_t behind = 0;
    std::size_t tensors = 0;
    for (std::size_t first = 0; first < pieces_.size() && !(lowest_ && best_); ++first) {
      std::uint64_t const start = pieces_[first].range.offset;
      while (behind < pieces_.size() && (behind <= first || pieces_[behind - 1].range.end() - start < bytes_)) {
        if (!pieces_[behind].hole && tensors++ == 0) cost = {};  // sums keep no rest of what has gone
        add(cost, pieces_[behind++].cost);
      }
      if (pieces_[behind - 1].range.end() - start < bytes_) break;
      if (!best_ || cost < best_->cost) best_ = eviction_window{{start, bytes_}, cost};
      if (!pieces_[first].hole && --tensors == 0)
        cost = {};
      else if (!pieces_[first].hole)
        subtract(cost, pieces_[first].cost);
    }
    pieces_.clear();
  }

  [[nodiscard]] std::optional<eviction_window> const& best() const { return best_; }

 private:
  std::uint64_t bytes_;
  bool lowest_;
  std::vector<piece> pieces_;
  std::optional<eviction_window> best_;
};

std::optional<eviction_window> search(offset_arena const& holes, tenants const& there, byte_range within,
                                      std::uint64_t bytes, cost_of_leaving const& cost, bool lowest) {
  run pieces(bytes, lowest);
  auto hole = holes.first_beyond(within.offset);
  auto next = there.upper_bound(within.offset);
  if (next != there.begin() && std::prev(next)->second.range.end() > within.offset) --next;
  while (!(lowest && pieces.best())) {
    bool const hole_left = hole != holes.end() && hole->offset < within.end();
    bool const tensor_left = next != there.end() && next->first < within.end();
    if (!hole_left && !tensor_left) break;
    if (hole_left && (!tensor_left || hole->offset < next->first)) {
      pieces.append({*hole++, {}, true});
      continue;
    }
    auto const leaves = cost(next->second);
    if (leaves)
      pieces.append({next->second.range, *leaves, false});
    else
      pieces.end();
    ++next;
  }
  pieces.end();
  return pieces.best();
}

}  // namespace

std::optional<eviction_window> cheapest_window(offset_arena const& holes, tenants const& there, byte_range within,
                                               std::uint64_t bytes, cost_of_leaving const& cost) {
  return search(holes, there, within, bytes, cost, false);
}

std::optional<eviction_window> lowest_window(offset_arena const& holes, tenants const& there, std::uint64_t bytes,
                                             cost_of_leaving const& cost) {
  return search(holes, there, {0, holes.bytes()}, bytes, cost, true);
}

std::vector<tenant> tenants_in(tenants const& there, byte_range range) {
  auto from = there.upper_bound(range.offset);
  if (from != there.begin() && std::prev(from)->second.range.end() > range.offset) --from;
  std::vector<tenant> found;
  for (; from != there.end() && from->first < range.end(); ++from) found.push_back(from->second);
  return found;
}

std::vector<tensor_id> lying_in(tenants const& there, byte_range range) {
  std::vector<tensor_id> ids;
  for (tenant const& each : tenants_in(there, range)) ids.push_back(each.id);
  return ids;
}

}  // namespace tierpager
