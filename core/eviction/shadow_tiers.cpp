#include <core/eviction/shadow_tiers.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace tierpager {
namespace {

constexpr std::size_t sample_max = 4096;
constexpr std::uint64_t large_share = 256;  // a tensor of more than this part of a sample is left out of it
constexpr double kept_a_pass = 0.98923;     // what was missed 64 passes ago counts half
constexpr double clear_difference = 0.97;

std::uint64_t scrambled(std::uint64_t id) {
  id = (id ^ (id >> 31)) * 0x7FB5D329728EA185;
  id = (id ^ (id >> 27)) * 0x81DADEF4BC2DD44D;
  return id ^ (id >> 33);
}

}  // namespace

shadow_tiers::shadow_tiers(use_counts const& counts, std::span<std::uint64_t const> tensor_bytes)
    : counts_(counts), places_(tensor_bytes.size(), not_sampled) {
  choose_sample(tensor_bytes);
  shadows_.reserve(use_orders);
  for (std::size_t i = 0; i < use_orders; ++i) shadows_.push_back({.residents = ranked_ids(sample_.size())});
}

// Each size in its due share, so that the sample's bytes are as the whole's: every n-th of all by size, those of one size
// in random order. One that would fill much of the small tier is none of the many that the orders differ about.
void shadow_tiers::choose_sample(std::span<std::uint64_t const> tensor_bytes) {
  std::size_t const every = (tensor_bytes.size() + sample_max - 1) / sample_max;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> by_size;  // bytes; 32 bits of the draw, then the id
  by_size.reserve(tensor_bytes.size());
  for (std::uint64_t id = 0; id < tensor_bytes.size(); ++id)
    by_size.emplace_back(tensor_bytes[id], (scrambled(id) >> 32U << 32U) | id);
  if (every > 1) std::sort(by_size.begin(), by_size.end());
  double all_bytes = 0;
  double taken_bytes = 0;
  for (std::uint64_t const bytes : tensor_bytes) all_bytes += static_cast<double>(bytes);
  for (std::size_t i = 0; i < by_size.size(); i += std::max<std::size_t>(every, 1)) {
    auto const id = static_cast<std::uint32_t>(by_size[i].second);
    double const bytes = static_cast<double>(by_size[i].first);
    if (every > 1 && bytes * large_share * static_cast<double>(every) > all_bytes) continue;
    places_[id] = static_cast<std::uint32_t>(sample_.size());
    sample_.push_back({.bytes = tensor_bytes[id], .id = id});
    taken_bytes += bytes;
  }
  sampled_share_ = all_bytes > 0 ? taken_bytes / all_bytes : 0;
}

void shadow_tiers::resized(std::uint64_t capacity_bytes) {
  capacity_bytes_ = static_cast<std::uint64_t>(static_cast<double>(capacity_bytes) * sampled_share_);
  for (std::size_t order = 0; order < use_orders; ++order) make_room(order, 0);
}

void shadow_tiers::make_room(std::size_t order, std::uint64_t bytes) {
  shadow& of = shadows_[order];
  auto const rank_now = [&](std::uint32_t place) { return counts_.rank_of(sample_[place].id, order); };
  while (of.used_bytes + bytes > capacity_bytes_) {
    std::uint32_t const victim = of.residents.lowest(rank_now).value();
    of.residents.erase(victim);
    sample_[victim].in &= ~(1U << order);
    of.used_bytes -= sample_[victim].bytes;
  }
}

void shadow_tiers::missed(std::uint32_t place, bool first_use) {
  sampled& sample = sample_[place];
  for (std::size_t order = 0; order < use_orders; ++order) {
    std::uint32_t const bit = 1U << order;
    if ((sample.in & bit) != 0) continue;
    shadow& of = shadows_[order];
    if (!first_use) of.missed_bytes += static_cast<double>(sample.bytes);
    if (sample.bytes > capacity_bytes_) continue;
    make_room(order, sample.bytes);
    of.residents.insert(place, counts_.rank_of(sample.id, order));
    of.used_bytes += sample.bytes;
    sample.in |= bit;
  }
}

std::size_t shadow_tiers::pass_ended(std::size_t followed) {
  std::size_t best = followed;
  for (std::size_t order = 0; order < use_orders; ++order) {
    shadows_[order].missed_bytes *= kept_a_pass;
    if (shadows_[order].missed_bytes < shadows_[best].missed_bytes) best = order;
  }
  bool const clear = shadows_[best].missed_bytes < clear_difference * shadows_[followed].missed_bytes;
  return clear ? best : followed;
}

}  // namespace tierpager
