// Plans asked for and taken up. What is linear in the tensors goes a few hundred of them a call, so that whoever wants the
// lock gets it in between. Until all is done hits go on, and nothing is begun, placed or evicted: the plan is made for what
// stands at one moment, and who leaves first is never read from a list that is half of the old plan, half of the new.
#include <algorithm>
#include <utility>

#include <core/residency.hpp>

namespace tierpager {

void residency::set_order(std::unique_ptr<access_cycle> order) {
  course_.declare(std::move(order));
  follow_course();
}

std::optional<plan_question> residency::take_plan_question() {
  auto asked = course_.take_question();
  if (!asked) return std::nullopt;
  tier_state const& vram = at(tier::vram);
  tier_state const& ram = at(tier::ram);
  plan_question question{.epoch = asked->epoch, .order = std::move(asked->order), .request = {}};
  plan_request& wanted = question.request;
  wanted.vram_space.offset = scratch_.end();
  wanted.vram_space.bytes =
      (vram.options.can_remap ? vram.reserve_bytes : std::min(vram.reserve_bytes, vram.target_bytes)) - scratch_.end();
  wanted.vram_budget_bytes = vram.target_bytes - std::min(vram.target_bytes, scratch_.bytes);
  wanted.ram_budget_bytes = ram.options.present ? ram.target_bytes : 0;
  wanted.ram_ring_floor_bytes = std::min(ram.target_bytes, ring_floor_bytes_);
  wanted.rates = options_.rates;
  for (auto* each : {&wanted.vram_bytes, &wanted.ram_bytes}) each->reserve(tensors_.size());
  for (auto* each : {&wanted.pinned_vram, &wanted.pinned_ram, &wanted.ram_now}) each->reserve(tensors_.size());
  wanted.vram_now.reserve(tensors_.size());
  if (note_some(wanted)) ++notes_;
  return question;
}

bool residency::note_further(plan_question& into) {
  if (into.request.vram_bytes.size() == tensors_.size()) return false;
  if (note_some(into.request)) return true;
  --notes_;
  go_on_again();
  return false;
}

// Whether there are more.
bool residency::note_some(plan_request& wanted) const {
  std::size_t const until = std::min(tensors_.size(), wanted.vram_bytes.size() + options_.tensors_at_once);
  for (std::size_t i = wanted.vram_bytes.size(); i < until; ++i) {
    auto const id = static_cast<tensor_id>(i);
    slot const& vram = slot_of(id, tier::vram);
    slot const& ram = slot_of(id, tier::ram);
    wanted.vram_bytes.push_back(vram.footprint_bytes);
    wanted.ram_bytes.push_back(ram.footprint_bytes);
    wanted.pinned_vram.push_back(vram.pinned);
    wanted.pinned_ram.push_back(ram.pinned);
    wanted.vram_now.push_back(lives_in_vram(id) ? vram.range : byte_range{});
    wanted.ram_now.push_back(ram.state == slot_state::resident && !ram.doomed);
  }
  return until < tensors_.size();
}

// Not what merely passes through the present plan's ring.
bool residency::lives_in_vram(tensor_id id) const {
  slot const& one = slot_of(id, tier::vram);
  memory_plan const* const plan = course_.plan();
  bool const passes = plan != nullptr && !at_home(id, tier::vram) && plan->homes[index_of(id)] != home::none;
  return one.state == slot_state::resident && !one.ahead && !passes;
}

bool residency::at_home(tensor_id id, tier where) const {
  memory_plan const* const plan = course_.plan();
  return plan != nullptr && plan->homes[index_of(id)] == (where == tier::vram ? home::vram : home::ram);
}

void residency::planned(std::uint64_t epoch, std::optional<memory_plan> plan) {
  bool const taken = course_.adopt(epoch, std::move(plan));
  plan_comes_ = plan_comes_ && course_.plan_wanted();  // another one, or none any more
  if (taken) {
    take_up();
    run_ahead();
  }
  pump();
}

// The order may be another one since, or none: then the policy decides until there is a plan again.
void residency::follow_course() {
  if (course_.take_loss()) take_up();
}

// Who is at home where from here on. Loads ahead that have no place yet were meant for the old places.
void residency::take_up() {
  give_up_what_waits();
  to_take_up_ = 2 * tensors_.size();
  calm_ = false;
  regard_some();
}

bool residency::finish_some() {
  if (!is_unfinished()) return false;
  search_is_unfinished_ = false;
  if (to_take_up_ > 0) regard_some();
  if (to_take_up_ == 0) go_on_again();
  return is_unfinished();
}

// VRAM, then RAM; either from the last, as the front of a model is wanted next.
void residency::regard_some() {
  for (std::size_t i = 0; i < options_.tensors_at_once && to_take_up_ > 0; ++i) {
    --to_take_up_;
    bool const vram = to_take_up_ >= tensors_.size();
    regard(static_cast<tensor_id>(to_take_up_ - (vram ? tensors_.size() : 0)), vram ? tier::vram : tier::ram);
  }
}

// What has been asked for meanwhile comes after all that waited before.
void residency::go_on_again() {
  if (stands_still()) return;
  calm_ = false;
  for (request_id const id : std::exchange(held_back_, {})) at(requests_.at(id).where).waiting.push_back(id);
  run_ahead();
  pump();
}

// Files a tensor among the tier's first victims, or takes it out from there.
void residency::regard(tensor_id id, tier where) {
  if (!course_.kept() || footprint(id, where) == 0) return;
  slot& one = slot_of(id, where);
  bool const promoted =
      where == tier::ram && footprint(id, tier::vram) > 0 && slot_of(id, tier::vram).state != slot_state::absent;
  bool const there = one.state != slot_state::absent || one.expected;
  bool const guest = there && (course_.plan() != nullptr ? !at_home(id, where) : promoted);
  if (guest == one.guest) return;
  one.guest = guest;
  lru& guests = *at(where).guests;
  guest ? guests.touched(id) : guests.erased(id);
}

}  // namespace tierpager
