#include <host/stream_uses.hpp>

#include <chrono>
#include <string>
#include <utility>

namespace tierpager {

void stream_uses::check(stream_ref stream) const {
  if (takes(stream)) return;
  auto const refuse = [](std::string what) { throw error({.code = errc::invalid_argument, .what = std::move(what)}); };
  auto const name = [](stream_kind kind) {
    if (kind == stream_kind::own) return "a stream_ref made of a void*";
    return kind == stream_kind::host ? "a tierpager::host_stream" : "a CUDA stream";
  };
  if (stream.kind() != kind_)
    refuse("the device '" + std::string(device_.name()) + "' does not take " + name(stream.kind()) + ": pass " +
           name(kind_));
  // A null stream would be taken for none, and cudaStreamPerThread names another stream on each thread.
  if (stream.names_no_one_stream())
    refuse("null and cudaStreamPerThread do not name one stream: pass one that was created, or cudaStreamLegacy");
  refuse("the host_stream was destroyed: pass one that lives");
}

// The device answers for its own streams alone, and for those only where they are not captured.
result<bool> stream_uses::ask_whether_capturing(stream_ref stream) {
  core_.unlock();
  auto capturing = device_.capturing(stream);
  core_.lock();
  if (!capturing.ok()) {
    core_.tell_if_lost(capturing.error());
  } else if (!*capturing) {
    acquired_.learn(stream);
  }
  return capturing;
}

std::optional<failure> stream_uses::refuse_foreign(stream_ref stream) {
  if (knows(stream)) return std::nullopt;
  auto const asked = ask_whether_capturing(stream);
  return asked.ok() ? std::nullopt : std::optional(asked.error());
}

std::optional<failure> stream_uses::refuse_while_capturing(stream_ref stream) {
  auto const capturing = ask_whether_capturing(stream);
  if (!capturing.ok()) return capturing.error();
  if (!*capturing) return std::nullopt;
  return failure{.code = errc::would_wait,
                 .what =
                     "the stream is capturing a graph: acquire what the graph uses before the capture, and hold it "
                     "as long as the graph is replayed"};
}

// A retirement of the stream that begins meanwhile waits until this has recorded, and until a use whose fence could not be
// recorded is on the list.
bool stream_uses::release(held_use const& use, stream_ref stream, std::uint64_t retirements_before) noexcept {
  if (stream.get() == nullptr) return release_unfenced(use);
  releases_in_flight::entry inside(releases_);
  std::uint32_t const keys_before = last_uses_.keys();
  result<fence> const recorded = last_fence_of(stream, retirements_before, inside);
  scoped_lock const lock(core_.mutex(), for_a_hit);
  uncount(use);
  if (!recorded.ok()) {
    release_unproven(use, stream, recorded.error());
  } else {
    if (last_uses_.all_proved())
      last_uses_.note(*recorded);
    else
      last_uses_.proved(stream, *recorded, keys_before);
    note_releasing_thread(use);
    core_->release(use.id, tier::vram, use.owner, *recorded);
  }
  core_.dispatch();
  inside.leave();
  return core_.leave();
}

bool stream_uses::release_unfenced(held_use const& use) noexcept {
  scoped_lock const lock(core_.mutex(), for_a_hit);
  uncount(use);
  note_releasing_thread(use);
  core_->release(use.id, use.where, use.owner, std::nullopt);
  core_.dispatch();
  return core_.leave();
}

void stream_uses::release_unproven(held_use const& use, stream_ref stream, failure const& why) {
  std::uint32_t const key = last_uses_.add_unproven(stream);
  note_releasing_thread(use);
  core_->release_unproven(use.id, use.owner, key, why);
  core_.tell_if_lost(why);
}

// Of a stream that may have been retired since the use began, and may be gone: the fence it was retired with, which another
// thread may be about to record. A new stream may lie where that one did, so the first such retirement is the one.
result<fence> stream_uses::last_fence_of_retired(stream_ref stream, std::uint64_t retirements_before,
                                                 releases_in_flight::entry& inside) {
  for (;;) {
    {
      scoped_lock const lock(core_.mutex());
      auto const* const found = acquired_.retirement_of(stream, retirements_before);
      if (found == nullptr) break;
      if (found->last) return *found->last;
      inside.leave();  // the retirement waits for those inside
    }
    sleep_for(std::chrono::microseconds(20));
    inside.enter_again();
  }
  return device_.record(stream);
}

// From here on a release on the stream waits for the fence that it is retired with.
std::uint64_t stream_uses::announce_retirement(stream_ref stream) {
  scoped_lock const lock(core_.mutex());
  std::uint64_t const number = acquired_.announce_retirement(stream);
  retirements_.store(number);
  return number;
}

void stream_uses::take_back_retirement(std::uint64_t number) {
  scoped_lock const lock(core_.mutex());
  acquired_.take_back_retirement(number);
}

void stream_uses::retire(stream_ref stream) {
  check(stream);
  std::uint64_t const number = announce_retirement(stream);
  {
    scoped_lock const turn(retiring_);
    releases_.wait_for_those_inside(core_.mutex());
  }
  std::uint32_t const keys_before = last_uses_.keys();
  auto const last = device_.record(stream);
  if (!last.ok()) take_back_retirement(number);
  value_or_throw(last);
  auto const over = device_.passed(*last);
  {
    scoped_lock const lock(core_.mutex());
    last_uses_.proved(stream, *last, keys_before);
    if (over.ok() && *over) core_->passed(*last);
    core_->stream_retired(*last);
    acquired_.retired(number, *last);
    core_.dispatch();
  }
  value_or_throw(device_.retire(stream));
}

}  // namespace tierpager
