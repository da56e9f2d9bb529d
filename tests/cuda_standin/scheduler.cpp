// Runs what streams have queued: one step at a time, chosen by the seed, or on a thread for each stream.
#include <algorithm>
#include <cassert>
#include <cstring>

#include <tests/cuda_standin/world.hpp>

namespace tierpager::cuda_standin {

bool world::runnable(stream_state const& stream) const {
  if (stream.held || stream.running) return false;
  if (stream.half) return true;
  if (stream.queue.empty()) return false;
  std::vector<place> const& waits = stream.queue.front().waits;
  return std::all_of(waits.begin(), waits.end(), [this](place const& stop) { return passed(stop); });
}

bool world::pending() const { return !active.empty(); }

bool world::step(world_lock& lock) {
  if (options.threads) return false;
  std::size_t count = 0;
  std::size_t chosen = none;
  for (std::size_t const index : active) count += runnable(streams[index]) ? 1U : 0U;
  if (count == 0) return false;
  std::size_t left = random() % count;
  for (std::size_t const index : active) {
    if (!runnable(streams[index])) continue;
    if (left-- == 0) {
      chosen = index;
      break;
    }
  }
  run_part_of(chosen, lock);
  return true;
}

/// Runs the stream's next operation, or half of a copy; the lock is open while bytes are touched and code runs.
void world::run_part_of(std::size_t stream, world_lock& lock) {
  stream_state& on = streams[stream];
  operation queued;
  if (on.half) {
    queued = std::move(*on.half);
    on.half.reset();
  } else {
    queued = std::move(on.queue.front());
    on.queue.pop_front();
  }
  // Memory that went while the operation was queued was reported then; it must not be touched now.
  bool const all_there =
      std::all_of(queued.uses.begin(), queued.uses.end(), [this](use const& of) { return still_there(of); });
  bool const in_halves = queued.target != nullptr && queued.bytes > 1;
  on.running = true;
  if (all_there && (queued.target != nullptr || queued.body)) {
    lock.unlock();
    in_operation() = true;
    run_bytes_or_body(queued);
    in_operation() = false;
    lock.lock();
  }
  on.running = false;
  bool const alive = death_of(on) == cudaSuccess;
  if (in_halves && !queued.half_done && alive) {
    queued.half_done = true;
    on.half = std::move(queued);
    return;
  }
  on.completed = alive ? queued.sequence : on.queued;
  if (on.queue.empty()) std::erase(active, stream);
  if (options.threads) changed.notify_all();
}

void world::run_bytes_or_body(operation& queued) {
  if (queued.body) queued.body();
  if (queued.target == nullptr) return;
  std::byte const* const source = queued.staged.empty() ? queued.source : queued.staged.data();
  std::uint64_t const first = queued.half_done ? queued.bytes / 2 : 0;
  std::uint64_t const last = queued.half_done || queued.bytes < 2 ? queued.bytes : queued.bytes / 2;
  std::memmove(queued.target + first, source + first, last - first);
}

void world::start_worker(std::size_t stream) {
  stream_state& on = streams[stream];
  if (on.worker.joinable()) return;
  on.worker = std::thread([this, stream] { work(stream); });
}

void world::work(std::size_t stream) {
  world_lock lock(mutex);
  stream_state& on = streams[stream];
  while (!stopping) {
    if (runnable(on)) {
      run_part_of(stream, lock);
    } else if (!on.live && on.queue.empty() && !on.half) {
      on.worker_done = true;
      changed.notify_all();
      return;  // a destroyed stream gets no more work
    } else {
      changed.wait(lock);
    }
  }
}

void world::join_done_workers() {
  for (stream_state& stream : streams) {
    if (stream.worker_done && stream.worker.joinable()) stream.worker.join();
  }
}

void world::finish_destroyed(world_lock& lock) {
  for (stream_state const& stream : streams) {
    bool const ends =
        !stream.live && stream.worker.joinable() && stream.queue.empty() && !stream.half && !stream.running;
    if (ends) changed.wait(lock, [&stream] { return stream.worker_done; });
  }
  join_done_workers();
}

void world::stop_workers(world_lock& lock) {
  stopping = true;
  changed.notify_all();
  for (stream_state& stream : streams) {
    if (!stream.worker.joinable()) continue;
    lock.unlock();
    stream.worker.join();
    lock.lock();
  }
}

}  // namespace tierpager::cuda_standin
