// Uses: what begins and ends them, which is all that a hit is. Here together so that it becomes one piece of code.
#include <algorithm>
#include <cassert>

#include <core/residency.hpp>

namespace tierpager {

inline void residency::touch(slot& one, tensor_id id, tier where) {
  if (one.ahead) [[unlikely]]
    no_longer_ahead(id);
  if (one.guest) [[unlikely]]
    at(where).guests->touched(id);
  // Under a plan the policy ranks what is at home, and only where one of these must leave.
  if (course_.plan() == nullptr || one.state == slot_state::absent) [[likely]]
    at(where).policy->touched(id);
}

// The tensor is used once more, resident or on its way. Keeps lasting_bytes and coming_bytes true.
inline void residency::begin_use(slot& one, tensor_id id, tier where, caller_id caller) {
  tier_state& of = at(where);
  if (!lasting(one)) [[likely]] {
    of.lasting_bytes += one.footprint_bytes;
    if (one.state == slot_state::loading) [[unlikely]]
      of.coming_bytes -= one.footprint_bytes;
  }
  ++one.uses;
  if (one.fixed != one.pinned) [[unlikely]]
    one.fixed = one.pinned;
  if (one.footprint_bytes > 0) [[likely]]
    touch(one, id, where);
  ++held_by_caller_[static_cast<std::size_t>(caller)];
}

inline void residency::end_use(slot& one, tensor_id /*id*/, tier where, caller_id caller) {
  assert(one.uses > 0);
  tier_state& of = at(where);
  --one.uses;
  if (!lasting(one)) [[likely]] {
    of.lasting_bytes -= one.footprint_bytes;
    if (one.state == slot_state::loading) [[unlikely]]
      of.coming_bytes += one.footprint_bytes;
  }
  --held_by_caller_[static_cast<std::size_t>(caller)];
}

void residency::touch(tensor_id id, tier where) { touch(slot_of(id, where), id, where); }

// Nobody who holds nothing overtakes a waiting request, so none starves; who holds something may be what they wait for.
bool residency::may_pass(tier where, caller_id caller) const {
  if (held_by_caller_[static_cast<std::size_t>(caller)] > 0) return true;
  return at(where).waiting.empty() && (where == tier::vram || staging_.empty() || !starving());
}

bool residency::looks_calm() const { return commands_.empty() && unproven_.empty() && nothing_waits(); }

// What `try_special_hit` comes to where nothing is special.
template <tier where>
records::slot const* residency::try_plain_hit(tensor_id id, caller_id caller) noexcept {
  tier_state& of = at(where);
  if (!of.open || index_of(id) >= of.slots.size() || !calm_) [[unlikely]]
    return nullptr;
  slot& one = of.slots[index_of(id)];
  if (!plain(one) || one.footprint_bytes == 0) [[unlikely]]
    return nullptr;
  std::uint64_t const more_bytes = one.uses == 0 ? one.footprint_bytes : 0;
  if (more_bytes > 0 && of.held_bytes() + of.quarantined_bytes + more_bytes > of.target_bytes) [[unlikely]]
    return nullptr;
  if (course_.kept() && (where == tier::ram || !course_.acquired_at_rest(id))) [[unlikely]]
    return nullptr;
  of.lasting_bytes += more_bytes;
  ++one.uses;
  ++held_by_caller_[static_cast<std::size_t>(caller)];
  ++(where == tier::vram ? counters_.vram_hits : counters_.ram_hits);
  if (!course_.kept()) of.policy->touched(id);  // under a plan none is ranked that is at home
  return &one;
}

template <tier where>
records::slot const* residency::try_special_hit(tensor_id id, caller_id caller) {
  tier_state& of = at(where);
  if (!of.open || index_of(id) >= of.slots.size()) [[unlikely]]
    return nullptr;
  renew_calm();  // for the next one
  slot& one = of.slots[index_of(id)];
  if (one.state != slot_state::resident || one.doomed || !may_pass(where, caller)) [[unlikely]]
    return nullptr;
  bool const more = !lasting(one);  // what is resident is held as long as it lasts
  if (more && of.held_bytes() + of.quarantined_bytes + one.footprint_bytes > of.target_bytes) [[unlikely]]
    return nullptr;
  if (where == tier::vram && course_.kept()) [[unlikely]]
    hit_on_course(id);
  ++(where == tier::vram ? counters_.vram_hits : counters_.ram_hits);
  begin_use(one, id, where, caller);
  if (where == tier::vram) {
    if (one.copying) [[unlikely]]
      one.copying = ready(id).has_value();
    run_ahead_and_pump(where);
  }
  return &one;
}

records::slot const* residency::try_hit(tensor_id id, tier where, caller_id caller) {
  bool const vram = where == tier::vram;
  slot const* const one = vram ? try_plain_hit<tier::vram>(id, caller) : try_plain_hit<tier::ram>(id, caller);
  if (one != nullptr) return one;
  return vram ? try_special_hit<tier::vram>(id, caller) : try_special_hit<tier::ram>(id, caller);
}

template records::slot const* residency::try_plain_hit<tier::vram>(tensor_id id, caller_id caller) noexcept;
template records::slot const* residency::try_plain_hit<tier::ram>(tensor_id id, caller_id caller) noexcept;
template records::slot const* residency::try_special_hit<tier::vram>(tensor_id id, caller_id caller);
template records::slot const* residency::try_special_hit<tier::ram>(tensor_id id, caller_id caller);

void residency::run_ahead_and_pump(tier where) {
  if (where != tier::vram || course_.plan() == nullptr) return;
  run_ahead();
  pump();
}

[[gnu::noinline]] void residency::hit_on_course(tensor_id id) { on_course(std::span(&id, 1), tier::vram); }

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

void residency::unuse(tensor_id id, tier where, caller_id caller) { end_use(slot_of(id, where), id, where, caller); }

void residency::share(tensor_id id, tier where, caller_id caller) {
  assert(slot_of(id, where).uses > 0);
  change(id, where, [](slot& one) { ++one.uses; });
  ++held_by_caller_[static_cast<std::size_t>(caller)];
}

inline void residency::add_use(slot& one, tensor_id id, fence last_use) {
  if (one.streams == used_by::none || one.last_streams[0] != last_use.stream) [[unlikely]]
    return add_use_elsewhere(one, id, last_use);
  if (one.last_sequences[0] < last_use.sequence) one.last_sequences[0] = last_use.sequence;
}

// The first use, or not on the stream that comes first of those before.
void residency::add_use_elsewhere(slot& one, tensor_id id, fence last_use) {
  if (one.streams >= used_by::two_streams && one.last_streams[1] == last_use.stream) {
    one.last_sequences[1] = std::max(one.last_sequences[1], last_use.sequence);
  } else if (!known_passed(last_use)) {
    add_stream(one, id, last_use);
  }
}

// Another stream than the slot has, though maybe one of those beyond. What is over by now is forgotten.
void residency::add_stream(slot& one, tensor_id id, fence last_use) {
  std::vector<fence>& uses = rest_of(id, tier::vram).last_uses;
  if (one.streams != used_by::several) uses.clear();
  for (std::size_t i = 0; i < std::min(static_cast<std::size_t>(one.streams), one.last_streams.size()); ++i)
    uses.push_back({.stream = one.last_streams[i], .sequence = one.last_sequences[i]});
  std::erase_if(uses, [&](fence each) {
    if (each.stream == last_use.stream) last_use.sequence = std::max(last_use.sequence, each.sequence);
    return each.stream == last_use.stream || known_passed(each);
  });
  uses.push_back(last_use);
  one.streams = static_cast<used_by>(std::min(uses.size(), std::size_t{3}));
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

inline void residency::ended(tensor_id id, tier where) {
  if (where == tier::vram && course_.kept()) [[unlikely]]
    ended_on_course(id);
  pump();
}

void residency::ended_on_course(tensor_id id) {
  course_.released(id);
  follow_course();
  if (!at_home(id, tier::vram)) run_ahead();  // what is at home lies in nobody's way
}

void residency::release(tensor_id id, tier where, caller_id caller, std::optional<fence> last_use) {
  if (last_use && where == tier::vram) {
    (void)release_after(id, caller, *last_use);
  } else {
    unuse(id, where, caller);
    ended(id, where);
  }
}

bool residency::release_after(tensor_id id, caller_id caller, fence last_use) {
  slot& one = slot_of(id, tier::vram);
  bool const ordinary = calm_ && plain(one) && streams_.only(last_use.stream) && (!course_.kept() || course_.rests());
  if (!ordinary || one.streams == used_by::none || one.last_streams[0] != last_use.stream) [[unlikely]]
    return release_special_after(one, id, caller, last_use);
  assert(one.uses > 0);
  if (one.last_sequences[0] < last_use.sequence) one.last_sequences[0] = last_use.sequence;
  if (--one.uses == 0) at(tier::vram).lasting_bytes -= one.footprint_bytes;
  if (course_.kept()) course_.released(id);  // which leaves the order as it is
  --held_by_caller_[static_cast<std::size_t>(caller)];
  return false;
}

bool residency::release_special_after(slot& one, tensor_id id, caller_id caller, fence last_use) {
  renew_calm();
  if (!streams_.only(last_use.stream)) [[unlikely]]
    note_stream(last_use);
  add_use(one, id, last_use);
  end_use(one, id, tier::vram, caller);
  ended(id, tier::vram);
  return has_commands() || is_unfinished();
}

void residency::note_stream(fence last_use) {
  streams_.used(last_use, !loads_.empty(), [this](fence which) { return known_passed(which); });
}

void residency::stream_retired(fence last) {
  if (streams_.retired(last) && !known_passed(last)) watch(last);
}

void residency::release_unproven(tensor_id id, caller_id caller, std::uint32_t key) {
  unproven_.emplace_back(key, id);
  calm_ = false;
  change(id, tier::vram, [](slot& one) { one.unproven = true; });
  unuse(id, tier::vram, caller);
  ended(id, tier::vram);
}

void residency::prove(fence recorded, std::uint32_t key) {
  std::vector<tensor_id> proved;
  std::erase_if(unproven_, [&](auto const& use) {
    if (use.first == key) proved.push_back(use.second);
    return use.first == key;
  });
  for (tensor_id id : proved) {
    add_use(slot_of(id, tier::vram), id, recorded);
    bool const others = std::ranges::any_of(unproven_, [&](auto const& use) { return use.second == id; });
    change(id, tier::vram, [&](slot& one) { one.unproven = others; });
  }
  if (!proved.empty()) pump();
}

}  // namespace tierpager
