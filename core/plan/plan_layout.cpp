#include <core/plan/plan_layout.hpp>

#include <algorithm>
#include <map>
#include <utility>

#include <core/memory/eviction_window.hpp>
#include <core/memory/offset_arena.hpp>
#include <core/plan/plan.hpp>

namespace tierpager {
namespace {

// Who lies where in a space with gaps, as the plan will have it. The ring is one more tensor, which costs nothing to move:
// what is in it comes and goes anyway.
class layout_maker {
 public:
  layout_maker(byte_range space, std::vector<byte_range> const& gaps, std::vector<std::uint64_t> const& bytes,
               std::uint64_t ring_bytes)
      : sizes_(bytes), holes_(space.end()), places_(bytes.size() + 1, memory_plan::no_place) {
    sizes_.push_back(ring_bytes);
    if (space.offset > 0) (void)holes_.allocate_at({0, space.offset});
    for (byte_range const gap : gaps) (void)holes_.allocate_at(gap);
  }

  bool put_at(std::uint32_t tensor, std::uint64_t offset) {
    byte_range const where{offset, sizes_[tensor]};
    if (where.end() > holes_.bytes() || !holes_.allocate_at(where)) return false;
    there_.emplace(offset, tensor);
    places_[tensor] = offset;
    return true;
  }
  /// A pin that is there does not move.
  bool put_for_good(std::uint32_t tensor, std::uint64_t offset) {
    if (!put_at(tensor, offset)) return false;
    there_.erase(offset);
    return true;
  }
  bool put(std::uint32_t tensor) {
    auto const at = make_hole(sizes_[tensor]);
    return at && put_at(tensor, *at);
  }
  /// Where those leave that cost least to stream; they are added to `left`. `costs`: per tensor; 0: it must not leave.
  bool put_in_place_of(std::uint32_t tensor, std::vector<std::uint64_t> const& costs,
                       std::vector<std::uint32_t>& left) {
    if (auto const hole = holes_.smallest_free(sizes_[tensor])) return put_at(tensor, hole->offset);
    tenants those;
    for (auto const& [offset, each] : there_) those.emplace(offset, tenant{tensor_id{each}, {offset, sizes_[each]}});
    auto const window = cheapest_window(holes_, those, {0, holes_.bytes()}, sizes_[tensor],
                                        [&](tensor_id id) -> std::optional<leave_cost> {
                                          if (index_of(id) >= costs.size() || costs[index_of(id)] == 0) return {};
                                          return leave_cost{.bytes_in_use = static_cast<double>(costs[index_of(id)])};
                                        });
    if (!window) return false;
    for (tensor_id const id : lying_in(those, window->range)) {
      left.push_back(static_cast<std::uint32_t>(id));
      remove(left.back());
    }
    return put_at(tensor, window->range.offset);
  }
  bool put_into_hole(std::uint32_t tensor) {
    auto const hole = holes_.smallest_free(sizes_[tensor]);
    return hole && put_at(tensor, hole->offset);
  }
  [[nodiscard]] std::uint32_t ring() const { return static_cast<std::uint32_t>(sizes_.size() - 1); }
  /// Nobody's, though not free yet.
  void put_aside(byte_range where) {
    if (where.end() <= holes_.bytes()) (void)holes_.allocate_at(where);
  }
  void put_elsewhere(std::uint32_t tensor, std::uint64_t offset) { places_[tensor] = offset; }
  [[nodiscard]] std::uint64_t size_of(std::uint32_t tensor) const { return sizes_[tensor]; }
  [[nodiscard]] std::uint64_t whole_free_bytes(std::uint64_t granule_bytes) const {
    std::uint64_t sum = 0;
    for (byte_range const hole : holes_) {
      std::uint64_t const from = round_up(hole.offset, granule_bytes), to = round_down(hole.end(), granule_bytes);
      if (from < to) sum += to - from;
    }
    return sum;
  }
  [[nodiscard]] bool lies(std::uint32_t tensor) const { return places_[tensor] != memory_plan::no_place; }
  bool put_ring() { return sizes_.back() == 0 || put(ring()); }
  layout made() {
    byte_range const where = sizes_.back() > 0 ? byte_range{places_.back(), sizes_.back()} : byte_range{};
    places_.pop_back();
    return {std::move(places_), where};
  }

