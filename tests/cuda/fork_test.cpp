// A process that forks while it has page-locked RAM: the child gets none of it, so nothing is copied and nothing moves.
#include <gmock/gmock.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tests/cuda/standin_device.hpp>

namespace tierpager::tests {
namespace {

using cuda_fork = cuda_device_on_standin;

// The flags that the kernel has for the mapping around an address.
std::string flags_of(std::byte const* address) {
  auto const wanted = reinterpret_cast<std::uintptr_t>(address);
  std::ifstream maps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t first = 0, end = 0;
    char dash = 0;
    std::istringstream words(line);
    if (words >> std::hex >> first >> dash >> end && dash == '-') inside = first <= wanted && wanted < end;
    if (inside && line.starts_with("VmFlags:")) return line;
  }
  return {};
}

std::uint64_t available_bytes() {
  std::ifstream memory("/proc/meminfo");
  for (std::string line; std::getline(memory, line);)
    if (line.starts_with("MemAvailable:")) return std::stoull(line.substr(13)) * 1024;
  return 0;
}

long page_faults() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return used.ru_minflt;
}

TEST_F(cuda_fork, copies_no_page_of_the_arena) {
  std::uint64_t const bytes = std::uint64_t{1} << 30U;
  if (available_bytes() < 3 * bytes) GTEST_SKIP() << "1 GiB is not to spare here";
  cuda_standin::reset({});
  auto const on = value_or_throw(cuda_device::open({}));
  std::byte* const ram = value_or_throw(on->reserve(tier::ram, bytes));
  value_or_throw(on->commit(tier::ram, {0, bytes}));
  EXPECT_THAT(flags_of(ram), testing::HasSubstr(" dc"));
  std::memset(ram, 1, bytes);

  int go_on[2];
  ASSERT_EQ(pipe(go_on), 0);
  pid_t const child = fork();
  if (child == 0) {
    char word = 0;
    (void)!read(go_on[0], &word, 1);  // lives as long as the parent writes
    _exit(msync(ram, 4096, MS_ASYNC) == -1 && errno == ENOMEM ? 0 : 1);
  }
  long const before = page_faults();
  std::memset(ram, 2, bytes);
  EXPECT_LT(page_faults() - before, 100);  // a copy would be a fault, a page or 2 MiB each
  ASSERT_EQ(write(go_on[1], "x", 1), 1);
  int outcome = -1;
  ASSERT_EQ(waitpid(child, &outcome, 0), child);
  EXPECT_EQ(outcome, 0) << "the arena is mapped in the child";
  EXPECT_TRUE(ram[0] == std::byte{2} && std::memcmp(ram, ram + 1, bytes - 1) == 0);
  for (int const each : go_on) close(each);
}

}  // namespace
}  // namespace tierpager::tests
