#include <tests/cuda/schedules/play.hpp>

#include <algorithm>
#include <cstdio>

#include <host/threading.hpp>
#include <tests/cuda/schedules/caller.hpp>

namespace tierpager::schedules {
namespace {

using cuda_standin::lasting;

class performance {
 public:
  performance(stage& on, std::optional<cuda_standin::call_fault> const& fault) : stage_(on), fault_(fault) {}

  /// Fiber 1.
  void run() {
    stage_.calls_may_fail = fault_.has_value();
    bool opened = open();
    opened_ = opened;
    if (opened) make_foreign_stream();
    if (opened) run_callers();
    cuda_standin::lift();
    bool const lost = cuda_standin::context_is_dead(stage_.in.device.ordinal);
    if (fault_ && !lost && !opened) {
      shut();
      stage_.calls_may_fail = false;
      opened = open();
    }
    if (opened && fault_) lost ? expect_lost() : expect_recovered();
    if (opened && !fault_) stage_.expect_budgets_kept();
    if (opened) stage_.ahead_bytes = stage_.paged->stats().ahead_bytes;
    shut();
    while (!lost && cuda_standin::pending()) sleep_for(std::chrono::microseconds(50));
  }

  [[nodiscard]] bool opened() const { return opened_; }

 private:
  bool open() {
    stage_.lock_is_ours = true;
    // What fails while it looks for a GPU is taken for none.
    bool const opened = stage_.attempt("open", {stage_.calls_may_fail ? errc::unsupported : errc::closed}, [&] {
      stage_.on = value_or_throw(cuda_device::open(stage_.in.device));
      stage_.paged.emplace(stage_.tensors, stage_.from, stage_.on,
                           pager_options{.vram = bytes(stage_.in.vram_bytes),
                                         .ram = bytes(stage_.in.ram_bytes),
                                         .chunk_bytes = stage_.in.chunk_bytes,
                                         .reader_threads = stage_.in.readers,
                                         .scratch_bytes = stage_.in.scratch_bytes,
                                         .on_warning = [](std::string const&) {}});
      stage_.follow_budgets();
    });
    stage_.lock_is_ours = false;
    return opened;
  }

  void make_foreign_stream() {
    if (!stage_.in.contexts) return;
    cuda_standin::enter_primary_context(1 - stage_.in.device.ordinal);
    if (cudaStreamCreateWithFlags(&stage_.foreign, cudaStreamNonBlocking) != cudaSuccess) stage_.foreign = nullptr;
    cuda_standin::leave_context();
  }

  void run_callers() {
    if (stage_.in.shared_streams)
      for (int i = 0; i < 2; ++i)
        if (test_stream* const made = stage_.make_stream()) stage_.common.push_back(made);
    std::vector<thread> threads;
    stage_.callers_left = stage_.in.callers;
    for (unsigned i = 0; i < stage_.in.callers; ++i)
      threads.emplace_back([this, i] {
        caller next(stage_, stage_.in.seed * 31 + i, stage_.in.budgets_change && i == 0);
        next.run();
      });
    thread janitor([this] { run_janitor(stage_); });
    if (stage_.in.closes_early) {
      for (std::uint32_t i = fibers::choose(2000); i > 0; --i) fibers::give_way("before closing");
      stage_.closed = true;
      stage_.paged->close();
    }
    for (thread& each : threads) each.join();
    {
      scoped_lock const lock(stage_.mail_lock);
      stage_.no_more_mail = true;
      stage_.mail_wake.notify_one();
    }
    janitor.join();
  }

  // Once somebody was told, everybody is.
  void expect_lost() {
    auto const alive = std::find_if(stage_.streams.begin(), stage_.streams.end(),
                                    [](auto const& each) { return each->value != nullptr; });
    if (alive == stage_.streams.end()) return;
    cudaStream_t const on = (*alive)->value;
    for (std::uint32_t i = 0; i < stage_.tensors.size(); ++i)
      stage_.attempt("acquire", {}, [&] { (void)stage_.paged->acquire(tensor_id{i}, on); });
    for (std::uint32_t i = 0; i < stage_.tensors.size(); ++i) {
      expect_device_lost([&] { (void)stage_.paged->acquire_host(tensor_id{i}); });
      expect_device_lost([&] { (void)stage_.paged->acquire(tensor_id{i}, on); });
    }
  }

