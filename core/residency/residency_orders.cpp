// Orders and plans: the order that is followed, the plan asked for and adopted, and who is a first victim under it.
#include <cassert>
#include <utility>

#include <core/residency/residency.hpp>

namespace tierpager {

void residency::set_order(std::unique_ptr<access_cycle> order) {
  course_.declare(std::move(order));
  follow_course();
  pump();
  ask_for_plan();
}

// The question is a snapshot of what stands now. The plan is made without the lock, and callers go on meanwhile.
void residency::emit_plan_command() {
  auto asked = course_.take_question();
  assert(asked);
  tier_state const& vram = at(tier::vram);
  tier_state const& ram = at(tier::ram);
  auto const question = std::make_shared<plan_question>();
  question->epoch = asked->epoch;
  question->order = std::move(asked->order);
  plan_request& wanted = question->request;
  wanted.vram_space = {scratch_.end(), vram.reserve_bytes - scratch_.end()};
  wanted.vram_gaps = vram.arena->vacant_under(vram.target_bytes);
  wanted.ram_space = {0, ram.options.present ? ram.reserve_bytes : 0};
  wanted.ram_gaps = ram.arena->vacant_under(ram.target_bytes);
  wanted.vram_budget_bytes = vram.target_bytes - std::min(vram.target_bytes, scratch_.bytes);
  wanted.ram_budget_bytes = ram.options.present ? ram.target_bytes : 0;
  wanted.ram_ring_floor_bytes = std::min(ram.target_bytes, ring_floor_bytes_);
  wanted.rates = options_.rates;
  question->vram_bytes = vram.footprints;
  question->ram_bytes = ram.footprints;
  for (auto* each : {&question->vram_now, &question->ram_now}) each->resize(tensors_.size(), memory_plan::no_place);
  for (auto* each : {&wanted.pinned_vram, &wanted.pinned_ram, &wanted.vram_held}) each->resize(tensors_.size());
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    auto const id = static_cast<tensor_id>(i);
    slot const& in_vram = slot_of(id, tier::vram);
    slot const& in_ram = slot_of(id, tier::ram);
    if (in_vram.pinned) wanted.pinned_vram[i] = true;
    if (in_ram.pinned) wanted.pinned_ram[i] = true;
    bool const stays = in_vram.pinned && in_vram.state == slot_state::resident;
    bool const in_use = in_vram.uses > 0 && in_vram.state == slot_state::resident;
    if (stays || in_use) wanted.vram_held[i] = true;
    if (stays || in_use || lives_in_vram(id)) question->vram_now[i] = in_vram.range.offset;
    if (in_ram.state == slot_state::resident) question->ram_now[i] = in_ram.range.offset;
  }
  emit(plan_command{question});
}

// Not what is only streamed through VRAM under the present plan.
bool residency::lives_in_vram(tensor_id id) const {
  slot const& in_vram = slot_of(id, tier::vram);
  memory_plan const* const plan = course_.plan();
  bool const streamed = plan != nullptr && !at_home(id, tier::vram) && plan->homes[index_of(id)] != home::none;
  return in_vram.state == slot_state::resident && !in_vram.ahead && !streamed;
}

bool residency::at_home(tensor_id id, tier where) const {
  memory_plan const* const plan = course_.plan();
  return plan != nullptr && plan->homes[index_of(id)] == (where == tier::vram ? home::vram : home::ram);
}

void residency::planned(std::uint64_t epoch, std::optional<memory_plan> plan) {
  bool const adopted = course_.adopt(epoch, std::move(plan));
  plan_comes_ = plan_comes_ && course_.plan_wanted();  // another one, or none any more
  if (adopted) {
    classify_all();
    for (tier where : both_tiers)
      for (std::size_t i = 0; i < tensors_.size(); ++i) evict_misplaced(static_cast<tensor_id>(i), where);
    run_ahead();
  }
  pump();
  ask_for_plan();
}

// A resident that is to lie elsewhere: it would be in the way of others for many passes, and they in the way of it.
bool residency::misplaced(tensor_id id, tier where) const {
  auto const own = planned_range(id, where);
  return own && at_home(id, where) && footprint(id, where) > 0 && slot_of(id, where).range != own;
}

// So it leaves, and comes where it belongs with its next use.
void residency::evict_misplaced(tensor_id id, tier where) {
  if (misplaced(id, where) && evictable(id, where) && !slot_of(id, where).pinned)
    evict(id, where, eviction_reason::plan);
}

// The order may be another one since, or none: then the policy decides until there is a plan again.
void residency::follow_course() {
  if (!course_.take_loss()) return;
  classify_all();
}

// After another plan has come into force, or none is in force any more. Loads ahead that have no place yet were meant for
// the old places. From the last tensor to the first, since the front of a model is wanted next.
void residency::classify_all() {
  give_up_what_waits();
  for (tier where : both_tiers)
    for (std::size_t i = tensors_.size(); i > 0; --i) classify(static_cast<tensor_id>(i - 1), where);
}

// Files a tensor among the tier's first victims, or takes it out from there.
void residency::classify(tensor_id id, tier where) {
  if (!course_.kept() || footprint(id, where) == 0) return;
  slot& entry = slot_of(id, where);
  bool const promoted =
      where == tier::ram && footprint(id, tier::vram) > 0 && slot_of(id, tier::vram).state != slot_state::absent;
  bool const guest = entry.state != slot_state::absent && (course_.plan() != nullptr ? !at_home(id, where) : promoted);
  if (guest == entry.guest) return;
  entry.guest = guest;
  lru& guests = *at(where).guests;
  guest ? guests.touched(id) : guests.erased(id);
}

}  // namespace tierpager
