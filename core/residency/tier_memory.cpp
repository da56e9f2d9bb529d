#include <core/residency/tier_memory.hpp>

#include <algorithm>
#include <cassert>
#include <utility>

namespace tierpager {

tier_memory::tier_memory(tier where, tier_budget& budget, eviction_order& order, plan_cursor& cursor,
                         command_list& commands)
    : where_(where),
      budget_(budget),
      order_(order),
      cursor_(cursor),
      commands_(commands),
      arena_(budget.reserve_bytes(), budget.options().granule_bytes) {
  order_.resized(budget_.limit_bytes());
}

bool tier_memory::reserve_less() {
  if (budget_.reserve_bytes() <= budget_.target_bytes()) return false;
  std::uint64_t const half = round_down(budget_.reserve_bytes() / 2, budget_.options().granule_bytes);
  budget_.set_reserve(std::max(budget_.target_bytes(), half));
  arena_.end_at(budget_.reserve_bytes());
  return true;
}

void tier_memory::retarget() {
  if (budget_.retarget()) cursor_.conditions_changed();
  failed_ = false;
  grows_ = !budget_.is_refused() && arena_.committed_bytes() < budget_.target_bytes();
  if (!budget_.lowering()) order_.resized(budget_.limit_bytes());
}

void tier_memory::reach_target() {
  budget_.reach_target();
  order_.resized(budget_.limit_bytes());
}

void tier_memory::grow_further() {
  std::vector<byte_range> pieces = arena_.grow(budget_.target_bytes(), commit_piece_bytes);
  grows_ = false;
  if (!pieces.empty()) start(std::nullopt, {where_, {}, std::move(pieces)});
}

bool tier_memory::give_back() {
  if (remap_) return false;
  if (arena_.committed_bytes() <= budget_.target_bytes()) return true;
  if (failed_) return false;
  std::vector<byte_range> given = arena_.reclaim(budget_.target_bytes());
  if (!given.empty()) start(std::nullopt, {where_, std::move(given), {}});
  return false;
}

std::uint64_t tier_memory::pending_bytes(std::uint64_t held_bytes) const {
  if (!budget_.lowering()) return 0;
  std::uint64_t there = arena_.committed_bytes();
  if (remap_)
    for (byte_range const going : remap_->decommits) there += going.bytes;
  there = std::max(there, held_bytes + quarantined_bytes_);
  return there - std::min(there, budget_.target_bytes());
}

void tier_memory::commit_at_open() {
  tier_options const& options = budget_.options();
  std::uint64_t const target = budget_.target_bytes();
  if (!options.can_remap) {
    budget_.set_reserve(target);
    arena_ = tier_arena(target, options.granule_bytes);
  }
  if (target == 0) return;
  // What the scratch lies in comes first, on its own: without that a pager does not open.
  std::uint64_t const least = std::min(round_up(budget_.scratch_bytes(), options.granule_bytes), target);
  remap_command what{
      where_, {}, options.can_remap ? arena_.grow(least, commit_piece_bytes) : std::vector<byte_range>{}};
  for (byte_range const piece : arena_.grow(target, options.can_remap ? commit_piece_bytes : target))
    what.commits.push_back(piece);
  for (byte_range const piece : what.commits) arena_.committed(piece);  // before anything is asked for
  grows_ = false;
  opens_ = true;
  start(std::nullopt, std::move(what));
}

void tier_memory::commit_next() {
  if (!background_.empty()) start(std::nullopt, {where_, {}, {background_.front().range}});
}

void tier_memory::remap_for(tensor_id id, tier_arena::placement placed) {
  placed_ = placed.range;
  start(id, {where_, std::move(placed.decommits), std::move(placed.commits)});
}

void tier_memory::start(std::optional<tensor_id> serves, remap_command what) {
  assert(!remap_);
  remap_ = what;
  serves_ = serves;
  commands_.emit(std::move(what));
}

tier_memory::answer tier_memory::remapped(std::size_t decommits_done, std::size_t commits_done, status const& outcome) {
  assert(remap_);
  remap_command const done = *std::exchange(remap_, std::nullopt);
  answer told;
  told.serves = std::exchange(serves_, std::nullopt);
  told.came = outcome.ok();
  bool const at_open = std::exchange(opens_, false);
  if (!background_.empty()) return remapped_in_background(commits_done == 1, outcome);
  tier_arena::placement const placed{
      .range = placed_, .decommits = done.decommits, .commits = done.commits, .after = {}};
  if (!told.serves)
    count_commits(done, commits_done, at_open);
  else if (told.came)
    arena_.remap_carried_out(placed);
  else
    arena_.remap_failed(placed, commits_done);
  for (byte_range const range : std::span(done.decommits).subspan(decommits_done)) arena_.decommit_failed(range);
  arena_.count_peak();
  if (told.came && budget_.given(given_bytes())) retarget();
  if (!told.came && outcome.error().code == errc::out_of_memory && decommits_done == done.decommits.size())
    told.refused_bytes = done.commits[commits_done].bytes;
  failed_ = !told.came && !told.serves && told.refused_bytes == 0;
  return told;
}

// At open all of it was counted as committed when it was asked for.
void tier_memory::count_commits(remap_command const& what, std::size_t commits_done, bool at_open) {
  for (std::size_t i = 0; i < what.commits.size(); ++i) {
    bool const came = i < commits_done;
    if (at_open && !came) arena_.take_back(what.commits[i]);
    if (at_open) continue;
    if (came)
      arena_.committed(what.commits[i]);
    else
      arena_.commit_failed(what.commits[i]);
  }
}

// The first of what was to come has, or not. Where the system refuses it, half of it is tried.
tier_memory::answer tier_memory::remapped_in_background(bool came, status const& outcome) {
  answer told;
  told.came = came;
  coming_memory const first = background_.front();
  background_.pop_front();
  std::uint64_t const granule = budget_.options().granule_bytes;
  bool const refused = !came && outcome.error().code == errc::out_of_memory;
  if (came) {
    arena_.count_peak();
    if (first.last) told.opened = first.use;
  } else if (refused && first.range.bytes > granule) {
    std::uint64_t const half = round_up(first.range.bytes / 2, granule);
    background_.push_front({{first.range.offset + half, first.range.bytes - half}, first.use, first.last});
    background_.push_front({{first.range.offset, half}, first.use, false});
  } else {
    background_.push_front(first);
    told.missing = std::exchange(background_, {});
    told.refused_bytes = refused ? first.range.bytes : 0;
  }
  return told;
}

void tier_memory::do_without(std::deque<coming_memory> const& missing) {
  for (coming_memory const& each : missing) arena_.take_back(each.range);
}

bool tier_memory::grow_by_granules(std::uint64_t refused_bytes) {
  std::uint64_t const granule = budget_.options().granule_bytes;
  if (refused_bytes <= granule) return false;
  std::uint64_t const limit = std::min(budget_.target_bytes(), arena_.committed_bytes() + refused_bytes);
  std::vector<byte_range> pieces = arena_.grow(limit, granule);
  if (!pieces.empty()) start(std::nullopt, {where_, {}, std::move(pieces)});
  return true;
}

void tier_memory::make_do() {
  budget_.refused(given_bytes());
  retarget();
}

}  // namespace tierpager