 private:
  /// From one hole to another without gaps, whose holes together are large enough.
  struct stretch {
    std::uint64_t from, to;
    std::uint64_t moving_bytes;  // of the tensors in between
  };

  void remove(std::uint32_t tensor) {
    holes_.free({places_[tensor], sizes_[tensor]});
    there_.erase(places_[tensor]);
    places_[tensor] = memory_plan::no_place;
  }

  /// The smallest that is large enough, else one made of several by moving what lies between them together, where that
  /// moves the fewest bytes.
  std::optional<std::uint64_t> make_hole(std::uint64_t bytes) {
    if (auto const hole = holes_.smallest_free(bytes)) return hole->offset;
    auto const found = cheapest_stretch(bytes);
    if (!found) return std::nullopt;
    std::vector<std::uint32_t> moving;
    for (auto at = there_.lower_bound(found->from); at != there_.end() && at->first < found->to; ++at)
      moving.push_back(at->second);
    for (std::uint32_t const tensor : moving) remove(tensor);
    std::uint64_t end = found->from;
    for (std::uint32_t const tensor : moving) {
      (void)put_at(tensor, end);
      end += sizes_[tensor];
    }
    return end;
  }

  [[nodiscard]] std::optional<stretch> cheapest_stretch(std::uint64_t bytes) const {
    std::optional<stretch> best;
    auto first = holes_.begin();
    std::uint64_t hole_bytes = 0, end = 0;
    std::uint64_t moving_bytes = 0;
    for (auto last = holes_.begin(); last != holes_.end(); ++last) {
      bool const goes_on = last != holes_.begin() && no_gap(end, last->offset);
      if (!goes_on) {
        first = last;
        hole_bytes = moving_bytes = 0;
      } else {
        moving_bytes += moved(end, last->offset);
      }
      hole_bytes += last->bytes;
      end = last->end();
      for (; first != last && hole_bytes - first->bytes >= bytes; ++first) {
        hole_bytes -= first->bytes;
        moving_bytes -= moved(first->end(), std::next(first)->offset);
      }
      if (hole_bytes >= bytes && (!best || moving_bytes < best->moving_bytes))
        best = stretch{first->offset, end, moving_bytes};
    }
    return best;
  }

  [[nodiscard]] bool no_gap(std::uint64_t from, std::uint64_t to) const {
    for (auto at = there_.lower_bound(from); from < to; ++at) {
      if (at == there_.end() || at->first != from) return false;
      from += sizes_[at->second];
    }
    return true;
  }
  [[nodiscard]] std::uint64_t moved(std::uint64_t from, std::uint64_t to) const {
    std::uint64_t sum = 0;
    for (auto at = there_.lower_bound(from); at != there_.end() && at->first < to; ++at)
      if (at->second != ring()) sum += sizes_[at->second];
    return sum;
  }

