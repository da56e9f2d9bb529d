#include <tests/core/residency/simulation/driver.hpp>

namespace tierpager::simulation {
namespace {

std::string text(std::uint64_t number) { return std::to_string(number); }
std::string text(tensor_id id) { return "t" + std::to_string(index_of(id)); }
std::string text(byte_range range) { return "[" + text(range.offset) + "," + text(range.end()) + ")"; }
std::string text(fence which) { return text(std::uint64_t{which.stream}) + ":" + text(which.sequence); }
std::string text(request_id request) { return "r" + std::to_string(static_cast<std::uint64_t>(request)); }
std::string text(owner_id owner) { return "o" + text(static_cast<std::uint64_t>(owner)); }
std::string text(tier where) { return std::string(name_of(where)); }
std::string text(std::vector<byte_range> const& ranges) {
  std::string all;
  for (byte_range const each : ranges) all += text(each);
  return all;
}
std::string text(std::span<tensor_id const> ids) {
  std::string all = "{";
  for (tensor_id const id : ids) all += text(id) + " ";
  return all + "}";
}

std::unique_ptr<eviction_policy> policy_for(setup const& options, tier_options const& of) {
  std::vector<std::uint64_t> bytes;
  for (tensor_info const& tensor : options.tensors) bytes.push_back(round_up(tensor.bytes, of.footprint_align_bytes()));
  return of.present ? value_or_throw(make_eviction_policy(options.policy, bytes)) : nullptr;
}

std::unique_ptr<residency> make_core(setup const& options) {
  return std::make_unique<residency>(options.tensors, options.options, policy_for(options, options.options.vram),
                                     policy_for(options, options.options.ram));
}

std::uint64_t arena_bytes(residency const& core, tier_options const& options, tier where) {
  return options.present ? core.reserve_bytes(where) : 0;
}

}  // namespace

driver::driver(setup const& options, chooser& choices, faults what_fails, std::string* trace)
    : setup_(options),
      choices_(choices),
      faults_(what_fails),
      trace_(trace),
      core_(make_core(options)),
      device_(arena_bytes(*core_, options.options.vram, tier::vram),
              arena_bytes(*core_, options.options.ram, tier::ram)),
      model_(options, *core_, device_) {
  end();
  faults const later = std::exchange(faults_, {});
  // Memory for the scratch: a pager that cannot have that does not open. That of RAM may come later, if it comes in pieces.
  for (tier const where : both_tiers)
    while (remaps_[static_cast<std::size_t>(where)] && (where == tier::vram || !setup_.options.ram.can_remap))
      answer_remap(where, false);
  faults_ = later;
}

void driver::note(std::string const& line) {
  if (trace_ != nullptr) *trace_ += line + "\n";
}

void driver::begin(std::string const& line) {
  if (trace_ != nullptr) note(line);
  model_.begin_event();
  ++events_;
}

void driver::end() {
  commands_.clear();
  core_->take_commands(commands_);
  for (command const& each : commands_) {
    std::visit([this](auto const& found) { obey(found); }, each);
  }
  model_.check_all();
}

void driver::obey(read_command const& command) {
  if (trace_ != nullptr)
    note("    -> read " + text(command.tensor) + text(command.in_tensor) + " to ram " + text(command.ram_offset));
  model_.seen(command);
  reads_.push_back(command);
}

void driver::obey(copy_command const& command) {
  if (trace_ != nullptr) {
    note("    -> copy " + text(command.tensor) + " chunk " + text(std::uint64_t{command.chunk}) + ", " +
         text(command.bytes) + " bytes from ram " + text(command.ram_offset) + " to vram " + text(command.vram_offset) +
         " after " + text(command.after.size()));
  }
  model_.seen(command);
  copies_.push_back(command);
}

void driver::obey(remap_command const& command) {
  if (trace_ != nullptr)
    note("    -> remap " + text(command.where) + " -" + text(command.decommits) + " +" + text(command.commits));
  model_.seen(command);
  remaps_[slot(command.where)] = command;
}

void driver::obey(watch_command const& command) {
  if (trace_ != nullptr) note("    -> watch " + text(command.until));
  watches_.at(command.until.stream).push_back(command.until);
}

void driver::obey(ask_command const& command) {
  if (trace_ != nullptr) note("    -> ask " + text(command.about));
  if (setup_.policy == "lru") broken("an exact policy's victims were passed over");
  asks_.push_back(command.about);
}

void driver::obey(settle_command const&) {
  note("    -> settle");
  ++settles_;
}

void driver::obey(plan_command const& command) {
  note("    -> plan");
  if (command.question->epoch <= latest_epoch_ && latest_epoch_ != 0) broken("a plan is asked for twice");
  latest_epoch_ = command.question->epoch;
  plans_.push_back({command.question, events_});
}

void driver::obey(grant_command const& command) {
  if (trace_ != nullptr) note("    -> grant " + text(command.request));
  model_.seen(command);
  add_handles(requests_.at(command.request));
  requests_.erase(command.request);
}

void driver::obey(reject_command const& command) {
  if (trace_ != nullptr) note("    -> reject " + text(command.request) + ": " + command.why.describe());
  model_.seen(command);
  if (command.why.code == errc::would_deadlock) check_deadlock(requests_.at(command.request), command.why);
  requests_.erase(command.request);
  rejections_.emplace(command.request, command.why);
}

void driver::obey(tell_evicted_command const& command) {
  if (trace_ != nullptr)
    note("    -> " + text(command.tensor) + " has left " + text(command.where) + ": " +
         std::string(name_of(command.why)));
  model_.seen(command);
}

void driver::obey(tell_loading_command const& command) {
  if (trace_ != nullptr)
    note("    -> " + text(command.tensor) + " for " + text(command.where) +
         (command.from_disk ? " from the file" : "") + (command.ahead ? " ahead" : ""));
  model_.seen(command);
}

void driver::set_order(std::vector<std::vector<tensor_id>> const& calls, std::uint32_t held_calls) {
  acquire_order order;
  std::string line = "the order is";
  for (std::vector<tensor_id> const& set : calls) {
    if (trace_ != nullptr) line += " " + text(set);
    for (tensor_id const id : set)
      order.entries.push_back({.id = id, .call = order.calls, .until = order.calls + 1 + held_calls});
    ++order.calls;
  }
  begin(line + ", held for " + text(std::uint64_t{held_calls}));
  for (asked_plan& each : plans_) each.for_a_gone_order = each.for_a_gone_order || each.question->order == declared_;
  auto cycle = access_cycle::of(std::move(order), setup_.tensors.size());
  declared_ = cycle ? cycle->order() : nullptr;
  core_->set_order(std::move(cycle));
  end();
}

void driver::prefetch(std::vector<tensor_id> const& ids) {
  begin("prefetch " + text(ids));
  core_->prefetch(ids);
  end();
}

void driver::add_handles(demand const& granted) {
  for (tensor_id const id : granted.ids) handles_.push_back({id, granted.where, granted.owner});
}

driver::ticket driver::acquire(std::vector<tensor_id> const& ids, tier where, owner_id owner) {
  begin("acquire " + text(ids) + " in " + text(where) + " for " + text(owner));
  auto const answer = core_->acquire(ids, where, owner);
  if (trace_ != nullptr)
    note(answer.ok() ? "  = " + text(answer->request) + (answer->granted ? " granted" : " waits")
                     : "  = " + answer.error().describe());
  model_.acquire_answered(ids, where, answer);
  if (over() && answer.ok()) broken("an acquire was accepted after the end");
  if (!answer.ok() && answer.error().code == errc::would_deadlock)
    check_deadlock({ids, where, owner}, answer.error());
  else if (!over() && !answer.ok() && answer.error().code != errc::budget_too_small &&
           answer.error().code != errc::out_of_memory)
    broken("refused: " + answer.error().describe());
  ticket got{outcome::refused, {}, {}};
  if (!answer.ok()) {
    got.why = answer.error();
  } else if (answer->granted) {
    got = {outcome::granted, answer->request, {}};
    add_handles({ids, where, owner});
  } else {
    got = {outcome::waiting, answer->request, {}};
    requests_.emplace(answer->request, demand{ids, where, owner});
  }
  end();
  return got;
}

bool driver::try_acquire(std::vector<tensor_id> const& ids, tier where, owner_id owner) {
  begin("try_acquire " + text(ids) + " in " + text(where) + " for " + text(owner));
  auto const answer = core_->try_acquire(ids, where, owner);
  model_.try_acquire_answered(ids, where, answer);
  bool const granted = answer.ok() && answer.value();
  if (granted) add_handles({ids, where, owner});
  end();
  if (!granted && !commands_.empty()) broken("a try_acquire that granted nothing asked for something");
  return granted;
}

void driver::cancel(request_id request) {
  begin("cancel " + text(request));
  bool const waited = model_.waiting(request);
  core_->cancel(request, {.code = errc::cancelled, .what = "cancelled"});
  end();
  if (model_.waiting(request)) broken("a cancelled request still waits");
  if (waited && rejections_.at(request).code != errc::cancelled)
    broken("a cancelled request was rejected with another reason");
}

void driver::share(std::size_t handle_index) {
  handle const held = handles_.at(handle_index);
  begin("share " + text(held.id) + " in " + text(held.where));
  core_->share(held.id, held.where, held.owner);
  model_.shared(held.id, held.where);
  handles_.push_back(held);
  end();
}

void driver::release(std::size_t handle_index, last_use how, std::uint32_t stream) {
  handle const held = handles_.at(handle_index);
  handles_.erase(handles_.begin() + static_cast<std::ptrdiff_t>(handle_index));
  if (held.where == tier::ram) how = last_use::none;
  begin("release " + text(held.id) + " in " + text(held.where) + " by " + text(held.owner) +
        (how == last_use::none     ? ""
         : how == last_use::fenced ? " fenced on " + std::to_string(stream)
                                   : " unproven on " + std::to_string(stream)));
  std::uint64_t const bytes = setup_.tensors[held.id].bytes;
  if (how != last_use::none && bytes > 0 && !lost_) {
    device_.use(held.id, {core_->place(held.id, tier::vram).range.offset, bytes}, stream, core_->ready(held.id));
  }
  model_.released(held.id, held.where);
  if (how == last_use::unproven) {
    unproven_[stream] = true;
    core_->release_unproven(held.id, held.owner, stream, {.code = errc::device_failed, .what = "no record"});
  } else {
    std::optional<fence> last;
    if (how == last_use::fenced) last = device_.record(stream);
    if (last && trace_ != nullptr) note("  fence " + text(*last));
    core_->release(held.id, held.where, held.owner, last);
  }
  end();
}

void driver::note_released_elsewhere(owner_id owner) {
  begin("elsewhere, of " + text(owner));
  released_elsewhere_.insert(owner);
  core_->released_elsewhere(owner);
  end();
}

void driver::prove(std::uint32_t stream) {
  fence const recorded = device_.record(stream);
  begin("prove " + text(recorded));
  unproven_[stream] = false;
  core_->prove(recorded, (recorded).stream);
  end();
}

status driver::pin(std::vector<tensor_id> const& ids, tier where) {
  begin("pin " + text(ids) + " in " + text(where));
  status answer = core_->pin(ids, where);
  if (trace_ != nullptr && !answer.ok()) note("  = " + answer.error().describe());
  model_.pin_answered(ids, where, answer);
  end();
  return answer;
}

void driver::unpin(std::vector<tensor_id> const& ids, tier where) {
  begin("unpin " + text(ids) + " in " + text(where));
  core_->unpin(ids, where);
  model_.unpinned(ids, where);
  end();
}

void driver::set_budget(tier where, std::uint64_t bytes) {
  begin("set_budget " + text(where) + " " + text(bytes));
  status const answer = core_->set_budget(where, bytes);
  if (trace_ != nullptr && !answer.ok()) note("  = " + answer.error().describe());
  model_.budget_answered(where, bytes, answer);
  end();
}

void driver::close() {
  begin("close");
  core_->close();
  closed_ = true;
  end();
  if (model_.waiting() > 0) broken("a request still waits after close");
}

void driver::lose_device() {
  begin("device_lost");
  model_.lost();
  device_.lost();
  core_->device_lost({.code = errc::device_lost, .what = "the device is gone"});
  lost_ = true;
  end();
  if (model_.waiting() > 0) broken("a request still waits after the device was lost");
}

void driver::fail_query() {
  begin("query_failed");
  core_->query_failed({.code = errc::device_failed, .what = "the fence could not be asked"});
  end();
}

std::vector<request_id> driver::waiting(owner_id owner) const {
  std::vector<request_id> all;
  for (auto const& [id, each] : requests_) {
    if (each.owner == owner) all.push_back(id);
  }
  return all;
}

std::set<tensor_id> driver::held_by(owner_id owner, tier where) const {
  std::set<tensor_id> all;
  for (handle const& each : handles_)
    if (each.owner == owner && each.where == where) all.insert(each.id);
  return all;
}

// Nobody is refused who could be served without releasing anything. The owner's other requests may have their places.
void driver::check_deadlock(demand const& of, failure const& why) const {
  if (released_elsewhere_.contains(of.owner)) broken("refused, though others may release: " + why.describe());
  if (setup_.options.overcommit_pins || setup_.options.scratch_bytes > 0) return;
  auto const too_much = [&](tier where, std::set<tensor_id> all) {
    for (auto const& [id, each] : requests_)
      if (each.owner == of.owner && each.where == where) all.insert(each.ids.begin(), each.ids.end());
    all.merge(held_by(of.owner, where));
    tier_statistics const& now = where == tier::vram ? core_->stats().vram : core_->stats().ram;
    return now.refused_commits > 0 || model_.never_fits(std::vector(all.begin(), all.end()), where);
  };
  bool const wants_ram = std::ranges::any_of(of.ids, [&](tensor_id id) { return too_much(tier::ram, {id}); });
  if (!too_much(of.where, {of.ids.begin(), of.ids.end()}) && !(of.where == tier::vram && wants_ram))
    broken("there is room beside the owner's own handles: " + why.describe());
  if (why.tensor.empty() || why.what.find("(which asks) holds") == std::string::npos)
    broken("does not say what the owner holds: " + why.describe());
}

// And nobody waits who never could. Where a tensor of the set is used, all of it may be promised already.
void driver::check_nobody_waits_for_itself() const {
  for (auto const& [id, each] : requests_) {
    std::set<tensor_id> all = held_by(each.owner, each.where);
    if (all.empty() || released_elsewhere_.contains(each.owner) || setup_.options.overcommit_pins) continue;
    tier const where = each.where;
    if (std::ranges::any_of(each.ids, [&](tensor_id wanted) { return core_->uses(wanted, where) > 0; })) continue;
    all.insert(each.ids.begin(), each.ids.end());
    if (model_.more_than_budget(all, where)) broken(text(id) + " waits for what its own owner holds");
  }
}

}  // namespace tierpager::simulation
