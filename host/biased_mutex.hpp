// A mutex that a thread which alone takes it again and again takes without an atomic exchange: it is biased to that thread
// until another wants it (Dice, Moir, Scherer: Quickly Reacquirable Locks, 2003; the fence is that of P1202, on Linux a
// membarrier). Otherwise a std::mutex whose contenders look and nap a few times before they sleep on it. Any thread.
// Neither recursive nor fair. docs/decisions/the_lock_is_biased.md says why.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

namespace tierpager {

class biased_mutex {
 public:
  static constexpr std::uint32_t never = 0;
  /// Ending a bias takes up to 20 us, as long as so many locks that it would have spared.
  static constexpr std::uint32_t worth_it = 2048;
  /// Biased once a thread has called `lock_briefly` that often, and no thread `lock` meanwhile.
  explicit biased_mutex(std::uint32_t locks_before_bias = never);
  biased_mutex(biased_mutex const&) = delete;
  biased_mutex& operator=(biased_mutex const&) = delete;

  void lock() {
    lock_mutex();
    in_a_row_ = 0;
    if (biased_to_.load(std::memory_order_relaxed) != nullptr) [[unlikely]]
      end_bias_of_others();
  }
  /// The same for sections of nanoseconds, since who ends a bias looks again and again until the section is over.
  void lock_briefly() {
    if (!enter_by_bias()) [[unlikely]]
      lock_and_count();
  }
  void unlock() {
    if (by_bias_) [[likely]] {
      by_bias_ = false;
      current->inside.store(nullptr, std::memory_order_release);
    } else {
      mutex_.unlock();
    }
  }
  /// Unlocks and locks again, and leaves whoever waits some time to come in between.
  void give_way();

 private:
  /// What a thread is to mutexes: in which of those biased to it it is inside. It lies with the thread and not with a mutex, as
  /// who was biased to before may still be about to look, and then to step back, while somebody else is inside. When a
  /// thread ends, another may become what it was; its memory stays.
  struct alignas(64) visitor {
    [[nodiscard]] bool is_inside() const { return inside.load(std::memory_order_relaxed) != nullptr; }
    std::atomic<biased_mutex const*> inside = nullptr;  // written by the thread
  };
  struct visitor_pool;
  struct visit;
  static visitor* this_visitor();
  static visitor unknown;  // a thread that has taken no such mutex yet: never biased to

  bool enter_by_bias() {
    visitor* const self = current;
    if (biased_to_.load(std::memory_order_relaxed) != self || self->is_inside()) [[unlikely]]
      return false;
    self->inside.store(this, std::memory_order_release);
    std::atomic_signal_fence(std::memory_order_seq_cst);  // the light half; the other is in end_bias_of_others
    if (biased_to_.load(std::memory_order_relaxed) != self) [[unlikely]] {
      self->inside.store(nullptr, std::memory_order_release);
      return false;
    }
    return by_bias_ = true;
  }
  void lock_mutex() {
    if (!mutex_.try_lock()) [[unlikely]]
      lock_contended();
  }
  void lock_contended();
  void wait_and_lock();
  void lock_and_count();
  void end_bias_of_others();

  // In a shared library, too, it lies where the compiler knows it to, so that nothing is called for it.
  [[gnu::tls_model("initial-exec")]] static constinit thread_local visitor* current;

  std::atomic<visitor*> biased_to_ = nullptr;  // written under mutex_; to a thread, by that thread alone
  // What follows whoever holds the lock reads and writes.
  bool by_bias_ = false;
  std::uint32_t in_a_row_ = 0;
  std::uint32_t const locks_before_bias_;
  visitor* last_ = nullptr;
  std::atomic<std::uint32_t> waiting_ = 0;  // who was turned away once
  std::mutex mutex_;
};

}  // namespace tierpager
