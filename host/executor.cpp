#include <host/executor.hpp>

#include <algorithm>
#include <cassert>
#include <chrono>

#include <core/pin_preset.hpp>
#include <core/residency/whole_model.hpp>
#include <host/auto_budget.hpp>

namespace tierpager {
executor::executor(model of, std::shared_ptr<device> on, pager_options const& options)
    : tensors_(std::move(of.tensors)),
      metadata_(std::move(of.file_metadata)),
      trace_(tensors_),
      record_events_(options.record_events),
      on_warning_(options.on_warning),
      source_(std::move(of.source)),
      device_(std::move(on)),
      streams_(device_ == nullptr ? stream_kind::own : device_->takes()) {
  if (source_ == nullptr || device_ == nullptr)
    throw error({.code = errc::invalid_argument, .what = "a pager needs a source and a device"});
  budget const vram = named_budget(tier::vram, options.vram);
  budget const ram = named_budget(tier::ram, options.ram);
  auto tier_of = [&](tier where, budget const& named) {
    tier_options made = tier_options_of(*device_, where);
    made.present = named.what() != budget::kind::none;
    whole_bytes_[static_cast<std::size_t>(where)] =
        whole_model_bytes(tensors_, made, where == tier::vram ? options.scratch_bytes : 0);
    return made;
  };
  residency_options core{.vram = tier_of(tier::vram, vram),
                         .ram = tier_of(tier::ram, ram),
                         .chunk_bytes = options.chunk_bytes,
                         .scratch_bytes = options.scratch_bytes,
                         .overcommit_pins = options.overcommit_pins,
                         .rates = options.rates};
  bool const ram_is_known = ram.what() != budget::kind::automatic;
  core.vram.budget_bytes = resolve(tier::vram, vram, ram_is_known ? ram.bytes_of(whole_bytes(tier::ram)) : 0);
  core.ram.budget_bytes = resolve(tier::ram, ram, core.vram.budget_bytes);
  if (!core.vram.present && !core.ram.present)
    throw error({.code = errc::invalid_argument, .what = "both budgets are 'none': no tier is left to page into"});
  open_core(core, options);
  start_threads(std::max(1U, options.reader_threads));
  warn_of_pins(options.pin_vram, tier::vram);
  warn_of_pins(options.pin_ram, tier::ram);
  warn_of_budgets({vram.what() == budget::kind::automatic, ram.what() == budget::kind::automatic});
}

void executor::open_core(residency_options const& core, pager_options const& options) {
  scoped_lock const lock(mutex_);
  auto policy_of = [&](tier_options const& of) {
    std::vector<std::uint64_t> bytes;
    for (tensor_info const& one : tensors_) bytes.push_back(round_up(one.bytes, of.footprint_align_bytes()));
    return value_or_throw(make_eviction_policy(options.policy, bytes));
  };
  core_ = std::make_unique<residency>(tensors_, core, policy_of(core.vram), policy_of(core.ram));
  for (tier where : {tier::vram, tier::ram}) {
    auto const pins =
        value_or_throw(match_all_pins(tensors_, where == tier::vram ? options.pin_vram : options.pin_ram));
    if (!pins.empty()) value_or_throw(core_->pin(pins, where));
  }
  open_arenas();  // last: what was refused so far has left the device as it was
  warn_of_refusals();
  warn_of_unlocked_ram();
}

void executor::open_arenas() {
  for (tier where : {tier::vram, tier::ram}) {
    if (core_->reserve_bytes(where) == 0) continue;
    auto reserved = device_->reserve(where, core_->reserve_bytes(where));
    while (!reserved.ok() && reserved.error().code == errc::out_of_memory && core_->reserve_less(where))
      reserved = device_->reserve(where, core_->reserve_bytes(where));
    (where == tier::vram ? vram_base_ : ram_base_) = value_or_throw(reserved);
  }
  commit_at_open();
  byte_range const scratch = core_->scratch();
  scratch_ = {vram_base_ + scratch.offset, scratch.bytes};
}

std::uint64_t executor::resolve(tier where, budget const& named, std::uint64_t other_budget_bytes) const {
  if (named.what() != budget::kind::automatic) return named.bytes_of(whole_bytes(where));
  statistics const now = stats();
  bool const is_vram = where == tier::vram;
  tier_claim const other{.budget_bytes = other_budget_bytes,
                         .whole_bytes = whole_bytes(is_vram ? tier::ram : tier::vram),
                         .held_bytes = (is_vram ? now.ram : now.vram).committed_bytes};
  return value_or_throw(auto_bytes(*device_, where, (is_vram ? now.vram : now.ram).committed_bytes, other));
}

void executor::check_id(tensor_id id) const {
  if (index_of(id) >= tensors_.size())
    throw error({.code = errc::unknown_tensor, .what = "no tensor has the id " + std::to_string(index_of(id))});
}

tensor_id executor::id_of(std::string_view name) const {
  auto const id = tensors_.find(name);
  if (!id) throw error({.code = errc::unknown_tensor, .what = "no such tensor", .tensor = std::string(name)});
  return *id;
}

// Commands ---------------------------------------------------------------------------------------------------------

void executor::carry_out() {
  core_->take_commands(commands_);
  for (command& one : commands_) take(one);
  commands_.clear();
}

void executor::take(command& one) {
  if (auto* read = std::get_if<read_command>(&one)) {
    reads_.push_back(*read);
    wake_reader();
  } else if (auto* copy = std::get_if<copy_command>(&one)) {
    copies_.emplace_back(std::move(*copy));
    copier_wake_.notify_one();
  } else if (auto* remap = std::get_if<remap_command>(&one)) {
    remaps_.push_back(std::move(*remap));
    wake_reader();
  } else if (auto* watch = std::get_if<watch_command>(&one)) {
    watches_[watch->until.stream].insert(watch->until.sequence);
    waiter_wake_.notify_one();
  } else if (auto* ask = std::get_if<ask_command>(&one)) {
    watches_[ask->about.stream].insert(ask->about.sequence);
    asked_.push_back(ask->about);
    waiter_wake_.notify_one();
  } else if (std::holds_alternative<settle_command>(one)) {
    copies_.emplace_back(std::nullopt);
    copier_wake_.notify_one();
  } else if (auto* plan = std::get_if<plan_command>(&one)) {
    plans_.push_back(std::move(*plan));
  } else if (auto* grant = std::get_if<grant_command>(&one)) {
    end(grant->request, std::nullopt);
  } else if (auto* reject = std::get_if<reject_command>(&one)) {
    end(reject->request, std::move(reject->why));
  } else if (auto* evicted = std::get_if<tell_evicted_command>(&one)) {
    note_event({.what = event::kind::evicted, .tensor = evicted->tensor, .where = evicted->where, .why = evicted->why});
    if (!trace_.attached()) return;
    evicted_.push_back(*evicted);
    wake_reader();
  } else if (auto* loading = std::get_if<tell_loading_command>(&one)) {
    note_event({.what = event::kind::loading,
                .tensor = loading->tensor,
                .where = loading->where,
                .from_disk = loading->from_disk,
                .ahead = loading->ahead});
  }
}

void executor::end(request_id request, std::optional<failure> why) {
  auto const found = blocked_.find(request);
  assert(found != blocked_.end());
  found->second->over = true;
  found->second->why = std::move(why);
  found->second->wake.notify_one();
  blocked_.erase(found);
}

// Acquire ----------------------------------------------------------------------------------------------------------

// Blocks until the request is over; why it was rejected, if it was. Opens `waiting`, for the caller to end without the
// lock.
std::optional<failure> executor::wait_for(request_id request, std::span<tensor_id const> ids, stream_ref stream,
                                          wait_options const& wait, trace_range& waiting) {
  blocked me;
  blocked_.emplace(request, &me);
  dispatch_and_plan();
  if (trace_.attached()) {
    mutex_.unlock();
    waiting.open(trace_, trace_kind::wait, ids);
    mutex_.lock();
  }
  note_last_work(me, stream);
  auto const over = [&] { return me.over; };
  auto const deadline = wait.deadline.value_or(std::chrono::steady_clock::time_point::max());
  bool const timed = wait.deadline.has_value();
  bool const in_time =
      timed ? me.wake.wait_until(mutex_, wait.stop, deadline, over) : me.wake.wait(mutex_, wait.stop, over);
  if (!in_time) {
    bool const stopped = wait.stop.stop_requested();
    core_->cancel(
        request, stopped ? failure{.code = errc::cancelled, .what = "acquire was cancelled"} : core_->overdue(request));
    dispatch();
    assert(me.over);
  }
  if (std::erase(running_, &me) == 0)
    stall_seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - me.dry_since).count();
  return std::move(me.why);
}

