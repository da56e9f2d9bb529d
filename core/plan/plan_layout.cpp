#include <core/plan/plan_layout.hpp>

#include <algorithm>
#include <utility>

#include <core/memory/eviction_window.hpp>
#include <core/memory/offset_arena.hpp>
#include <core/plan/plan.hpp>

namespace tierpager {
namespace {

constexpr unsigned windows_max = 64;  // each is looked for among all that lies there

// Which tensor lies where in a space with gaps, as the plan will have it. The buffer is one more tensor.
class layout_maker {
 public:
  layout_maker(byte_range space, std::vector<byte_range> const& gaps, std::vector<std::uint64_t> const& bytes,
               std::uint64_t buffer_bytes)
      : sizes_(bytes), holes_(space.end()), places_(bytes.size() + 1, memory_plan::no_place) {
    sizes_.push_back(buffer_bytes);
    if (space.offset > 0) (void)holes_.allocate_at({0, space.offset});
    for (byte_range const gap : gaps) (void)holes_.allocate_at(gap);
  }

  [[nodiscard]] std::uint32_t buffer() const { return static_cast<std::uint32_t>(sizes_.size() - 1); }
  [[nodiscard]] std::uint64_t size_of(std::uint32_t tensor) const { return sizes_[tensor]; }
  [[nodiscard]] bool lies(std::uint32_t tensor) const { return places_[tensor] != memory_plan::no_place; }

  bool put_at(std::uint32_t tensor, std::uint64_t offset) {
    byte_range const where{offset, sizes_[tensor]};
    if (where.bytes == 0) return true;
    if (where.end() > holes_.bytes() || !holes_.allocate_at(where)) return false;
    there_.emplace(offset, tenant{tensor_id{tensor}, where});
    places_[tensor] = offset;
    return true;
  }
  bool put_into_hole(std::uint32_t tensor) {
    if (sizes_[tensor] == 0) return true;
    auto const hole = holes_.smallest_free(sizes_[tensor]);
    return hole && put_at(tensor, hole->offset);
  }
  /// Where the tensors leave that cost least; none, and nothing changed, where too many may not.
  std::optional<std::vector<std::uint32_t>> put_in_place_of_others(std::uint32_t tensor, cost_of_leaving const& cost) {
    if (windows_++ == windows_max) return std::nullopt;
    auto const window = cheapest_window(holes_, there_, {0, holes_.bytes()}, sizes_[tensor], cost);
    if (!window) return std::nullopt;
    std::vector<std::uint32_t> left;
    for (tensor_id const id : lying_in(there_, window->range)) {
      auto const leaving = static_cast<std::uint32_t>(id);
      left.push_back(leaving);
      holes_.free({places_[leaving], sizes_[leaving]});
      there_.erase(places_[leaving]);
      places_[leaving] = memory_plan::no_place;
    }
    (void)put_at(tensor, window->range.offset);
    return left;
  }

  layout made() {
    byte_range const where = sizes_.back() > 0 ? byte_range{places_.back(), sizes_.back()} : byte_range{};
    places_.pop_back();
    return {std::move(places_), where};
  }

