#include <core/plan/plan_places.hpp>

#include <algorithm>
#include <map>
#include <span>
#include <utility>

#include <core/plan/plan.hpp>

namespace tierpager {
namespace {

/// A stretch of the buffer while one use lasts.
struct occupied {
  byte_range where;
  std::uint32_t until;   // counted through the cycle's end
  std::uint32_t order;   // of the streaming call that brought it
  std::uint32_t tensor;  // several: none
};
constexpr std::uint32_t several = ~std::uint32_t{0};

bool overlap(byte_range left, byte_range right) { return left.offset < right.end() && right.offset < left.end(); }

class buffer_filler {
 public:
  buffer_filler(cycle_uses const& cycle, std::vector<std::uint64_t> const& bytes, layout& into, std::uint32_t slots)
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
        into_.places[use.tensor] = into_.buffer.offset + offset;
        offset += bytes_[use.tensor];
      }
      recent_.push_back({{place_of(use.tensor), bytes_[use.tensor]}, use.until - cycle_.calls(), 0, use.tensor});
    }
    ++order_;
  }

  [[nodiscard]] std::uint64_t place_of(std::uint32_t tensor) const {
    return into_.places[tensor] - into_.buffer.offset;
  }

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
    into_.places[use.tensor] = into_.buffer.offset + at;
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
    if (bytes > into_.buffer.bytes) return std::nullopt;
    std::uint32_t const call = use.from;
    std::vector<std::uint64_t> tries{0, into_.buffer.bytes - bytes};
    for (byte_range const each : coming_) {
      if (each.end() + bytes <= into_.buffer.bytes) tries.push_back(each.end());
      if (each.offset >= bytes) tries.push_back(each.offset - bytes);
    }
    for (auto newest = recent_.rbegin(); newest != recent_.rend(); ++newest) {
      occupied const& each = *newest;
      if (each.where.end() + bytes <= into_.buffer.bytes) tries.push_back(each.where.end());
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
      // In a deep buffer the next place round is as good as any.
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
    return into_.buffer.bytes >= end + bytes;
  }

  std::uint32_t looks_back_;  // streaming calls
  cycle_uses const& cycle_;
  std::vector<std::uint64_t> const& bytes_;
  layout& into_;
  std::vector<occupied> recent_;   // offsets from the buffer's start
  std::vector<byte_range> first_;  // where the cycle's first block lies, once it is about to come again
  std::vector<byte_range> coming_;
  bool last_block_ = false;
  std::uint32_t order_ = 0;
};

}  // namespace

bool place_streamed(cycle_uses const& cycle, std::vector<std::uint64_t> const& bytes,
                    std::vector<std::uint8_t> const& streamed, std::uint32_t slots, layout& into) {
  return buffer_filler(cycle, bytes, into, slots).fill(streamed);
}

std::uint64_t loaded_bytes(cycle_uses const& cycle, std::vector<std::uint64_t> const& bytes,
                           std::vector<std::uint8_t> const& streamed, std::vector<std::uint64_t> const& places) {
  std::map<std::uint64_t, std::uint32_t> there;  // what lies in the buffer, by place
  std::uint64_t loaded = 0;
  for (int round = 0; round < 2; ++round) {
    loaded = 0;  // the first round only fills the buffer
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