std::vector<handle> executor::acquire(std::span<tensor_id const> ids, tier where, std::optional<stream_ref> stream,
                                      wait_options const& wait) {
  trace_range const acquiring(trace_, trace_kind::acquire, ids);
  if (stream) check_stream(*stream);
  owner_id const owner = owner_for(wait);
  std::vector<handle> handles;
  handles.reserve(ids.size());
  std::optional<fence> until;
  std::optional<failure> why;
  bool last = false;
  {
    trace_range waiting;  // ends after the lock
    scoped_lock const lock(mutex_);
    ++outstanding_;
    if (stream) {
      prove_uses_on(*stream);
      why = refuse_foreign(*stream);
    }
    auto const hit = why ? result<bool>(*why) : core_->try_acquire(ids, where, owner);
    if (!hit.ok()) {
      why = hit.error();
    } else if (!*hit) {
      if (stream) why = refuse_while_capturing(*stream);
      if (!why) why = acquire_or_wait(ids, where, stream.value_or(no_stream()), wait, waiting);
    }
    dispatch_and_plan();
    if (!why) {
      for (tensor_id id : ids) {
        handles.push_back(handle_to(core_->place(id, where), id, where, stream.value_or(no_stream()), owner));
        if (where == tier::vram)
          if (auto const ready = core_->ready(id)) until = std::max(until.value_or(*ready), *ready);
      }
    }
    last = leave();  // the handles count from here on
  }
  if (why) {  // without one there are handles, so this is not the last
    if (last) delete_this();
    throw error(std::move(*why));
  }
  if (stream) order_after(handles, *stream, until);
  return handles;
}