  void expect_device_lost(std::function<void()> const& call) {
    try {
      call();
      stage_.report("an acquire succeeded on a lost device");
    } catch (error const& thrown) {
      errc const code = thrown.details().code;
      bool const expected = code == errc::device_lost || code == errc::budget_too_small || stage_.closed;
      if (!expected) stage_.report(std::string("a lost device: ") + thrown.what());
    }
  }

  // Everything works again: each tensor with the right bytes; and both tiers can be emptied.
  void expect_recovered() {
    stage_.leftovers.clear();
    if (stage_.closed) return;
    for (auto const& each : stage_.streams)  // uses that could not be fenced are proved by the stream's next fence
      if (each->value != nullptr)
        stage_.attempt("acquire", {errc::device_failed},
                       [&] { (void)stage_.paged->acquire(tensor_id{0}, each->value); });
    stage_.calls_may_fail = false;
    stage_.ended = true;
    cuda_standin::limit_bytes(unlimited_bytes, unlimited_bytes);
    if (stage_.in.runtime.vmm)
      stage_.attempt("set_budget", {}, [&] { stage_.paged->set_budget(tier::vram, bytes(stage_.in.vram_bytes)); });
    stage_.attempt("set_budget", {}, [&] { stage_.paged->set_budget(tier::ram, bytes(stage_.in.ram_bytes)); });
    stage_.follow_budgets();
    test_stream* const on = stage_.make_stream();
    for (std::uint32_t i = 0; i < stage_.tensors.size(); ++i) {
      stage_.attempt("acquire after the fault", {},
                     [&] { stage_.read_on(*on, stage_.paged->acquire(tensor_id{i}, on->value)); });
      stage_.attempt("acquire_host after the fault", {errc::budget_too_small},
                     [&] { stage_.read_on_host(stage_.paged->acquire_host(tensor_id{i})); });
    }
    if (stage_.in.orders) go_through_all(*on);
    while (cuda_standin::pending()) sleep_for(std::chrono::microseconds(50));
    empty_both_tiers();
  }

  // Under a plan, loads ahead and all.
  void go_through_all(test_stream const& on) {
    std::vector<tensor_id> order;
    for (std::uint32_t i = 0; i < stage_.tensors.size(); ++i) order.push_back(tensor_id{i});
    stage_.attempt("set_order after the fault", {}, [&] { stage_.paged->set_order(order); });
    for (int pass = 0; pass < 2; ++pass)
      for (tensor_id const each : order)
        stage_.attempt("acquire in order after the fault", {},
                       [&] { stage_.read_on(on, stage_.paged->acquire(each, on.value)); });
  }

  void empty_both_tiers() {
    pager& paged = *stage_.paged;
    for (std::uint32_t i = 0; i < stage_.tensors.size(); ++i)
      for (tier where : {tier::vram, tier::ram}) paged.unpin(tensor_id{i}, where);
    std::uint64_t const scratch_bytes = round_up(stage_.in.scratch_bytes, stage_.in.runtime.granule_bytes);
    if (stage_.in.runtime.vmm)
      stage_.attempt("set_budget", {}, [&] { paged.set_budget(tier::vram, bytes(scratch_bytes)); });
    stage_.attempt("set_budget", {}, [&] { paged.set_budget(tier::ram, bytes(0)); });
    auto const drained = [&] {
      statistics const now = paged.stats();
      return now.vram.pending_bytes == 0 && now.ram.pending_bytes == 0 && now.vram.quarantined_bytes == 0 &&
             now.ram.quarantined_bytes == 0 && now.vram.committed_bytes <= now.vram.effective_bytes &&
             now.ram.committed_bytes <= now.ram.effective_bytes;
    };
    for (int i = 0; i < 2000 && !drained(); ++i) sleep_for(std::chrono::microseconds(50));
    if (!drained()) stage_.report("the tiers do not empty after the fault");
    stage_.follow_budgets();
  }

  // The last handle, or the pager, lets go of the device.
  void shut() {
    stage_.ended = true;
    if (stage_.paged && !stage_.in.streams_outlive) retire_all();
    stage_.lock_is_ours = true;
    stage_.on.reset();
    stage_.paged.reset();
    while (!stage_.leftovers.empty()) {
      std::swap(stage_.leftovers[fibers::choose(static_cast<std::uint32_t>(stage_.leftovers.size()))],
                stage_.leftovers.back());
      stage_.leftovers.pop_back();
    }
    for (auto const& each : stage_.streams) stage_.destroy_stream(*each);
    if (stage_.foreign != nullptr) (void)cudaStreamDestroy(std::exchange(stage_.foreign, nullptr));
    stage_.lock_is_ours = false;
  }

