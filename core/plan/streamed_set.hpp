// The tensors that are streamed through a tier, and how large a streaming buffer they need, kept up to date as tensors join and
// leave the set. Pure; any thread. Which tensors those are is the selector's choice.
#pragma once

#include <cstdint>
#include <vector>

#include <core/plan/plan_cycle.hpp>

namespace tierpager {

/// The tensors that stream, and what buffer they need.
class streamed_set {
 public:
  streamed_set(cycle_uses const& cycle, std::vector<std::uint64_t> const& bytes);

  [[nodiscard]] bool contains(std::size_t tensor) const { return member_[tensor] != 0; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  /// Of one cycle: every load counts.
  [[nodiscard]] std::uint64_t loaded_bytes() const { return loaded_bytes_; }
  void clear();
  void add(std::size_t tensor);
  void remove(std::size_t tensor);
  /// Whether what is held by a streaming call, the tensor included, and (with two slots or more) what the next
  /// streaming call brings stay within the cap wherever the tensor matters.
  [[nodiscard]] bool fits(std::size_t tensor, std::uint64_t cap_bytes, bool alone) const;
  /// Whether without it the calls that become neighbours are within the cap.
  [[nodiscard]] bool may_leave(std::size_t tensor, std::uint64_t cap_bytes, bool alone) const;
  /// The most that a streaming call holds of the set, plus what the next `slots - 1` streaming calls bring.
  [[nodiscard]] std::uint64_t buffer_bytes(std::uint32_t slots) const;
  /// The most slots for which a buffer of so many bytes has room.
  [[nodiscard]] std::uint32_t slots_in(std::uint64_t bytes) const;

 private:
  void change(std::size_t tensor, bool in);
  [[nodiscard]] std::vector<std::uint32_t> streaming_calls() const;
  cycle_uses const& cycle_;
  std::vector<std::uint64_t> const& sizes_;
  std::vector<std::uint8_t> member_;
  std::vector<std::uint64_t> held_, new_;  // per call: of the set
  std::vector<std::uint32_t> arrivals_;    // per call: uses of the set that begin
  call_set streaming_;                     // calls with arrivals
  std::uint64_t bytes_ = 0, loaded_bytes_ = 0;
};

}  // namespace tierpager
