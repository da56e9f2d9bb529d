// Who may leave, and when.
#include <algorithm>

#include <tests/core/residency/simulation/naive_model.hpp>
#include <tests/core/residency/simulation/naive_model_text.hpp>

namespace tierpager::simulation {

/// Where memory cannot be remapped, or only in granules larger than a tensor's, a pin that nobody uses may have to leave
/// so that others find room in one piece.
void naive_model::seen(tell_evicted_command const& command) {
  tier_options const& of = options_of(command.where);
  bool const in_granules = of.footprint_align_bytes() < of.granule_bytes;
  bool const in_pieces = command.why == eviction_reason::fragmentation && (!of.can_remap || in_granules);
  bool const for_budget = command.why == eviction_reason::budget && in_granules;
  entry& each = entries_[index_of(command.tensor)];
  ++departures_[slot(command.where)];
  left_.emplace(command.tensor, command.where);
  if ((in_pieces || for_budget) && each.holds[slot(command.where)].count == 0)
    each.immovable[slot(command.where)] = false;
  if (command.where == tier::vram && leaves_for_load(command) && !any_load_is_read())
    broken(text(command.tensor) + " left VRAM for a load that may still fail to read");
}

/// Not for a lower budget; nor because it comes to lie elsewhere itself, with the others of its set or under the plan.
bool naive_model::leaves_for_load(tell_evicted_command const& command) const {
  if (command.why == eviction_reason::budget) return false;
  if (command.why == eviction_reason::fragmentation)
    return std::none_of(waiting_.begin(), waiting_.end(), [&](auto const& each) {
      wanted const& request = each.second;
      bool const of_a_set = request.where == tier::vram && request.ids.size() > 1;
      return of_a_set && std::find(request.ids.begin(), request.ids.end(), command.tensor) != request.ids.end();
    });
  memory_plan const* const plan = core_.plan();
  return command.why != eviction_reason::plan || plan == nullptr ||
         plan->homes[index_of(command.tensor)] != home::vram ||
         plan->places[index_of(command.tensor)] == entries_[index_of(command.tensor)].loads[0].base;
}

/// Whether all of a tensor that comes to VRAM is in RAM, or as much of it as a buffer holds, and none of it copied yet. What
/// was ahead may have been given up since.
bool naive_model::any_load_is_read() const {
  for (std::uint32_t i = 0; i < entries_.size(); ++i) {
    tensor_id const id{i};
    load const& read = entries_[i].loads[1];
    load const& copied = entries_[i].loads[0];
    tierpager::slot const& now = core_.place(id, tier::vram);
    bool const comes = entries_[i].ahead || now.state == tierpager::slot_state::loading;
    bool const begun = now.range.bytes > 0 && copied.under_way && copied.generation == core_.generation(id);
    if (!comes || begun || read.failed || read.pending > 0) continue;
    auto const bytes = static_cast<std::uint64_t>(std::count(read.done.begin(), read.done.end(), true));
    bool const gone_round = read.base > core_.reserve_bytes(tier::ram);  // in a buffer: its base lies before the arena
    if (bytes > 0 && !gone_round && device_.holds_tensor(tier::ram, read.base, id, bytes)) return true;
  }
  return false;
}

}  // namespace tierpager::simulation