handle executor::acquire_one(tensor_id id, tier where, stream_ref stream, wait_options const& wait) {
  handle held;  // outlives the lock: to release it takes the lock
  bool const plain = !trace_.attached() && (where == tier::ram || takes(stream));
  if (plain) {
    owner_id const owner = owner_for(wait);
    scoped_lock lock(mutex_, for_a_hit);
    bool const may_hit = unproven_.empty() && (where == tier::ram || streams_acquired_.knows(stream));
    slot const* const place = may_hit ? core_->try_hit(id, where, owner) : nullptr;
    if (place != nullptr) {
      held = handle_to(*place, id, where, stream, owner);
      if (!core_->has_commands() && !place->copying) [[likely]]
        return held;
      dispatch_and_plan();
      auto const until = where == tier::vram ? core_->ready(id) : std::nullopt;
      lock.unlock();
      order_after(std::span(&held, 1), stream, until);
      return held;
    }
  }
  std::optional<stream_ref> const named = where == tier::vram ? std::optional(stream) : std::nullopt;
  return std::move(acquire(std::span(&id, 1), where, named, wait).front());
}

// The device answers for its own streams alone, and for those only where they are not captured.
result<bool> executor::ask_whether_capturing(stream_ref stream) {
  mutex_.unlock();
  auto capturing = device_->capturing(stream);
  mutex_.lock();
  if (!capturing.ok()) {
    tell_if_lost(capturing.error());
  } else if (!*capturing) {
    streams_acquired_.learn(stream);
  }
  return capturing;
}

