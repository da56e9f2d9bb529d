#include <core/residency/plan_snapshot.hpp>

#include <algorithm>
#include <utility>

namespace tierpager {
namespace {

// Not what is only streamed through VRAM under the present plan.
bool lives_in_vram(ledger const& now, tensor_id id) {
  slot const& in_vram = now.slots.at(id, tier::vram);
  memory_plan const* const plan = now.cursor.plan();
  bool const streamed =
      plan != nullptr && !now.cursor.at_home(id, tier::vram) && plan->homes[index_of(id)] != home::none;
  return in_vram.state == slot_state::resident && !in_vram.ahead && !streamed;
}

}  // namespace

std::shared_ptr<plan_question const> plan_snapshot(ledger const& now, plan_cursor::question asked) {
  auto question = std::make_shared<plan_question>();
  question->epoch = asked.epoch;
  question->order = std::move(asked.order);
  std::uint64_t const vram_target = now.budget.vram.target_bytes();
  std::uint64_t const ram_target = now.budget.ram.target_bytes();
  bool const ram_present = now.budget.ram.options().present;
  plan_request& wanted = question->request;
  wanted.vram_space = {now.scratch.end(), now.budget.vram.reserve_bytes() - now.scratch.end()};
  wanted.vram_gaps = now.memory.vram.arena().vacant_under(vram_target);
  wanted.ram_space = {0, ram_present ? now.budget.ram.reserve_bytes() : 0};
  wanted.ram_gaps = now.memory.ram.arena().vacant_under(ram_target);
  wanted.vram_budget_bytes = vram_target - std::min(vram_target, now.scratch.bytes);
  wanted.ram_budget_bytes = ram_present ? ram_target : 0;
  wanted.ram_buffer_floor_bytes = std::min(ram_target, now.budget.ram.buffer_floor_bytes());
  wanted.rates = now.options.rates;
  question->vram_bytes = now.slots.footprints(tier::vram);
  question->ram_bytes = now.slots.footprints(tier::ram);
  std::size_t const tensors = now.slots.size();
  for (auto* each : {&question->vram_now, &question->ram_now}) each->resize(tensors, memory_plan::no_place);
  for (auto* each : {&wanted.pinned_vram, &wanted.pinned_ram, &wanted.vram_held}) each->resize(tensors);
  for (std::size_t i = 0; i < tensors; ++i) {
    auto const id = static_cast<tensor_id>(i);
    slot const& in_vram = now.slots.at(id, tier::vram);
    slot const& in_ram = now.slots.at(id, tier::ram);
    bool const stays = (in_vram.pinned || in_vram.uses > 0) && in_vram.state == slot_state::resident;
    if (in_vram.pinned) wanted.pinned_vram[i] = true;
    if (in_ram.pinned) wanted.pinned_ram[i] = true;
    if (stays) wanted.vram_held[i] = true;
    if (stays || lives_in_vram(now, id)) question->vram_now[i] = in_vram.range.offset;
    if (in_ram.state == slot_state::resident) question->ram_now[i] = in_ram.range.offset;
  }
  return question;
}

}  // namespace tierpager
