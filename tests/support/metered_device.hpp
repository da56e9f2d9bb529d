// A device that meters one that works: the bytes committed in each tier, in how many calls, and how often more were asked
// for than there are.
// Any thread. Shows what a pager really held, whatever it says itself.
#pragma once

#include <array>
#include <atomic>
#include <memory>

#include <tierpager/budget.hpp>
#include <tierpager/forwarding_device.hpp>

namespace tierpager::test {

class metered_device final : public forwarding_device {
 public:
  explicit metered_device(std::shared_ptr<device> real) : forwarding_device(std::move(real)) {}

  [[nodiscard]] std::uint64_t committed_bytes(tier where) const { return of(where).committed; }
  [[nodiscard]] std::uint64_t peak_bytes(tier where) const { return of(where).peak; }

  /// From now on the system has no more than so many bytes for that tier.
  void limit(tier where, std::uint64_t bytes) { meters_[static_cast<std::size_t>(where)].limit = bytes; }
  /// That committed memory or gave it back.
  [[nodiscard]] std::uint64_t calls(tier where) const { return of(where).calls; }
  [[nodiscard]] std::uint64_t refusals(tier where) const { return of(where).refusals; }

  status commit(tier where, byte_range range) override {
    meter& metered = meters_[static_cast<std::size_t>(where)];
    ++metered.calls;
    if (metered.committed + range.bytes > metered.limit) {
      ++metered.refusals;
      return failure{.code = errc::out_of_memory, .what = "another program has the rest"};
    }
    status const done = real().commit(where, range);
    if (done.ok()) metered.committed += range.bytes;  // commit and decommit of one tier never overlap
    if (metered.peak < metered.committed) metered.peak = metered.committed.load();
    return done;
  }
  status decommit(tier where, byte_range range) override {
    ++meters_[static_cast<std::size_t>(where)].calls;
    status const done = real().decommit(where, range);
    if (done.ok()) meters_[static_cast<std::size_t>(where)].committed -= range.bytes;
    return done;
  }

 private:
  struct meter {
    std::atomic<std::uint64_t> committed = 0;
    std::atomic<std::uint64_t> peak = 0;
    std::atomic<std::uint64_t> limit = unlimited_bytes;
    std::atomic<std::uint64_t> refusals = 0;
    std::atomic<std::uint64_t> calls = 0;
  };
  [[nodiscard]] meter const& of(tier where) const { return meters_[static_cast<std::size_t>(where)]; }

  std::array<meter, 2> meters_;
};

}  // namespace tierpager::test
