#include <core/residency/transfers.hpp>

#include <algorithm>
#include <cassert>
#include <utility>

namespace tierpager {

transfers::transfers(ledger& of, evictor& victims, victim_search& search, room_maker& rooms, reservations& promised,
                     waiting_requests& requests)
    : ledger_(of),
      evictor_(victims),
      rooms_(rooms),
      reservations_(promised),
      requests_(requests),
      loads_(of, victims, search, rooms, promised, requests),
      vram_places_(of, victims, search, rooms, promised) {}

// How loads begin ------------------------------------------------------------------------------------------------------

load& transfers::start(tensor_id id, tier where, bool ahead) {
  load& coming = loads_.add(id);
  coming.ahead = ahead;
  coming.from_ram = ledger_.slots.at(id, tier::ram).state == slot_state::resident;
  ledger_.commands.emit(tell_loading_command{id, where, !coming.from_ram, ahead});
  if (coming.from_ram) {
    assert(where == tier::vram);
    evictor_.touch(id, tier::ram);
    reservations_.fix_if_room(id, tier::ram);
    loads_.stage_resident(id, coming);
  } else {
    ledger_.counts.bytes_from_disk += ledger_.tensors[id].bytes;
    loads_.wait_for_stage(id);
    if (loads_.staging().front() == id) (void)loads_.stage(id, coming);
  }
  if (where == tier::vram) continue_to_vram(id, coming);
  return coming;
}

void transfers::continue_to_vram(tensor_id id, load& coming) {
  coming.to_vram = true;
  ledger_.counts.bytes_to_device += ledger_.tensors[id].bytes;
  ledger_.slots.set_state(id, tier::vram, slot_state::loading);
  for (tier const where : both_tiers) evictor_.classify(id, where);
  loads_.wait_for_place(id, loads_.passes(id, coming));  // where others wait for its place in RAM
  reservations_.add({.id = id, .ahead = coming.ahead});
}

bool transfers::stage_waiting() {
  bool any = false;
  for (tensor_id const id : std::vector(loads_.staging())) {
    if (std::ranges::find(loads_.staging(), id) == loads_.staging().end()) continue;  // given up for another
    load& coming = *loads_.find(id);
    if (coming.unwanted()) {
      loads_.drop(id, coming);
    } else if (!loads_.stage(id, coming) && coming.ahead) {
      loads_.give_up_ahead(id, coming);
    } else if (!coming.in_ram.exists() && !(coming.starved && requests_.refuse_starved(id, coming))) {
      if (!coming.starved && ledger_.slots.at(id, tier::ram).uses == 0)
        break;  // in order, so that the policy is followed exactly
      continue;
    }
    any = true;
  }
  return any;
}

void transfers::read_done(tensor_id id, std::uint32_t chunk, status const& outcome) {
  load& coming = *loads_.find(id);
  coming.chunks.read_done(chunk, outcome.ok(), !coming.failed);
  if (coming.failed) return loads_.clean_up(id, coming);
  if (!outcome.ok()) return loads_.fail(id, coming, outcome.error());
  loads_.emit_copies(id, coming);
  if (coming.chunks.all_read()) loads_.ram_complete(id, coming);
}

// Places and copies ----------------------------------------------------------------------------------------------------

bool transfers::place_waiting() {
  bool any = false;
  bool in_order = true;  // which is what loads ahead are placed in, whichever was read first
  for (tensor_id const id : std::vector(loads_.placing())) {
    if (std::ranges::find(loads_.placing(), id) == loads_.placing().end()) continue;
    load& coming = *loads_.find(id);
    if ((coming.ahead || evictor_.in_step()) && !in_order) continue;
    bool const goes_first = evictor_.in_step() ? !coming.starved : coming.began_ahead || coming.in_ram.ready;
    bool const placed = place(id, coming);
    any = any || placed;
    in_order = in_order && (placed || !goes_first);
  }
  return any;
}

// True where the load has a place, or is over.
bool transfers::place(tensor_id id, load& coming) {
  if (!vram_places_.may_place(id, coming)) return false;
  if (evictor_.in_step() && ledger_.cursor.awaits_plan()) return false;  // which says where, and what leaves
  if (auto const own = reservations_.planned_range(id); own && !coming.off_plan) {
    auto found = vram_places_.place_as_planned(coming, *own);
    if (found.placed) return placed_at(id, coming, std::move(*found.placed)), true;
    if (!found.elsewhere) return false;
    if (coming.ahead) return loads_.give_up_ahead(id, coming), true;
  }
  room made = room::there;
  auto placed = vram_places_.place(id, coming, made, [this] { return may_be_released(); });
  if (placed) return placed_at(id, coming, std::move(*placed)), true;
  if (made == room::none && coming.ahead) return loads_.give_up_ahead(id, coming), true;
  if (made != room::none || may_be_released()) return false;
  loads_.fail(id, coming, requests_.no_place(id, coming));
  return true;
}

void transfers::placed_at(tensor_id id, load& coming, tier_arena::placement placed) {
  // A pin that lies in others' places stays there, so the plan has to go round it.
  auto const own = reservations_.planned_range(id);
  if (own && placed.range != *own && ledger_.slots.at(id, tier::vram).pinned) ledger_.cursor.conditions_changed();
  ledger_.slots.set_range(id, tier::vram, placed.range);
  ledger_.slots.count_placement(id);
  coming.after = std::move(placed.after);
  loads_.placed(id);
  coming.place_asked = !placed.commits.empty();
  coming.placed = !coming.place_asked;
  if (coming.place_asked)
    ledger_.memory.vram.remap_for(id, std::move(placed));
  else
    loads_.emit_copies(id, coming);
}

// A load that goes on may let go of VRAM too, or an answer. What a request was promised is no handle yet.
bool transfers::may_be_released() const {
  if (loads_.left_behind().settling() || ledger_.fences.has_questions() || !reservations_.quarantined().empty())
    return true;
  return requests_.may_release_vram() || std::ranges::any_of(loads_.all(), [](auto const& each) {
           load const& coming = each.second;
           return coming.placed || coming.place_asked || coming.in_ram.asked || coming.chunks.reads_out();
         });
}

void transfers::copy_queued(tensor_id id, std::uint32_t chunk, fence done) {
  load& coming = *loads_.find(id);
  coming.chunks.copy_queued(chunk, done, !coming.failed);
  if (coming.failed) return loads_.clean_up(id, coming);
  if (coming.chunks.all_queued()) return loads_.vram_complete(id, coming);
  if (!coming.in_ram.buffered) return;
  if (ledger_.fences.known_passed(done))
    loads_.emit_reads(id, coming);
  else
    ledger_.commands.watch(done);
}

void transfers::copy_failed(tensor_id id, std::uint32_t chunk, failure const& why, bool maybe_queued) {
  load& coming = *loads_.find(id);
  coming.chunks.copy_failed(chunk);
  coming.tainted = coming.tainted || maybe_queued;
  if (coming.failed)
    loads_.clean_up(id, coming);
  else
    loads_.fail(id, coming, why);
}

// Memory ---------------------------------------------------------------------------------------------------------------

void transfers::commit_in_background() {
  ledger_.memory.ram.commit_in_background([this] { return loads_.begin_stage_use(); });
}

void transfers::remapped(tier where, std::size_t decommits_done, std::size_t commits_done, status const& outcome) {
  tier_memory::answer const told = ledger_.memory[where].remapped(decommits_done, commits_done, outcome);
  if (told.opened) loads_.end_stage_use(*told.opened, {});
  if (!told.missing.empty()) do_without(told.missing, told.refused_bytes > 0);
  ledger_.memory[where].commit_next();
  if (told.serves && told.came)
    place_came(*told.serves, *loads_.find(*told.serves), where);
  else if (told.serves)
    place_refused(*told.serves, *loads_.find(*told.serves), where, outcome.error(), told.refused_bytes > 0);
  else if (told.refused_bytes > 0 && told.missing.empty())
    rooms_.commit_refused(where, told.refused_bytes);
}

void transfers::place_came(tensor_id id, load& coming, tier where) {
  if (where == tier::ram) {
    coming.in_ram.asked = false;
    loads_.await_stage(id, coming);
  } else {
    coming.place_asked = false;
    coming.placed = true;
    loads_.emit_copies(id, coming);
  }
  if (coming.failed) loads_.clean_up(id, coming);
}

// Where the system only had no more memory, and what the tier has will do, the load gets a place in that.
void transfers::place_refused(tensor_id id, load& coming, tier where, failure const& why, bool out_of_memory) {
  if (where == tier::vram) {
    ledger_.slots.set_range(id, tier::vram, {});
    coming.place_asked = false;
    reservations_.add({.id = id, .ahead = coming.ahead, .failed = true});
  } else {
    (void)loads_.unstage(id, coming);
  }
  if (coming.failed) return loads_.clean_up(id, coming);
  if (!out_of_memory || !rooms_.make_do(where)) return loads_.fail(id, coming, why);
  if (where == tier::vram) reservations_.set_failed(id, false);
  loads_.wait_first(id, where);
}

// What has a place in memory that will not come gets another one.
void transfers::do_without(std::deque<coming_memory> const& missing, bool refused) {
  loads_.stage_anew_from(missing.front().range.offset);
  ledger_.memory.ram.do_without(missing);
  for (coming_memory const& each : missing)
    if (each.last) loads_.end_stage_use(each.use, {});
  if (refused) (void)rooms_.make_do(tier::ram);
  ledger_.memory.ram.set_failed(!refused);
}

// Memory that only the device can free ---------------------------------------------------------------------------------

// Loads that wait for such memory. Where RAM is quarantined, handles may not be all that stands in the way of a starved one.
std::vector<tensor_id> transfers::stalled() const {
  bool const unproved = ledger_.memory.ram.quarantined_bytes() > 0;
  std::vector<tensor_id> ids;
  for (tensor_id const id : loads_.staging())
    if (!loads_.find(id)->starved || unproved) ids.push_back(id);
  for (tensor_id const id : loads_.placing())
    if (vram_places_.may_place(id, *loads_.find(id))) ids.push_back(id);
  for (tensor_id const id : loads_.waiting_for_stages()) ids.push_back(id);
  return ids;
}

void transfers::settle_if_stalled() {
  bool const waits = !loads_.staging().empty() || !loads_.placing().empty() || loads_.any_stage_waits();
  if (waits && !stalled().empty()) settle_if_needed();
}

void transfers::settled(fence until) {
  loads_.left_behind().settled(until);
  if (!ledger_.fences.known_passed(until)) ledger_.commands.watch(until);
}

void transfers::fail_stalled(failure const& why) {
  std::vector<tensor_id> ids = stalled();
  for (auto const& [id, coming] : loads_.all())  // that wait for a copy to leave their buffer
    if (coming.in_ram.buffered && coming.placed && !coming.chunks.reads_out() && !coming.chunks.copies_out() &&
        !coming.failed)
      ids.push_back(id);
  for (tensor_id const id : ids) {
    load* const coming = loads_.find(id);
    bool const goes_on = coming != nullptr && coming->chunks.reads_out();  // for which another made way
    if (coming != nullptr && !goes_on) loads_.fail(id, *coming, why);
  }
}

void transfers::device_lost(failure const& why) {
  std::vector<tensor_id> under_way;
  for (auto const& [id, coming] : loads_.all()) under_way.push_back(id);
  for (tensor_id const id : under_way)
    if (load* const coming = loads_.find(id)) loads_.fail(id, *coming, why);
  loads_.left_behind().device_lost();
  loads_.end_drains();
}

}  // namespace tierpager
