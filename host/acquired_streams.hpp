// The streams that handles were acquired on: which of them the device has answered for, how many handles are out on each, and
// which were retired while some were. What nobody can ask about any more is forgotten, so it grows with the handles that
// are out and not with the streams there ever were. Under the pager's lock; makes no call.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include <tierpager/types.hpp>

namespace tierpager {

class acquired_streams {
 public:
  /// A stream that was retired while handles were out. The numbers of retirements count from 1.
  struct retired_stream {
    stream_ref stream;
    std::uint64_t number;
    std::uint64_t handles;
    std::optional<fence> last;  // none: announced, and not recorded yet
  };

  /// Whether the device has answered for the stream since it was last retired. False for one that is forgotten.
  [[nodiscard]] bool knows(stream_ref stream) { return find(stream) != nullptr && last_found_->known; }
  void learn(stream_ref stream) { at(stream).known = true; }

  /// One more handle on a stream that lives.
  void count(stream_ref stream) { ++at(stream).handles; }
  /// One more handle beside one that was acquired when so many retirements had been announced.
  void count_another(stream_ref stream, std::uint64_t retirements_before);
  /// That one's use is over.
  void uncount(stream_ref stream, std::uint64_t retirements_before);

  [[nodiscard]] std::uint64_t retirements() const { return retirements_; }
  /// The number of this retirement. An acquire with a stream of that name from now on means another stream.
  std::uint64_t announce_retirement(stream_ref stream);
  void take_back_retirement(std::uint64_t number);
  void retired(std::uint64_t number, fence last);
  /// The retirement of what a handle was acquired on; null where it lives. A new stream may lie where that one did, so it is the
  /// first one after so many.
  [[nodiscard]] retired_stream const* retirement_of(stream_ref stream, std::uint64_t retirements_before);

  /// Of all streams.
  [[nodiscard]] std::uint64_t handles() const;
  /// Streams and retirements remembered.
  [[nodiscard]] std::size_t size() const { return living_.size() + retired_.size(); }

 private:
  struct living_stream {
    bool known = false;
    std::uint64_t handles = 0;
  };
  static constexpr std::size_t idle_max = 64;  // streams without handles that are remembered

  [[nodiscard]] living_stream* find(stream_ref stream) {
    if (last_found_ != nullptr && last_stream_ == stream.get()) [[likely]]
      return last_found_;
    return find_elsewhere(stream);
  }
  living_stream* find_elsewhere(stream_ref stream);
  living_stream& at(stream_ref stream);
  void forget_idle_ones();
  std::vector<retired_stream>::iterator position_of(stream_ref stream, std::uint64_t retirements_before);

  std::unordered_map<void*, living_stream> living_;  // all of one kind
  void* last_stream_ = nullptr;
  living_stream* last_found_ = nullptr;
  std::size_t grows_until_ = idle_max;
  std::vector<retired_stream> retired_;  // ascending; each with handles out
  std::uint64_t retirements_ = 0;
};

}  // namespace tierpager
