// The plan carried out: each tensor's own place in VRAM, and loads ahead of the program. What is loaded ahead, and in which
// order, follows from the program's calls alone, not from when loads end.
#include <algorithm>
#include <cassert>

#include <core/residency/residency.hpp>

namespace tierpager {
namespace {

constexpr std::size_t ahead_tensors_max = 256;
// In one call; the next one goes on from there. A look may end with a load, which looks at all that is ahead already.
constexpr std::size_t looks_ahead_max = 256;
constexpr std::size_t loads_begun_max = 16;

bool overlap(byte_range a, byte_range b) { return a.offset < b.end() && b.offset < a.end(); }

}  // namespace

// Places -----------------------------------------------------------------------------------------------------------

void residency::set_range(tensor_id id, tier where, byte_range range) {
  slot& one = slot_of(id, where);
  if (one.range.bytes > 0) at(where).lying.erase(one.range.offset);
  if (range.bytes > 0) at(where).lying.emplace(range.offset, tenant{id, range});
  one.range = range;
}

std::optional<byte_range> residency::planned_range(tensor_id id, tier where) const {
  memory_plan const* const plan = course_.plan();
  if (plan == nullptr) return std::nullopt;
  std::vector<std::uint64_t> const& places = where == tier::vram ? plan->places : plan->ram_places;
  if (places.empty() || places[index_of(id)] == memory_plan::no_place) return std::nullopt;
  return byte_range{places[index_of(id)], footprint(id, where)};
}

std::vector<tensor_id> residency::lying_in(byte_range range) const {
  return tierpager::lying_in(at(tier::vram).lying, range);
}

// What was loaded ahead stays, whether it has come or not.
bool residency::may_all_leave(std::span<tensor_id const> ids) const {
  return std::all_of(ids.begin(), ids.end(), [&](tensor_id each) {
    slot const& one = slot_of(each, tier::vram);
    return evictable(each, tier::vram) && !one.pinned && !(in_step() && one.ahead);
  });
}

// Whoever lies where the tensor belongs leaves, unless it may not, or the place is not to be had all the same; then the
// tensor goes elsewhere.
residency::planned_place residency::place_as_planned(tensor_id id, load& one, byte_range range) {
  tier_state& vram = at(tier::vram);
  std::vector<tensor_id> const there = lying_in(range);
  bool const barred = overlap(scratch_, range) || !vram.arena->is_committed(range) ||
                      std::any_of(quarantined_vram_.begin(), quarantined_vram_.end(),
                                  [&](records::quarantine const& each) { return overlap(each.range, range); });
  if (barred || !may_all_leave(there)) return planned_place::elsewhere;
  if (!there.empty() && !may_evict_for(one)) return planned_place::later;
  bool asking = false;
  for (tensor_id each : there) {
    use_state const standing = last_use_of(each);
    if (standing == use_state::running) return one.ahead ? planned_place::later : planned_place::elsewhere;
    if (standing == use_state::unknown) ask(each);
    asking = asking || standing == use_state::unknown;
  }
  if (asking) return planned_place::later;
  for (tensor_id each : there) evict(each, tier::vram, eviction_reason::plan);
  auto placed = vram.arena->place_at(range);
  if (!placed) return planned_place::elsewhere;  // part of it is still being committed
  placed_at(id, one, std::move(*placed));
  return planned_place::taken;
}

// Ahead of the program ---------------------------------------------------------------------------------------------

// As far as the ring reaches; where nothing streams, as far as hides a load.
std::uint64_t residency::ahead_limit() const {
  std::uint64_t const ring = course_.plan() != nullptr ? course_.plan()->vram_ring.bytes : 0;
  return ring > 0 ? ring : std::max(4 * options_.chunk_bytes, at(tier::vram).target_bytes / 16);
}

// Whether another tensor belongs there that was loaded ahead, or is on its way there and has not come.
bool residency::claimed(tensor_id id, byte_range range) const {
  auto const claims = [&](tensor_id each) {
    auto const claim = planned_range(each);
    return each != id && claim && overlap(*claim, range);
  };
  if (ahead_.empty() && loads_.empty()) return false;
  return std::any_of(ahead_.begin(), ahead_.end(), claims) ||
         std::any_of(loads_.begin(), loads_.end(), [&](auto const& each) {
           auto const coming = static_cast<tensor_id>(each.first);
           return each.second.to_vram && slot_of(coming, tier::vram).range.bytes == 0 && claims(coming);
         });
}

// Less those who leave for what is loaded ahead already, whether they have or not.
std::vector<tensor_id> residency::staying_in(byte_range range) const {
  std::vector<tensor_id> ids = lying_in(range);
  std::erase_if(ids, [&](tensor_id each) {
    slot const& there = slot_of(each, tier::vram);
    return !there.ahead && !held(there) && claimed(each, there.range);
  });
  return ids;
}

// What will lie in VRAM once all that was asked for or is ahead has come, and all that leaves for that has left.
std::uint64_t residency::promised_vram_bytes() const {
  std::uint64_t bytes = at(tier::vram).arena->allocated_bytes();
  std::vector<tensor_id> leaving;
  auto const make_way = [&](tensor_id id) {
    auto const claim = planned_range(id);
    if (!claim) return;
    for (tensor_id each : lying_in(*claim)) {
      slot const& there = slot_of(each, tier::vram);
      if (each != id && !there.ahead && !held(there)) leaving.push_back(each);
    }
  };
  for (tensor_id id : ahead_) make_way(id);
  for (auto const& [index, one] : loads_) {
    auto const id = static_cast<tensor_id>(index);
    if (!one.to_vram || slot_of(id, tier::vram).range.bytes > 0) continue;
    bytes += footprint(id, tier::vram);
    make_way(id);
  }
  std::sort(leaving.begin(), leaving.end());
  leaving.erase(std::unique(leaving.begin(), leaving.end()), leaving.end());
  for (tensor_id id : leaving) bytes -= footprint(id, tier::vram);
  return bytes;
}

// Room that no use, no pin and no other load ahead needs. Under a plan that is its own place: while the tier is still full
// of what lies elsewhere, who leaves for what is asked for is decided first.
bool residency::room_ahead(tensor_id id) {
  tier_state const& vram = at(tier::vram);
  std::uint64_t const bytes = footprint(id, tier::vram);
  if (closed_ || lost_ || !vram.options.present || !vram.waiting.empty() || ahead_.size() >= ahead_tensors_max)
    return false;
  std::uint64_t promised = vram.lasting_bytes + vram.quarantined_bytes + ahead_bytes_;
  for (auto const& [each, one] : loads_) {  // what comes although whoever asked for it gave up
    slot const& left = vram.slots[each];
    if (in_step() && comes_elsewhere(static_cast<tensor_id>(each), one)) return false;
    if (one.to_vram && left.uses == 0 && !left.ahead) promised += footprint(static_cast<tensor_id>(each), tier::vram);
  }
  if (promised + bytes > vram.target_bytes) return false;
  load const* const coming = find_load(id);
  if (coming != nullptr && coming->failed) return false;
  auto const range = planned_range(id);
  if (!range) return course_.plan() == nullptr;
  if (!vram.arena->is_committed(*range)) return false;
  for (tensor_id each : staying_in(*range)) {
    slot const& there = slot_of(each, tier::vram);
    if (held(there) || there.pinned || there.ahead) return false;
  }
  if (claimed(id, *range)) return false;
  std::uint64_t leaving_bytes = 0;
  for (tensor_id each : staying_in(*range)) leaving_bytes += footprint(each, tier::vram);
  return promised_vram_bytes() - leaving_bytes + bytes <= soft_limit(tier::vram);
}

// Its place went to a load ahead whose turn is not over: whether it has left already is a matter of time.
bool residency::yields(tensor_id id) const {
  auto const& to = rest_of(id, tier::vram).gives_way_to;
  return to && (slot_of(*to, tier::vram).ahead || slot_of(*to, tier::vram).uses > 0);
}

void residency::run_further_ahead() {
  std::size_t looks = 0;
  std::size_t begun = 0;
  for (auto next = course_.upcoming(); next && looks < looks_ahead_max; next = course_.upcoming(), ++looks) {
    auto const range = planned_range(*next);
    slot const& one = slot_of(*next, tier::vram);
    bool const there = one.state != slot_state::absent;
    if (there && !claimed(*next, one.range)) {
      course_.advance();
      continue;
    }
    if (there || !range || yields(*next) || !room_ahead(*next)) return;
    if (!ahead_.empty() && ahead_bytes_ + range->bytes > ahead_limit()) return;
    std::vector<tensor_id> const staying = staying_in(*range);
    if (std::any_of(staying.begin(), staying.end(), [&](tensor_id each) { return course_.sooner_than_upcoming(each); }))
      return;
    if (!load_ahead(*next)) return;
    course_.advance();
    if (++begun == loads_begun_max) return;
  }
}

// False where RAM has no room for it but somebody's home.
bool residency::load_ahead(tensor_id id) {
  slot const& ram = slot_of(id, tier::ram);
  load* coming = find_load(id);
  bool const staging = coming == nullptr && ram.state == slot_state::absent;
  if (course_.kept() && staging && !room_in_ram_ahead(id)) return false;
  if (auto const range = planned_range(id))
    for (tensor_id each : staying_in(*range)) rest_of(each, tier::vram).gives_way_to = id;
  rest_of(id, tier::vram).gives_way_to.reset();
  slot_of(id, tier::vram).ahead = true;
  ahead_.push_back(id);
  ahead_bytes_ += footprint(id, tier::vram);
  counters_.ahead_bytes += tensors_[id].bytes;
  at(tier::vram).policy->touched(id);
  if (coming != nullptr)
    want_vram(id, *coming);
  else
    coming = &start_load(id, tier::vram, true);
  coming->began_ahead = true;
  return true;
}

void residency::prefetch(std::span<tensor_id const> ids) {
  for (tensor_id id : ids) {
    if (index_of(id) >= tensors_.size() || slot_of(id, tier::vram).state != slot_state::absent) continue;
    if (room_ahead(id)) (void)load_ahead(id);
  }
  pump();
}

// What is loaded ahead has its place in VRAM and is still on its way there.
bool residency::ahead_comes() const {
  return std::any_of(ahead_.begin(), ahead_.end(), [&](tensor_id id) {
    slot const& one = slot_of(id, tier::vram);
    return one.state == slot_state::loading && one.range.bytes > 0;
  });
}

// Whether it may come to lie anywhere.
bool residency::comes_elsewhere(tensor_id id, load const& one) const {
  if (!one.to_vram || one.ahead || slot_of(id, tier::vram).range.bytes > 0) return false;
  auto const range = planned_range(id);
  return !range || !may_all_leave(lying_in(*range));
}

void residency::no_longer_ahead(tensor_id id) {
  slot_of(id, tier::vram).ahead = false;
  std::erase(ahead_, id);
  ahead_bytes_ -= footprint(id, tier::vram);
}

// Nobody waits for it, and it has no place in VRAM yet: what is read of it stays in RAM. Destroys `one` or lets it end.
void residency::give_up_ahead(tensor_id id, load& one) {
  assert(one.ahead && one.waiters.empty() && one.to_vram && !one.placed && !one.place_asked);
  std::erase(placing_, id);
  counters_.bytes_to_device -= tensors_[id].bytes;
  counters_.ahead_bytes -= tensors_[id].bytes;
  no_longer_ahead(id);
  course_.fall_back();
  change(id, tier::vram, [](slot& coming) { coming.state = slot_state::absent; });
  at(tier::vram).policy->erased(id);
  for (tier where : both_tiers) classify(id, where);
  one.to_vram = one.began_ahead = false;
  if (!one.staged && !one.stage_asked) {
    drop(id, one);
  } else if (one.ring || one.passing) {
    one.failed = failure{.code = errc::cancelled, .what = "a load ahead was given up"};
    clean_up(id, one);
  } else if (one.staged && one.read_count == one.chunks.size()) {
    finish(id, one);
  }
}

// What was only loaded ahead makes room for what is asked for. True where something was given up.
bool residency::give_up_what_waits() {
  bool any = false;
  for (tensor_id id : std::vector(ahead_)) {
    load* const one = find_load(id);
    if (one == nullptr || !one->ahead || !one->to_vram || one->placed || one->place_asked || one->failed) continue;
    give_up_ahead(id, *one);
    any = true;
  }
  return any;
}

}  // namespace tierpager
