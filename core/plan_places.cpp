#include <core/plan_places.hpp>

#include <algorithm>
#include <deque>

#include <core/offset_arena.hpp>
#include <core/plan.hpp>

namespace tierpager {
namespace {

std::vector<std::uint32_t> largest_first(std::vector<std::uint32_t> tensors, std::vector<std::uint64_t> const& bytes) {
  std::stable_sort(tensors.begin(), tensors.end(), [&](auto left, auto right) { return bytes[left] > bytes[right]; });
  return tensors;
}

std::optional<layout> lay_out_anew(byte_range space, std::vector<std::uint64_t> const& bytes,
                                   std::vector<std::uint8_t> const& resident, std::uint64_t ring_bytes) {
  layout made{std::vector<std::uint64_t>(bytes.size(), memory_plan::no_place), {}};
  std::uint64_t end = 0;
  for (std::size_t tensor = 0; tensor < bytes.size(); ++tensor) {
    if (!resident[tensor]) continue;
    made.places[tensor] = space.offset + end;
    end += bytes[tensor];
  }
  if (end > space.bytes || space.bytes - end < ring_bytes) return std::nullopt;
  made.ring = {space.offset + end, ring_bytes};
  return made;
}

/// A stretch of the ring while one use lasts.
struct occupied {
  byte_range where;
  std::uint32_t until;  // counted through the cycle's end
  std::uint32_t order;  // of the streaming call that brought it
};

bool overlap(byte_range left, byte_range right) { return left.offset < right.end() && right.offset < left.end(); }

class ring_filler {
 public:
  ring_filler(cycle_uses const& cycle, std::vector<std::uint64_t> const& bytes, layout& into)
      : cycle_(cycle), bytes_(bytes), into_(into) {}

  bool fill(std::vector<std::uint8_t> const& streamed) {
    struct block {
      std::uint32_t call;
      std::vector<tensor_use> uses;
    };
    std::vector<block> blocks;
    for (tensor_use const& use : cycle_.uses()) {
      if (!streamed[use.tensor]) continue;
      if (blocks.empty() || blocks.back().call != use.from) blocks.push_back({use.from, {}});
      blocks.back().uses.push_back(use);
    }
    hold_what_goes_round(blocks.empty() ? std::vector<tensor_use>{} : going_round(streamed));
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      std::uint64_t next_bytes = 0;
      block const& next = blocks[(i + 1) % blocks.size()];
      for (tensor_use const& use : next.uses) next_bytes += bytes_[use.tensor];
      first_ = i + 2 >= blocks.size() ? placed(blocks.front().uses) : std::vector<byte_range>{};
      last_block_ = i + 1 == blocks.size();
      if (!add(blocks[i].uses, blocks[i].call, last_block_ ? 0 : next_bytes)) return false;
      ++order_;
    }
    return true;
  }

 private:
  [[nodiscard]] std::vector<tensor_use> going_round(std::vector<std::uint8_t> const& streamed) const {
    std::vector<tensor_use> found;
    for (tensor_use const& use : cycle_.uses())
      if (streamed[use.tensor] && use.until > cycle_.calls()) found.push_back(use);
    return found;
  }

  /// What the end of the cycle holds into its beginning is placed first, side by side.
  void hold_what_goes_round(std::vector<tensor_use> const& uses) {
    std::uint64_t offset = 0;
    for (tensor_use const& use : uses) {
      if (into_.places[use.tensor] == memory_plan::no_place) {
        into_.places[use.tensor] = into_.ring.offset + offset;
        offset += bytes_[use.tensor];
      }
      recent_.push_back({{place_of(use.tensor), bytes_[use.tensor]}, use.until - cycle_.calls(), 0});
    }
    if (!uses.empty()) ++order_;
  }

  [[nodiscard]] std::uint64_t place_of(std::uint32_t tensor) const { return into_.places[tensor] - into_.ring.offset; }

  [[nodiscard]] std::vector<byte_range> placed(std::vector<tensor_use> const& uses) const {
    std::vector<byte_range> ranges;
    for (tensor_use const& use : uses)
      if (into_.places[use.tensor] != memory_plan::no_place)
        ranges.push_back({place_of(use.tensor), bytes_[use.tensor]});
    return ranges;
  }

  bool add(std::vector<tensor_use> const& uses, std::uint32_t call, std::uint64_t next_bytes) {
    std::erase_if(recent_,
                  [&](occupied const& each) { return each.until <= call && each.order + looks_back < order_; });
    std::uint64_t block_bytes = 0;
    std::vector<tensor_use> unplaced;
    for (tensor_use const& use : uses) {
      if (into_.places[use.tensor] == memory_plan::no_place) {
        unplaced.push_back(use);
        block_bytes += bytes_[use.tensor];
      } else if (!take(use, place_of(use.tensor), call)) {
        return false;
      }
    }
    if (unplaced.empty()) return true;
    if (std::optional<std::uint64_t> at = best_place(block_bytes, call, next_bytes)) {
      for (tensor_use const& use : unplaced) {
        into_.places[use.tensor] = into_.ring.offset + *at;
        recent_.push_back({{*at, bytes_[use.tensor]}, use.until, order_});
        *at += bytes_[use.tensor];
      }
      return true;
    }
    std::stable_sort(unplaced.begin(), unplaced.end(),
                     [&](auto const& left, auto const& right) { return bytes_[left.tensor] > bytes_[right.tensor]; });
    for (tensor_use const& use : unplaced) {
      std::optional<std::uint64_t> const at = best_place(bytes_[use.tensor], call, 0);
      if (!at) return false;
      into_.places[use.tensor] = into_.ring.offset + *at;
      recent_.push_back({{*at, bytes_[use.tensor]}, use.until, order_});
    }
    return true;
  }

