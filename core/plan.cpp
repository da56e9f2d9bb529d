#include <core/plan.hpp>

#include <algorithm>
#include <array>
#include <cassert>
#include <numeric>
#include <utility>

#include <core/plan_cycle.hpp>
#include <core/plan_pipeline.hpp>
#include <core/plan_places.hpp>
#include <core/plan_selection.hpp>

namespace tierpager {
namespace {

using flags = std::vector<std::uint8_t>;

// A choice that leaves everything where it is costs nothing to change to, but may stream unevenly, or need a larger
// ring, for as long as the plan holds. It is taken as long as its cycle is at most this much dearer: in bytes, and in
// seconds where they are known. So the tensors that happen to be there after the first pass stay, unless time says no.
constexpr double dearer_bytes = 1.01, dearer_seconds = 1.03;
constexpr double close_to_shortest = 1.005;  // no deeper ring is tried for less
// Tensors that cost more to call for than to copy never stream, as long as all of them together are a small share.
constexpr std::uint64_t tiny_bytes = 1 << 20, tiny_share = 200;

bool flagged(std::vector<bool> const& all, std::size_t tensor) { return !all.empty() && all[tensor]; }

class planner {
 public:
  explicit planner(plan_request const& request)
      : request_(request), cycle_(request.order, request.vram_bytes.size()), streamed_(tensors()), to_file_(tensors()) {
    plan_.homes.resize(tensors(), home::none);
    plan_.places.resize(tensors(), memory_plan::no_place);
  }

  std::optional<memory_plan> make() {
    if (request_.vram_budget_bytes == 0) {
      if (!split_ram_alone()) return std::nullopt;
    } else {
      if (!split_vram()) return std::nullopt;
      if (request_.ram_budget_bytes != 0) split_ram();
    }
    finish();
    return std::move(plan_);
  }

 private:
  [[nodiscard]] std::size_t tensors() const { return request_.vram_bytes.size(); }
  [[nodiscard]] std::uint64_t vram_limit() const {
    return std::min(request_.vram_budget_bytes, request_.vram_space.bytes);
  }

  bool split_vram() {
    flags candidates(tensors()), stays(tensors());
    resident_.assign(tensors(), 0);
    std::uint64_t always = 0, wanted = 0;
    for (std::size_t tensor = 0; tensor < tensors(); ++tensor) {
      bool const pinned = flagged(request_.pinned_vram, tensor);
      stays[tensor] = !request_.vram_now.empty() && request_.vram_now[tensor].bytes != 0;
      if (pinned || cycle_.always_held(tensor)) {
        resident_[tensor] = 1;
        always += request_.vram_bytes[tensor];
      } else if (cycle_.named(tensor)) {
        candidates[tensor] = 1;
        wanted += request_.vram_bytes[tensor];
      }
    }
    if (always > vram_limit()) return false;
    std::uint64_t left = vram_limit() - always;
    if (wanted > left) left -= keep_tiny(candidates, left);
    selection_request const ask{
        .cycle = cycle_, .bytes = request_.vram_bytes, .candidates = candidates, .stays = {}, .budget_bytes = left};
    return choose_vram(ask, stays);
  }

  /// Takes the smallest tensors out of the candidates; how many bytes they are.
  std::uint64_t keep_tiny(flags& candidates, std::uint64_t budget_bytes) {
    std::vector<std::uint32_t> tiny;
    for (std::uint32_t tensor = 0; tensor < tensors(); ++tensor)
      if (candidates[tensor] && request_.vram_bytes[tensor] <= tiny_bytes) tiny.push_back(tensor);
    std::stable_sort(tiny.begin(), tiny.end(),
                     [&](auto left, auto right) { return request_.vram_bytes[left] < request_.vram_bytes[right]; });
    std::uint64_t kept = 0;
    for (std::uint32_t const tensor : tiny) {
      if (kept + request_.vram_bytes[tensor] > budget_bytes / tiny_share) break;
      kept += request_.vram_bytes[tensor];
      candidates[tensor] = 0;
      resident_[tensor] = 1;
    }
    return kept;
  }

