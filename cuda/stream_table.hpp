// The streams that a device has seen, and their fences: dense numbers told apart by CUDA's own ids, never reused; for
// each stream the events still behind fences. Any thread; each call inside a call_guard. No lock is held across a CUDA
// call, nothing waits, and a stream that is being captured is never recorded on, waited on or synchronised.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include <cuda/event_pool.hpp>
#include <cuda/primary_context.hpp>
#include <tierpager/types.hpp>

namespace tierpager {

class stream_table {
 public:
  /// More events than this a stream are thinned out; the fences of those that go pass with the next later one.
  static constexpr std::size_t events_max = 64;

  explicit stream_table(primary_context& context) : context_(context), state_(context.state()), pool_(state_) {}

  /// Makes events before any is needed.
  status prepare(std::uint64_t events) { return pool_.fill(events); }
  /// The stream's number, minted at first sight; an error for a retired one, for one of another context or device, and
  /// for what names no one stream.
  result<std::uint32_t> number_of(cudaStream_t stream);
  result<bool> capturing(cudaStream_t stream);
  result<fence> record(cudaStream_t stream);
  status wait(cudaStream_t stream, fence until);
  result<bool> passed(fence which);
  /// Waits, by asking. Nothing may be held that the stream's work needs.
  status wait_until_passed(fence which);
  status retire(cudaStream_t stream);
  /// would_wait where it is capturing.
  status refuse_capturing(cudaStream_t stream);

 private:
  using event_ref = std::shared_ptr<recorded_event>;  // a question about it or a wait for it keeps it from being reused
  struct entry {
    std::uint64_t sequence;
    event_ref event;
  };
  struct seen_stream {
    std::uint64_t issued = 0;  // the last sequence minted
    std::uint64_t passed = 0;  // known to have
    bool retired = false;
    bool asked = false;          // whose it is; not before its capture is over
    std::vector<entry> entries;  // ascending; the last one minted is always among them until it has passed
  };

  /// The event that shows that the fence has passed; none where that is known already.
  result<entry> event_behind(fence which);
  /// Whether the entry's event has passed; remembers it if so.
  result<bool> ask(std::uint32_t number, entry const& about);
  failure forget_captured(std::uint32_t number, entry const& about);
  void thin_out(std::uint32_t number);

  result<bool> ask_whose(cudaStream_t stream);

  primary_context& context_;
  device_state& state_;
  event_pool pool_;  // outlives the entries

  std::mutex mutex_;
  std::unordered_map<unsigned long long, std::uint32_t> numbers_;  // by CUDA's id, which is never reused
  std::deque<seen_stream> streams_;                                // by number
};

}  // namespace tierpager
