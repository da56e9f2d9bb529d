#include <tools/virtual_pager.hpp>

#include <algorithm>
#include <cassert>
#include <utility>

#include <core/pin_preset.hpp>

namespace tierpager::tools {

namespace {

std::unique_ptr<eviction_policy> policy_of(catalog const& tensors, std::string const& name, tier_options const& of) {
  std::vector<std::uint64_t> bytes;
  for (tensor_info const& tensor : tensors) bytes.push_back(round_up(tensor.bytes, of.footprint_align_bytes()));
  return value_or_throw(make_eviction_policy(name, bytes));
}

}  // namespace

virtual_pager::virtual_pager(catalog const& tensors, virtual_pager_options const& options)
    : tensors_(tensors),
      where_(options.core.vram.present ? tier::vram : tier::ram),
      core_(tensors, options.core, policy_of(tensors, options.policy, options.core.vram),
            policy_of(tensors, options.policy, options.core.ram)),
      machine_(options.machine),
      record_events_(options.record_events) {
  if (!options.core.vram.present && !options.core.ram.present)
    throw error({.code = errc::invalid_argument, .what = "both budgets are 'none': no tier is left to page into"});
  for (tier const where : {tier::vram, tier::ram}) {
    auto const pins = value_or_throw(match_all_pins(tensors, where == tier::vram ? options.pin_vram : options.pin_ram));
    if (!pins.empty()) pin(pins, where);
  }
  after_call();
  catch_up(now_);
}

bool virtual_pager::later(answer const& left, answer const& right) {
  return std::pair(left.at, left.number) > std::pair(right.at, right.number);
}

void virtual_pager::expect(double at, command what) {
  answers_.push_back({at, asked_++, std::move(what)});
  std::push_heap(answers_.begin(), answers_.end(), later);
}

// After every call of the core: what it asks for is given its time, and callers that wait are told.
void virtual_pager::after_call() {
  while (core_.has_commands()) {
    std::vector<command> commands;
    core_.take_commands(commands);
    for (command& next : commands) take(next);
  }
}

void virtual_pager::take(command& next) {
  if (auto const* read = std::get_if<read_command>(&next)) {
    double const done = machine_.read(now_, read->in_tensor.bytes);
    expect(done, *read);
  } else if (auto const* watch = std::get_if<watch_command>(&next)) {
    expect(std::max(now_, machine_.passes_at(watch->until)), *watch);
  } else if (auto const* plan = std::get_if<plan_command>(&next)) {
    carry_out(*plan);
  } else if (auto const* grant = std::get_if<grant_command>(&next)) {
    if (blocked_on_ == grant->request) blocked_on_.reset();
  } else if (auto* reject = std::get_if<reject_command>(&next)) {
    if (blocked_on_ == reject->request) {
      blocked_on_.reset();
      rejected_ = std::move(reject->why);
    }
  } else if (std::holds_alternative<tell_evicted_command>(next) || std::holds_alternative<tell_loading_command>(next)) {
    if (record_events_) note(next);
  } else {
    expect(now_, std::move(next));
  }
}

void virtual_pager::note(command const& next) {
  if (auto const* evicted = std::get_if<tell_evicted_command>(&next))
    events_.push_back(
        {.what = event::kind::evicted, .tensor = evicted->tensor, .where = evicted->where, .why = evicted->why});
  if (auto const* loading = std::get_if<tell_loading_command>(&next))
    events_.push_back({.what = event::kind::loading,
                       .tensor = loading->tensor,
                       .where = loading->where,
                       .from_disk = loading->from_disk,
                       .ahead = loading->ahead});
}

// Takes no time: a pager's caller makes the plan before its call returns.
void virtual_pager::carry_out(plan_command const& what) {
  core_.planned(what.question->epoch, make_plan(*what.question));
}

void virtual_pager::set_order(std::span<tensor_id const> ids) {
  acquire_order order;
  for (tensor_id const id : ids) {
    order.entries.push_back({.id = id, .call = order.calls, .until = order.calls + 1});
    ++order.calls;
  }
  core_.set_order(access_cycle::of(std::move(order), tensors_.size()));
  after_call();
}

void virtual_pager::set_budget(tier where, std::uint64_t bytes) {
  value_or_throw(core_.set_budget(where, bytes));
  after_call();
}

void virtual_pager::pin(std::span<tensor_id const> ids, tier where) {
  std::vector<tensor_id>& pinned = pinned_[static_cast<std::size_t>(where)];
  core_.unpin(pinned, where);
  pinned.assign(ids.begin(), ids.end());
  if (!ids.empty()) value_or_throw(core_.pin(ids, where));
  after_call();
}

// The next answer. False where none is owed.
bool virtual_pager::step() {
  if (answers_.empty()) return false;
  std::pop_heap(answers_.begin(), answers_.end(), later);
  answer const next = std::move(answers_.back());
  answers_.pop_back();
  now_ = std::max(now_, next.at);
  std::visit([this](auto const& what) { carry_out(what); }, next.what);
  after_call();
  return true;
}

void virtual_pager::catch_up(double until) {
  while (!answers_.empty() && answers_.front().at <= until) (void)step();
  now_ = std::max(now_, until);
}

void virtual_pager::carry_out(read_command const& what) { core_.read_done(what.tensor, what.chunk, {}); }

void virtual_pager::carry_out(copy_command const& what) {
  if (core_.wants_copy(what.tensor)) {
    core_.copy_queued(what.tensor, what.chunk, machine_.copy(now_, what.bytes, what.after));
  } else {
    core_.copy_failed(what.tensor, what.chunk, {.code = errc::device_failed, .what = "an earlier copy failed"}, false);
  }
}

void virtual_pager::carry_out(remap_command const& what) {
  core_.remapped(what.where, what.decommits.size(), what.commits.size(), {});
}

void virtual_pager::carry_out(watch_command const& what) { core_.passed(what.until); }

void virtual_pager::carry_out(ask_command const& what) {
  double const passes_at = machine_.passes_at(what.about);
  if (passes_at <= now_) return core_.passed(what.about);
  expect(passes_at, watch_command{what.about});
  core_.running(what.about);
}

void virtual_pager::carry_out(settle_command const&) { core_.settled(machine_.record_copies()); }

void virtual_pager::acquire(std::span<tensor_id const> ids) {
  catch_up(now_);
  bool const hit = value_or_throw(core_.try_acquire(ids, where_, caller));
  if (!hit) {
    auto const asked = value_or_throw(core_.acquire(ids, where_, caller));
    if (!asked.granted) wait_for(asked.request);
  }
  after_call();
  if (where_ != tier::vram) return;
  for (tensor_id const id : ids)
    if (auto const ready = core_.ready(id)) machine_.wait(*ready);
}

void virtual_pager::wait_for(request_id request) {
  double const dry_at = where_ == tier::vram ? std::max(now_, machine_.computed_at()) : now_;
  blocked_on_ = request;
  after_call();
  while (blocked_on_) {
    bool const answered = step();
    assert(answered);  // nobody else holds anything, so an answer is owed
    (void)answered;
  }
  stall_seconds_ += std::max(0.0, now_ - dry_at);
  if (rejected_) throw error(*std::exchange(rejected_, std::nullopt));
}

void virtual_pager::compute(double seconds) {
  if (where_ == tier::vram)
    machine_.launch(now_, seconds);
  else
    catch_up(now_ + seconds);
}

void virtual_pager::release(std::span<tensor_id const> ids) {
  for (tensor_id const id : ids) {
    bool const fenced = where_ == tier::vram && tensors_[id].bytes > 0;
    core_.release(id, where_, caller, fenced ? std::optional(machine_.record_compute()) : std::nullopt);
    after_call();
  }
}

double virtual_pager::done_at() const { return std::max(now_, machine_.computed_at()); }

statistics virtual_pager::stats() const {
  statistics counted = core_.stats();
  counted.stall_seconds = stall_seconds_;
  return counted;
}

}  // namespace tierpager::tools