  bool choose_vram(selection_request ask, flags const& stays) {
    // Fixed places may need more ring than the sum of what is held at once.
    for (int attempt = 0; attempt < 8; ++attempt) {
      std::optional<selection> const chosen = choose(ask, stays);
      if (!chosen) return false;
      flags resident = resident_;
      for (std::size_t tensor = 0; tensor < tensors(); ++tensor)
        if (ask.candidates[tensor] && !chosen->streamed[tensor]) resident[tensor] = 1;
      bool helps = chosen->slots != 1;
      for (std::size_t tensor = 0; tensor < tensors(); ++tensor)
        helps = helps || (resident[tensor] && !flagged(request_.pinned_vram, tensor));
      if (!helps) return false;
      auto laid = lay_out(request_.vram_space, request_.vram_bytes, resident, request_.vram_now, chosen->ring_bytes);
      if (laid && place_streamed(cycle_, request_.vram_bytes, chosen->streamed, chosen->slots, *laid)) {
        streamed_ = chosen->streamed;
        resident_ = std::move(resident);
        plan_.places = std::move(laid->places);
        plan_.vram_ring = laid->ring;
        plan_.ring_slots = chosen->slots;
        return true;
      }
      ask.least_ring_bytes = chosen->ring_bytes + chosen->ring_bytes / 8;
    }
    return false;
  }

  /// Spread evenly, or as much as possible left where it is.
  std::optional<selection> choose(selection_request const& ask, flags const& stays) {
    auto fresh = choose_depth(ask, 0);
    if (!fresh || fresh->first.streamed_bytes == 0 || std::find(stays.begin(), stays.end(), 1) == stays.end())
      return fresh ? std::optional(std::move(fresh->first)) : std::nullopt;
    selection_request keeping = ask;
    keeping.stays = stays;
    auto kept = choose_depth(keeping, fresh->first.asked_slots);
    bool const keep = kept &&
                      static_cast<double>(kept->first.loaded_bytes) <=
                          static_cast<double>(fresh->first.loaded_bytes) * dearer_bytes &&
                      kept->second <= fresh->second * dearer_seconds;
    return keep ? std::move(kept->first) : std::move(fresh->first);
  }

  /// The ring's depth that takes the least time, and that time; two slots where rates are not known, one where two find
  /// no room. Of a given depth, if one is given.
  std::optional<std::pair<selection, double>> choose_depth(selection_request const& ask, std::uint32_t given) {
    transfer_rates const& rates = request_.rates;
    bool const timed = rates.link_bytes_per_second > 0;
    selector select(ask);
    std::optional<selection> best = select.select(given == 0 ? 2 : given);
    if (!best && given == 0) best = selector(ask).select(1);
    if (!best) return std::nullopt;
    double least = timed && best->streamed_bytes != 0 ? seconds(*best) : 0;
    if (given != 0 || best->asked_slots == 1 || least <= 0 || rates.compute_seconds <= 0)
      return std::pair(std::move(*best), least);
    double const shortest =
        std::max(static_cast<double>(best->loaded_bytes) / rates.link_bytes_per_second, rates.compute_seconds);
    int worth_it = 2;  // tries
    for (std::uint32_t const slots : {3U, 4U, 6U, 8U, 12U}) {
      if (least < shortest * close_to_shortest || worth_it == 0) break;
      std::optional<selection> deeper = select.select(slots);
      if (!deeper) break;
      double const taken = seconds(*deeper);
      worth_it = taken < least * (2 - close_to_shortest) ? 2 : worth_it - 1;
      if (taken >= least) continue;
      least = taken;
      best = std::move(deeper);
    }
    return std::pair(std::move(*best), least);
  }

  double seconds(selection const& chosen) {
    if (compute_.empty())
      compute_ = compute_of_calls(request_.order, request_.vram_bytes, request_.rates.compute_seconds);
    return cycle_seconds({.cycle = cycle_,
                          .bytes = request_.vram_bytes,
                          .streamed = chosen.streamed,
                          .from_file = {},
                          .ring_bytes = chosen.ring_bytes,
                          .rates = request_.rates},
                         compute_);
  }

  /// What streams through VRAM lives in RAM as far as there is room.
  void split_ram() {
    flags candidates(tensors());
    std::uint64_t pinned = 0;
    for (std::size_t tensor = 0; tensor < tensors(); ++tensor) {
      bool const stays = flagged(request_.pinned_ram, tensor);
      if (stays) pinned += request_.ram_bytes[tensor];
      candidates[tensor] = streamed_[tensor] && !stays;
    }
    selection_request ask{.cycle = cycle_,
                          .bytes = request_.ram_bytes,
                          .candidates = std::move(candidates),
                          .stays = {},
                          .budget_bytes = request_.ram_budget_bytes - std::min(request_.ram_budget_bytes, pinned),
                          .least_ring_bytes = request_.ram_ring_floor_bytes};
    std::optional<selection> chosen = choose_ram(ask);
    if (!chosen) {
      // Too little for whole tensors: they come through in pieces.
      ask.ring_is_least = true;
      ask.least_ring_bytes = std::min(ask.least_ring_bytes, ask.budget_bytes);
      chosen = choose_ram(ask);
    }
    assert(chosen);
    to_file_ = chosen->streamed;
    plan_.ram_ring_bytes = chosen->ring_bytes;
  }

