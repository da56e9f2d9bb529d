// The benchmarks' main. The process has a second thread before any is measured, as every process with a pager has: until
// then the C library's mutexes do without atomic operations, and whatever ran first would look faster than it is.
#include <thread>

#include <benchmark/benchmark.h>

int main(int count, char** arguments) {
  std::thread([] {}).join();
  benchmark::Initialize(&count, arguments);
  if (benchmark::ReportUnrecognizedArguments(count, arguments)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
