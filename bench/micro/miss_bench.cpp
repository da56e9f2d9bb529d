// Misses from a file in the page cache, on a device whose copies are done at once, beside raw reads of the same extents
// into one page-aligned buffer that is used again and again.
#include <benchmark/benchmark.h>

#include <cstdlib>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bench/micro/support.hpp>
#include <host/pread_source.hpp>

namespace tierpager::bench {
namespace {

// An unlinked file of so many tensors, written once.
class model_file {
 public:
  model_file(std::size_t tensors, std::uint64_t bytes_each) : bytes_each_(bytes_each) {
    char path[] = "/tmp/tierpager_bench_XXXXXX";
    int const writer = ::mkstemp(path);
    std::vector<char> const block(1U << 20U, 'x');
    for (std::uint64_t done = 0; done < tensors * bytes_each; done += block.size())
      if (::write(writer, block.data(), block.size()) != static_cast<ssize_t>(block.size())) std::abort();
    opened_.push_back(value_or_throw(open_file::open(path)));
    ::unlink(path);
    ::close(writer);
  }
  [[nodiscard]] int descriptor() const { return opened_.front().descriptor(); }
  [[nodiscard]] std::shared_ptr<source> reader() { return std::make_shared<pread_source>(std::move(opened_)); }
  [[nodiscard]] std::uint64_t bytes_each() const { return bytes_each_; }

 private:
  std::uint64_t bytes_each_;
  std::vector<open_file> opened_;
};

constexpr std::size_t tensors_of(std::uint64_t bytes_each) { return bytes_each > (64U << 20U) ? 3 : 6; }

void raw_read(benchmark::State& state) {
  std::uint64_t const bytes = static_cast<std::uint64_t>(state.range(0)) << 20U;
  std::size_t const tensors = tensors_of(bytes);
  model_file const file(tensors, bytes);
  void* const buffer =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  std::size_t next = 0;
  for (auto _ : state) {
    std::uint64_t const begin = next++ % tensors * bytes;
    for (std::uint64_t done = 0; done < bytes;) {
      ssize_t const got =
          ::pread(file.descriptor(), static_cast<char*>(buffer) + done, bytes - done, static_cast<off_t>(begin + done));
      if (got <= 0) std::abort();
      done += static_cast<std::uint64_t>(got);
    }
  }
  ::munmap(buffer, bytes);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

void miss(benchmark::State& state) {
  std::uint64_t const bytes = static_cast<std::uint64_t>(state.range(0)) << 20U;
  std::size_t const tensors = tensors_of(bytes);
  model_file file(tensors, bytes);
  pager_options options;
  options.vram = tierpager::bytes(bytes);
  options.ram = tierpager::bytes(2 * bytes);
  options.policy = "lru";
  pager from(make_catalog(tensors, bytes), file.reader(), make_instant_device(), options);
  stream_ref const stream = instant_stream(1);
  acquire_each(from, stream);  // both places in RAM are committed
  std::size_t next = 0;
  for (auto _ : state) {
    handle const held = from.acquire(tensor_id{static_cast<std::uint32_t>(next++ % tensors)}, stream);
    benchmark::DoNotOptimize(held.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
  state.counters["misses"] = static_cast<double>(from.stats().disk_reads);
}

BENCHMARK(raw_read)->Arg(16)->Arg(128)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(miss)->Arg(16)->Arg(128)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tierpager::bench