  std::vector<std::uint64_t> sizes_;  // of the tensors, and of the ring
  offset_arena holes_;
  std::map<std::uint64_t, std::uint32_t> there_;  // by offset
  std::vector<std::uint64_t> places_;
};

}  // namespace

std::optional<layout> lay_out(byte_range space, std::vector<byte_range> const& gaps,
                              std::vector<std::uint64_t> const& bytes, std::vector<std::uint8_t> const& resident,
                              std::vector<byte_range> const& now, std::vector<bool> const& pinned,
                              std::uint64_t ring_bytes) {
  layout_maker maker(space, gaps, bytes, ring_bytes);
  std::vector<std::uint32_t> newcomers;
  bool any_here = false;
  for (std::uint32_t tensor = 0; tensor < bytes.size(); ++tensor) {
    if (!resident[tensor] || bytes[tensor] == 0) continue;
    bool const stays = !pinned.empty() && pinned[tensor];
    bool const here =
        !now.empty() && now[tensor].bytes != 0 &&
        (stays ? maker.put_for_good(tensor, now[tensor].offset) : maker.put_at(tensor, now[tensor].offset));
    if (!here) newcomers.push_back(tensor);
    any_here = any_here || here;
  }
  if (any_here && !maker.put_ring()) return std::nullopt;
  if (any_here)
    std::stable_sort(newcomers.begin(), newcomers.end(),
                     [&](auto left, auto right) { return bytes[left] > bytes[right]; });
  for (std::uint32_t const tensor : newcomers)  // where nobody is yet, in the order of the model, the ring behind them
    if (!maker.put(tensor)) return std::nullopt;
  if (!any_here && !maker.put_ring()) return std::nullopt;
  return maker.made();
}

std::optional<layout> lay_out_in_gaps(byte_range space, std::vector<byte_range> const& gaps,
                                      std::vector<std::uint64_t> const& bytes,
                                      std::vector<std::uint8_t> const& resident, std::vector<byte_range> const& now,
                                      std::vector<bool> const& held, std::uint64_t ring_bytes,
                                      std::uint64_t granule_bytes, std::uint64_t budget_bytes) {
  layout_maker maker(space, gaps, bytes, ring_bytes);
  offset_arena vacant(space.end());
  (void)vacant.allocate_at({0, space.end()});
  std::uint64_t vacant_bytes = 0, mapped_bytes = 0;
  for (byte_range const gap : gaps) {
    vacant.free(gap);
    vacant_bytes += gap.bytes;
  }
  std::vector<std::uint32_t> coming;
  for (std::uint32_t tensor = 0; tensor < bytes.size() && !held.empty(); ++tensor)
    if (!resident[tensor] && held[tensor] && now[tensor].bytes > 0) maker.put_aside(now[tensor]);
  for (std::uint32_t tensor = 0; tensor < bytes.size(); ++tensor)
    if (resident[tensor] && bytes[tensor] > 0 && (now[tensor].bytes == 0 || !maker.put_at(tensor, now[tensor].offset)))
      coming.push_back(tensor);
  std::stable_sort(coming.begin(), coming.end(), [&](auto left, auto right) { return bytes[left] > bytes[right]; });
  if (ring_bytes > 0) coming.insert(coming.begin(), maker.ring());
  for (std::uint32_t const tensor : coming) {
    if (maker.put_into_hole(tensor)) continue;
    std::uint64_t const whole = round_up(maker.size_of(tensor), granule_bytes);
    auto const at = vacant.allocate(whole);
    if (!at) return std::nullopt;
    mapped_bytes += whole;
    maker.put_elsewhere(tensor, *at);
  }
  std::uint64_t const committed = space.end() - vacant_bytes;
  std::uint64_t const uncommitted = space.offset + budget_bytes - std::min(space.offset + budget_bytes, committed);
  if (mapped_bytes > maker.whole_free_bytes(granule_bytes) + round_down(uncommitted, granule_bytes))
    return std::nullopt;
  return maker.made();
}

std::optional<layout> lay_out_in_place(byte_range space, std::vector<byte_range> const& gaps,
                                       std::vector<std::uint64_t> const& bytes, std::vector<byte_range> const& now,
                                       std::uint64_t ring_bytes, std::vector<std::uint64_t> const& costs,
                                       std::vector<std::uint8_t>& resident) {
  layout_maker maker(space, gaps, bytes, ring_bytes);
  std::vector<std::uint32_t> coming;
  for (std::uint32_t tensor = 0; tensor < bytes.size(); ++tensor) {
    if (bytes[tensor] == 0 || (!resident[tensor] && costs[tensor] == 0)) continue;
    bool const here = now[tensor].bytes != 0 && maker.put_at(tensor, now[tensor].offset);
    if (!here && resident[tensor]) coming.push_back(tensor);
  }
  std::stable_sort(coming.begin(), coming.end(), [&](auto left, auto right) { return bytes[left] > bytes[right]; });
  std::vector<std::uint32_t> left;
  if (ring_bytes > 0 && !maker.put_in_place_of(maker.ring(), costs, left)) return std::nullopt;
  for (std::uint32_t const tensor : coming) {
    if (maker.put_in_place_of(tensor, costs, left)) continue;
    if (costs[tensor] == 0) return std::nullopt;
    left.push_back(tensor);
  }
  std::stable_sort(left.begin(), left.end(), [&](auto one, auto other) { return bytes[one] > bytes[other]; });
  for (std::uint32_t const tensor : left) (void)maker.put_into_hole(tensor);
  for (std::uint32_t tensor = 0; tensor < bytes.size(); ++tensor)
    if (bytes[tensor] > 0) resident[tensor] = maker.lies(tensor) ? 1 : 0;
  return maker.made();
}

}  // namespace tierpager
