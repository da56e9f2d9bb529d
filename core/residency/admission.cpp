#include <core/residency/admission.hpp>

#include <algorithm>
#include <cassert>
#include <string>

namespace tierpager {

admission::admission(ledger& of, evictor& victims, victim_search& search, room_maker& rooms, reservations& promised)
    : ledger_(of),
      evictor_(victims),
      search_(search),
      reservations_(promised),
      transfers_(of, victims, search, rooms, promised, *this),
      rules_(of, victims, search, promised, transfers_.loads(), book_),
      texts_(of, transfers_.loads(), book_) {}

// Acquires -------------------------------------------------------------------------------------------------------------

status admission::accepts(std::span<tensor_id const> ids, tier where) const {
  return closed_ ? status(*closed_) : rules_.is_valid(ids, where);
}

void admission::count_acquire(tensor_id id, tier where) {
  statistics& counts = ledger_.counts;
  if (where == tier::vram && ledger_.slots.at(id, tier::vram).state != slot_state::absent)
    ++counts.vram_hits;
  else if (ledger_.slots.at(id, tier::ram).state != slot_state::absent || transfers_.loads().find(id) != nullptr)
    ++counts.ram_hits;
  else
    ++counts.disk_reads;
}

void admission::use_now(std::span<tensor_id const> ids, tier where, owner_id owner) {
  for (tensor_id const id : ids) {
    count_acquire(id, where);
    begin_use(id, where, owner);
  }
}

status admission::may_wait(request const& asked) const {
  if (status const fits = rules_.fits_ever(asked.ids, asked.where); !fits.ok()) return fits;
  if (!rules_.blocked_by_own_handles(asked)) return {};
  return texts_.no_room(errc::would_deadlock, "no room beside the owner's own handles", asked);
}

request_id admission::add(request asked, bool may_pass) {
  request_id id{};
  request& kept = book_.add(id, std::move(asked));
  if (may_pass && rules_.joinable(kept.ids, kept.where) && find_room_for(kept.ids, kept.where))
    admit(id, kept);
  else
    book_.waiting[kept.where].push_back(id);
  return id;
}

// Loads that nobody has asked for are no reason to wait; unless one of the set was given up and is not over yet.
bool admission::find_room_for(std::span<tensor_id const> ids, tier where) {
  return rules_.has_room(ids, where) ||
         (transfers_.loads().give_up_waiting_ahead() && rules_.has_room(ids, where) && rules_.joinable(ids, where));
}

// Those of the set that are there might lie in the way of the others: they come again, side by side. So might pins that no
// handle holds: they may leave, and nobody is given them meanwhile.
void admission::make_way_for_all(std::span<tensor_id const> ids) {
  byte_range const everywhere{0, ledger_.budget.vram.reserve_bytes()};
  for (tenant const& each : tenants_in(ledger_.slots.places(tier::vram), everywhere)) {
    if (!search_.cost_of(each, tier::vram, false, victim_search::may_leave::pinned_too)) continue;
    if (std::ranges::find(ids, each.id) != ids.end())
      evictor_.evict_even_pinned(each.id, tier::vram, eviction_reason::fragmentation);
    else
      ledger_.slots.set_fixed(each.id, tier::vram, false);
  }
}

// From here on the request holds its whole set; what is not there yet is being loaded, for it or for others too.
void admission::admit(request_id id, request& asked) {
  tier const where = asked.where;
  asked.admitted = true;
  bool const tight = where == tier::vram && !rules_.all_resident(asked.ids, tier::vram) &&
                     !reservations_.granules_for(asked.ids, where);
  bool const packed = tight && asked.ids.size() > 1;
  bool const anew = tight && !rules_.has_place_now(asked.ids);
  if (anew) make_way_for_all(asked.ids);
  bool const off_plan = anew || (packed && !rules_.has_planned_places(asked.ids));
  bool const all_first = where == tier::ram;  // so that none of the set leaves for another
  if (all_first)
    for (tensor_id const each : asked.ids) begin_use(each, where, asked.owner);
  for (tensor_id const each : asked.ids) {
    count_acquire(each, where);
    if (!all_first) begin_use(each, where, asked.owner);
    if (ledger_.slots.at(each, where).state == slot_state::resident) continue;
    // What was to be there ahead is not, so others may be missing too: they left for this one's place, or will.
    if (ledger_.slots.at(each, tier::vram).state == slot_state::absent) ledger_.cursor.fall_back();
    load* coming = transfers_.loads().find(each);
    if (coming == nullptr) coming = &transfers_.start(each, where, false);
    transfers_.loads().ask_for(each, *coming);
    if (where == tier::vram && !coming->to_vram) transfers_.continue_to_vram(each, *coming);
    coming->packed = coming->packed || packed;
    coming->off_plan = coming->off_plan || off_plan;
    if (!coming->waiters.empty() && coming->waiters.back() == id) continue;  // twice in the set
    coming->waiters.push_back(id);
    ++asked.missing;
  }
  if (asked.missing > 0) return;
  book_.requests.erase(id);
  ledger_.commands.emit(grant_command{id});
}

// Uses -----------------------------------------------------------------------------------------------------------------

void admission::share(tensor_id id, tier where, owner_id owner) {
  assert(ledger_.slots.at(id, where).uses > 0);
  ledger_.slots.add_use(id, where);
  book_.held.add(owner, id, where);
}

void admission::end_unproven_use(tensor_id id, owner_id owner, std::uint32_t key, failure const& why) {
  book_.unproven.add(id, key, why);
  ledger_.slots.set_unproven(id, true);
  end_use(id, tier::vram, owner);
}

bool admission::prove(fence recorded, std::uint32_t key) {
  std::vector<tensor_id> const proved = book_.unproven.prove(key);
  for (tensor_id const id : proved) {
    ledger_.slots.add_last_use(id, recorded, ledger_.fences);
    ledger_.slots.set_unproven(id, book_.unproven.contains(id));
  }
  return !proved.empty();
}

// Requests that wait ---------------------------------------------------------------------------------------------------

bool admission::admit_waiting(tier where) {
  std::vector<request_id>& waiting = book_.waiting[where];
  bool any = false;
  bool blocked = where == tier::ram && transfers_.loads().any_starving();
  for (std::size_t i = 0; i < waiting.size();) {
    request_id const id = waiting[i];
    request& asked = book_.requests.at(id);
    bool const turn = !blocked || book_.held.holds_any(asked.owner);
    if (status const fine = may_wait(asked); !fine.ok()) {
      reject(id, fine.error());
    } else if (turn && rules_.joinable(asked.ids, where) && find_room_for(asked.ids, where)) {
      waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(i));
      admit(id, asked);
    } else if (rules_.stuck(asked)) {
      reject(id, texts_.unproved());
    } else if (rules_.in_pieces_beside_own_handles(asked)) {
      reject(id, texts_.no_room(why_blocked(), "room only in pieces beside the owner's own handles", asked));
    } else {
      blocked = true;
      ++i;
      continue;
    }
    any = true;
  }
  return any;
}

