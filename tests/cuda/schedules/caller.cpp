#include <tests/cuda/schedules/caller.hpp>

#include <algorithm>
#include <stop_token>

#include <host/threading.hpp>

namespace tierpager::schedules {
namespace {

constexpr std::size_t held_max = 3;

}  // namespace

caller::caller(stage& on, std::uint64_t seed, bool changes_budgets)
    : stage_(on), chooser_(seed), changes_budgets_(changes_budgets) {}

void caller::run() {
  bool const elsewhere = stage_.in.contexts && chooser_.happens(60);
  if (elsewhere) cuda_standin::enter_own_context(static_cast<int>(chooser_.choose(2)));
  for (unsigned i = 0; i < stage_.in.streams_each; ++i)
    if (test_stream* const made = stage_.make_stream()) mine_.push_back(made);
  for (unsigned i = 0; i < stage_.in.acts; ++i) {
    act();
    if (chooser_.happens(30)) fibers::give_way("between two acts");
    if (changes_budgets_) stage_.follow_budgets();
  }
  if (stage_.callers_left == 1)
    for (use& each : held_) stage_.leftovers.push_back(std::move(each));
  let_go_of_all();
  outlived_.clear();
  --stage_.callers_left;
  if (elsewhere) cuda_standin::leave_context();
}

void caller::act() {
  if (stage_.in.orders && chooser_.happens(75)) return act_in_order();
  switch (chooser_.choose(20)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4: return acquire_one();
    case 5: return acquire_on_a_foreign_stream();
    case 6: return acquire_set();
    case 7: return acquire_with_a_limit();
    case 8: return acquire_with_a_stop();
    case 9:
    case 10: return acquire_on_the_host();
    case 11: return try_one();
    case 12: return share_one();
    case 13: return read_again();
    case 14: return chooser_.happens(50) ? release_one() : release_on_another_stream();
    case 15: return chooser_.happens(50) ? give_away() : release_on_another_stream();
    case 16: return chooser_.happens(50) ? retire_one() : ask();
    case 17: return change_pins();
    case 18: return changes_budgets_ ? change_budget() : acquire_one();
    default: return stage_.in.captures ? capture() : acquire_one();
  }
}

void caller::act_in_order() {
  if (stage_.order_followed.empty() || chooser_.happens(4)) return change_order();
  chooser_.happens(12) ? prefetch() : follow_order();
}

// The next call of the cycle that all callers share.
void caller::follow_order() {
  if (chooser_.happens(80)) let_go_of_all();
  std::vector<std::vector<tensor_id>> const& calls = stage_.order_followed;
  std::vector<tensor_id> const ids = calls[stage_.next_in_order++ % calls.size()];
  if (holds_nothing()) return acquire(ids, {}, {errc::budget_too_small});
  acquire(ids, soon(), {errc::budget_too_small, errc::timed_out});
}

// Half are scans, the others anything; most are declared, the rest may be learned.
void caller::change_order() {
  std::vector<std::vector<tensor_id>>& calls = stage_.order_followed;
  calls.clear();
  stage_.next_in_order = 0;
  auto const tensors = static_cast<std::uint32_t>(stage_.tensors.size());
  bool const scan = chooser_.happens(50);
  std::uint32_t const length = scan ? tensors : 1 + chooser_.choose(tensors + 2);
  for (std::uint32_t i = 0; i < length; ++i)
    calls.push_back(scan ? std::vector{tensor_id{i}} : any_set(chooser_.happens(30) ? 3 : 1));
  if (chooser_.happens(60)) stage_.attempt("set_order", {}, [&] { stage_.paged->set_order(calls); });
}

void caller::prefetch() {
  stage_.attempt("prefetch", {}, [&] { stage_.paged->prefetch(any_set(3)); });
}

std::vector<tensor_id> caller::any_set(std::uint32_t most) {
  std::vector<tensor_id> ids(1 + chooser_.choose(most));
  for (tensor_id& each : ids) each = any_tensor();
  return ids;
}

tensor_id caller::any_tensor() {
  return static_cast<tensor_id>(chooser_.choose(static_cast<std::uint32_t>(stage_.tensors.size())));
}

test_stream* caller::any_stream() {
  auto const& from = !stage_.common.empty() && (mine_.empty() || chooser_.happens(50)) ? stage_.common : mine_;
  return from.empty() ? nullptr : chooser_.one_of(from);
}

// The clock stands still for the schedule: such a wait ends whenever the scheduler says.
wait_options caller::soon() { return {.deadline = std::chrono::steady_clock::now() + std::chrono::hours(1)}; }

void caller::acquire(std::vector<tensor_id> const& ids, wait_options const& wait, std::initializer_list<errc> allowed) {
  test_stream* const on = any_stream();
  if (on == nullptr) return;
  stage_.attempt("acquire", allowed, [&] {
    for (handle& held : stage_.paged->acquire(ids, on->value, wait)) {
      ++stage_.acquires;
      handle_acquired(std::move(held), *on);
    }
  });
}

void caller::handle_acquired(handle&& held, test_stream& on) {
  if (chooser_.happens(90)) stage_.read_on(on, held);
  if (held_.size() < held_max && chooser_.happens(35)) held_.push_back({std::move(held), &on});
}

void caller::acquire_one() {
  if (chooser_.happens(60)) let_go_of_all();
  if (holds_nothing()) return acquire({any_tensor()}, {}, {});
  acquire({any_tensor()}, soon(), {errc::timed_out});
}

void caller::acquire_on_a_foreign_stream() {
  if (stage_.foreign == nullptr) return acquire_set();
  stage_.attempt("acquire on a foreign stream", {errc::invalid_argument}, [&] {
    handle const held = stage_.paged->acquire(any_tensor(), stage_.foreign, soon());
    stage_.report("a stream of another GPU was taken");
  });
}

void caller::acquire_set() {
  let_go_of_all();
  std::vector<tensor_id> ids(2 + chooser_.choose(2));
  for (tensor_id& each : ids) each = any_tensor();
  if (holds_nothing()) return acquire(ids, {}, {errc::budget_too_small});
  acquire(ids, soon(), {errc::budget_too_small, errc::timed_out});
}

void caller::acquire_with_a_limit() { acquire({any_tensor()}, soon(), {errc::timed_out}); }

void caller::acquire_with_a_stop() {
  std::stop_source stop;
  thread stopper([&] {
    for (std::uint32_t i = fibers::choose(30); i > 0; --i) fibers::give_way("before a stop");
    stop.request_stop();
  });
  acquire({any_tensor()}, {.stop = stop.get_token()}, {errc::cancelled});
  stopper.join();
}

void caller::acquire_on_the_host() {
  bool const alone = holds_nothing();
  std::vector<tensor_id> ids(chooser_.happens(70) ? 1 : 2);
  for (tensor_id& each : ids) each = any_tensor();
  // What is larger than the RAM budget is refused; a request for a set may be as well.
  stage_.attempt("acquire_host", {errc::budget_too_small, errc::timed_out}, [&] {
    for (handle const& held : stage_.paged->acquire_host(ids, alone ? wait_options{} : soon())) {
      ++stage_.acquires;
      stage_.read_on_host(held);
    }
  });
}

void caller::try_one() {
  test_stream* const on = any_stream();
  if (on == nullptr) return;
  stage_.attempt("try_acquire", {}, [&] {
    if (auto found = stage_.paged->try_acquire(any_tensor(), on->value)) handle_acquired(std::move(*found), *on);
  });
}

void caller::share_one() {
  if (held_.empty()) return;
  use const& of = chooser_.one_of(held_);
  handle_acquired(of.held.share(), *of.on);
}

void caller::read_again() {
  for (use const& each : held_) stage_.read_on(*each.on, each.held);
}

void caller::release_one() {
  if (!outlived_.empty()) return outlived_.clear();
  if (!held_.empty()) let_go(chooser_.choose(static_cast<std::uint32_t>(held_.size())));
}

void caller::release_on_another_stream() {
  test_stream* const other = any_stream();
  if (held_.empty() || other == nullptr) return;
  use& last = held_.back();
  if (!stage_.order(*last.on, *other)) return;
  stage_.read_on(*other, last.held);
  last.held.release(other->value);
  held_.pop_back();
}

void caller::give_away() {
  if (held_.empty()) return;
  use& last = held_.back();
  on_the_device const here(stage_.in);
  cudaEvent_t behind = nullptr;
  if (cudaEventCreateWithFlags(&behind, cudaEventDisableTiming) != cudaSuccess) return;
  if (cudaEventRecord(behind, last.on->value) == cudaSuccess) {
    scoped_lock const lock(stage_.mail_lock);
    stage_.mail.emplace_back(std::move(last), behind);
    held_.pop_back();
    stage_.mail_wake.notify_one();
  } else {
    (void)cudaEventDestroy(behind);
  }
}

// What was used on the stream is released before, or meanwhile by another thread, or afterwards.
void caller::retire_one() {
  if (mine_.empty()) return;
  test_stream* const old = chooser_.one_of(mine_);
  if (chooser_.happens(40)) let_go_of_all_on(*old);
  std::vector<use> released;
  if (chooser_.happens(50)) {
    auto const there = std::partition(held_.begin(), held_.end(), [old](use const& each) { return each.on != old; });
    std::move(there, held_.end(), std::back_inserter(released));
    held_.erase(there, held_.end());
  }
  thread beside([&released] {
    for (std::uint32_t i = fibers::choose(20); i > 0; --i) fibers::give_way("before a release");
    while (!released.empty()) released.pop_back();
  });
  bool const retired = stage_.attempt("retire_stream", {}, [&] { stage_.paged->retire_stream(old->value); });
  if (retired) stage_.destroy_stream(*old);
  beside.join();
  if (!retired) return;
  if (outlived_.empty() && chooser_.happens(40)) keep_one_on(*old);
  let_go_of_all_on(*old);
  std::erase(mine_, old);
  if (test_stream* const made = stage_.make_stream()) mine_.push_back(made);
}

// Its bytes are not used any more, but it is released when others come and go, on streams at the same address maybe.
void caller::keep_one_on(test_stream const& stream) {
  auto const found = std::ranges::find(held_, &stream, &use::on);
  if (found == held_.end()) return;
  outlived_.push_back(std::move(found->held));
  held_.erase(found);
}

void caller::change_pins() {
  tier const where = chooser_.happens(50) ? tier::vram : tier::ram;
  tensor_id const id = any_tensor();
  if (chooser_.happens(40))
    stage_.attempt("pin", {errc::budget_too_small}, [&] { stage_.paged->pin(id, where); });
  else
    stage_.attempt("unpin", {}, [&] { stage_.paged->unpin(id, where); });
}

// A higher budget binds before set_budget returns, so the watch is taken off meanwhile.
void caller::change_budget() {
  tier const where = stage_.in.runtime.vmm && chooser_.happens(60) ? tier::vram : tier::ram;
  std::uint64_t const before = where == tier::vram ? stage_.in.vram_bytes : stage_.in.ram_bytes;
  std::uint64_t const bytes = before * (40 + chooser_.choose(100)) / 100;
  cuda_standin::limit_bytes(unlimited_bytes, unlimited_bytes);
  stage_.attempt("set_budget", {errc::budget_too_small},
                 [&] { stage_.paged->set_budget(where, tierpager::bytes(bytes)); });
  stage_.follow_budgets();
}

// Whatever happens in between, the capture must be as valid at its end as at its beginning.
void caller::capture() {
  if (mine_.empty()) return;
  test_stream* const on = chooser_.one_of(mine_);
  auto const mode = static_cast<cudaStreamCaptureMode>(chooser_.choose(3));
  on_the_device const here(stage_.in);
  if (cuda_standin::begin_capture(on->value, mode) != cudaSuccess) return;
  on->capturing = true;
  for (std::uint32_t i = chooser_.choose(3); i > 0; --i)
    stage_.attempt("acquire on a capturing stream", {errc::would_wait}, [&] {
      held_.push_back({stage_.paged->acquire(any_tensor(), on->value), on});
      stage_.read_on(*on, held_.back().held);
    });
  on->capturing = false;
  if (cuda_standin::end_capture(on->value) != cudaSuccess && !stage_.calls_may_fail)
    stage_.report("a capture was broken");
}

void caller::ask() {
  stage_.expect_budgets_kept();
  tensor_id const id = any_tensor();
  (void)stage_.paged->resident(id, tier::vram);
  (void)stage_.paged->generation(id);
}

void caller::let_go(std::size_t index) {
  use ended = std::move(held_[index]);
  held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(index));
  ended.held.release();
}

void caller::let_go_of_all_on(test_stream const& stream) {
  for (std::size_t i = held_.size(); i-- > 0;)
    if (held_[i].on == &stream) let_go(i);
}

void caller::let_go_of_all() {
  while (!held_.empty()) let_go(held_.size() - 1);
}

void run_janitor(stage& on) {
  test_stream* const own = on.make_stream();
  on_the_device const here(on.in);
  for (;;) {
    std::pair<use, cudaEvent_t> next;
    {
      scoped_lock const lock(on.mail_lock);
      while (on.mail.empty() && !on.no_more_mail) on.mail_wake.wait(on.mail_lock);
      if (on.mail.empty()) return;
      next = std::move(on.mail.front());
      on.mail.pop_front();
    }
    auto& [given, behind] = next;
    if (own != nullptr && cudaStreamWaitEvent(own->value, behind, 0) == cudaSuccess) {
      on.read_on(*own, given.held);
      given.held.release(own->value);
    } else {
      given.held.release();
    }
    (void)cudaEventDestroy(behind);
  }
}

}  // namespace tierpager::schedules