// A hit makes no call with its stream, and the release would be the first to notice.
std::optional<failure> executor::refuse_foreign(stream_ref stream) {
  if (streams_acquired_.knows(stream)) return std::nullopt;
  auto const asked = ask_whether_capturing(stream);
  return asked.ok() ? std::nullopt : std::optional(asked.error());
}

// Loading what is missing, or waiting for room, would have the stream wait for work that is not part of its graph.
std::optional<failure> executor::refuse_while_capturing(stream_ref stream) {
  auto const capturing = ask_whether_capturing(stream);
  if (!capturing.ok()) return capturing.error();
  if (!*capturing) return std::nullopt;
  return failure{.code = errc::would_wait,
                 .what =
                     "the stream is capturing a graph: acquire what the graph uses before the capture, and hold it "
                     "as long as the graph is replayed"};
}

std::optional<failure> executor::acquire_or_wait(std::span<tensor_id const> ids, tier where, stream_ref stream,
                                                 wait_options const& wait, trace_range& waiting) {
  auto const outcome = core_->acquire(ids, where, owner_for(wait));
  if (!outcome.ok()) return outcome.error();
  return outcome->granted ? std::nullopt : wait_for(outcome->request, ids, stream, wait, waiting);
}

// The caller's stream waits for the copies; on failure nothing was queued behind them, so the uses end unfenced.
void executor::order_after(std::span<handle> handles, stream_ref stream, std::optional<fence> until) {
  if (!until) return;
  status const ordered = device_->wait(stream, *until);
  if (ordered.ok()) return;
  for (handle& one : handles) {
    release_unfenced(one);
    one.executor_ = nullptr;
  }
  {
    scoped_lock const lock(mutex_);
    tell_if_lost(ordered.error());
    dispatch();
  }
  throw error(ordered.error());
}

std::optional<handle> executor::try_acquire(tensor_id id, stream_ref stream) {
  trace_range const acquiring(trace_, trace_kind::acquire, std::span(&id, 1));
  check_stream(stream);
  owner_id const owner = this_thread_owner();
  std::optional<handle> one;
  std::optional<fence> until;
  {
    scoped_lock const lock(mutex_);
    if (auto why = refuse_foreign(stream)) throw error(std::move(*why));
    if (!value_or_throw(core_->try_acquire(std::span(&id, 1), tier::vram, owner))) return std::nullopt;
    one = handle_to(core_->place(id, tier::vram), id, tier::vram, stream, owner);
    dispatch_and_plan();
    until = core_->ready(id);
  }
  order_after(std::span(&*one, 1), stream, until);
  return one;
}

handle executor::share(handle const& one) {
  scoped_lock const lock(mutex_);
  owner_id const owner = is_thread(one.owner_) ? this_thread_owner() : one.owner_;
  core_->share(one.id_, one.tier_, owner);
  ++outstanding_;
  if (is_counted(one)) streams_acquired_.count_another(one.stream(), one.retirements_before_);
  return {this, one.data_, one.bytes_, one.stream(), owner, one.retirements_before_, one.id_, one.tier_};
}

// The rest of the facade -------------------------------------------------------------------------------------------

bool executor::resident(tensor_id id, tier where) const {
  check_id(id);
  scoped_lock const lock(mutex_);
  return core_->resident(id, where);
}

bool executor::pinned(tensor_id id, tier where) const {
  check_id(id);
  scoped_lock const lock(mutex_);
  return core_->pinned(id, where);
}

std::uint64_t executor::generation(tensor_id id) const {
  check_id(id);
  scoped_lock const lock(mutex_);
  return core_->generation(id);
}

statistics executor::stats() const {
  scoped_lock const lock(mutex_);
  if (core_ == nullptr) return {};
  statistics now = core_->stats();
  now.stall_seconds = stall_seconds_;
  now.waiting_acquires = blocked_.size();
  now.ram_is_page_locked = device_->ram_is_page_locked();
  return now;
}

}  // namespace tierpager
