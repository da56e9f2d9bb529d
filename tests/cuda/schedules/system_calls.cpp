// In front of the C library's, for code that is not built upon the twin of host/threading.hpp: who sleeps, or locks its
// first mutex, on a fiber lets others run before. No time passes, and since nobody gives way while holding a mutex,
// nobody ever waits for one.
#include <ctime>

#include <dlfcn.h>
#include <pthread.h>

#include <tests/fibers/scheduler.hpp>

namespace {

unsigned held = 0;  // all by the thread that runs

}  // namespace

extern "C" int nanosleep(timespec const*, timespec*) {
  if (tierpager::fibers::current() != 0) tierpager::fibers::sleep();
  return 0;
}

extern "C" int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  if (held == 0 && tierpager::fibers::current() != 0) tierpager::fibers::give_way("before a std::mutex");
  int const taken = pthread_mutex_trylock(mutex);
  if (taken == 0) ++held;
  return taken;
}

extern "C" int pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept {
  using unlock = int (*)(pthread_mutex_t*);
  static auto const real = reinterpret_cast<unlock>(::dlsym(RTLD_NEXT, "pthread_mutex_unlock"));
  if (held > 0) --held;
  return real(mutex);
}
