#include <host/biased_mutex.hpp>

#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace tierpager {
namespace {

// A holder's section is over soon, unless it was interrupted in it. Looking less and less often leaves it the cache line.
constexpr unsigned pauses_first = 16, pauses_most = 128;
// After that it is one of many, by a thread that does little else. A nap lets it go on for as short as the system has naps,
// about 60 us, and spares it from waking a sleeper, which takes longer than its section.
constexpr unsigned naps_most = 4;
constexpr std::chrono::nanoseconds nap{100};
constexpr unsigned looks_before_naps = 1000;
// About as long as the sections that somebody gives way between, so that who looks in finds it free every other time.
constexpr unsigned pauses_giving_way = 64;

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");
#endif
}

int membarrier(int command) { return static_cast<int>(syscall(SYS_membarrier, command, 0, 0)); }

}  // namespace

// Visitors of threads that have ended. Never destroyed, as threads may end after anything else.
struct biased_mutex::visitor_pool {
  static visitor_pool& only() {
    static visitor_pool& one = *new visitor_pool;
    return one;
  }
  visitor* take() {
    std::scoped_lock const lock(mutex_);
    if (free_.empty()) return new visitor;
    visitor* const one = free_.back();
    free_.pop_back();
    return one;
  }
  void give_back(visitor* one) {
    std::scoped_lock const lock(mutex_);
    free_.push_back(one);
  }

 private:
  std::mutex mutex_;
  std::vector<visitor*> free_;
};

// Ends with its thread. What that thread locks still later is by a visitor that is not given back.
struct biased_mutex::visit {
  visit() { current = visitor_pool::only().take(); }
  visit(visit const&) = delete;
  visit& operator=(visit const&) = delete;
  ~visit() {
    over = true;
    visitor_pool::only().give_back(std::exchange(current, &unknown));
  }
  static constinit thread_local bool over;
};

constinit thread_local bool biased_mutex::visit::over = false;
constinit biased_mutex::visitor biased_mutex::unknown;
constinit thread_local biased_mutex::visitor* biased_mutex::current = &unknown;

biased_mutex::visitor* biased_mutex::this_visitor() {
  if (current == &unknown && visit::over) current = visitor_pool::only().take();
  if (current == &unknown) {
    thread_local visit const its;
    (void)its;
  }
  return current;
}

// Where the system has no such fence there is no bias.
biased_mutex::biased_mutex(std::uint32_t locks_before_bias)
    : locks_before_bias_(locks_before_bias != never && membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0
                             ? locks_before_bias
                             : never) {}

void biased_mutex::lock_contended() {
  waiting_.fetch_add(1, std::memory_order_relaxed);
  wait_and_lock();
  waiting_.fetch_sub(1, std::memory_order_relaxed);
}

void biased_mutex::wait_and_lock() {
  for (unsigned pauses = pauses_first; pauses <= pauses_most; pauses *= 2) {
    for (unsigned i = 0; i < pauses; ++i) pause();
    if (mutex_.try_lock()) return;
  }
  for (unsigned i = 0; i < naps_most; ++i) {
    std::this_thread::sleep_for(nap);
    if (mutex_.try_lock()) return;
  }
  mutex_.lock();
}

void biased_mutex::give_way() {
  unlock();
  for (unsigned i = 0; i < pauses_giving_way && waiting_.load(std::memory_order_relaxed) > 0; ++i) pause();
  lock();
}

void biased_mutex::lock_and_count() {
  visitor* const self = this_visitor();
  lock_mutex();
  if (biased_to_.load(std::memory_order_relaxed) != nullptr) end_bias_of_others();
  if (last_ != self) in_a_row_ = 0;
  last_ = self;
  if (in_a_row_ < locks_before_bias_ && ++in_a_row_ == locks_before_bias_)
    biased_to_.store(self, std::memory_order_relaxed);
}

// From the fence on either its thread sees that the bias is gone, or this one that it is inside.
void biased_mutex::end_bias_of_others() {
  visitor const* const its = biased_to_.load(std::memory_order_relaxed);
  if (its == current) return;
  biased_to_.store(nullptr, std::memory_order_relaxed);
  membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
  for (unsigned looks = 0; its->inside.load(std::memory_order_acquire) == this; ++looks) {
    if (looks < looks_before_naps)
      pause();
    else
      std::this_thread::sleep_for(nap);
  }
}

}  // namespace tierpager