  /// A place of an earlier use: wrong only where something else is held there now.
  bool take(tensor_use const& use, std::uint64_t at, std::uint32_t call) {
    byte_range const where{at, bytes_[use.tensor]};
    for (occupied const& each : recent_)
      if (each.until > call && overlap(each.where, where) && each.where != where) return false;
    std::erase_if(recent_, [&](occupied const& each) { return each.where == where; });
    recent_.push_back({where, use.until, order_});
    return true;
  }

  /// Of the places next to what lies there: the one that leaves the next block room, and then the one under which what
  /// lies there is oldest, so that a copy may start earliest.
  [[nodiscard]] std::optional<std::uint64_t> best_place(std::uint64_t bytes, std::uint32_t call,
                                                        std::uint64_t next_bytes) const {
    if (bytes > into_.ring.bytes) return std::nullopt;
    std::vector<std::uint64_t> tries{0, into_.ring.bytes - bytes};
    for (occupied const& each : recent_) {
      if (each.where.end() + bytes <= into_.ring.bytes) tries.push_back(each.where.end());
      if (each.where.offset >= bytes) tries.push_back(each.where.offset - bytes);
    }
    std::optional<std::uint64_t> best;
    std::uint64_t best_score = 0;
    for (std::uint64_t const at : tries) {
      byte_range const where{at, bytes};
      bool held = false;
      std::uint64_t age = looks_back;
      for (occupied const& each : recent_) {
        if (!overlap(each.where, where)) continue;
        held = held || each.until > call || each.order == order_;
        age = std::min<std::uint64_t>(age, order_ - each.order);
      }
      if (held) continue;
      bool const clears_first =
          std::none_of(first_.begin(), first_.end(), [&](byte_range each) { return overlap(each, where); });
      std::uint64_t const score = 1 + age + (age > 1 ? 64 : 0) + (leaves_room(where, call, next_bytes) ? 64 : 0) +
                                  (last_block_ && clears_first ? 64 : 0);
      if (score <= best_score) continue;
      best_score = score;
      best = at;
    }
    return best;
  }

  [[nodiscard]] bool leaves_room(byte_range where, std::uint32_t call, std::uint64_t bytes) const {
    if (bytes == 0) return true;
    std::vector<byte_range> held{where};
    for (occupied const& each : recent_)
      if (each.until > call || each.order == order_) held.push_back(each.where);
    held.insert(held.end(), first_.begin(), first_.end());
    std::sort(held.begin(), held.end(), [](byte_range left, byte_range right) { return left.offset < right.offset; });
    std::uint64_t end = 0;
    for (byte_range const each : held) {
      if (each.offset >= end + bytes) return true;
      end = std::max(end, each.end());
    }
    return into_.ring.bytes >= end + bytes;
  }

  static constexpr std::uint32_t looks_back = 12;
  cycle_uses const& cycle_;
  std::vector<std::uint64_t> const& bytes_;
  layout& into_;
  std::deque<occupied> recent_;    // offsets from the ring's start
  std::vector<byte_range> first_;  // where the cycle's first block lies, once it is about to come again
  bool last_block_ = false;
  std::uint32_t order_ = 0;
};

}  // namespace

std::optional<layout> lay_out(byte_range space, std::vector<std::uint64_t> const& bytes,
                              std::vector<std::uint8_t> const& resident, std::vector<byte_range> const& now,
                              std::uint64_t ring_bytes) {
  layout made{std::vector<std::uint64_t>(bytes.size(), memory_plan::no_place), {}};
  offset_arena arena(space.bytes);
  std::vector<std::uint32_t> newcomers;
  for (std::uint32_t tensor = 0; tensor < bytes.size(); ++tensor) {
    if (!resident[tensor]) continue;
    bool const here = !now.empty() && now[tensor].bytes != 0 && now[tensor].offset >= space.offset &&
                      arena.allocate_at({now[tensor].offset - space.offset, bytes[tensor]});
    if (here) {
      made.places[tensor] = now[tensor].offset;
    } else {
      newcomers.push_back(tensor);
    }
  }
  bool fits = newcomers.size() < static_cast<std::size_t>(std::count(resident.begin(), resident.end(), 1));
  if (fits && ring_bytes > 0) {
    std::optional<std::uint64_t> const at = arena.allocate(ring_bytes);
    fits = at.has_value();
    if (fits) made.ring = {space.offset + *at, ring_bytes};
  }
  for (std::uint32_t const tensor : fits ? largest_first(newcomers, bytes) : std::vector<std::uint32_t>{}) {
    std::optional<std::uint64_t> const at = arena.allocate(bytes[tensor]);
    fits = at.has_value();
    if (!fits) break;
    made.places[tensor] = space.offset + *at;
  }
  return fits ? made : lay_out_anew(space, bytes, resident, ring_bytes);
}

bool place_streamed(cycle_uses const& cycle, std::vector<std::uint64_t> const& bytes,
                    std::vector<std::uint8_t> const& streamed, layout& into) {
  return ring_filler(cycle, bytes, into).fill(streamed);
}

}  // namespace tierpager
