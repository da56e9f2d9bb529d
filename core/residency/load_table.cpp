#include <core/residency/load_table.hpp>

#include <algorithm>
#include <cassert>
#include <utility>

namespace tierpager {

load_table::load_table(ledger& of, evictor& victims, victim_search& search, room_maker& rooms, reservations& promised,
                       waiting_requests& requests)
    : ledger_(of),
      evictor_(victims),
      reservations_(promised),
      requests_(requests),
      stages_(of, victims, search, rooms, promised),
      drains_(of, promised) {}

load* load_table::find(tensor_id id) {
  auto const found = loads_.find(id);
  return found == loads_.end() ? nullptr : &found->second;
}

// In order; without a plan, what is loaded ahead comes after all that is asked for.
void load_table::enqueue(std::vector<tensor_id>& queue, tensor_id id) {
  bool const last = find(id)->ahead || (evictor_.in_step() && ledger_.cursor.plan() != nullptr);
  auto const before = std::ranges::find_if(queue, [&](tensor_id each) { return find(each)->ahead; });
  queue.insert(last ? queue.end() : before, id);
}

void load_table::wait_for_place(tensor_id id, bool first) {
  if (first)
    placing_.insert(placing_.begin(), id);
  else
    enqueue(placing_, id);
}

void load_table::wait_first(tensor_id id, tier where) {
  std::vector<tensor_id>& queue = where == tier::vram ? placing_ : staging_;
  queue.insert(queue.begin(), id);
}

void load_table::placed(tensor_id id) {
  std::erase(placing_, id);
  reservations_.remove(id);
}

void load_table::ask_for(tensor_id id, load& coming) {
  if (!std::exchange(coming.ahead, false)) return;
  if (is_unplaced(id, coming)) reservations_.set_asked_for(id);
  if (evictor_.in_step() && ledger_.cursor.plan() != nullptr) return;
  for (std::vector<tensor_id>* queue : {&staging_, &placing_})
    if (std::erase(*queue, id) > 0) enqueue(*queue, id);
}

// A load that has failed, or one that leaves nothing in RAM when RAM is wanted, must be over before the next can start. Even of
// a tensor that is in VRAM, since it may have to come again to make way for the others.
bool load_table::joinable(tensor_id id, tier where) const {
  load const* coming = find(id);
  if (where == tier::ram && ledger_.slots.at(id, tier::ram).state == slot_state::resident) return true;
  return coming == nullptr || (!coming->failed && (where == tier::vram || stages_.stays_in_ram(id, *coming)));
}

// Stages, reads and copies ------------------------------------------------------------------------------------------

bool load_table::stage(tensor_id id, load& coming) {
  if (!stages_.place(id, coming)) return false;
  std::erase(staging_, id);
  if (!coming.in_ram.asked) await_stage(id, coming);
  return true;
}

void load_table::await_stage(tensor_id id, load& coming) {
  if (stages_.await(id, coming)) emit_reads(id, coming);
}

void load_table::emit_reads(tensor_id id, load& coming) {
  if (!coming.in_ram.ready || coming.failed) return;
  coming.chunks.emit_reads(id, coming.in_ram.range.offset, ledger_.fences, ledger_.commands);
}

void load_table::emit_copies(tensor_id id, load& coming) {
  if (!coming.placed || coming.failed) return;
  coming.chunks.emit_copies(id, coming.in_ram.range.offset, ledger_.slots.at(id, tier::vram).range.offset, coming.after,
                            ledger_.commands);
}

void load_table::stage_over(tensor_id id, load const& gone) {
  std::vector<fence> const before = stages_.leave_behind(id, gone);
  end_stage_use(gone.in_ram.use, before);
}

void load_table::end_stage_use(fence use, std::span<fence const> before) {
  stages_.end_use(use, before, [this](tensor_id id) {
    load& next = *find(id);
    stages_.stop_waiting(next);
    if (next.unwanted()) return drop(id, next);
    next.in_ram.ready = true;
    emit_reads(id, next);
  });
}

bool load_table::unstage(tensor_id id, load& coming) {
  bool const own = stages_.give_up(id, coming);
  stage_over(id, coming);
  coming.in_ram = {};
  return own;
}

void load_table::stage_anew_from(std::uint64_t offset) {
  std::vector<tensor_id> anew;
  for (auto const& [id, coming] : loads_)
    if (coming.in_ram.waits && coming.in_ram.range.end() > offset) anew.push_back(id);
  std::ranges::sort(anew);
  for (tensor_id const id : anew) {
    load& coming = *find(id);
    stages_.stop_waiting(coming);
    byte_range const place = coming.in_ram.range;
    if (unstage(id, coming)) ledger_.memory.ram.arena().free(place, {});
    enqueue(staging_, id);
  }
}

void load_table::end_drains() {
  while (auto const use = drains_.take_over()) end_stage_use(*use, {});
}

void load_table::fences_passed() {
  end_drains();
  for (auto& [id, coming] : loads_)
    if (coming.in_ram.buffered) emit_reads(id, coming);
}

// How loads end --------------------------------------------------------------------------------------------------------

void load_table::ram_complete(tensor_id id, load& coming) {
  if (stages_.stays_in_ram(id, coming)) {
    ledger_.slots.set_state(id, tier::ram, slot_state::resident);
    reservations_.fix_if_room(id, tier::ram);
    requests_.arrived(id, coming, tier::ram);
  }
  assert(coming.to_vram || coming.waiters.empty());
  if (!coming.to_vram) finish(id, coming);
}

void load_table::vram_complete(tensor_id id, load& coming) {
  ledger_.slots.set_state(id, tier::vram, slot_state::resident);
  ledger_.slots.set_copied(id, coming.chunks.last_copy());
  if (ledger_.slots.at(id, tier::vram).pinned) give_up_waiting_ahead();
  reservations_.fix_if_room(id, tier::vram);
  requests_.arrived(id, coming, tier::vram);
  finish(id, coming);
}

// The stage is no longer needed once the last copy has left it. Destroys `coming`.
void load_table::finish(tensor_id id, load& coming) {
  assert(coming.waiters.empty() && !coming.chunks.reads_out() && !coming.chunks.copies_out());
  load const gone = std::move(coming);
  loads_.erase(id);
  leave_stage(id, gone);
}

void load_table::leave_stage(tensor_id id, load const& gone) {
  auto const last_copy = gone.chunks.last_copy();
  if (!last_copy || ledger_.fences.known_passed(*last_copy)) return stage_over(id, gone);
  drains_.add(*last_copy, gone.in_ram.use);
}

// Every request that waits for the tensor is told at once; what the load took is freed when no answer is outstanding.
void load_table::fail(tensor_id id, load& coming, failure const& why) {
  if (coming.failed) return;
  coming.failed = why;
  coming.failed->tensor = ledger_.tensors[id].name;
  ++ledger_.counts.failed_loads;
  std::erase(staging_, id);
  std::erase(placing_, id);
  if (is_unplaced(id, coming)) reservations_.set_failed(id, true);
  requests_.failed(coming, failure(*coming.failed));
  clean_up(id, coming);
}

// Destroys `coming` once nothing it asked for is still to be answered.
void load_table::clean_up(tensor_id id, load& coming) {
  if (coming.chunks.reads_out() || coming.chunks.copies_out() || coming.in_ram.asked || coming.place_asked) return;
  load gone = std::move(coming);
  loads_.erase(id);
  std::uint64_t const bytes = ledger_.tensors[id].bytes;
  std::uint64_t const bytes_copied = gone.chunks.bytes_copied();
  if (!gone.from_ram) ledger_.counts.bytes_from_disk -= bytes - gone.chunks.bytes_read();
  if (gone.to_vram) {
    ledger_.counts.bytes_to_device -= bytes - bytes_copied;
    if (gone.began_ahead) ledger_.counts.ahead_bytes -= bytes - bytes_copied;
    if (ledger_.slots.at(id, tier::vram).ahead) ledger_.counts.ahead_unused_bytes += bytes_copied;
    leave_vram(id, gone);
  }
  if (gone.in_ram.exists()) give_up_stage(id, gone);
  drains_.settle_if_needed();
}

// The load will not bring the tensor there.
void load_table::leave_vram(tensor_id id, load const& gone) {
  if (is_unplaced(id, gone)) reservations_.remove(id);
  if (ledger_.slots.at(id, tier::vram).ahead) ledger_.slots.set_ahead(id, false);
  byte_range const range = ledger_.slots.at(id, tier::vram).range;
  ledger_.slots.set_range(id, tier::vram, {});
  ledger_.slots.set_state(id, tier::vram, slot_state::absent);
  ledger_.order.vram.erased(id);
  evictor_.classify(id, tier::vram);
  if (!gone.placed) return;
  if (gone.tainted && !ledger_.fences.lost()) return drains_.quarantine_vram(range);
  std::vector<fence> last_uses;
  auto const last_copy = gone.chunks.last_copy();
  if (last_copy && !ledger_.fences.known_passed(*last_copy)) last_uses.push_back(*last_copy);
  for (fence const use : last_uses) ledger_.commands.watch(use);
  ledger_.memory.vram.arena().free(range, last_uses);
}

// A tensor that was read to its end stays in RAM: its bytes are right. Else its place is free once no copy reads it.
void load_table::give_up_stage(tensor_id id, load& gone) {
  stages_.stop_waiting(gone);
  bool const whole = stages_.stays_in_ram(id, gone) && ledger_.slots.at(id, tier::ram).state == slot_state::resident;
  bool const left = !whole && stages_.give_up(id, gone);
  if (gone.tainted && !ledger_.fences.lost())
    return drains_.add_unproved(gone.in_ram.use, left ? gone.in_ram.range : byte_range{});
  if (left) ledger_.memory.ram.arena().free(gone.in_ram.range, {});
  if (ledger_.fences.lost()) return stage_over(id, gone);
  leave_stage(id, gone);
}

// Destroys `coming`, of which nothing has been read, nor will be.
void load_table::drop(tensor_id id, load& coming) {
  std::erase(staging_, id);
  std::erase(placing_, id);
  std::uint64_t const bytes = ledger_.tensors[id].bytes;
  ledger_.counts.bytes_from_disk -= bytes;
  load gone = std::move(coming);
  loads_.erase(id);
  if (gone.to_vram) {
    ledger_.counts.bytes_to_device -= bytes;
    if (gone.began_ahead) ledger_.counts.ahead_bytes -= bytes;
    leave_vram(id, gone);
  }
  if (gone.in_ram.exists()) give_up_stage(id, gone);
}

// No request waits for it, and it has no place in VRAM yet: what is read of it stays in RAM. Destroys `coming` or lets it end.
void load_table::give_up_ahead(tensor_id id, load& coming) {
  assert(coming.ahead && coming.waiters.empty() && is_unplaced(id, coming));
  std::erase(placing_, id);
  ledger_.counts.bytes_to_device -= ledger_.tensors[id].bytes;
  ledger_.counts.ahead_bytes -= ledger_.tensors[id].bytes;
  ledger_.cursor.fall_back();
  leave_vram(id, coming);
  evictor_.classify(id, tier::ram);
  coming.to_vram = coming.began_ahead = false;
  if (!coming.in_ram.ready && !coming.in_ram.asked) {
    drop(id, coming);
  } else if (coming.in_ram.buffered || stages_.passes(id, coming)) {
    coming.failed = failure{.code = errc::cancelled, .what = "a load ahead was given up"};
    clean_up(id, coming);
  } else if (coming.in_ram.ready && coming.chunks.all_read()) {
    finish(id, coming);
  }
}

bool load_table::give_up_waiting_ahead() {
  bool any = false;
  auto const ahead = ledger_.slots.ahead();
  for (tensor_id const id : std::vector(ahead.begin(), ahead.end())) {
    load* const coming = find(id);
    if (coming == nullptr || !coming->ahead || coming->failed || !is_unplaced(id, *coming)) continue;
    give_up_ahead(id, *coming);
    any = true;
  }
  return any;
}

// Questions ------------------------------------------------------------------------------------------------------------

std::vector<tensor_id> load_table::waiting_for_stages() const {
  std::vector<tensor_id> ids;
  for (auto const& [id, coming] : loads_)
    if (coming.in_ram.waits) ids.push_back(id);
  return ids;
}

bool load_table::any_awaited() const {
  auto const awaited = [this](tensor_id id) { return !find(id)->ahead; };
  return reservations_.any_awaited() || std::ranges::any_of(staging_, awaited) ||
         (stages_.any_waiting() &&
          std::ranges::any_of(loads_, [](auto const& each) { return each.second.in_ram.waits && !each.second.ahead; }));
}

bool load_table::any_starving() const {
  return std::ranges::any_of(staging_, [this](tensor_id id) { return find(id)->starved; });
}

bool load_table::none_goes_on() const {
  return std::ranges::none_of(
      loads_, [](auto const& each) { return each.second.chunks.reads_out() || each.second.chunks.copies_out(); });
}

}  // namespace tierpager
