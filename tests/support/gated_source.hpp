// A source whose reads can be held back, and are counted by extent, over one that works: shows how many reads one
// absent tensor causes, and lets a test act while a read is under way. Any thread.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <utility>

#include <host/threading.hpp>
#include <tierpager/source.hpp>

namespace tierpager::tests {

class gated_source final : public source {
 public:
  explicit gated_source(std::shared_ptr<source> real);

  /// From now on reads wait.
  void hold() TIERPAGER_EXCLUDES(mutex_);
  /// Lets `reads` of those that wait, or come first, pass while the gate stays shut.
  void let_pass(std::uint64_t reads) TIERPAGER_EXCLUDES(mutex_);
  /// Every waiting read and every later one passes.
  void release() TIERPAGER_EXCLUDES(mutex_);
  /// Returns once that many reads stand at the gate at the same time.
  void wait_for_held(std::uint64_t reads) const TIERPAGER_EXCLUDES(mutex_);

  [[nodiscard]] std::uint64_t reads() const TIERPAGER_EXCLUDES(mutex_);
  /// Reads that began at that byte.
  [[nodiscard]] std::uint64_t reads_at(std::uint32_t file, std::uint64_t offset) const TIERPAGER_EXCLUDES(mutex_);

  status read(std::uint32_t file, std::uint64_t offset, std::span<std::byte> target) override
      TIERPAGER_EXCLUDES(mutex_);

  [[nodiscard]] std::optional<std::uint64_t> bytes_of(std::uint32_t file) const override {
    return real_->bytes_of(file);
  }

 private:
  std::shared_ptr<source> const real_;

  mutable annotated_mutex mutex_;
  mutable std::condition_variable_any changed_;
  bool shut_ TIERPAGER_GUARDED_BY(mutex_) = false;
  std::uint64_t may_pass_ TIERPAGER_GUARDED_BY(mutex_) = 0;
  std::uint64_t held_ TIERPAGER_GUARDED_BY(mutex_) = 0;
  std::uint64_t reads_ TIERPAGER_GUARDED_BY(mutex_) = 0;
  std::map<std::pair<std::uint32_t, std::uint64_t>, std::uint64_t> reads_by_start_ TIERPAGER_GUARDED_BY(mutex_);
};

}  // namespace tierpager::tests
