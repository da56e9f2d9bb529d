#include <core/plan/plan.hpp>

#include <algorithm>
#include <array>
#include <cassert>
#include <numeric>
#include <utility>

#include <core/plan/plan_cycle.hpp>
#include <core/plan/plan_pipeline.hpp>
#include <core/plan/plan_places.hpp>
#include <core/plan/plan_selection.hpp>

namespace tierpager {
namespace {

using flags = std::vector<std::uint8_t>;

// A choice that leaves everything where it is costs nothing to change to, but may stream unevenly, or need a larger
// buffer, for as long as the plan holds. It is taken as long as its cycle is at most this much dearer: in bytes, and in
// seconds where they are known. So the tensors that happen to be there after the first pass stay, unless time says no.
constexpr double dearer_bytes = 1.01, dearer_seconds = 1.03;
constexpr double close_to_shortest = 1.005;  // no deeper buffer is tried for less
// Tensors that cost more to call for than to copy never stream, as long as all of them together are a small share.
constexpr std::uint64_t tiny_bytes = 1 << 20, tiny_share = 200;

// The granule that all sizes are whole numbers of, or a multiple of it: the largest power of two that divides them.
std::uint64_t common_granule(std::vector<std::uint64_t> const& sizes_bytes) {
  std::uint64_t bits = 0;
  for (std::uint64_t const size : sizes_bytes) bits |= size;
  return std::max<std::uint64_t>(bits & (~bits + 1), 1);
}

bool flagged(std::vector<bool> const& all, std::size_t tensor) { return !all.empty() && all[tensor]; }

class planner {
 public:
  explicit planner(plan_request const& request)
      : request_(request),
        granule_bytes_(common_granule(request.vram_bytes)),
        cycle_(request.order, request.vram_bytes.size()),
        streamed_(tensors()),
        to_file_(tensors()) {
    assert(request.vram_bytes.size() == request.ram_bytes.size());
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
    plan_.largest_held_bytes = cycle_.largest_held(request_.vram_bytes);
    if (std::max(always, plan_.largest_held_bytes) > vram_limit()) return false;
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

  struct choice {
    selection chosen;
    layout buffer;  // places of what streams, from the buffer's start
    double seconds = 0;
  };

  bool choose_vram(selection_request const& ask, flags const& stays) {
    std::optional<choice> found = choose(ask, stays);
    if (!found) return false;
    bool helps = found->chosen.slots != 1;
    for (std::size_t tensor = 0; tensor < tensors(); ++tensor) {
      if (ask.candidates[tensor] && !found->chosen.streamed[tensor]) resident_[tensor] = 1;
      helps = helps || (resident_[tensor] && !flagged(request_.pinned_vram, tensor));
    }
    if (!helps) return false;
    if (std::find(stays.begin(), stays.end(), 1) != stays.end() && leave_in_place(ask, *found)) return true;
    std::optional<layout> laid =  // a pin in the way may leave yet
        lay_out_keeping({&request_.vram_held, &request_.pinned_vram}, request_.vram_space, request_.vram_gaps,
                        request_.vram_bytes, resident_, request_.vram_now, found->chosen.buffer_bytes);
    if (!laid) return false;
    adopt(std::move(*laid), std::move(*found));
    return true;
  }

  void adopt(layout laid, choice found) {
    streamed_ = std::move(found.chosen.streamed);
    plan_.places = std::move(laid.places);
    for (std::size_t tensor = 0; tensor < tensors(); ++tensor)
      if (streamed_[tensor]) plan_.places[tensor] = laid.buffer.offset + found.buffer.places[tensor];
    plan_.vram_buffer = laid.buffer;
    plan_.buffer_slots = found.chosen.slots;
  }

  /// Other tensors stream than were chosen, so that none has to move: as long as that is little dearer.
  bool leave_in_place(selection_request const& ask, choice const& found) {
    std::vector<std::uint64_t> costs(tensors());
    for (std::size_t tensor = 0; tensor < tensors(); ++tensor) {
      bool const small = 2 * request_.vram_bytes[tensor] <= found.chosen.buffer_bytes;
      if (ask.candidates[tensor] && small) costs[tensor] = cycle_.loads(tensor) * request_.vram_bytes[tensor];
    }
    flags resident = resident_;
    auto laid = lay_out_in_place(request_.vram_space, request_.vram_gaps, request_.vram_bytes, request_.vram_now,
                                 request_.vram_held, found.chosen.buffer_bytes, costs, resident);
    if (!laid) return false;
    std::uint64_t sum = found.chosen.buffer_bytes;
    for (std::size_t tensor = 0; tensor < tensors(); ++tensor)
      if (resident[tensor]) sum += request_.vram_bytes[tensor];
    if (sum > vram_limit()) return false;
    choice in_place = found;
    in_place.chosen.streamed_bytes = in_place.chosen.loaded_bytes = 0;
    for (std::size_t tensor = 0; tensor < tensors(); ++tensor) {
      in_place.chosen.streamed[tensor] = ask.candidates[tensor] && !resident[tensor] ? 1 : 0;
      if (in_place.chosen.streamed[tensor]) {
        in_place.chosen.streamed_bytes += request_.vram_bytes[tensor];
        in_place.chosen.loaded_bytes += cycle_.loads(tensor) * request_.vram_bytes[tensor];
      }
    }
    in_place.buffer = {std::vector<std::uint64_t>(tensors(), memory_plan::no_place), {0, found.chosen.buffer_bytes}};
    if (!place_streamed(cycle_, request_.vram_bytes, in_place.chosen.streamed, found.chosen.slots, in_place.buffer))
      return false;
    std::uint64_t const ram =
        request_.ram_budget_bytes - std::min(request_.ram_budget_bytes, request_.ram_buffer_floor_bytes);
    if (found.chosen.streamed_bytes <= ram && in_place.chosen.streamed_bytes > ram) return false;
    if (request_.rates.link_bytes_per_second > 0) in_place.seconds = seconds(in_place);
    if (static_cast<double>(in_place.chosen.loaded_bytes) >
            static_cast<double>(found.chosen.loaded_bytes) * dearer_bytes ||
        in_place.seconds > found.seconds * dearer_seconds)
      return false;
    resident_ = std::move(resident);
    adopt(std::move(*laid), std::move(in_place));
    return true;
  }

  /// Spread evenly, or as much as possible left where it is.
  std::optional<choice> choose(selection_request const& ask, flags const& stays) {
    if (std::find(stays.begin(), stays.end(), 1) == stays.end()) return choose_depth(ask, 0);
    selection_request keeping = ask;
    keeping.stays = stays;
    std::optional<choice> kept;
    if (request_.rates.link_bytes_per_second <= 0) {
      std::uint64_t wanted = 0;
      for (std::size_t tensor = 0; tensor < tensors(); ++tensor)
        if (ask.candidates[tensor]) wanted += request_.vram_bytes[tensor];
      // Nothing else could be so much better.
      kept = choose_depth(keeping, 0);
      if (kept && static_cast<double>(kept->chosen.loaded_bytes) <=
                      static_cast<double>(wanted - std::min(wanted, ask.budget_bytes)) * dearer_bytes)
        return kept;
    }
    auto fresh = choose_depth(ask, 0);
    if (!fresh || fresh->chosen.streamed_bytes == 0) return fresh;
    if (!kept) kept = choose_depth(keeping, fresh->chosen.asked_slots);
    bool const keep = kept &&
                      static_cast<double>(kept->chosen.loaded_bytes) <=
                          static_cast<double>(fresh->chosen.loaded_bytes) * dearer_bytes &&
                      kept->seconds <= fresh->seconds * dearer_seconds;
    return keep ? kept : fresh;
  }

  /// The buffer's depth that takes the least time; two slots where rates are not known, one where two find no room. Of a
  /// given depth, if one is given.
  std::optional<choice> choose_depth(selection_request const& ask, std::uint32_t given) {
    transfer_rates const& rates = request_.rates;
    selector select(ask);
    std::optional<choice> best = choose_places(select, given == 0 ? 2 : given);
    if (!best && given == 0) {
      selector alone(ask);
      best = choose_places(alone, 1);
    }
    if (!best || given != 0 || best->chosen.asked_slots == 1 || best->seconds <= 0 || rates.compute_seconds <= 0)
      return best;
    double const shortest =
        std::max(static_cast<double>(best->chosen.loaded_bytes) / rates.link_bytes_per_second, rates.compute_seconds);
    int worth_it = 2;  // tries
    for (std::uint32_t const slots : {4U, 6U, 8U, 12U}) {
      if (best->seconds < shortest * close_to_shortest || worth_it == 0) break;
      std::optional<choice> deeper = choose_places(select, slots);
      if (!deeper) break;
      worth_it = deeper->seconds < best->seconds * (2 - close_to_shortest) ? 2 : worth_it - 1;
      if (deeper->seconds < best->seconds) best = std::move(deeper);
    }
    return best;
  }

  /// Fixed places may need more buffer than the sum of what is held at once.
  std::optional<choice> choose_places(selector& select, std::uint32_t slots) {
    std::uint64_t least_buffer_bytes = 0;
    for (int attempt = 0; attempt < 8; ++attempt) {
      choice made;
      std::optional<selection> chosen = select.select(slots, least_buffer_bytes);
      if (!chosen) return std::nullopt;
      made.chosen = std::move(*chosen);
      made.buffer = {std::vector<std::uint64_t>(tensors(), memory_plan::no_place), {0, made.chosen.buffer_bytes}};
      if (place_streamed(cycle_, request_.vram_bytes, made.chosen.streamed, made.chosen.slots, made.buffer)) {
        if (made.chosen.streamed_bytes > 0 && request_.rates.link_bytes_per_second > 0) made.seconds = seconds(made);
        return made;
      }
      least_buffer_bytes = round_up(made.chosen.buffer_bytes + made.chosen.buffer_bytes / 8, granule_bytes_);
    }
    return std::nullopt;
  }

  double seconds(choice const& made) {
    if (compute_.empty())
      compute_ = compute_of_calls(request_.order, request_.vram_bytes, request_.rates.compute_seconds);
    return cycle_seconds({.cycle = cycle_,
                          .bytes = request_.vram_bytes,
                          .streamed = made.chosen.streamed,
                          .from_file = {},
                          .places = made.buffer.places,
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
                          .least_buffer_bytes = request_.ram_buffer_floor_bytes};
    std::optional<selection> chosen = choose_ram(ask);
    if (!chosen) {
      // Too little for whole tensors: they come through in pieces.
      ask.buffer_is_least = true;
      ask.least_buffer_bytes = std::min(ask.least_buffer_bytes, ask.budget_bytes);
      chosen = choose_ram(ask);
    }
    assert(chosen);
    to_file_ = chosen->streamed;
    plan_.ram_buffer_bytes = chosen->buffer_bytes;
  }

  std::optional<selection> choose_ram(selection_request ask) {
    std::optional<selection> fresh = selector(ask).select(2);
    if (!fresh || request_.ram_now.empty() || fresh->streamed_bytes == 0) return fresh;
    ask.stays.assign(tensors(), 0);
    for (std::size_t tensor = 0; tensor < tensors(); ++tensor) ask.stays[tensor] = request_.ram_now[tensor].bytes != 0;
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
    plan_.largest_held_bytes = cycle_.largest_held(request_.ram_bytes);
    if (std::max(always, plan_.largest_held_bytes) > request_.ram_budget_bytes) return false;
    selection_request const ask{.cycle = cycle_,
                                .bytes = request_.ram_bytes,
                                .candidates = std::move(candidates),
                                .stays = {},
                                .budget_bytes = request_.ram_budget_bytes - always,
                                .least_buffer_bytes = request_.ram_buffer_floor_bytes};
    std::optional<selection> chosen = choose_ram(ask);
    if (!chosen) chosen = selector(ask).select(1);
    if (!chosen) return false;
    to_file_ = chosen->streamed;
    plan_.ram_buffer_bytes = chosen->buffer_bytes;
    return true;
  }

  /// What stays in RAM keeps its place if it can.
  void lay_out_ram() {
    if (request_.ram_space.bytes == 0) return;
    flags stays(tensors());
    std::vector<bool> here(tensors());
    for (std::size_t tensor = 0; tensor < tensors(); ++tensor) {
      stays[tensor] = plan_.homes[tensor] == home::ram || flagged(request_.pinned_ram, tensor) ? 1 : 0;
      here[tensor] = stays[tensor] && !request_.ram_now.empty() && request_.ram_now[tensor].bytes != 0;
    }
    auto laid = lay_out_keeping({&here, &request_.pinned_ram}, request_.ram_space, request_.ram_gaps,
                                request_.ram_bytes, stays, request_.ram_now, plan_.ram_buffer_bytes);
    if (laid) plan_.ram_places = std::move(laid->places);
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
    lay_out_ram();
    if (has_vram) plan_.bytes_to_device = loaded_bytes(cycle_, sizes, streamed_, plan_.places);
    std::uint64_t const vram = has_vram ? std::min(distinct, vram_limit()) : 0;
    plan_.least_bytes_to_device = has_vram ? distinct - vram : 0;
    plan_.least_bytes_from_disk = distinct - vram - std::min(distinct - vram, request_.ram_budget_bytes);
    if (request_.rates.link_bytes_per_second <= 0) return;
    if (compute_.empty()) compute_ = compute_of_calls(request_.order, sizes, request_.rates.compute_seconds);
    plan_.seconds = cycle_seconds({.cycle = cycle_,
                                   .bytes = sizes,
                                   .streamed = streamed_,
                                   .from_file = to_file_,
                                   .places = plan_.places,
                                   .ram_buffer_bytes = plan_.ram_buffer_bytes,
                                   .rates = request_.rates},
                                  compute_);
  }

  plan_request const& request_;
  std::uint64_t const granule_bytes_;
  cycle_uses cycle_;
  flags resident_;  // in VRAM
  flags streamed_;  // through VRAM
  flags to_file_;   // of those, through RAM too
  std::vector<double> compute_;
  memory_plan plan_;
};

}  // namespace

std::optional<memory_plan> make_plan(plan_request const& request) {
  if (request.order.entries.empty()) return std::nullopt;
  return planner(request).make();
}

}  // namespace tierpager
