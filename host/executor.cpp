#include <host/executor.hpp>

#include <algorithm>
#include <cassert>
#include <utility>

#include <core/pin_preset.hpp>
#include <host/auto_budget.hpp>
#include <host/stream_thread.hpp>

namespace tierpager {
namespace {

template <class Port>
std::shared_ptr<Port> given(std::shared_ptr<Port> port) {
  if (port == nullptr) throw error({.code = errc::invalid_argument, .what = "a pager needs a source and a device"});
  return port;
}

}  // namespace

executor::executor(model of, std::shared_ptr<device> on, pager_options const& options)
    : tensors_(std::move(of.tensors)),
      metadata_(std::move(of.file_metadata)),
      trace_(tensors_),
      record_events_(options.record_events),
      source_(given(std::move(of.source))),
      device_(given(std::move(on))),
      budgets_(tensors_, *device_, options),
      warnings_(core_, *device_, tensors_, budgets_, options.on_warning) {
  open(options);
  start_threads(std::max(1U, options.reader_threads));
  warnings_.of_pins(options.pin_vram, tier::vram);
  warnings_.of_pins(options.pin_ram, tier::ram);
  warnings_.of_budgets(budgets_.automatic_at_open());
}

void executor::open(pager_options const& options) {
  scoped_lock const lock(core_.mutex());
  auto policy_of = [&](tier_options const& of) {
    std::vector<std::uint64_t> bytes;
    for (tensor_info const& tensor : tensors_) bytes.push_back(round_up(tensor.bytes, of.footprint_align_bytes()));
    return value_or_throw(make_eviction_policy(options.policy, bytes));
  };
  residency_options const& how = budgets_.at_open();
  core_.open(std::make_unique<residency>(tensors_, how, policy_of(how.vram), policy_of(how.ram)));
  for (tier where : {tier::vram, tier::ram}) {
    auto const pins =
        value_or_throw(match_all_pins(tensors_, where == tier::vram ? options.pin_vram : options.pin_ram));
    if (!pins.empty()) value_or_throw(core_->pin(pins, where));
  }
  memory_.open();  // last: what was refused so far has left the device as it was
  warnings_.of_refusals();
  warnings_.of_unlocked_ram();
}

void executor::start_threads(unsigned reader_threads) {
  {
    scoped_lock const lock(core_.mutex());
    readers_.reserve(reader_threads);
  }
  try {
    for (unsigned i = 0; i < reader_threads; ++i) threads_.emplace_back([this] { readers_.run(); });
    threads_.emplace_back([this] { copier_.run(); });
    threads_.emplace_back([this] { watcher_.run(); });
  } catch (std::system_error const& refused) {
    close();  // joins those that did start
    throw error(
        {.code = errc::out_of_memory, .what = "the system refused a thread", .system_error = refused.code().value()});
  }
}

// Commands ---------------------------------------------------------------------------------------------------------

void executor::take(command& next) {
  if (auto* read = std::get_if<read_command>(&next)) {
    readers_.add(*read);
  } else if (auto* copy = std::get_if<copy_command>(&next)) {
    copier_.add(std::move(*copy));
  } else if (auto* remap = std::get_if<remap_command>(&next)) {
    memory_.add(std::move(*remap));
    readers_.add_remap();
  } else if (auto* watch = std::get_if<watch_command>(&next)) {
    watcher_.watch(watch->until);
  } else if (auto* ask = std::get_if<ask_command>(&next)) {
    watcher_.ask(ask->about);
  } else if (std::holds_alternative<settle_command>(next)) {
    copier_.add_settle();
  } else if (auto* plan = std::get_if<plan_command>(&next)) {
    plans_.add(std::move(*plan));
  } else if (auto* grant = std::get_if<grant_command>(&next)) {
    blocked_.end(grant->request, std::nullopt);
  } else if (auto* reject = std::get_if<reject_command>(&next)) {
    blocked_.end(reject->request, std::move(reject->why));
  } else if (auto* evicted = std::get_if<tell_evicted_command>(&next)) {
    note_event({.what = event::kind::evicted, .tensor = evicted->tensor, .where = evicted->where, .why = evicted->why});
    readers_.add(*evicted);
  } else if (auto* loading = std::get_if<tell_loading_command>(&next)) {
    note_event({.what = event::kind::loading,
                .tensor = loading->tensor,
                .where = loading->where,
                .from_disk = loading->from_disk,
                .ahead = loading->ahead});
  }
}

void executor::note_event(event const& what) {
  if (record_events_) events_.push_back(what);
}

std::vector<event> executor::take_events() {
  scoped_lock const lock(core_.mutex());
  return std::exchange(events_, {});
}

// Acquire ----------------------------------------------------------------------------------------------------------

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
    scoped_lock const lock(core_.mutex());
    core_.enter();
    if (stream) {
      last_uses_.prove_on(*stream);
      why = streams_.refuse_foreign(*stream);
    }
    auto const hit = why ? result<bool>(*why) : core_->try_acquire(ids, where, owner);
    if (!hit.ok()) {
      why = hit.error();
    } else if (!*hit) {
      if (stream) why = streams_.refuse_while_capturing(*stream);
      if (!why) why = acquire_or_wait(ids, where, stream.value_or(stream_uses::no_stream()), wait, waiting);
    }
    plans_.dispatch_and_plan();
    if (!why) {
      for (tensor_id id : ids) {
        handles.push_back(
            handle_to(core_->place(id, where), id, where, stream.value_or(stream_uses::no_stream()), owner));
        if (where == tier::vram)
          if (auto const ready = core_->ready(id)) until = std::max(until.value_or(*ready), *ready);
      }
    }
    last = core_.leave();  // the handles count from here on
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
  bool const plain = !trace_.attached() && (where == tier::ram || streams_.takes(stream));
  if (plain) {
    owner_id const owner = owner_for(wait);
    scoped_lock lock(core_.mutex(), for_a_hit);
    bool const may_hit = last_uses_.all_proved() && (where == tier::ram || streams_.knows(stream));
    slot const* const place = may_hit ? core_->try_hit(id, where, owner) : nullptr;
    if (place != nullptr) {
      held = handle_to(*place, id, where, stream, owner);
      if (!core_->has_commands() && !place->copying) [[likely]]
        return held;
      plans_.dispatch_and_plan();
      auto const until = where == tier::vram ? core_->ready(id) : std::nullopt;
      lock.unlock();
      order_after(std::span(&held, 1), stream, until);
      return held;
    }
  }
  std::optional<stream_ref> const named = where == tier::vram ? std::optional(stream) : std::nullopt;
  return std::move(acquire(std::span(&id, 1), where, named, wait).front());
}

