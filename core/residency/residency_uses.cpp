// Uses: what begins and ends them, which is all that a hit is.
#include <algorithm>
#include <cassert>

#include <core/residency/residency.hpp>

namespace tierpager {

void residency::touch(tensor_id id, tier where) {
  slot const& used = slot_of(id, where);
  if (used.ahead) [[unlikely]] {
    ++counters_.vram_ahead;
    no_longer_ahead(id);
  }
  if (used.guest) [[unlikely]]
    at(where).guests->touched(id);
  // Under a plan the policy ranks what is at home, and only where one of these must leave.
  if (course_.plan() == nullptr || used.state == slot_state::absent) at(where).policy->touched(id);
}

// The tensor is used once more, resident or on its way. Keeps the sums of the tier true.
void residency::begin_use(slot& used, tensor_id id, tier where, owner_id owner) {
  tier_state& of = at(where);
  if (!lasting(used)) {
    of.lasting_bytes += used.footprint_bytes;
    if (used.state == slot_state::loading)
      of.coming_bytes -= used.footprint_bytes;
    else
      ++of.held_tensors;
  }
  ++used.uses;
  used.fixed = used.pinned;
  if (used.footprint_bytes > 0) touch(id, where);
  holders_.add(owner, id, where);
}

void residency::end_use(tensor_id id, tier where, owner_id owner) {
  tier_state& of = at(where);
  slot& used = slot_of(id, where);
  assert(used.uses > 0);
  --used.uses;
  if (!lasting(used)) {
    of.lasting_bytes -= used.footprint_bytes;
    if (used.state == slot_state::loading)
      of.coming_bytes += used.footprint_bytes;
    else
      --of.held_tensors;
  }
  holders_.remove(owner, id, where);
}

// Nobody who holds nothing overtakes a waiting request, so none starves; who holds something may be what they wait for.
bool residency::may_pass(tier where, owner_id owner) const {
  if (at(where).waiting.empty() && (where == tier::vram || staging_.empty() || !starving())) return true;
  return holders_.holds_any(owner);
}

records::slot const* residency::try_hit(tensor_id id, tier where, owner_id owner) {
  tier_state& of = at(where);
  if (!of.open || index_of(id) >= of.slots.size()) return nullptr;
  slot& used = of.slots[index_of(id)];
  if (used.state != slot_state::resident || !may_pass(where, owner)) return nullptr;
  bool const more = !lasting(used);  // what is resident is held as long as it lasts
  if (more && of.held_bytes() + of.quarantined_bytes + used.footprint_bytes > of.target_bytes) return nullptr;
  if (more && where == tier::vram && !placing_.empty() && places_promised())
    return nullptr;  // maybe to this one's granules
  follow_call(std::span(&id, 1), where);
  ++(where == tier::vram ? counters_.vram_hits : counters_.ram_hits);
  begin_use(used, id, where, owner);
  if (used.copying) used.copying = ready(id).has_value();
  go_on_after_hit(where);
  return &used;
}

void residency::go_on_after_hit(tier where) {
  if (!at(where).waiting.empty()) [[unlikely]]
    pump();  // another request of the same owner may not wait for this one
  if (where != tier::vram || !course_.kept()) return;
  if (course_.plan() != nullptr) {
    run_ahead();
    pump();
  }
  ask_for_plan();
}

// Calls for the device tier are what an order is made of.
void residency::follow_call(std::span<tensor_id const> ids, tier where) {
  if (where != tier::vram || !course_.kept()) return;
  course_.acquired(ids);
  follow_course();
}

void residency::count_acquire(tensor_id id, tier where) {
  if (where == tier::vram && slot_of(id, tier::vram).state != slot_state::absent) {
    ++counters_.vram_hits;
  } else if (slot_of(id, tier::ram).state != slot_state::absent || find_load(id) != nullptr) {
    ++counters_.ram_hits;
  } else {
    ++counters_.disk_reads;
  }
}

void residency::use(tensor_id id, tier where, owner_id owner) {
  count_acquire(id, where);
  begin_use(slot_of(id, where), id, where, owner);
}

void residency::share(tensor_id id, tier where, owner_id owner) {
  assert(slot_of(id, where).uses > 0);
  change(id, where, [](slot& one) { ++one.uses; });
  holders_.add(owner, id, where);
}

void residency::add_last_use(tensor_id id, fence last_use) {
  slot& used = slot_of(id, tier::vram);
  for (std::size_t i = 0; i < std::min(static_cast<std::size_t>(used.streams), used.last_streams.size()); ++i) {
    if (used.last_streams[i] != last_use.stream) continue;
    used.last_sequences[i] = std::max(used.last_sequences[i], last_use.sequence);
    return;
  }
  if (!fences_.known_passed(last_use)) add_stream(used, id, last_use);
}

// Another stream than the slot has, though maybe one of those beyond. What is over by now is forgotten.
void residency::add_stream(slot& one, tensor_id id, fence last_use) {
  std::vector<fence>& uses = rest_of(id, tier::vram).last_uses;
  if (one.streams != records::used_by::several) uses.clear();
  for (std::size_t i = 0; i < std::min(static_cast<std::size_t>(one.streams), one.last_streams.size()); ++i)
    uses.push_back({.stream = one.last_streams[i], .sequence = one.last_sequences[i]});
  std::erase_if(uses, [&](fence each) {
    if (each.stream == last_use.stream) last_use.sequence = std::max(last_use.sequence, each.sequence);
    return each.stream == last_use.stream || fences_.known_passed(each);
  });
  uses.push_back(last_use);
  one.streams = static_cast<records::used_by>(std::min(uses.size(), std::size_t{3}));
  for (std::size_t i = 0; i < one.last_streams.size() && !uses.empty(); ++i) {
    one.last_streams[i] = uses.back().stream;
    one.last_sequences[i] = uses.back().sequence;
    uses.pop_back();
  }
}

std::vector<fence> residency::last_uses_of(tensor_id id) const {
  std::vector<fence> uses;
  (void)any_last_use(slot_of(id, tier::vram), rest_of(id, tier::vram),
                     [&](fence each) { return uses.push_back(each), false; });
  return uses;
}

void residency::use_ended(tensor_id id, tier where) {
  if (where == tier::vram && course_.kept()) {
    course_.released(id);
    follow_course();
    if (in_step()) evict_misplaced(id, tier::vram);
    if (!at_home(id, tier::vram)) run_ahead();  // what is at home lies in nobody's way
  }
  pump();
}

void residency::release(tensor_id id, tier where, owner_id owner, std::optional<fence> last_use) {
  if (last_use && where == tier::vram) {
    fences_.used(*last_use, !loads_.empty());
    add_last_use(id, *last_use);
  }
  end_use(id, where, owner);
  use_ended(id, where);
}

void residency::stream_retired(fence last) {
  if (fences_.retired(last) && !fences_.known_passed(last)) watch(last);
}

void residency::release_unproven(tensor_id id, owner_id owner, std::uint32_t key, failure const& why) {
  unproven_.push_back({key, id, why});
  change(id, tier::vram, [](slot& one) { one.unproven = true; });
  end_use(id, tier::vram, owner);
  use_ended(id, tier::vram);
}

void residency::prove(fence recorded, std::uint32_t key) {
  std::vector<tensor_id> proved;
  std::erase_if(unproven_, [&](records::unproven_use const& use) {
    if (use.key == key) proved.push_back(use.tensor);
    return use.key == key;
  });
  for (tensor_id id : proved) {
    add_last_use(id, recorded);
    bool const others =
        std::ranges::any_of(unproven_, [&](records::unproven_use const& use) { return use.tensor == id; });
    change(id, tier::vram, [&](slot& one) { one.unproven = others; });
  }
  if (!proved.empty()) pump();
}

}  // namespace tierpager
