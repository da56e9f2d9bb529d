// A machine that is not there: a disk, a copy stream and a compute stream that take time and move nothing. It says when
// each thing will be done; the caller says what time it is. Pure, one thread, and the same every time. A rate of zero
// takes no time.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <span>

#include <tierpager/transfer_rates.hpp>
#include <tierpager/types.hpp>

namespace tierpager::tools {

/// Zero for a rate of zero.
double seconds_for(std::uint64_t bytes, double bytes_per_second);

class virtual_machine {
 public:
  explicit virtual_machine(transfer_rates const& rates) : rates_(rates) {}

  /// When a read that is asked for now will be done: one after another, in the order asked for.
  double read(double now, std::uint64_t bytes);
  /// Queues a copy: it starts after the one before it and once `after` has passed.
  fence copy(double now, std::uint64_t bytes, std::span<fence const> after);
  /// What is launched from here on starts once `until` has passed.
  void wait(fence until);
  /// Queues so many seconds of work on the compute stream.
  void launch(double now, double seconds);
  /// A fence behind all work that was launched, or all copies.
  [[nodiscard]] fence record_compute() const { return record(compute); }
  [[nodiscard]] fence record_copies() const { return record(copies); }

  /// Some time in the past for a fence that has passed.
  [[nodiscard]] double passes_at(fence which) const;
  /// When the compute stream will have nothing left to do.
  [[nodiscard]] double computed_at() const { return streams_[compute].free_at; }

 private:
  static constexpr std::uint32_t copies = 0;
  static constexpr std::uint32_t compute = 1;
  struct stream {
    double free_at = 0;
    std::uint64_t over = 0;   // so many operations have ended, and been forgotten
    std::deque<double> ends;  // of those that follow
  };
  [[nodiscard]] fence record(std::uint32_t which) const {
    return {which, streams_[which].over + streams_[which].ends.size()};
  }
  fence queue(std::uint32_t which, double start, double seconds);
  void forget(std::uint32_t which, double until);

  transfer_rates rates_;
  double disk_free_at_ = 0;
  std::array<stream, 2> streams_;
};

}  // namespace tierpager::tools
