// Uses: what begins and ends them, which is all that a hit is. Here together so that it becomes one piece of code.
#include <algorithm>
#include <cassert>

#include <core/residency.hpp>

namespace tierpager {

inline void residency::touch(slot& one, tensor_id id, tier where) {
  if (one.ahead) [[unlikely]]
    no_longer_ahead(id);
  if (one.guest) at(where).guests->touched(id);
  // Under a plan the policy ranks what is at home, and only where one of these must leave.
  if (course_.plan() == nullptr || one.state == slot_state::absent) at(where).policy->touched(id);
}

// The tensor is used once more, resident or on its way. Keeps lasting_bytes and coming_bytes true.
inline void residency::begin_use(slot& one, tensor_id id, tier where, caller_id caller) {
  tier_state& of = at(where);
  if (!lasting(one)) {
    of.lasting_bytes += one.footprint_bytes;
    if (one.state == slot_state::loading) of.coming_bytes -= one.footprint_bytes;
  }
  ++one.uses;
  one.fixed = one.pinned;
  if (one.footprint_bytes > 0) touch(one, id, where);
  ++held_by_caller_[static_cast<std::size_t>(caller)];
}

inline void residency::end_use(slot& one, tier where, caller_id caller) {
  assert(one.uses > 0);
  tier_state& of = at(where);
  --one.uses;
  if (!lasting(one)) {
    of.lasting_bytes -= one.footprint_bytes;
    if (one.state == slot_state::loading) of.coming_bytes += one.footprint_bytes;
  }
  --held_by_caller_[static_cast<std::size_t>(caller)];
}

void residency::touch(tensor_id id, tier where) { touch(slot_of(id, where), id, where); }

// Nobody who holds nothing overtakes a waiting request, so none starves; who holds something may be what they wait for.
bool residency::may_pass(tier where, caller_id caller) const {
  if (held_by_caller_[static_cast<std::size_t>(caller)] > 0) return true;
  return at(where).waiting.empty() && (where == tier::vram || staging_.empty() || !starving());
}

template <tier where>
records::slot const* residency::hit_in(tensor_id id, caller_id caller) {
  tier_state& of = at(where);
  if (!of.open || index_of(id) >= of.slots.size()) [[unlikely]]
    return nullptr;
  slot& one = of.slots[index_of(id)];
  if (one.state != slot_state::resident || one.doomed || !may_pass(where, caller)) [[unlikely]]
    return nullptr;
  bool const more = !lasting(one);  // what is resident is held as long as it lasts
  if (more && of.held_bytes() + of.quarantined_bytes + one.footprint_bytes > of.target_bytes) [[unlikely]]
    return nullptr;
  if (where == tier::vram && course_.kept()) on_course(std::span(&id, 1), where);
  ++(where == tier::vram ? counters_.vram_hits : counters_.ram_hits);
  begin_use(one, id, where, caller);
  if (where == tier::vram) {
    if (one.copying && has_passed(rest_of(id, where).ready)) one.copying = false;
    run_ahead_and_pump(where);
  }
  return &one;
}

records::slot const* residency::try_hit(tensor_id id, tier where, caller_id caller) {
  return where == tier::vram ? hit_in<tier::vram>(id, caller) : hit_in<tier::ram>(id, caller);
}

// Calls for the device tier are what an order is made of.
void residency::on_course(std::span<tensor_id const> ids, tier where) {
  if (where != tier::vram || !course_.kept()) return;
  course_.acquired(ids);
  follow_course();
}

void residency::count_acquire(tensor_id id, tier where) {
  if (where == tier::vram && slot_of(id, tier::vram).state != slot_state::absent) {
    ++counters_.vram_hits;
  } else if (bool const kept = !slot_of(id, tier::ram).doomed;
             (kept && slot_of(id, tier::ram).state != slot_state::absent) || find_load(id) != nullptr) {
    ++counters_.ram_hits;
  } else {
    ++counters_.disk_reads;
  }
}

void residency::use(tensor_id id, tier where, caller_id caller) {
  if (where == tier::ram) spare(id);
  count_acquire(id, where);
  begin_use(slot_of(id, where), id, where, caller);
}

void residency::unuse(tensor_id id, tier where, caller_id caller) { end_use(slot_of(id, where), where, caller); }

void residency::share(tensor_id id, tier where, caller_id caller) {
  assert(slot_of(id, where).uses > 0);
  change(id, where, [](slot& one) { ++one.uses; });
  ++held_by_caller_[static_cast<std::size_t>(caller)];
}

inline void residency::add_use(slot& one, tensor_id id, fence last_use) {
  if (one.streams != used_by::one_stream || one.last_use.stream != last_use.stream) [[unlikely]]
    return add_use_elsewhere(one, id, last_use);
  if (one.last_use.sequence < last_use.sequence) one.last_use.sequence = last_use.sequence;
}

// The first use, or not on the one stream of those before. What is over by now is forgotten.
void residency::add_use_elsewhere(slot& one, tensor_id id, fence last_use) {
  if (known_passed(last_use)) return;
  std::vector<fence>& others = rest_of(id, tier::vram).last_uses;
  if (one.streams != used_by::several) others.clear();
  if (one.streams == used_by::one_stream && !known_passed(one.last_use)) others.push_back(one.last_use);
  std::erase_if(others, [&](fence each) {
    if (each.stream == last_use.stream) last_use.sequence = std::max(last_use.sequence, each.sequence);
    return each.stream == last_use.stream || known_passed(each);
  });
  if (others.empty()) {
    one.streams = used_by::one_stream;
    one.last_use = last_use;
  } else {
    one.streams = used_by::several;
    others.push_back(last_use);
  }
}

// Of each stream that used it, but for what was over by then.
std::span<fence const> residency::last_uses_of(tensor_id id) const {
  slot const& one = slot_of(id, tier::vram);
  if (one.streams == used_by::several) return rest_of(id, tier::vram).last_uses;
  return {&one.last_use, one.streams == used_by::one_stream ? 1U : 0U};
}

inline void residency::ended(tensor_id id, tier where) {
  if (where == tier::vram && course_.kept()) {
    course_.released(id);
    follow_course();
    if (!slot_of(id, where).preferred) run_ahead();  // what is at home lies in nobody's way
  }
  pump();
}

void residency::release(tensor_id id, tier where, caller_id caller, std::optional<fence> last_use) {
  if (last_use && where == tier::vram) return release_after(id, caller, *last_use);
  unuse(id, where, caller);
  ended(id, where);
}

void residency::release_after(tensor_id id, caller_id caller, fence last_use) {
  if (!streams_.only(last_use.stream)) [[unlikely]]
    note_stream(last_use);
  slot& one = slot_of(id, tier::vram);
  add_use(one, id, last_use);
  end_use(one, tier::vram, caller);
  ended(id, tier::vram);
}

void residency::note_stream(fence last_use) {
  streams_.used(last_use, !loads_.empty(), [this](fence which) { return known_passed(which); });
}

void residency::stream_retired(fence last) {
  if (streams_.retired(last) && !known_passed(last)) watch(last);
}

void residency::release_unproven(tensor_id id, caller_id caller, std::uint32_t key) {
  unproven_.emplace_back(key, id);
  change(id, tier::vram, [](slot& one) { ++one.unproven; });
  unuse(id, tier::vram, caller);
  ended(id, tier::vram);
}

void residency::prove(fence recorded, std::uint32_t key) {
  bool any = false;
  std::erase_if(unproven_, [&](auto const& use) {
    if (use.first != key) return false;
    add_use(slot_of(use.second, tier::vram), use.second, recorded);
    change(use.second, tier::vram, [](slot& one) { --one.unproven; });
    return any = true;
  });
  if (any) pump();
}

}  // namespace tierpager
