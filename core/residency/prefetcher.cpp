#include <core/residency/prefetcher.hpp>

#include <algorithm>
#include <cassert>
#include <utility>

namespace tierpager {
namespace {

constexpr std::size_t ahead_tensors_max = 256;
// In one call; the next one goes on from there. A look may end with a load, which looks at all that is ahead already.
constexpr std::size_t looks_max = 256;
constexpr std::size_t loads_begun_max = 16;

}  // namespace

void prefetcher::use_ended(tensor_id id) {
  ledger_.cursor.released(id);
  follow();
  if (evictor_.in_step()) evictor_.evict_misplaced(id, tier::vram);
  if (!ledger_.cursor.at_home(id, tier::vram)) run_ahead();  // what is at home lies in nothing's way
}

void prefetcher::set_order(std::unique_ptr<access_cycle> order) {
  ledger_.cursor.declare(std::move(order));
  follow();
}

// The order may be another one since, or none: then the policy decides until there is a plan again.
void prefetcher::follow() {
  if (ledger_.cursor.take_loss()) classify_all();
}

// After another plan has come into force, or none is in force any more. Loads ahead that have no place yet were meant for
// the old places. From the last tensor to the first, since the front of a model is wanted next.
void prefetcher::classify_all() {
  admission_.loads().loads().give_up_waiting_ahead();
  for (tier const where : both_tiers)
    for (std::size_t i = ledger_.slots.size(); i > 0; --i) evictor_.classify(static_cast<tensor_id>(i - 1), where);
}

void prefetcher::emit_plan_command() {
  auto asked = ledger_.cursor.take_question();
  assert(asked);
  ledger_.commands.emit(plan_command{plan_snapshot(ledger_, std::move(*asked))});
}

void prefetcher::adopt(std::uint64_t epoch, std::optional<memory_plan> plan) {
  bool const adopted = ledger_.cursor.adopt(epoch, std::move(plan));
  ledger_.cursor.await_plan(ledger_.cursor.awaits_plan() && ledger_.cursor.plan_wanted());
  if (!adopted) return;
  classify_all();
  for (tier const where : both_tiers)
    for (std::size_t i = 0; i < ledger_.slots.size(); ++i) evictor_.evict_misplaced(static_cast<tensor_id>(i), where);
  run_ahead();
}

// Loads ahead ----------------------------------------------------------------------------------------------------------

// Where nothing is streamed, as far as hides a load.
std::uint64_t prefetcher::limit_bytes() const {
  memory_plan const* const plan = ledger_.cursor.plan();
  std::uint64_t const buffer = plan != nullptr ? plan->vram_buffer.bytes : 0;
  return buffer > 0 ? buffer : std::max(4 * ledger_.options.chunk_bytes, ledger_.budget.vram.target_bytes() / 16);
}

// What was asked for may come to lie anywhere, as its own place is not to be had.
bool prefetcher::any_comes_elsewhere() const {
  return std::ranges::any_of(reservations_.unplaced(), [&](reservation const& load) {
    auto const own = load.ahead ? std::nullopt : reservations_.planned_range(load.id);
    return !load.ahead && (!own || !evictor_.may_all_leave(ledger_.slots.lying_in(*own, tier::vram)));
  });
}

// Room that no use, no pin and no other load ahead needs. Under a plan that is its own place: while the tier is still full
// of what lies elsewhere, what leaves for what is asked for is decided first.
bool prefetcher::has_room(tensor_id id) const {
  tier_budget const& budget = ledger_.budget.vram;
  std::uint64_t const bytes = ledger_.slots.footprint(id, tier::vram);
  if (admission_.closed() || !budget.options().present || !admission_.none_waiting(tier::vram)) return false;
  if (ledger_.slots.ahead().size() >= ahead_tensors_max) return false;
  if (evictor_.in_step() && any_comes_elsewhere()) return false;
  if (reservations_.promised_bytes() + bytes > budget.target_bytes()) return false;
  load const* const coming = std::as_const(admission_).loads().loads().find(id);
  if (coming != nullptr && coming->failed) return false;
  auto const own = reservations_.planned_range(id);
  if (!own) return ledger_.cursor.plan() == nullptr;
  if (!ledger_.memory.vram.arena().is_committed(*own) || reservations_.is_reserved(*own, id)) return false;
  std::uint64_t leaving_bytes = 0;
  for (tensor_id const each : reservations_.staying_in(*own)) {
    slot const& there = ledger_.slots.at(each, tier::vram);
    if (held(there) || there.pinned || there.ahead) return false;
    leaving_bytes += there.footprint_bytes;
  }
  return reservations_.bytes_once_all_came() - leaving_bytes + bytes <= budget.soft_limit_bytes();
}

void prefetcher::run_further_ahead() {
  std::size_t looks = 0;
  std::size_t begun = 0;
  plan_cursor& cursor = ledger_.cursor;
  for (auto next = cursor.upcoming(); next && looks < looks_max; next = cursor.upcoming(), ++looks) {
    auto const own = reservations_.planned_range(*next);
    slot const& tensor = ledger_.slots.at(*next, tier::vram);
    bool const there = tensor.state != slot_state::absent;
    if (there && !reservations_.is_reserved(tensor.range, *next)) {
      cursor.advance();
      continue;
    }
    if (there || !own || reservations_.gives_way(*next) || !has_room(*next)) return;
    if (!ledger_.slots.ahead().empty() && ledger_.slots.ahead_bytes() + own->bytes > limit_bytes()) return;
    auto const sooner = [&](tensor_id each) { return cursor.sooner_than_upcoming(each); };
    if (std::ranges::any_of(reservations_.staying_in(*own), sooner)) return;
    if (!load_ahead(*next)) return;
    cursor.advance();
    if (++begun == loads_begun_max) return;
  }
}

// False where RAM has no room for it but what is at home there.
bool prefetcher::load_ahead(tensor_id id) {
  transfers& loads = admission_.loads();
  load* coming = loads.loads().find(id);
  bool const reads = coming == nullptr && ledger_.slots.at(id, tier::ram).state == slot_state::absent;
  if (ledger_.cursor.enabled() && reads && !loads.loads().has_room_ahead(id)) return false;
  if (auto const own = reservations_.planned_range(id))
    for (tensor_id const each : reservations_.staying_in(*own)) ledger_.slots.set_evicted_for(each, id);
  ledger_.slots.set_evicted_for(id, std::nullopt);
  ledger_.slots.set_ahead(id, true);
  ledger_.counts.ahead_bytes += ledger_.tensors[id].bytes;
  ledger_.order.vram.entered(id);
  if (coming != nullptr)
    loads.continue_to_vram(id, *coming);
  else
    coming = &loads.start(id, tier::vram, true);
  coming->began_ahead = true;
  return true;
}

void prefetcher::prefetch(std::span<tensor_id const> ids) {
  for (tensor_id const id : ids) {
    if (index_of(id) >= ledger_.tensors.size()) continue;
    if (ledger_.slots.at(id, tier::vram).state == slot_state::absent && has_room(id)) (void)load_ahead(id);
  }
}

}  // namespace tierpager
