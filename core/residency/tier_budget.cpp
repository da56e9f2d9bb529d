#include <core/residency/tier_budget.hpp>

#include <iterator>
#include <utility>

#include <core/slice_advice.hpp>

namespace tierpager {
namespace {

constexpr std::uint64_t buffer_chunk_bytes_max = 4U << 20U;  // of the smallest buffer that works

}  // namespace

tier_budget::tier_budget(tier where, residency_options const& options, catalog const& tensors, slot_table const& slots)
    : where_(where),
      options_(where == tier::vram ? options.vram : options.ram),
      overcommits_pins_(options.overcommit_pins),
      stages_(where == tier::ram && options.vram.present),
      tensors_(tensors),
      slots_(slots),
      scratch_bytes_(where == tier::vram ? round_up(options.scratch_bytes, options_.footprint_align_bytes()) : 0),
      buffer_floor_bytes_(std::min(buffer_chunks * std::min(options.chunk_bytes, buffer_chunk_bytes_max),
                                   slots.largest_unpinned_bytes(tier::ram))) {
  if (options_.present || stages_) {
    // Address space is cheap, within reason for catalogs of very many tensors.
    std::uint64_t total = 0;
    for (std::uint64_t const bytes : *slots.footprints(where)) total += bytes;
    std::uint64_t const largest = slots.largest_unpinned_bytes(where);
    std::uint64_t const gaps =
        std::min<std::uint64_t>(tensors.size() + 1, 64 + 4 * (total / std::max<std::uint64_t>(largest, 1)));
    need_bytes_ = round_up(total + scratch_bytes_, options_.granule_bytes);
    reserve_bytes_ = round_up(need_bytes_ + gaps * largest, options_.granule_bytes);
  }
  (void)retarget();
  effective_bytes_ = effective_of(options_.budget_bytes);
}

std::uint64_t tier_budget::soft_limit_bytes() const {
  if (!overcommits_pins_) return limit_bytes_;
  std::uint64_t const asked = options_.budget_bytes - std::min(options_.budget_bytes, options_.overhead_bytes);
  return std::min(limit_bytes_, round_down(asked, options_.granule_bytes));
}

// Any one tensor as a whole, or in chunks where it only passes through.
std::uint64_t tier_budget::needed_beside_pins() const {
  std::uint64_t const largest = slots_.largest_unpinned_bytes(where_);
  return scratch_bytes_ + (stages_ ? std::min(buffer_floor_bytes_, largest) : largest);
}

std::uint64_t tier_budget::least_bytes() const {
  return round_up(slots_.sum(where_).pinned_bytes + needed_beside_pins(), options_.granule_bytes) +
         options_.overhead_bytes;
}

std::uint64_t tier_budget::effective_of(std::uint64_t asked_bytes) const {
  if (!options_.present && !stages_) return 0;
  std::uint64_t effective = options_.present ? asked_bytes : 0;
  effective = std::max(effective, options_.overhead_bytes);  // the device holds it whatever was asked for
  if (stages_) effective = std::max(effective, buffer_floor_bytes_ + options_.overhead_bytes);
  if (overcommits_pins_) effective = std::max(effective, least_bytes());
  return effective;
}

std::uint64_t tier_budget::target_of(std::uint64_t effective_bytes) const {
  std::uint64_t const usable = effective_bytes - std::min(effective_bytes, options_.overhead_bytes);
  return round_down(std::min({usable, need_bytes_, reserve_bytes_}), options_.granule_bytes);
}

status tier_budget::pins_fit() const {
  std::uint64_t const pinned_bytes = slots_.sum(where_).pinned_bytes;
  if (overcommits_pins_ || pinned_bytes == 0) return {};
  std::uint64_t const effective = effective_of(options_.budget_bytes);
  std::uint64_t const needed = round_up(pinned_bytes + needed_beside_pins(), options_.granule_bytes);
  if (needed <= target_of(effective)) return {};
  return failure{.code = errc::budget_too_small,
                 .what = std::string(name_of(where_)) +
                         " pins with room for the largest unpinned tensor: needs at least " +
                         std::to_string(needed + options_.overhead_bytes) + " bytes, the budget is " +
                         std::to_string(effective) + slices_beside_pins(target_of(effective))};
}

// Where one tensor alone finds no room beside the pins, parts of it would.
std::string tier_budget::slices_beside_pins(std::uint64_t target_bytes) const {
  std::uint64_t const available =
      target_bytes - std::min(target_bytes, slots_.sum(where_).pinned_bytes + scratch_bytes_);
  auto const& unpinned = slots_.unpinned(where_);
  if (unpinned.empty()) return {};
  auto const largest = unpinned.rbegin();
  bool const several = largest->second > 1 || (unpinned.size() > 1 && std::next(largest)->first > available);
  if (several) return {};
  auto const is_largest = [&](slot const& each) { return !each.pinned && each.footprint_bytes == largest->first; };
  auto const slots = slots_.all(where_);
  auto const at = std::ranges::find_if(slots, is_largest);
  return slice_advice(tensors_.infos()[static_cast<std::size_t>(at - slots.begin())], available);
}

bool tier_budget::retarget() {
  std::uint64_t const effective = std::min(effective_of(options_.budget_bytes), system_limit_bytes_);
  std::uint64_t const before = std::exchange(target_bytes_, target_of(effective));
  if (target_bytes_ >= limit_bytes_) {
    limit_bytes_ = target_bytes_;
    effective_bytes_ = effective;
  }
  return target_bytes_ != before;
}

void tier_budget::reach_target() {
  limit_bytes_ = target_bytes_;
  effective_bytes_ = std::min(effective_of(options_.budget_bytes), system_limit_bytes_);
}

void tier_budget::refused(std::uint64_t given_bytes) {
  ++refused_commits_;
  system_limit_bytes_ = where_ == tier::vram ? given_bytes : std::max(given_bytes, least_bytes());
}

bool tier_budget::given(std::uint64_t given_bytes) {
  if (system_limit_bytes_ >= given_bytes) return false;
  system_limit_bytes_ = given_bytes;
  return true;
}

}  // namespace tierpager