  std::optional<selection> choose_ram(selection_request ask) {
    std::optional<selection> fresh = selector(ask).select(2);
    if (!fresh || request_.ram_now.empty() || fresh->streamed_bytes == 0) return fresh;
    ask.stays.assign(request_.ram_now.begin(), request_.ram_now.end());
    std::optional<selection> kept = selector(ask).select(2);
    bool const keep =
        kept && static_cast<double>(kept->loaded_bytes) <= static_cast<double>(fresh->loaded_bytes) * dearer_bytes;
    return keep ? kept : fresh;
  }

  /// Without VRAM, RAM is where tensors are used.
  bool split_ram_alone() {
    flags candidates(tensors());
    std::uint64_t always = 0;
    resident_.assign(tensors(), 0);
    for (std::size_t tensor = 0; tensor < tensors(); ++tensor) {
      bool const stays = flagged(request_.pinned_ram, tensor) || cycle_.always_held(tensor);
      if (stays) always += request_.ram_bytes[tensor];
      candidates[tensor] = cycle_.named(tensor) && !stays;
      streamed_[tensor] = cycle_.named(tensor);
    }
    if (always > request_.ram_budget_bytes) return false;
    selection_request const ask{.cycle = cycle_,
                                .bytes = request_.ram_bytes,
                                .candidates = std::move(candidates),
                                .stays = {},
                                .budget_bytes = request_.ram_budget_bytes - always,
                                .least_ring_bytes = request_.ram_ring_floor_bytes};
    std::optional<selection> chosen = choose_ram(ask);
    if (!chosen) chosen = selector(ask).select(1);
    if (!chosen) return false;
    to_file_ = chosen->streamed;
    plan_.ram_ring_bytes = chosen->ring_bytes;
    return true;
  }

  void finish() {
    bool const has_vram = request_.vram_budget_bytes != 0, has_ram = request_.ram_budget_bytes != 0;
    std::vector<std::uint64_t> const& sizes = has_vram ? request_.vram_bytes : request_.ram_bytes;
    std::uint64_t distinct = 0;
    for (std::size_t tensor = 0; tensor < tensors(); ++tensor) {
      if (cycle_.named(tensor)) distinct += sizes[tensor];
      if (resident_[tensor]) {
        plan_.homes[tensor] = home::vram;
        plan_.resident_vram_bytes += request_.vram_bytes[tensor];
      } else if (streamed_[tensor]) {
        bool const from_file = to_file_[tensor] != 0 || !has_ram;
        to_file_[tensor] = from_file;
        plan_.homes[tensor] = from_file ? home::file : home::ram;
        (from_file ? plan_.file_bytes : plan_.resident_ram_bytes) += request_.ram_bytes[tensor];
        if (from_file) plan_.bytes_from_disk += cycle_.loads(tensor) * request_.ram_bytes[tensor];
      }
    }
    if (has_vram) plan_.bytes_to_device = loaded_bytes(cycle_, sizes, streamed_, plan_.places);
    std::uint64_t const vram = has_vram ? std::min(distinct, vram_limit()) : 0;
    plan_.least_bytes_to_device = has_vram ? distinct - vram : 0;
    plan_.least_bytes_from_disk = distinct - vram - std::min(distinct - vram, request_.ram_budget_bytes);
    plan_.largest_held_bytes = cycle_.largest_held(sizes);
    if (request_.rates.link_bytes_per_second <= 0) return;
    if (compute_.empty()) compute_ = compute_of_calls(request_.order, sizes, request_.rates.compute_seconds);
    plan_.seconds = cycle_seconds({.cycle = cycle_,
                                   .bytes = sizes,
                                   .streamed = streamed_,
                                   .from_file = to_file_,
                                   .ring_bytes = plan_.vram_ring.bytes,
                                   .ram_ring_bytes = plan_.ram_ring_bytes,
                                   .rates = request_.rates},
                                  compute_);
  }

  plan_request const& request_;
  cycle_uses cycle_;
  flags resident_;  // in VRAM
  flags streamed_;  // through VRAM
  flags to_file_;   // of those, through RAM too
  std::vector<double> compute_;
  memory_plan plan_;
};

}  // namespace

std::optional<memory_plan> make_plan(plan_request const& request) {
  assert(request.vram_bytes.size() == request.ram_bytes.size());
  if (request.order.entries.empty()) return std::nullopt;
  return planner(request).make();
}

}  // namespace tierpager
