#include <host/readers.hpp>

#include <exception>
#include <string>
#include <utility>

namespace tierpager {
namespace {

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

void readers::add(read_command asked) {
  reads_.push_back(asked);
  wake();
}

void readers::add(tell_evicted_command const& told) {
  if (!trace_.attached()) return;
  evicted_.push_back(told);
  wake();
}

// One reader, for one command. Where none is idle, a reader that ends what it does finds the command itself.
void readers::wake() {
  if (idle_.empty()) return;
  idle_.back()->notify_one();
  idle_.pop_back();
}

void readers::wake_all() {
  while (!idle_.empty()) wake();
}

void readers::run() {
  device_.prepare_thread();
  condition mine;
  scoped_lock const lock(core_.mutex());
  while (!core_.closed()) {
    if (!evicted_.empty()) {
      trace_evictions();
    } else if (memory_.has_work()) {
      memory_.run_next();
    } else if (!reads_.empty()) {
      read_command const next = reads_.front();
      reads_.pop_front();
      run_read(next);
    } else {
      idle_.push_back(&mine);
      mine.wait(core_.mutex());
      std::erase(idle_, &mine);  // still there after a spurious wake-up
    }
  }
  trace_evictions();
}

// They were decided under the lock; a tool is told without it.
void readers::trace_evictions() {
  std::vector<tell_evicted_command> const told = std::exchange(evicted_, {});
  core_.unlock();
  for (tell_evicted_command const& each : told)
    trace_range(trace_, each.where == tier::vram ? trace_kind::evict_vram : trace_kind::evict_ram, each.tensor,
                tensors_[each.tensor].bytes);
  core_.lock();
}

void readers::run_read(read_command const& next) {
  core_.unlock();
  tensor_info const& info = tensors_[next.tensor];
  std::span const target(memory_.base(tier::ram) + next.ram_offset, next.in_tensor.bytes);
  status const outcome = [&] {
    trace_range const reading(trace_, trace_kind::read, next.tensor, next.in_tensor.bytes);
    return read_from(source_, info.file, info.offset + next.in_tensor.offset, target);
  }();
  core_.lock();
  core_->read_done(next.tensor, next.chunk, outcome);
  core_.dispatch();
}

}  // namespace tierpager