std::optional<failure> executor::acquire_or_wait(std::span<tensor_id const> ids, tier where, stream_ref stream,
                                                 wait_options const& wait, trace_range& waiting) {
  auto const outcome = core_->acquire(ids, where, owner_for(wait));
  if (!outcome.ok()) return outcome.error();
  if (outcome->granted) return std::nullopt;
  return blocked_.wait_for({.request = outcome->request, .ids = ids, .stream = stream}, wait, waiting);
}

// The caller's stream waits for the copies; on failure nothing was queued behind them, so the uses end unfenced.
void executor::order_after(std::span<handle> handles, stream_ref stream, std::optional<fence> until) {
  if (!until) return;
  status const ordered = device_->wait(stream, *until);
  if (ordered.ok()) return;
  bool last = false;
  for (handle& held : handles) {
    last = streams_.release_unfenced(use_of(held));
    held.executor_ = nullptr;
  }
  {
    scoped_lock const lock(core_.mutex());
    core_.tell_if_lost(ordered.error());
    core_.dispatch();
  }
  if (last) delete_this();
  throw error(ordered.error());
}

std::optional<handle> executor::try_acquire(tensor_id id, stream_ref stream) {
  trace_range const acquiring(trace_, trace_kind::acquire, std::span(&id, 1));
  check_stream(stream);
  owner_id const owner = this_thread_owner();
  std::optional<handle> held;
  std::optional<fence> until;
  {
    scoped_lock const lock(core_.mutex());
    if (auto why = streams_.refuse_foreign(stream)) throw error(std::move(*why));
    if (!value_or_throw(core_->try_acquire(std::span(&id, 1), tier::vram, owner))) return std::nullopt;
    held = handle_to(core_->place(id, tier::vram), id, tier::vram, stream, owner);
    plans_.dispatch_and_plan();
    until = core_->ready(id);
  }
  order_after(std::span(&*held, 1), stream, until);
  return held;
}