void admission::reject(request_id id, failure const& why) {
  auto const found = book_.requests.find(id);
  if (found == book_.requests.end()) return;
  request const asked = std::move(found->second);
  book_.requests.erase(found);
  std::erase(book_.waiting[asked.where], id);
  if (asked.where == tier::vram)
    for (tensor_id const each : asked.ids) ledger_.cursor.released(each);
  if (asked.admitted) {
    for (tensor_id const each : asked.ids) {
      end_use(each, asked.where, asked.owner);
      if (load* const coming = transfers_.loads().find(each)) std::erase(coming->waiters, id);
    }
  }
  ledger_.commands.emit(reject_command{id, why});
}

void admission::close(failure const& why) {
  closed_ = why;
  while (!book_.requests.empty()) reject(book_.requests.begin()->first, why);
}

// What waits for loads -------------------------------------------------------------------------------------------------

void admission::arrived(tensor_id id, load& coming, tier where) {
  assert(ledger_.slots.at(id, where).state == slot_state::resident);
  (void)id;
  std::erase_if(coming.waiters, [&](request_id waiter) {
    auto const found = book_.requests.find(waiter);
    assert(found != book_.requests.end());
    if (found->second.where != where) return false;
    if (--found->second.missing == 0) {
      book_.requests.erase(found);
      ledger_.commands.emit(grant_command{waiter});
    }
    return true;
  });
}

void admission::failed(load& coming, failure const& why) {
  for (request_id const waiter : std::vector(coming.waiters)) reject(waiter, why);
}

// A load for the device passes through RAM, as a whole or in a buffer of two granules at least.
bool admission::refuse_starved(tensor_id id, load& coming) {
  std::uint64_t const buffer_bytes = buffer_chunks * ledger_.budget.ram.options().granule_bytes;
  bool any = false;
  for (request_id const waiter : std::vector(coming.waiters)) {
    request wants{.ids = {}, .where = tier::ram, .owner = book_.requests.at(waiter).owner};
    if (!rules_.blocked_by_own_handles(wants, std::min(ledger_.slots.footprint(id, tier::ram), buffer_bytes))) continue;
    wants.ids = {id};
    reject(waiter,
           texts_.no_room(errc::would_deadlock, "no RAM to load through beside the owner's own handles", wants));
    any = true;
  }
  return any;
}

// Memory whose last use cannot be proved to be over is in the way as well.
errc admission::why_blocked() const {
  bool const proved = book_.unproven.empty() && reservations_.quarantined().empty();
  return proved ? errc::blocked_by_handles : errc::device_failed;
}

failure admission::no_place(tensor_id id, load const& coming) const {
  bool const refused = ledger_.budget.vram.is_refused();
  owner_id const asks =
      coming.waiters.empty() ? owner_id::this_thread : book_.requests.at(coming.waiters.front()).owner;
  return texts_.no_room(refused ? errc::out_of_memory : why_blocked(), "no place in one piece beside what handles hold",
                        {.ids = {id}, .where = tier::vram, .owner = asks});
}

}  // namespace tierpager
