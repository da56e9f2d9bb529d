// When a faulty port fails: what faulty_source and faulty_device share. Any thread; calls are numbered in the order
// in which they ask. A plan counts the calls from the moment it is set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <host/threading.hpp>
#include <tierpager/error.hpp>

namespace tierpager::tests {

template <class Kind>
struct fault_plan {
  std::uint64_t at_call = 1;                  // the first call that fails, counted from 1
  bool for_ever = false;                      // it and every later one, until lifted
  std::optional<Kind> only = std::nullopt;    // only calls of this kind count, and fail
  bool carried_out = false;                   // a copy or read that fails was made all the same
  std::optional<failure> why = std::nullopt;  // what it fails with; none: what such a port mostly fails with
};

/// What a call is to do.
struct fault_decision {
  std::optional<failure> fails = std::nullopt;
  bool carried_out = false;
};

template <class Kind>
class fault_counter {
 public:
  fault_counter(std::size_t kinds, errc mostly)
      : mostly_{.code = mostly, .what = "a fault that the test asked for"}, calls_by_kind_(kinds) {}

  void set(fault_plan<Kind> plan) TIERPAGER_EXCLUDES(mutex_) {
    scoped_lock const lock(mutex_);
    plan_ = std::move(plan);
    counted_ = 0;
  }
  void lift() TIERPAGER_EXCLUDES(mutex_) {
    scoped_lock const lock(mutex_);
    plan_.reset();
  }
  fault_decision next(Kind kind) TIERPAGER_EXCLUDES(mutex_) {
    scoped_lock const lock(mutex_);
    ++calls_;
    ++calls_by_kind_[static_cast<std::size_t>(kind)];
    if (!plan_ || (plan_->only && *plan_->only != kind)) return {};
    ++counted_;
    bool const fails = plan_->for_ever ? counted_ >= plan_->at_call : counted_ == plan_->at_call;
    if (!fails) return {};
    ++failed_;
    return {.fails = plan_->why.value_or(mostly_), .carried_out = plan_->carried_out};
  }

  /// Since construction.
  [[nodiscard]] std::uint64_t calls() const TIERPAGER_EXCLUDES(mutex_) {
    scoped_lock const lock(mutex_);
    return calls_;
  }
  [[nodiscard]] std::uint64_t calls(Kind kind) const TIERPAGER_EXCLUDES(mutex_) {
    scoped_lock const lock(mutex_);
    return calls_by_kind_[static_cast<std::size_t>(kind)];
  }
  [[nodiscard]] std::uint64_t failed() const TIERPAGER_EXCLUDES(mutex_) {
    scoped_lock const lock(mutex_);
    return failed_;
  }

 private:
  failure const mostly_;

  mutable annotated_mutex mutex_;
  std::optional<fault_plan<Kind>> plan_ TIERPAGER_GUARDED_BY(mutex_);
  std::uint64_t counted_ TIERPAGER_GUARDED_BY(mutex_) = 0;
  std::uint64_t calls_ TIERPAGER_GUARDED_BY(mutex_) = 0;
  std::uint64_t failed_ TIERPAGER_GUARDED_BY(mutex_) = 0;
  std::vector<std::uint64_t> calls_by_kind_ TIERPAGER_GUARDED_BY(mutex_);
};

}  // namespace tierpager::tests