  void retire_all() {
    for (auto const& each : stage_.streams) {
      if (each->value == nullptr) continue;
      if (stage_.attempt("retire_stream", {}, [&] { stage_.paged->retire_stream(each->value); }))
        stage_.destroy_stream(*each);
    }
  }

  stage& stage_;
  std::optional<cuda_standin::call_fault> const fault_;
  bool opened_ = false;
};

// A graph is the test's own, which a dead context keeps.
void expect_nothing_left(played& what) {
  cuda_standin::totals const left = cuda_standin::live();
  if (left.objects() == left.graphs && left.vram_bytes == 0 && left.page_locked_bytes == 0) return;
  what.wrong.push_back(
      "left behind: " + std::to_string(left.streams) + " streams, " + std::to_string(left.events) + " events, " +
      std::to_string(left.vram_bytes) + " bytes of VRAM, " + std::to_string(left.page_locked_bytes) +
      " of page-locked RAM, " + std::to_string(left.reserved_bytes) + " reserved, " + std::to_string(left.mappings) +
      " mappings, " + std::to_string(left.registrations) + " registrations, " + std::to_string(left.mallocs) +
      " allocations, " + std::to_string(left.host_allocs) + " of the host, " + std::to_string(left.graphs) + " graphs");
}

// A CUDA call may block, so none is made under the pager's lock. Others may go on before it and behind it.
void watch_calls(stage& on) {
  cuda_standin::on_call([&on](cuda_standin::call kind) {
    if (fibers::current() == 0) return;
    char const* const name = cuda_standin::name_of(kind).data();
    if (fibers::holds_a_mutex() && !on.lock_is_ours) on.report(std::string(name) + " is called under the lock");
    fibers::give_way(name);
  });
  cuda_standin::on_return([](cuda_standin::call kind) {
    if (fibers::current() != 0) fibers::give_way(cuda_standin::name_of(kind).data());
  });
}

}  // namespace

played play(world const& in, play_options const& how) {
  cuda_standin::reset(in.runtime);
  auto set = std::make_unique<stage>(in);
  stage& on = *set;
  if (how.fault) {
    cuda_standin::call_fault const& fault = *how.fault;
    fault.only ? cuda_standin::fail_nth(*fault.only, fault.at_call, fault.how_long, fault.code)
               : cuda_standin::fail_nth(fault.at_call, fault.how_long, fault.code);
  }
  watch_calls(on);
  performance all(on, how.fault);
  played made;
  made.how = fibers::run({.seed = in.seed,
                          .step_device = [] { return cuda_standin::step(); },
                          .switched = [](std::uint64_t fiber) { cuda_standin::host_thread(fiber); },
                          .verbose = how.verbose},
                         [&] { all.run(); });
  cuda_standin::on_call({});
  cuda_standin::on_return({});
  made.wrong = on.wrong;
  for (std::string const& each : cuda_standin::violations()) made.wrong.push_back(each);
  made.opened = all.opened();
  made.acts = on.acts;
  made.acquires = on.acquires;
  made.kernels = on.kernels;
  made.host_reads = on.host_reads;
  made.failures = on.failures;
  made.ahead_bytes = on.ahead_bytes;
  made.calls = cuda_standin::fallible_calls();
  made.failed_calls = cuda_standin::failed_calls();
  if (made.how.finished) {
    expect_nothing_left(made);
    bool const lost = cuda_standin::context_is_dead(in.device.ordinal);
    if (!lost && on.kernels != on.launched)
      made.wrong.push_back(std::to_string(on.launched) + " kernels were launched, but " + std::to_string(on.kernels) +
                           " ran");
  } else {
    made.wrong.push_back(made.how.why);
    (void)set.release();  // the fibers stand where they stood, and point at it
  }
  return made;
}

std::string played::describe() const {
  std::string text;
  for (std::string const& each : wrong) text += (text.empty() ? "" : "; ") + each;
  return text;
}

}  // namespace tierpager::schedules
