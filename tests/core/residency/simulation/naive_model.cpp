#include <tests/core/residency/simulation/naive_model.hpp>

#include <algorithm>

#include <tests/core/residency/simulation/naive_model_text.hpp>

namespace tierpager::simulation {

naive_model::naive_model(setup const& options, residency const& core, shadow_device& device)
    : setup_(options), core_(core), device_(device), entries_(options.tensors.size()) {
  asked_ = {options.options.vram.budget_bytes, options.options.ram.budget_bytes};
  before_ = core.stats();
}

/// Where it stages for VRAM, RAM never gets less than a buffer of two chunks of at most 4 MiB, or the largest tensor where that is less.
std::uint64_t naive_model::ram_floor_bytes() const {
  if (!setup_.options.vram.present) return 0;
  std::uint64_t largest = 0;
  for (std::uint32_t i = 0; i < entries_.size(); ++i) largest = std::max(largest, footprint(tensor_id{i}, tier::ram));
  std::uint64_t const chunk = std::min<std::uint64_t>(setup_.options.chunk_bytes, 4U << 20U);
  return std::min(largest, 2 * round_up(chunk, options_of(tier::ram).granule_bytes));
}

std::uint64_t naive_model::budget_of(tier where) const {
  if (where == tier::vram) return asked_[0];
  return std::max(asked_[1], ram_floor_bytes() + options_of(where).overhead_bytes);
}

void naive_model::begin_event() {
  before_ = core_.stats();
  left_.clear();
  for (tier const where : both_tiers) effective_before_[slot(where)] = of(before_, where).effective_bytes;
}

std::optional<std::uint64_t> naive_model::more_than_budget(std::set<tensor_id> const& ids, tier where) const {
  std::uint64_t need = never_a_tensor_s(where);
  for (tensor_id const id : ids) need += footprint(id, where);
  need = budget_for(need, where);
  if (setup_.options.overcommit_pins || need <= budget_of(where)) return std::nullopt;
  return need;
}

std::optional<std::uint64_t> naive_model::never_fits(std::span<tensor_id const> ids, tier where) const {
  std::set<tensor_id> all = pins_[slot(where)];
  all.insert(ids.begin(), ids.end());
  return more_than_budget(all, where);
}

void naive_model::refused(std::span<tensor_id const> ids, tier where, failure const& why) const {
  if (why.code == errc::budget_too_small) {
    if (setup_.options.overcommit_pins) return;  // then the budget that binds is the core's to say
    auto const need = never_fits(ids, where);
    if (!need) broken("refused as too large for the budget, but it fits: " + why.what);
    std::string const phrase = "needs at least " + text(*need) + " bytes";
    if (why.what.find(phrase) == std::string::npos) broken("expected '" + phrase + "', got '" + why.what + "'");
  } else if (why.code == errc::out_of_memory) {
    if (of(core_.stats(), where).refused_commits == 0) broken("out of memory, though none was refused: " + why.what);
    if (never_fits(ids, where)) broken("out of memory, where the budget is too small: " + why.what);
  } else if (why.code != errc::would_deadlock && why.code != errc::closed && why.code != errc::device_lost) {
    broken("an acquire failed with " + make_error_code(why.code).message() + ": " + why.what);
  }
}

void naive_model::acquire_answered(std::span<tensor_id const> ids, tier where,
                                   result<residency::acquired> const& answer) {
  if (!answer.ok()) return refused(ids, where, answer.error());
  // What is all there already fits, even where a lowered budget has not drained yet.
  if (!answer.value().granted && never_fits(ids, where))
    broken("accepted a request that needs " + text(*never_fits(ids, where)) + " bytes and can never fit");
  wanted request{{ids.begin(), ids.end()}, where};
  if (answer.value().granted) return granted(request);  // and its id means nothing
  if (over_.contains(answer.value().request)) broken("a request id given twice");
  if (!waiting_.emplace(answer.value().request, std::move(request)).second) broken("a request id given twice");
}

void naive_model::try_acquire_answered(std::span<tensor_id const> ids, tier where, result<bool> const& answer) {
  if (!answer.ok()) return refused(ids, where, answer.error());
  if (answer.value()) granted({{ids.begin(), ids.end()}, where});
}

void naive_model::pin_answered(std::span<tensor_id const> ids, tier where, status const& answer) {
  std::set<tensor_id> after = pins_[slot(where)];
  after.insert(ids.begin(), ids.end());
  std::uint64_t sum = never_a_tensor_s(where);
  std::uint64_t largest = 0;
  for (std::uint32_t i = 0; i < entries_.size(); ++i) {
    std::uint64_t const bytes = footprint(tensor_id{i}, where);
    if (after.contains(tensor_id{i}))
      sum += bytes;
    else
      largest = std::max(largest, bytes);
  }
  // In RAM a tensor that does not fit whole flows through a buffer, so a core may ask for less room than the largest.
  std::uint64_t const least = where == tier::vram ? largest : std::min(largest, ram_floor_bytes());
  if (!answer.ok()) {
    if (answer.error().code == errc::closed || answer.error().code == errc::device_lost) return;
    if (answer.error().code != errc::budget_too_small) broken("pin failed: " + answer.error().what);
    if (setup_.options.overcommit_pins) broken("pins were refused although they may overcommit");
    if (budget_for(sum + largest, where) <= budget_of(where))
      broken("pins were refused that leave room for the largest unpinned tensor: " + answer.error().what);
    return;
  }
  bool const any = std::any_of(after.begin(), after.end(), [&](tensor_id id) { return bytes_of(id) > 0; });
  if (any && !setup_.options.overcommit_pins && budget_for(sum + least, where) > budget_of(where))
    broken("pins were accepted that leave no room");
  pins_[slot(where)] = std::move(after);
}

void naive_model::unpinned(std::span<tensor_id const> ids, tier where) {
  for (tensor_id const id : ids) {
    pins_[slot(where)].erase(id);
    entries_[index_of(id)].immovable[slot(where)] = false;
  }
}

void naive_model::budget_answered(tier where, std::uint64_t bytes, status const& answer) {
  if (answer.ok()) {
    asked_[slot(where)] = bytes;
    if (!options_of(where).can_remap) broken("a budget changed that cannot");
  } else if (answer.error().code == errc::unsupported) {
    if (options_of(where).can_remap) broken("a budget could not change: " + answer.error().what);
  } else if (pins_[slot(where)].empty() && setup_.options.scratch_bytes == 0) {
    broken("set_budget was refused with nothing pinned: " + answer.error().what);
  }
}

void naive_model::granted(wanted const& request) {
  for (tensor_id const id : request.ids) {
    entry& each = entries_[index_of(id)];
    held& hold = each.holds[slot(request.where)];
    ++hold.count;
    each.immovable[slot(request.where)] = pins_[slot(request.where)].contains(id);
    if (bytes_of(id) == 0) continue;
    if (!core_.resident(id, request.where))
      broken(text(id) + " was granted and is not resident in " + text(request.where));
    std::uint64_t const offset = core_.place(id, request.where).range.offset;
    if (hold.count == 1) {
      hold.offset = offset;
      device_.hold(request.where, {offset, footprint(id, request.where)});
    }
    load const& from = each.loads[slot(request.where)];
    if (from.under_way || from.failed || from.base != offset)
      broken(text(id) + " was granted before all of it was on its way");
    if (request.where == tier::ram && !device_.holds_tensor(tier::ram, offset, id, bytes_of(id)))
      broken(text(id) + " was granted in RAM with wrong bytes");
    if (request.where == tier::ram) continue;
    std::pair const address{core_.generation(id), offset};
    if (each.address && each.address->first == address.first && each.address->second != offset)
      broken(text(id) + " moved and kept its generation");
    each.address = address;
  }
}

void naive_model::released(tensor_id id, tier where) {
  held& hold = entries_[index_of(id)].holds[slot(where)];
  if (bytes_of(id) > 0 && where == tier::ram && !device_.holds_tensor(tier::ram, hold.offset, id, bytes_of(id))) {
    broken(text(id) + " changed in RAM while it was held");
  }
  if (--hold.count == 0 && bytes_of(id) > 0) device_.unhold(where, {hold.offset, footprint(id, where)});
}

void naive_model::shared(tensor_id id, tier where) { ++entries_[index_of(id)].holds[slot(where)].count; }

/// `first`: the command opens a load, if the one known to be under way has failed behind our back (for want of memory).
naive_model::load& naive_model::begin_or_continue(tensor_id id, tier where, bool first) {
  load& into = entries_[index_of(id)].loads[slot(where)];
  std::uint64_t const failed_loads = core_.stats().failed_loads;
  if (into.under_way && first) {
    bool const given_up = entries_[index_of(id)].given_up;
    if (into.pending > 0 || (into.failed_loads_before == failed_loads && !given_up))
      broken(text(id) + " is loaded twice at once");
    into.under_way = false;
  }
  if (into.under_way) return into;
  bool const left = of(core_.stats(), where).evictions() > of(before_, where).evictions();
  if (entries_[index_of(id)].resident[slot(where)] && !left)
    broken(text(id) + " is loaded into " + text(where) + ", where it is resident");
  into = {.done = std::vector<bool>(bytes_of(id)),
          .under_way = true,
          .failed_loads_before = failed_loads,
          .generation = core_.generation(id)};
  if (where == tier::ram) ++loads_started_;
  if (where == tier::ram) entries_[index_of(id)].given_up = false;
  return into;
}

void naive_model::cover(load& into, tensor_id id, byte_range part, char const* what) {
  if (part.bytes == 0 || part.end() > bytes_of(id)) broken(std::string(what) + " beyond " + text(id));
  for (std::uint64_t i = part.offset; i < part.end(); ++i) {
    if (into.done[i]) broken(std::string(what) + " of byte " + text(i) + " of " + text(id) + " twice in one load");
    into.done[i] = true;
  }
  ++into.pending;
}

void naive_model::seen(read_command const& command) {
  if (lost_) broken("a read after the device was lost");
  device_.read_started(command);
  load& into = begin_or_continue(command.tensor, tier::ram, command.in_tensor.offset == 0);
  if (into.failed) broken("a read for a load that failed");
  into.base = command.ram_offset - command.in_tensor.offset;
  cover(into, command.tensor, command.in_tensor, "read");
}

void naive_model::seen(copy_command const& command) {
  if (lost_) broken("a copy after the device was lost");
  std::uint64_t const first = device_.copy_emitted(command);
  load const& known = entries_[index_of(command.tensor)].loads[0];
  bool const fresh = !known.under_way || known.generation != core_.generation(command.tensor);
  load& into = begin_or_continue(command.tensor, tier::vram, fresh);
  if (into.failed) broken("a copy for a load that failed");
  std::uint64_t const base = command.vram_offset - first;
  if (!fresh && into.base != base) broken("the copies of " + text(command.tensor) + " do not lie together");
  into.base = base;
  cover(into, command.tensor, {first, command.bytes}, "copy");
}

void naive_model::seen(remap_command const& command) {
  if (lost_ && !command.commits.empty()) broken("memory is asked for after the device was lost");
  if (std::exchange(remapping_[slot(command.where)], true)) broken("two remaps of " + text(command.where) + " at once");
  if (command.commits.empty() && command.decommits.empty()) broken("a remap of nothing");
  device_.remap_started(command);
}

void naive_model::seen(grant_command const& command) {
  auto const found = waiting_.find(command.request);
  if (found == waiting_.end()) broken("a grant for a request that does not wait");
  granted(found->second);
  over_.insert(command.request);
  waiting_.erase(found);
}

void naive_model::seen(reject_command const& command) {
  auto const found = waiting_.find(command.request);
  if (found == waiting_.end()) broken("a rejection of a request that does not wait");
  // Where memory cannot be mapped together there may be none, or where failed calls left some behind.
  bool const finds_one = options_of(found->second.where).can_remap && before_.failed_loads == 0;
  if (finds_one && command.why.what.find("no place in one piece") != std::string::npos)
    broken("admitted, and then no place: " + command.why.what);
  rejected_any_ = true;
  over_.insert(command.request);
  waiting_.erase(found);
}

void naive_model::seen(tell_loading_command const& command) {
  entry& each = entries_[index_of(command.tensor)];
  each.given_up = std::exchange(each.ahead, command.ahead) || each.given_up;
  any_ahead_ = any_ahead_ || command.ahead;
}

void naive_model::finished(tensor_id id, tier where, bool ok) {
  entry& each = entries_[index_of(id)];
  --each.loads[slot(where)].pending;
  for (load& any : each.loads) {
    if (!ok && any.under_way) any.failed = true;
    bool const whole = std::all_of(any.done.begin(), any.done.end(), [](bool done) { return done; });
    if (any.pending == 0 && (whole || (any.failed && each.loads[0].pending + each.loads[1].pending == 0)))
      any.under_way = false;
  }
}

void naive_model::read_answered(read_command const& command, bool ok) {
  finished(command.tensor, tier::ram, ok);
  if (ok) read_done_ += command.in_tensor.bytes;
}

void naive_model::copy_answered(copy_command const& command, bool ok) {
  finished(command.tensor, tier::vram, ok);
  if (ok) copy_done_ += command.bytes;
}

void naive_model::remap_answered(remap_command const& command, std::uint64_t most_committed, bool ok) {
  if (!ok) memory_stuck();
  std::size_t const in = slot(command.where);
  remapping_[in] = false;
  most_committed += options_of(command.where).overhead_bytes;
  committed_most_[in] = std::max(committed_most_[in], most_committed);
  if (most_committed > effective_before_[in] && !setup_.options.overcommit_pins) {
    broken(text(command.where) + " held " + text(most_committed) + " bytes of " + text(effective_before_[in]));
  }
}

void naive_model::check_all() {
  core_.check();
  statistics const now = core_.stats();
  for (tier const where : both_tiers) {
    if (options_of(where).present) check_tier(where, now);
  }
  check_counters(now);
}

void naive_model::check_tier(tier where, statistics const& now) {
  tier_statistics const& stats = of(now, where);
  std::size_t const in = slot(where);
  std::uint64_t const committed = device_.committed_bytes(where) + options_of(where).overhead_bytes;
  effective_most_[in] = std::max(effective_most_[in], stats.effective_bytes);
  committed_most_[in] = std::max(committed_most_[in], committed);
  if (!setup_.options.overcommit_pins) {
    if (std::max(committed, stats.committed_bytes) > stats.effective_bytes)
      broken(text(where) + " holds more than its budget");
    if (stats.peak_bytes > effective_most_[in]) broken(text(where) + "'s peak is above every budget it had");
    bool const shrinking = stats.effective_bytes <= effective_before_[in];
    if (stats.effective_bytes > budget_of(where) && !(shrinking && effective_before_[in] > 0)) {
      broken(text(where) + "'s effective budget grew to " + text(stats.effective_bytes) + ", asked for " +
             text(asked_[in]));
    }
  }
  if (stats.budget_bytes != asked_[in]) broken("the budget reported is not the one asked for");
  if (stats.peak_bytes < committed_most_[in]) broken(text(where) + "'s peak is below what was committed");
  if (!remapping_[in] && !lost_ && stats.committed_bytes != committed) {
    broken(text(where) + " reports " + text(stats.committed_bytes) + " committed bytes, it holds " + text(committed));
  }
  std::vector<bool> taken(core_.reserve_bytes(where));
  if (where == tier::vram) {
    for (std::uint64_t i = core_.scratch().offset; i < core_.scratch().end(); ++i) taken[i] = true;
  }
  std::uint64_t bytes = 0;
  std::uint64_t tensors = 0;
  for (std::uint32_t i = 0; i < entries_.size(); ++i) {
    check_tensor(tensor_id{i}, where, taken);
    if (bytes_of(tensor_id{i}) == 0 || !core_.resident(tensor_id{i}, where)) continue;
    bytes += bytes_of(tensor_id{i});
    ++tensors;
  }
  if (stats.resident_bytes != bytes)
    broken(text(where) + " reports " + text(stats.resident_bytes) + " resident bytes, not " + text(bytes));
  if (stats.resident_tensors < tensors || stats.resident_tensors > entries_.size())
    broken(text(where) + " miscounts its tensors");
  if (stats.evictions() != departures_[in]) {
    broken(text(where) + " reports " + text(stats.evictions()) + " evictions, " + text(departures_[in]) +
           " tensors left");
  }
}

void naive_model::check_tensor(tensor_id id, tier where, std::vector<bool>& taken) {
  entry& each = entries_[index_of(id)];
  std::size_t const in = slot(where);
  bool const pinned = pins_[in].contains(id);
  if (core_.pinned(id, where) != pinned) broken(text(id) + " is pinned in one account and not in the other");
  if (core_.uses(id, where) < each.holds[in].count) broken(text(id) + " has fewer uses than holders");
  if (bytes_of(id) == 0) return;
  bool const resident = core_.resident(id, where);
  bool const was_resident = std::exchange(each.resident[in], resident);
  // Pins are lazy: a place that is already promised to others may still be taken from a tensor that nobody acquired in
  // this tier since it was pinned.
  if (resident && !was_resident)
    each.immovable[in] =
        pinned && waiting_.empty() &&
        std::none_of(entries_.begin(), entries_.end(), [in](entry const& other) { return other.loads[in].under_way; });
  if (was_resident && !resident) {
    if (!left_.contains({id, where}) && !lost_) broken(text(id) + " left " + text(where) + " without a word");
    if (each.immovable[in] && !lost_) broken(text(id) + ", pinned in " + text(where) + ", was evicted");
  }
  if (each.holds[in].count > 0 && !resident) broken(text(id) + " is held and left " + text(where));
  if (each.holds[in].count > 0 && core_.place(id, where).range.offset != each.holds[in].offset)
    broken(text(id) + " moved while it was held");
  if (!resident) return;
  load const& from = each.loads[in];
  if (from.failed || from.under_way) broken(text(id) + " is resident in " + text(where) + " and not wholly loaded");
  if (where == tier::ram && !device_.holds_tensor(where, from.base, id, bytes_of(id)))
    broken(text(id) + " is resident in RAM with wrong bytes");
  byte_range const range{from.base, footprint(id, where)};
  if (!device_.usable(where, range) && !lost_)
    broken(text(id) + " is resident in " + text(where) + " memory that was given back");
  for (std::uint64_t i = range.offset; i < range.end(); ++i) {
    if (taken[i]) broken(text(id) + " overlaps another tensor or the scratch in " + text(where));
    taken[i] = true;
  }
}

// A load counts all its bytes from when it begins.
void naive_model::check_counters(statistics const& now) {
  bool const fewer = now.bytes_to_device < copy_done_ || now.bytes_from_disk < read_done_;
  if (fewer || now.ahead_bytes > now.bytes_to_device || now.ahead_unused_bytes > now.ahead_bytes)
    broken("to device " + text(now.bytes_to_device) + ", from disk " + text(now.bytes_from_disk) + ", ahead " +
           text(now.ahead_bytes) + ", unused " + text(now.ahead_unused_bytes));
  check_hits_ahead(now);
}

// What was loaded ahead was used, or left before that, or waits to be used. What was given up after that is not told apart.
void naive_model::check_hits_ahead(statistics const& now) const {
  if (now.failed_loads > 0 || rejected_any_) return;
  std::uint64_t used_bytes = now.ahead_bytes - now.ahead_unused_bytes;
  std::uint64_t least_bytes = ~std::uint64_t{0};
  std::uint64_t most_bytes = 0;
  for (std::uint32_t i = 0; i < entries_.size(); ++i) {
    std::uint64_t const bytes = bytes_of(tensor_id{i});
    if (core_.place(tensor_id{i}, tier::vram).ahead) used_bytes -= bytes;
    if (bytes > 0) least_bytes = std::min(least_bytes, bytes);
    most_bytes = std::max(most_bytes, bytes);
  }
  bool const few = now.vram_ahead * most_bytes < used_bytes;
  bool const many = now.vram_ahead > 0 && now.vram_ahead * least_bytes > used_bytes;
  if (few || many || now.vram_ahead > now.vram_hits)
    broken(text(now.vram_ahead) + " hits by loads ahead, of " + text(now.vram_hits) + "; in bytes " + text(used_bytes));
}

}  // namespace tierpager::simulation