handle executor::share(handle const& held) {
  scoped_lock const lock(core_.mutex());
  owner_id const owner = is_thread(held.owner_) ? this_thread_owner() : held.owner_;
  core_->share(held.id_, held.tier_, owner);
  core_.enter();
  streams_.count_another(use_of(held));
  return {this, held.data_, held.bytes_, held.stream(), owner, held.retirements_before_, held.id_, held.tier_};
}

// The rest of the facade -------------------------------------------------------------------------------------------

void executor::prefetch(std::span<tensor_id const> ids) {
  for (tensor_id id : ids) check_id(tensors_, id);
  scoped_lock const lock(core_.mutex());
  core_->prefetch(ids);
  core_.dispatch();
}

void executor::pin(std::span<tensor_id const> ids, tier where) {
  scoped_lock const lock(core_.mutex());
  status const done = core_->pin(ids, where);
  plans_.dispatch_and_plan();
  value_or_throw(done);
}

void executor::pin(std::vector<std::string> const& globs_or_presets, tier where) {
  pin(value_or_throw(match_all_pins(tensors_, globs_or_presets)), where);
  warnings_.of_pins(globs_or_presets, where);
}

void executor::unpin(std::span<tensor_id const> ids, tier where) {
  for (tensor_id id : ids) check_id(tensors_, id);
  scoped_lock const lock(core_.mutex());
  core_->unpin(ids, where);
  plans_.dispatch_and_plan();
}

budget_report executor::set_budget(tier where, budget const& to) {
  budget const named = named_budget(where, to);
  if (named.what() == budget::kind::none)
    throw error({.code = errc::invalid_argument, .what = "a tier cannot be removed while the pager is open"});
  statistics const before = stats();
  std::uint64_t const bytes =
      budgets_.resolve(where, named, before, (where == tier::vram ? before.ram : before.vram).budget_bytes);
  budget_report report;
  {
    scoped_lock const lock(core_.mutex());
    status const done = core_->set_budget(where, bytes);
    plans_.dispatch_and_plan();
    value_or_throw(done);
    watcher_.tell_what_has_passed();  // memory that nothing uses any more is to go at once
    memory_.wait_for_budget(where);
    statistics const now = core_->stats();
    tier_statistics const& tier_now = where == tier::vram ? now.vram : now.ram;
    report = {.asked_bytes = tier_now.budget_bytes,
              .least_bytes = tier_now.least_bytes,
              .effective_bytes = tier_now.effective_bytes,
              .pending_bytes = tier_now.pending_bytes};
  }
  bool const is_automatic = named.what() == budget::kind::automatic;
  warnings_.of_budgets({is_automatic && where == tier::vram, is_automatic && where == tier::ram});
  return report;
}

bool executor::resident(tensor_id id, tier where) const {
  check_id(tensors_, id);
  scoped_lock const lock(core_.mutex());
  return core_->resident(id, where);
}

bool executor::pinned(tensor_id id, tier where) const {
  check_id(tensors_, id);
  scoped_lock const lock(core_.mutex());
  return core_->pinned(id, where);
}

std::uint64_t executor::generation(tensor_id id) const {
  check_id(tensors_, id);
  scoped_lock const lock(core_.mutex());
  return core_->generation(id);
}

statistics executor::stats() const {
  scoped_lock const lock(core_.mutex());
  statistics now = core_->stats();
  now.stall_seconds = stalls_.seconds();
  now.waiting_acquires = blocked_.size();
  now.ram_is_page_locked = device_->ram_is_page_locked();
  return now;
}

// The end ----------------------------------------------------------------------------------------------------------

void executor::close() noexcept {
  {
    scoped_lock const lock(core_.mutex());
    if (!core_.close()) return;
    readers_.wake_all();
    copier_.wake();
    watcher_.wake();
  }
  for (thread& each : threads_) each.join();
}

void executor::delete_this() noexcept {
  if (this_stream_thread == nullptr)
    delete this;
  else  // its destructor waits for what was queued there, too
    this_stream_thread->run_last([this] { delete this; });
}

void executor::abandon() noexcept {
  close();
  bool last = false;
  {
    scoped_lock const lock(core_.mutex());
    last = core_.abandon();
  }
  if (last) delete_this();
}

// Memory goes when the device does: not before the last use of every stream, and every copy, has run.
executor::~executor() {
  scoped_lock const lock(core_.mutex());
  assert(core_.closed() && core_.inside() == 0 && streams_.handles() == 0);
  last_uses_.wait_for_all(memory_.base(tier::vram) != nullptr);
}

}  // namespace tierpager
