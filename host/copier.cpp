#include <host/copier.hpp>

#include <utility>

namespace tierpager {

void copier::add(copy_command asked) {
  copies_.emplace_back(std::move(asked));
  wake();
}

void copier::add_settle() {
  copies_.emplace_back(std::nullopt);
  wake();
}

void copier::run() {
  device_.prepare_thread();
  scoped_lock const lock(core_.mutex());
  while (!core_.closed()) {
    if (copies_.empty()) {
      wake_.wait(core_.mutex());
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

void copier::run_copy(copy_command const& next) {
  if (!core_->wants_copy(next.tensor)) {
    core_->copy_failed(next.tensor, next.chunk, {.code = errc::device_failed, .what = "an earlier copy failed"}, false);
    core_.dispatch();
    return;
  }
  core_.unlock();
  status ordered;
  result<fence> const queued = [&]() -> result<fence> {
    trace_range const copying(trace_, trace_kind::copy, next.tensor, next.bytes);
    for (fence const use : next.after)
      if (ordered.ok()) ordered = device_.wait(device_.copy_stream(), use);
    if (!ordered.ok()) return ordered.error();
    return device_.copy_async(next.vram_offset, next.ram_offset, next.bytes);
  }();
  core_.lock();
  if (queued.ok()) {
    last_uses_.note(*queued);
    core_->copy_queued(next.tensor, next.chunk, *queued);
  } else {
    core_->copy_failed(next.tensor, next.chunk, queued.error(), ordered.ok());
    core_.tell_if_lost(queued.error());
  }
  core_.dispatch();
}

void copier::run_settle() {
  core_.unlock();
  auto const recorded = device_.record(device_.copy_stream());
  core_.lock();
  if (recorded.ok()) last_uses_.note(*recorded);  // waited for at the end, where no other fence may be had
  core_->settled(recorded);
  core_.dispatch();
}

}  // namespace tierpager
