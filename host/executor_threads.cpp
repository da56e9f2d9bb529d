// The executor's threads. Each takes one command under the lock, carries it out without, and reports back under it.
#include <chrono>

#include <host/executor.hpp>

namespace tierpager {
namespace {

// A fence is polled this often while somebody may wait for it: at first, and at most.
constexpr std::chrono::microseconds poll_interval_min{20};
constexpr std::chrono::microseconds poll_interval_max{500};
constexpr unsigned poll_failures_max = 8;  // in a row, before what waits is told

// A user's own source may throw; the thread that asked must live.
status read_from(source& from, std::uint32_t file, std::uint64_t offset, std::span<std::byte> target) noexcept {
  try {
    return from.read(file, offset, target);
  } catch (error const& thrown) {
    return thrown.details();
  } catch (std::exception const& thrown) {
    return failure{.code = errc::read_failed, .what = std::string("the source threw: ") + thrown.what()};
  } catch (...) {
    return failure{.code = errc::read_failed, .what = "the source threw"};
  }
}

}  // namespace

// All of VRAM, before anything else happens; where pieces can be had, as much as the system gives. RAM comes while the pager
// works.
void executor::commit_at_open() {
  for (core_->take_commands(commands_); !commands_.empty(); core_->take_commands(commands_)) {
    std::vector<command> const asked = std::exchange(commands_, {});
    for (command const& one : asked) {
      auto const& remap = std::get<remap_command>(one);
      if (remap.where == tier::ram && device_->can_remap(tier::ram)) {
        remaps_.push_back(remap);
        continue;
      }
      std::size_t committed = 0;
      status outcome;
      while (outcome.ok() && committed < remap.commits.size()) {
        outcome = device_->commit(remap.where, remap.commits[committed]);
        if (outcome.ok()) ++committed;
      }
      bool const refused = !outcome.ok() && outcome.error().code == errc::out_of_memory;
      bool const nothing = committed == 0 && remap.commits.front().offset == 0;
      if (!refused || !device_->can_remap(remap.where) || (nothing && core_->scratch().bytes > 0))
        value_or_throw(outcome);
      core_->remapped(remap.where, 0, committed, outcome);
      if (nothing && refused && !core_->has_commands()) value_or_throw(outcome);
    }
  }
}

void executor::start_threads(unsigned readers) {
  {
    scoped_lock const lock(mutex_);
    idle_readers_.reserve(readers);  // a reader that goes to sleep allocates nothing
  }
  try {
    for (unsigned i = 0; i < readers; ++i) threads_.emplace_back([this] { read_loop(); });
    threads_.emplace_back([this] { copy_loop(); });
    threads_.emplace_back([this] { wait_loop(); });
  } catch (std::system_error const& refused) {
    close();  // joins those that did start
    throw error(
        {.code = errc::out_of_memory, .what = "the system refused a thread", .system_error = refused.code().value()});
  }
}

// For one command. Where none is idle, a reader that ends what it does finds the command itself.
void executor::wake_reader() {
  if (idle_readers_.empty()) return;
  idle_readers_.back()->notify_one();
  idle_readers_.pop_back();
}

void executor::read_loop() {
  device_->prepare_thread();
  condition wake;
  scoped_lock const lock(mutex_);
  while (!closed_) {
    if (!evicted_.empty()) {
      trace_evictions();
    } else if (!remaps_.empty()) {
      remap_command const next = std::move(remaps_.front());
      remaps_.pop_front();
      run_remap(next);
    } else if (!reads_.empty()) {
      read_command const next = reads_.front();
      reads_.pop_front();
      run_read(next);
    } else {
      idle_readers_.push_back(&wake);
      wake.wait(mutex_);
      std::erase(idle_readers_, &wake);  // still there after a spurious wake-up
    }
  }
  trace_evictions();
}

// They were decided under the lock; a tool is told without it.
void executor::trace_evictions() {
  std::vector<tell_evicted_command> const told = std::exchange(evicted_, {});
  mutex_.unlock();
  for (tell_evicted_command const& one : told)
    trace_range(trace_, one.where == tier::vram ? trace_kind::evict_vram : trace_kind::evict_ram, one.tensor,
                tensors_[one.tensor].bytes);
  mutex_.lock();
}

void executor::run_remap(remap_command const& what) {
  mutex_.unlock();
  std::size_t decommitted = 0;
  std::size_t committed = 0;
  status outcome;
  while (outcome.ok() && decommitted < what.decommits.size()) {
    outcome = device_->decommit(what.where, what.decommits[decommitted]);
    if (outcome.ok()) ++decommitted;
  }
  while (outcome.ok() && committed < what.commits.size()) {
    outcome = device_->commit(what.where, what.commits[committed]);
    if (outcome.ok()) ++committed;
  }
  mutex_.lock();
  core_->remapped(what.where, decommitted, committed, outcome);
  if (!outcome.ok() && outcome.error().code == errc::device_lost) core_->device_lost(outcome.error());
  dispatch();
  if (!outcome.ok()) warn_of_refusals();
  if (what.where == tier::ram) warn_of_unlocked_ram();
  for (condition* const each : resizers_) each->notify_one();
}

void executor::run_read(read_command const& what) {
  mutex_.unlock();
  tensor_info const& info = tensors_[what.tensor];
  std::span const target(ram_base_ + what.ram_offset, what.in_tensor.bytes);
  status const outcome = [&] {
    trace_range const reading(trace_, trace_kind::read, what.tensor, what.in_tensor.bytes);
    return read_from(*source_, info.file, info.offset + what.in_tensor.offset, target);
  }();
  mutex_.lock();
  core_->read_done(what.tensor, what.chunk, outcome);
  dispatch();
}

void executor::copy_loop() {
  device_->prepare_thread();
  scoped_lock const lock(mutex_);
  while (!closed_) {
    if (copies_.empty()) {
      copier_wake_.wait(mutex_);
      continue;
    }
    std::optional<copy_command> const next = std::move(copies_.front());
    copies_.pop_front();
    if (next)
      run_copy(*next);
    else
      run_settle();
  }
}

void executor::run_copy(copy_command const& what) {
  if (!core_->wants_copy(what.tensor)) {
    core_->copy_failed(what.tensor, what.chunk, {.code = errc::device_failed, .what = "an earlier copy failed"}, false);
    dispatch();
    return;
  }
  mutex_.unlock();
  status ordered;
  result<fence> const queued = [&]() -> result<fence> {
    trace_range const copying(trace_, trace_kind::copy, what.tensor, what.bytes);
    for (fence const use : what.after)
      if (ordered.ok()) ordered = device_->wait(device_->copy_stream(), use);
    if (!ordered.ok()) return ordered.error();
    return device_->copy_async(what.vram_offset, what.ram_offset, what.bytes);
  }();
  mutex_.lock();
  if (queued.ok()) {
    note_use(*queued);
    core_->copy_queued(what.tensor, what.chunk, *queued);
  } else {
    core_->copy_failed(what.tensor, what.chunk, queued.error(), ordered.ok());
    if (queued.error().code == errc::device_lost) core_->device_lost(queued.error());
  }
  dispatch();
}

void executor::run_settle() {
  mutex_.unlock();
  auto const recorded = device_->record(device_->copy_stream());
  mutex_.lock();
  if (recorded.ok()) note_use(*recorded);  // waited for at the end, where no other fence may be had
  core_->settled(recorded);
  dispatch();
}

void executor::wait_loop() {
  device_->prepare_thread();
  scoped_lock const lock(mutex_);
  auto interval = poll_interval_min;
  unsigned failures = 0;
  while (!closed_) {
    if (watches_.empty() && running_.empty()) {
      waiter_wake_.wait(mutex_);
      interval = poll_interval_min;
    } else if (poll(failures)) {
      interval = poll_interval_min;
    } else {
      waiter_wake_.wait_for(mutex_, interval);
      interval = std::min(2 * interval, poll_interval_max);
    }
  }
}

// Asks about the oldest watched fence of each stream; never blocks on one while another's has passed.
bool executor::poll(unsigned& failures) {
  std::vector<fence> heads;
  for (auto const& [stream, sequences] : watches_) heads.push_back({stream, *sequences.begin()});
  bool any = false;
  for (fence const head : heads) {
    mutex_.unlock();
    auto const over = device_->passed(head);
    mutex_.lock();
    if (!over.ok()) {
      bool const lost = over.error().code == errc::device_lost;
      if (lost) watches_.erase(head.stream);  // nothing runs there any more
      (void)answer_running(head.stream);
      if (lost || ++failures % poll_failures_max == 0) core_->query_failed(over.error());
    } else if (*over) {
      failures = 0;
      any = true;
      auto const at = watches_.find(head.stream);
      at->second.erase(at->second.begin(), at->second.upper_bound(head.sequence));
      if (at->second.empty()) watches_.erase(at);
      core_->passed(head);
      std::erase_if(asked_, [&](fence one) { return one.stream == head.stream && one.sequence <= head.sequence; });
    } else {
      any = answer_running(head.stream) || any;
    }
    dispatch();
  }
  note_dry_streams();
  return any;
}

// What the caller queued before it blocked keeps its stream busy: until that has run, the wait costs nothing.
void executor::note_last_work(blocked& caller, stream_ref stream) {
  caller.dry_since = std::chrono::steady_clock::now();
  if (stream.get() == nullptr || caller.over) return;
  mutex_.unlock();
  auto const last = device_->record(stream);
  auto const over = last.ok() ? device_->passed(*last) : result<bool>(last.error());
  mutex_.lock();
  if (!over.ok()) {
    tell_if_lost(over.error());
    dispatch();
  }
  if (!over.ok() || *over || caller.over) return;
  caller.runs_until = *last;
  running_.push_back(&caller);
  waiter_wake_.notify_one();
}

// Those of callers that are blocked, whose stall begins when their streams have nothing left to do.
void executor::note_dry_streams() {
  std::vector<fence> lasts;
  for (blocked const* each : running_) lasts.push_back(*each->runs_until);
  for (fence const last : lasts) {
    mutex_.unlock();
    auto const over = device_->passed(last);
    auto const now = std::chrono::steady_clock::now();
    mutex_.lock();
    bool const lost = !over.ok() && over.error().code == errc::device_lost;
    if (lost) core_->query_failed(over.error());
    if (!lost && !(over.ok() && *over)) continue;
    std::erase_if(running_, [&](blocked* each) {
      if (each->runs_until == last) each->dry_since = now;
      return each->runs_until == last;
    });
    dispatch();
  }
}

// The oldest watched fence of the stream has not passed, or cannot say so: nor have those that were asked about.
bool executor::answer_running(std::uint32_t stream) {
  std::vector<fence> about;
  std::erase_if(asked_, [&](fence one) {
    if (one.stream == stream) about.push_back(one);
    return one.stream == stream;
  });
  for (fence const one : about) core_->running(one);
  return !about.empty();
}

}  // namespace tierpager
