#include <core/plan/plan_places.hpp>

#include <algorithm>
#include <map>
#include <span>
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
  bool put_in_place_of(std::uint32_t tensor, std::vector<std::uint64_t> const& costs, std::vector<std::uint32_t>& left) {
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

/// A stretch of the ring while one use lasts.
struct occupied {
  byte_range where;
  std::uint32_t until;   // counted through the cycle's end
  std::uint32_t order;   // of the streaming call that brought it
  std::uint32_t tensor;  // several: none
};
constexpr std::uint32_t several = ~std::uint32_t{0};

bool overlap(byte_range left, byte_range right) { return left.offset < right.end() && right.offset < left.end(); }

class ring_filler {
 public:
  ring_filler(cycle_uses const& cycle, std::vector<std::uint64_t> const& bytes, layout& into, std::uint32_t slots)
      : looks_back_(slots + 2), cycle_(cycle), bytes_(bytes), into_(into) {}

  bool fill(std::vector<std::uint8_t> const& streamed) {
    std::vector<tensor_use> uses;
    for (tensor_use const& use : cycle_.uses())
      if (streamed[use.tensor]) uses.push_back(use);
    if (uses.empty()) return true;
    hold_what_goes_round(uses);
    block const first = block_at(uses, 0);
    for (std::size_t i = 0; i < uses.size(); ++order_) {
      block const here = block_at(uses, i);
      i += here.size();
      bool const last = i == uses.size();
      block const next = last ? first : block_at(uses, i);
      std::uint64_t next_bytes = 0;
      for (tensor_use const& use : next) next_bytes += bytes_[use.tensor];
      if (last || i + next.size() == uses.size()) first_ = placed(first);
      last_block_ = last;
      find_coming(here, uses, i);
      if (!add(here, last ? 0 : next_bytes)) return false;
    }
    return true;
  }

 private:
  using block = std::span<tensor_use const>;  // one call's

  static block block_at(std::vector<tensor_use> const& uses, std::size_t start) {
    std::size_t end = start;
    while (end < uses.size() && uses[end].from == uses[start].from) ++end;
    return block(uses).subspan(start, end - start);
  }

  /// What the end of the cycle holds into its beginning is placed first, side by side.
  void hold_what_goes_round(std::vector<tensor_use> const& uses) {
    std::uint64_t offset = 0;
    for (tensor_use const& use : uses) {
      if (use.until <= cycle_.calls()) continue;
      if (into_.places[use.tensor] == memory_plan::no_place) {
        into_.places[use.tensor] = into_.ring.offset + offset;
        offset += bytes_[use.tensor];
      }
      recent_.push_back({{place_of(use.tensor), bytes_[use.tensor]}, use.until - cycle_.calls(), 0, use.tensor});
    }
    ++order_;
  }

  [[nodiscard]] std::uint64_t place_of(std::uint32_t tensor) const { return into_.places[tensor] - into_.ring.offset; }

  [[nodiscard]] std::vector<byte_range> placed(block uses) const {
    std::vector<byte_range> ranges;
    for (tensor_use const& use : uses)
      if (into_.places[use.tensor] != memory_plan::no_place)
        ranges.push_back({place_of(use.tensor), bytes_[use.tensor]});
    return ranges;
  }

  bool add(block uses, std::uint64_t next_bytes) {
    std::uint32_t const call = uses.front().from;
    std::erase_if(recent_,
                  [&](occupied const& each) { return each.until <= call && each.order + looks_back_ < order_; });
    std::uint64_t block_bytes = 0;
    std::vector<tensor_use> unplaced;
    for (tensor_use const& use : uses) {
      if (into_.places[use.tensor] == memory_plan::no_place) {
        unplaced.push_back(use);
        block_bytes += bytes_[use.tensor];
      } else if (!take(use, place_of(use.tensor))) {
        return false;
      }
    }
    if (unplaced.empty()) return true;
    if (std::optional<std::uint64_t> at = best_place(block_bytes, uses.front(), next_bytes)) {
      for (tensor_use const& use : unplaced) {
        put(use, *at);
        *at += bytes_[use.tensor];
      }
      return true;
    }
    std::stable_sort(unplaced.begin(), unplaced.end(),
                     [&](auto const& left, auto const& right) { return bytes_[left.tensor] > bytes_[right.tensor]; });
    for (tensor_use const& use : unplaced) {
      std::optional<std::uint64_t> const at = best_place(bytes_[use.tensor], use, 0);
      if (!at) return false;
      put(use, *at);
    }
    return true;
  }

  void put(tensor_use const& use, std::uint64_t at) {
    into_.places[use.tensor] = into_.ring.offset + at;
    bool const once = cycle_.loads(use.tensor) == 1;
    byte_range const where{at, bytes_[use.tensor]};
    // What lies side by side and is let go together is one, unless it comes again on its own.
    auto const beside = std::find_if(recent_.begin(), recent_.end(), [&](occupied const& each) {
      return once && each.tensor == several && each.until == use.until &&
             (each.where.end() == where.offset || where.end() == each.where.offset);
    });
    if (beside != recent_.end()) {
      beside->where = {std::min(beside->where.offset, at), beside->where.bytes + where.bytes};
      beside->order = order_;
    } else {
      recent_.push_back({where, use.until, order_, once ? several : use.tensor});
    }
  }

  /// A place of an earlier use: wrong only where something else is held there now.
  bool take(tensor_use const& use, std::uint64_t at) {
    byte_range const where{at, bytes_[use.tensor]};
    for (occupied const& each : recent_)
      if (each.until > use.from && each.tensor != use.tensor && overlap(each.where, where)) return false;
    std::erase_if(recent_, [&](occupied const& each) { return each.tensor == use.tensor; });
    recent_.push_back({where, use.until, order_, use.tensor});
    return true;
  }

  /// Places, fixed already, of what is needed while these uses last.
  void find_coming(block uses, std::vector<tensor_use> const& all, std::size_t after) {
    coming_.clear();
    std::uint32_t until = 0;
    for (tensor_use const& use : uses) until = std::max(until, use.until);
    for (std::size_t i = after; i < all.size() && all[i].from < until; ++i)
      if (into_.places[all[i].tensor] != memory_plan::no_place)
        coming_.push_back({place_of(all[i].tensor), bytes_[all[i].tensor]});
  }

  /// Of the places next to what lies there: the one that leaves the next block room, and then the one under which what
  /// lies there is oldest, so that a copy may start earliest.
  [[nodiscard]] std::optional<std::uint64_t> best_place(std::uint64_t bytes, tensor_use const& use,
                                                        std::uint64_t next_bytes) const {
    if (bytes > into_.ring.bytes) return std::nullopt;
    std::uint32_t const call = use.from;
    std::vector<std::uint64_t> tries{0, into_.ring.bytes - bytes};
    for (byte_range const each : coming_) {
      if (each.end() + bytes <= into_.ring.bytes) tries.push_back(each.end());
      if (each.offset >= bytes) tries.push_back(each.offset - bytes);
    }
    for (auto newest = recent_.rbegin(); newest != recent_.rend(); ++newest) {
      occupied const& each = *newest;
      if (each.where.end() + bytes <= into_.ring.bytes) tries.push_back(each.where.end());
      if (each.where.offset >= bytes) tries.push_back(each.where.offset - bytes);
    }
    std::optional<std::uint64_t> best;
    std::uint64_t best_score = 0;
    for (std::uint64_t const at : tries) {
      byte_range const where{at, bytes};
      bool held = false;
      bool beside = false;
      std::uint64_t age = looks_back_;
      for (occupied const& each : recent_) {
        beside = beside || (each.until == use.until && (each.where.end() == at || each.where.offset == where.end()));
        if (!overlap(each.where, where)) continue;
        held = held || each.until > call || each.order == order_;
        age = std::min<std::uint64_t>(age, order_ - each.order);
      }
      for (byte_range const each : coming_) held = held || overlap(each, where);
      if (held) continue;
      bool const clears_first =
          std::none_of(first_.begin(), first_.end(), [&](byte_range each) { return overlap(each, where); });
      bool const room = leaves_room(where, call, next_bytes), clear = !last_block_ || clears_first;
      std::uint64_t const score = 1 + std::min<std::uint64_t>(age, 31) + (beside ? 32 : 0) + (age > 1 ? 64 : 0) +
                                  (room ? 64 : 0) + (clear ? 64 : 0);
      if (score > best_score) best = at;
      best_score = std::max(score, best_score);
      // In a deep ring the next place round is as good as any.
      if (looks_back_ > 4 && age + 2 >= looks_back_ && room && clear && use.until == call + 1) break;
    }
    return best;
  }

  [[nodiscard]] bool leaves_room(byte_range where, std::uint32_t call, std::uint64_t bytes) const {
    if (bytes == 0) return true;
    std::vector<byte_range> held{where};
    for (occupied const& each : recent_)
      if (each.until > call || each.order == order_) held.push_back(each.where);
    held.insert(held.end(), first_.begin(), first_.end());
    held.insert(held.end(), coming_.begin(), coming_.end());
    std::sort(held.begin(), held.end(), [](byte_range left, byte_range right) { return left.offset < right.offset; });
    std::uint64_t end = 0;
    for (byte_range const each : held) {
      if (each.offset >= end + bytes) return true;
      end = std::max(end, each.end());
    }
    return into_.ring.bytes >= end + bytes;
  }

  std::uint32_t looks_back_;  // streaming calls
  cycle_uses const& cycle_;
  std::vector<std::uint64_t> const& bytes_;
  layout& into_;
  std::vector<occupied> recent_;   // offsets from the ring's start
  std::vector<byte_range> first_;  // where the cycle's first block lies, once it is about to come again
  std::vector<byte_range> coming_;
  bool last_block_ = false;
  std::uint32_t order_ = 0;
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
    bool const here = !now.empty() && now[tensor].bytes != 0 &&
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
                                      std::vector<std::uint64_t> const& bytes, std::vector<std::uint8_t> const& resident,
                                      std::vector<byte_range> const& now, std::uint64_t ring_bytes,
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
  if (mapped_bytes > maker.whole_free_bytes(granule_bytes) + round_down(uncommitted, granule_bytes)) return std::nullopt;
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

bool place_streamed(cycle_uses const& cycle, std::vector<std::uint64_t> const& bytes,
                    std::vector<std::uint8_t> const& streamed, std::uint32_t slots, layout& into) {
  return ring_filler(cycle, bytes, into, slots).fill(streamed);
}

std::uint64_t loaded_bytes(cycle_uses const& cycle, std::vector<std::uint64_t> const& bytes,
                           std::vector<std::uint8_t> const& streamed, std::vector<std::uint64_t> const& places) {
  std::map<std::uint64_t, std::uint32_t> there;  // what lies in the ring, by place
  std::uint64_t loaded = 0;
  for (int round = 0; round < 2; ++round) {
    loaded = 0;  // the first round only fills the ring
    for (tensor_use const& use : cycle.uses()) {
      if (!streamed[use.tensor] || bytes[use.tensor] == 0) continue;
      std::uint64_t const place = places[use.tensor], end = place + bytes[use.tensor];
      auto from = there.lower_bound(place);
      if (from != there.end() && from->second == use.tensor) continue;
      if (from != there.begin() && std::prev(from)->first + bytes[std::prev(from)->second] > place) --from;
      while (from != there.end() && from->first < end) from = there.erase(from);
      there.emplace_hint(from, place, use.tensor);
      loaded += bytes[use.tensor];
    }
  }
  return loaded;
}

}  // namespace tierpager
