// The benchmarks' main: Google Benchmark's own.
#include <benchmark/benchmark.h>

BENCHMARK_MAIN();
