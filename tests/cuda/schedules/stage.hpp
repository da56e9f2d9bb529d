// What the callers of one schedule share: the pager under test, the truth about its bytes, and a list of what went wrong.
// Used by the fibers of one run, one at a time, and by kernels.
#pragma once

#include <deque>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <cuda_runtime_api.h>

#include <host/threading.hpp>
#include <tests/cuda/schedules/world.hpp>
#include <tests/support/pattern_model.hpp>
#include <tierpager/pager.hpp>

namespace tierpager::schedules {

/// A stream of the test's, with those that may still use it.
struct test_stream {
  cudaStream_t value = nullptr;
  bool capturing = false;
};

/// A use, and the stream in whose order its bytes are right.
struct use {
  handle held;
  test_stream* on = nullptr;
};

/// What the test does itself with streams and events is done in the device's context, wherever the thread is else.
class on_the_device {
 public:
  explicit on_the_device(world const& in);
  on_the_device(on_the_device const&) = delete;
  on_the_device& operator=(on_the_device const&) = delete;
  ~on_the_device();

 private:
  bool const entered_;
};

struct stage {
  explicit stage(world const& of);

  world const in;
  catalog tensors;
  std::vector<std::byte> truth;  // the model's file
  std::shared_ptr<source> from;
  std::shared_ptr<device> on;
  std::optional<pager> paged;

  std::vector<std::unique_ptr<test_stream>> streams;  // all there ever were; a destroyed one is null
  std::vector<test_stream*> common;                   // shared by all callers
  cudaStream_t foreign = nullptr;                     // of the other GPU
  annotated_mutex mail_lock;
  condition mail_wake;
  std::deque<std::pair<use, cudaEvent_t>> mail;  // uses given away, and what orders them
  bool no_more_mail = false;
  std::vector<std::vector<tensor_id>> order_followed;  // call for call, by all callers together
  std::size_t next_in_order = 0;
  std::vector<use> leftovers;  // released after the pager is gone
  unsigned callers_left = 0;   // who may wait for what leftovers hold
  bool closed = false;         // or about to be
  bool lock_is_ours = false;   // nobody else knows the pager yet, or any more: CUDA may be called under its lock
  bool calls_may_fail = false;
  bool ended = false;  // or the calls work again: no read fails any more

  std::vector<std::string> wrong;
  std::uint64_t acts = 0, acquires = 0, launched = 0, kernels = 0, host_reads = 0, failures = 0;
  std::uint64_t ahead_bytes = 0;  // loaded before they were asked for

  void report(std::string what);
  bool attempt_it(char const* what, std::initializer_list<errc> allowed, std::function<void()> const& call);
  /// Whether it did not throw. What is thrown must be among `allowed`, or follow from what the world does.
  bool attempt(char const* what, std::initializer_list<errc> allowed, std::function<void()> const& call);
  /// Null where the call fails, as it may.
  test_stream* make_stream();
  void destroy_stream(test_stream& stream);
  /// Queues a kernel that reads all of the tensor and compares.
  void read_on(test_stream const& stream, handle const& held);
  void read_on_host(handle const& held);
  /// `later` waits for what is queued on `earlier`; false where a call failed.
  bool order(test_stream const& earlier, test_stream const& later);
  /// Every allocation from now on is held against what binds now.
  void follow_budgets();
  void expect_budgets_kept();
  [[nodiscard]] bool right(tensor_info const& tensor, std::byte const* at) const;
};

/// Fills its target in pieces, so that others run in between; now and then fails, where asked to.
class piecewise_source final : public source {
 public:
  piecewise_source(stage& of, std::uint64_t seed) : stage_(of), seed_(seed) {}
  status read(std::uint32_t file, std::uint64_t offset, std::span<std::byte> target) override;

 private:
  stage& stage_;
  std::uint64_t const seed_;
  std::uint64_t reads_ = 0;
};

}  // namespace tierpager::schedules
