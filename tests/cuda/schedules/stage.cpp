#include <tests/cuda/schedules/stage.hpp>

#include <algorithm>
#include <cstring>

#include <tests/fibers/scheduler.hpp>

namespace tierpager::schedules {
namespace {

// Page by page: the CPU may touch neighbours that were page-locked apart, the runtime's copies may not.
void touch_on_host(std::byte const* at, std::uint64_t bytes, bool writes, std::string const& what) {
  constexpr std::uint64_t page_bytes = 4096;
  while (bytes > 0) {
    std::uint64_t const here = std::min(bytes, page_bytes - reinterpret_cast<std::uintptr_t>(at) % page_bytes);
    cuda_standin::host_access({.at = at, .bytes = here, .writes = writes}, what);
    at += here;
    bytes -= here;
  }
}

}  // namespace

on_the_device::on_the_device(world const& in) : entered_(in.contexts) {
  if (entered_) cuda_standin::enter_primary_context(in.device.ordinal);
}

on_the_device::~on_the_device() {
  if (entered_) cuda_standin::leave_context();
}

stage::stage(world const& of) : in(of), tensors(test::make_pattern_model(of.sizes_bytes).tensors) {
  std::uint64_t bytes = 0;
  for (tensor_info const& each : tensors) bytes = std::max(bytes, each.offset + each.bytes);
  truth.resize(bytes);
  for (std::uint64_t i = 0; i < bytes; ++i) truth[i] = test::pattern_byte(i);
  from = std::make_shared<piecewise_source>(*this, of.seed);
}

void stage::report(std::string what) {
  if (wrong.size() < 20) wrong.push_back(std::move(what));
}

bool stage::attempt(char const* what, std::initializer_list<errc> allowed, std::function<void()> const& call) {
  ++acts;
  std::uint64_t const current = cuda_standin::current_context();
  bool const done = attempt_it(what, allowed, call);
  if (cuda_standin::current_context() != current && !calls_may_fail)
    report(std::string(what) + " leaves another context current than it found");
  return done;
}

bool stage::attempt_it(char const* what, std::initializer_list<errc> allowed, std::function<void()> const& call) {
  try {
    call();
    return true;
  } catch (error const& thrown) {
    errc const code = thrown.details().code;
    ++failures;
    bool const fault = code == errc::device_failed || code == errc::device_lost || code == errc::out_of_memory;
    bool const expected = std::find(allowed.begin(), allowed.end(), code) != allowed.end() ||
                          (code == errc::closed && closed) || (code == errc::read_failed && in.reads_fail && !ended) ||
                          (code == errc::budget_too_small && in.budgets_change && !ended) ||
                          code == errc::blocked_by_handles || code == errc::would_deadlock ||
                          (code == errc::out_of_memory && in.scarce) || (fault && calls_may_fail);
    if (!expected) report(std::string(what) + ": " + thrown.what());
  }
  return false;
}

test_stream* stage::make_stream() {
  on_the_device const here(in);
  cudaStream_t made = nullptr;
  if (cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking) != cudaSuccess) return nullptr;
  streams.push_back(std::make_unique<test_stream>(test_stream{made}));
  return streams.back().get();
}

void stage::destroy_stream(test_stream& stream) {
  on_the_device const here(in);
  if (stream.value != nullptr) (void)cudaStreamDestroy(stream.value);
  stream.value = nullptr;
}

bool stage::right(tensor_info const& tensor, std::byte const* at) const {
  return std::memcmp(at, truth.data() + tensor.offset, tensor.bytes) == 0;
}

void stage::read_on(test_stream const& stream, handle const& held) {
  if (held.size_bytes() == 0) return;
  tensor_info const& tensor = tensors[held.id()];
  auto const check = [this, &tensor, at = held.data()] {
    ++kernels;
    if (!right(tensor, at)) report("a kernel saw wrong bytes of " + tensor.name);
  };
  on_the_device const here(in);
  cudaError_t const queued = cuda_standin::launch(stream.value, {{.at = held.data(), .bytes = held.size_bytes()}},
                                                  check, "a kernel that reads " + tensor.name);
  if (queued == cudaSuccess && !stream.capturing) ++launched;
}

void stage::read_on_host(handle const& held) {
  if (held.size_bytes() == 0) return;
  tensor_info const& tensor = tensors[held.id()];
  for (int pass = 0; pass < 2; ++pass) {
    ++host_reads;
    touch_on_host(held.data(), held.size_bytes(), false, "the CPU reads " + tensor.name);
    if (!right(tensor, held.data())) report("the CPU saw wrong bytes of " + tensor.name);
    fibers::give_way("reading on the CPU");
  }
}

bool stage::order(test_stream const& earlier, test_stream const& later) {
  on_the_device const here(in);
  cudaEvent_t behind = nullptr;
  if (cudaEventCreateWithFlags(&behind, cudaEventDisableTiming) != cudaSuccess) return false;
  bool const ordered = cudaEventRecord(behind, earlier.value) == cudaSuccess &&
                       cudaStreamWaitEvent(later.value, behind, 0) == cudaSuccess;
  (void)cudaEventDestroy(behind);
  return ordered;
}

// What binds, or, where the system refused memory below the budget, what may bind again.
void stage::follow_budgets() {
  auto const allowed = [](tier_statistics const& of_tier) {
    return std::max(of_tier.effective_bytes, of_tier.budget_bytes);
  };
  statistics const now = paged->stats();
  cuda_standin::limit_bytes(allowed(now.vram), allowed(now.ram));
}

void stage::expect_budgets_kept() {
  statistics const now = paged->stats();
  if (now.vram.committed_bytes > now.vram.effective_bytes) report("more VRAM is committed than the budget allows");
  if (now.ram.committed_bytes > now.ram.effective_bytes) report("more RAM is committed than the budget allows");
}

status piecewise_source::read(std::uint32_t, std::uint64_t offset, std::span<std::byte> target) {
  std::uint64_t const number = ++reads_;
  bool const fails = stage_.in.reads_fail && !stage_.ended && (number * 7 + seed_) % 9 == 0;
  std::size_t const piece = target.size() / 2 + 1;
  for (std::size_t at = 0; at < target.size(); at += piece) {
    fibers::give_way("reading a file");
    std::size_t const bytes = std::min(piece, target.size() - at);
    touch_on_host(target.data() + at, bytes, true, "the source writes RAM");
    std::memcpy(target.data() + at, stage_.truth.data() + offset + at, bytes);
    if (fails)
      return failure{
          .code = errc::read_failed, .what = "the disk failed, as the test asked", .file = "pattern", .byte = offset};
  }
  return {};
}

}  // namespace tierpager::schedules