 private:
  std::vector<std::uint64_t> sizes_;  // of the tensors, and of the buffer
  offset_arena holes_;
  tenants there_;
  std::vector<std::uint64_t> places_;
  unsigned windows_ = 0;
};

void largest_first(std::vector<std::uint32_t>& tensors, std::vector<std::uint64_t> const& bytes) {
  std::stable_sort(tensors.begin(), tensors.end(),
                   [&](std::uint32_t left, std::uint32_t right) { return bytes[left] > bytes[right]; });
}

}  // namespace

std::optional<layout> lay_out_anew(byte_range space, std::vector<byte_range> const& gaps,
                                   std::vector<std::uint64_t> const& bytes, std::vector<std::uint8_t> const& resident,
                                   std::vector<byte_range> const& now, std::vector<bool> const& fixed,
                                   std::uint64_t buffer_bytes) {
  layout_maker maker(space, gaps, bytes, buffer_bytes);
  std::vector<std::uint32_t> coming;
  for (std::uint32_t tensor = 0; tensor < bytes.size(); ++tensor) {
    if (!resident[tensor] || bytes[tensor] == 0) continue;
    bool const stays = !fixed.empty() && fixed[tensor] && !now.empty() && now[tensor].bytes != 0;
    if (!stays || !maker.put_at(tensor, now[tensor].offset)) coming.push_back(tensor);
  }
  largest_first(coming, bytes);
  bool const fits = maker.put_into_hole(maker.buffer()) &&
                    std::ranges::all_of(coming, [&](std::uint32_t tensor) { return maker.put_into_hole(tensor); });
  return fits ? std::optional(maker.made()) : std::nullopt;
}

std::optional<layout> lay_out_keeping(std::initializer_list<std::vector<bool> const*> fixed, byte_range space,
                                      std::vector<byte_range> const& gaps, std::vector<std::uint64_t> const& bytes,
                                      std::vector<std::uint8_t> const& resident, std::vector<byte_range> const& now,
                                      std::uint64_t buffer_bytes) {
  for (std::vector<bool> const* stays : fixed)
    if (auto laid = lay_out_anew(space, gaps, bytes, resident, now, *stays, buffer_bytes)) return laid;
  return lay_out_anew(space, gaps, bytes, resident, now, {}, buffer_bytes);
}

std::optional<layout> lay_out_in_place(byte_range space, std::vector<byte_range> const& gaps,
                                       std::vector<std::uint64_t> const& bytes, std::vector<byte_range> const& now,
                                       std::vector<bool> const& fixed, std::uint64_t buffer_bytes,
                                       std::vector<std::uint64_t> const& costs, std::vector<std::uint8_t>& resident) {
  layout_maker maker(space, gaps, bytes, buffer_bytes);
  std::vector<std::uint32_t> coming, streaming;
  for (std::uint32_t tensor = 0; tensor < bytes.size(); ++tensor) {
    if (bytes[tensor] == 0 || (!resident[tensor] && costs[tensor] == 0)) continue;
    bool const here = now[tensor].bytes != 0 && maker.put_at(tensor, now[tensor].offset);
    if (!here && resident[tensor]) coming.push_back(tensor);
  }
  largest_first(coming, bytes);
  coming.insert(coming.begin(), maker.buffer());
  for (std::size_t next = 0; next < coming.size(); ++next) {
    std::uint32_t const tensor = coming[next];
    if (maker.put_into_hole(tensor)) continue;
    auto const left = maker.put_in_place_of_others(tensor, [&](tenant const& there) -> std::optional<leave_cost> {
      std::size_t const each = index_of(there.id);
      bool const stays = each >= bytes.size() || (!fixed.empty() && fixed[each]) ||
                         (costs[each] == 0 && 2 * bytes[each] > maker.size_of(tensor));
      if (stays) return std::nullopt;
      return leave_cost{.bytes_in_use = static_cast<double>(costs[each] > 0 ? costs[each] : 2 * bytes[each])};
    });
    if (!left && (tensor == maker.buffer() || costs[tensor] == 0)) return std::nullopt;
    if (!left) streaming.push_back(tensor);
    for (std::uint32_t const leaving : left.value_or(std::vector<std::uint32_t>()))
      (costs[leaving] > 0 ? streaming : coming).push_back(leaving);
  }
  largest_first(streaming, bytes);
  for (std::uint32_t const tensor : streaming) (void)maker.put_into_hole(tensor);
  for (std::uint32_t tensor = 0; tensor < bytes.size(); ++tensor)
    if (bytes[tensor] > 0) resident[tensor] = maker.lies(tensor) ? 1 : 0;
  return maker.made();
}

}  // namespace tierpager
