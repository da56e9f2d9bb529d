// In front of the C library's: who sleeps on a fiber lets others run, and no time passes.
#include <ctime>

#include <tests/fibers/scheduler.hpp>

extern "C" int nanosleep(timespec const*, timespec*) {
  if (tierpager::fibers::current() != 0) tierpager::fibers::sleep();
  return 0;
}
