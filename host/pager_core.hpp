// The residency core of one pager, THE lock that guards it, and the count of handles and calls that still need both. The parts
// of an executor reach the core through this class. Any thread; what is marked so wants the lock. Hands the core's commands
// to the executor and carries out none of them; calls no device, source or user.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <core/residency/residency.hpp>
#include <host/threading.hpp>

namespace tierpager {

/// The lock of a pager, by the name that clang's analysis knows it by. Each part of an executor reaches the lock through a
/// reference of its own, and clang would take those for as many locks. It has no state: a thread holds one pager's lock at most.
struct TIERPAGER_CAPABILITY("mutex") pager_lock_name {};
inline constexpr pager_lock_name pager_lock;

/// Takes the commands of the core, one after the other, under the lock. Puts each where a thread will find it.
class command_taker {
 public:
  command_taker() = default;
  command_taker(command_taker const&) = delete;
  command_taker& operator=(command_taker const&) = delete;
  virtual void take(command& next) TIERPAGER_REQUIRES(pager_lock) = 0;

 protected:
  ~command_taker() = default;
};

class pager_core {
 public:
  explicit pager_core(command_taker& commands) : taker_(commands) {}
  pager_core(pager_core const&) = delete;
  pager_core& operator=(pager_core const&) = delete;

  // The lock --------------------------------------------------------------------------------------------------------
  [[nodiscard]] annotated_mutex& mutex() const TIERPAGER_RETURN_CAPABILITY(pager_lock) { return mutex_; }
  /// For the stretch of a call that a device, a source or a user may take long over.
  void unlock() const TIERPAGER_RELEASE(pager_lock) { mutex().unlock(); }
  void lock() const TIERPAGER_ACQUIRE(pager_lock) { mutex().lock(); }

  // The residency core ----------------------------------------------------------------------------------------------
  /// To be called once; before it there is only the lock.
  void open(std::unique_ptr<residency> decides) TIERPAGER_REQUIRES(pager_lock) { residency_ = std::move(decides); }
  residency* operator->() TIERPAGER_REQUIRES(pager_lock) { return residency_.get(); }
  residency const* operator->() const TIERPAGER_REQUIRES(pager_lock) { return residency_.get(); }
  /// Hands over what the core asks for. To be called after every input of the core, before the lock is let go.
  void dispatch() TIERPAGER_REQUIRES(pager_lock) {
    if (residency_->has_commands()) [[unlikely]]
      hand_over();
  }
  /// Tells the core where the failure says that the device is lost.
  void tell_if_lost(failure const& why) TIERPAGER_REQUIRES(pager_lock);

  // Its end ---------------------------------------------------------------------------------------------------------
  /// The threads of the pager end, and every later call is refused. False where that was so before.
  [[nodiscard]] bool close() TIERPAGER_REQUIRES(pager_lock);
  [[nodiscard]] bool closed() const TIERPAGER_REQUIRES(pager_lock) { return closed_; }
  /// One handle more, or one call inside.
  void enter() TIERPAGER_REQUIRES(pager_lock) { ++inside_; }
  /// One less. True for the last one where the pager is gone: the caller is to delete the executor, without the lock.
  [[nodiscard]] bool leave() TIERPAGER_REQUIRES(pager_lock) { return --inside_ == 0 && abandoned_; }
  /// The pager is gone. True where no handle and no call is left, either.
  [[nodiscard]] bool abandon() TIERPAGER_REQUIRES(pager_lock);
  /// Handles, and calls inside.
  [[nodiscard]] std::uint64_t inside() const TIERPAGER_REQUIRES(pager_lock) { return inside_; }

 private:
  void hand_over() TIERPAGER_REQUIRES(pager_lock);

  command_taker& taker_;
  mutable annotated_mutex mutex_;
  std::unique_ptr<residency> residency_ TIERPAGER_GUARDED_BY(pager_lock);
  std::vector<command> commands_ TIERPAGER_GUARDED_BY(pager_lock);
  std::uint64_t inside_ TIERPAGER_GUARDED_BY(pager_lock) = 0;
  bool closed_ TIERPAGER_GUARDED_BY(pager_lock) = false;
  bool abandoned_ TIERPAGER_GUARDED_BY(pager_lock) = false;
};

}  // namespace tierpager
