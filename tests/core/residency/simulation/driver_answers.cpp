#include <tests/core/residency/simulation/driver.hpp>

namespace tierpager::simulation {
namespace {

// Far above what any schedule of some hundred events needs.
constexpr int rounds_max = 20'000;

}  // namespace

plan_answers& plan_answers_given() {
  static plan_answers given;
  return given;
}

std::vector<driver::pending_answer> driver::pending_answers() const {
  std::vector<pending_answer> all;
  for (std::size_t i = 0; i < both_tiers.size(); ++i) {
    if (remaps_[i]) all.push_back({pending_answer::kind::remap, i});
  }
  for (std::size_t i = 0; i < reads_.size(); ++i) all.push_back({pending_answer::kind::read, i});
  if (!copies_.empty()) all.push_back({pending_answer::kind::copy, 0});
  for (std::size_t i = 0; i < asks_.size(); ++i) all.push_back({pending_answer::kind::ask, i});
  if (settles_ > 0) all.push_back({pending_answer::kind::settle, 0});
  for (std::size_t i = 0; i < plans_.size(); ++i) all.push_back({pending_answer::kind::plan, i});
  for (std::uint32_t i = 0; i < streams; ++i) {
    if (!lost_ && device_.can_run(i)) all.push_back({pending_answer::kind::device, i});
    if (!watches_[i].empty() && (lost_ || device_.has_passed(watches_[i].front())))
      all.push_back({pending_answer::kind::passed, i});
  }
  return all;
}

void driver::give(pending_answer which, bool may_fail) {
  auto const fails = [&](std::uint32_t percent) { return lost_ || (may_fail && choices_.happens(percent)); };
  switch (which.what) {
    case pending_answer::kind::read: return answer_read(which.index, fails(faults_.read));
    case pending_answer::kind::copy: return answer_copy(fails(faults_.copy));
    case pending_answer::kind::remap: return answer_remap(both_tiers[which.index], fails(faults_.remap));
    case pending_answer::kind::settle: return answer_settle(fails(faults_.settle));
    case pending_answer::kind::passed: return answer_passed(static_cast<std::uint32_t>(which.index));
    case pending_answer::kind::ask: return answer_ask(which.index);
    case pending_answer::kind::plan: return answer_plan(which.index);
    case pending_answer::kind::device: return device_.run_one(static_cast<std::uint32_t>(which.index));
  }
}

void driver::answer_read(std::size_t index, bool fails) {
  read_command const done = reads_[index];
  reads_.erase(reads_.begin() + static_cast<std::ptrdiff_t>(index));
  begin("read of t" + std::to_string(index_of(done.tensor)) + " chunk " + std::to_string(done.chunk) +
        (fails ? " failed" : " done"));
  device_.read_finished(done, !fails);
  model_.read_answered(done, !fails);
  core_->read_done(done.tensor, done.chunk,
                   fails ? status(failure{.code = errc::read_failed, .what = "no such luck"}) : status());
  end();
}

void driver::answer_copy(bool fails) {
  copy_command const done = copies_.front();
  copies_.pop_front();
  begin("copy of t" + std::to_string(index_of(done.tensor)) + " chunk " + std::to_string(done.chunk) +
        (fails ? " failed" : " queued"));
  if (!fails) {
    fence const until = device_.copy_queued(done);
    model_.copy_answered(done, true);
    core_->copy_queued(done.tensor, done.chunk, until);
  } else {
    bool const maybe_queued = choices_.happens(50);
    if (maybe_queued) note("  maybe queued");
    device_.copy_failed(done, maybe_queued, maybe_queued && choices_.happens(50));
    model_.copy_answered(done, false);
    core_->copy_failed(done.tensor, done.chunk,
                       {.code = lost_ ? errc::device_lost : errc::device_failed, .what = "the copy failed"},
                       maybe_queued);
  }
  end();
}

void driver::answer_remap(tier where, bool fails) {
  remap_command const done = *std::exchange(remaps_[slot(where)], std::nullopt);
  std::size_t decommits = done.decommits.size();
  std::size_t commits = done.commits.size();
  if (fails) {
    std::size_t const steps = choices_.choose(static_cast<std::uint32_t>(decommits + commits));
    decommits = std::min(decommits, steps);
    commits = steps - decommits;
  }
  begin("remap of " + std::string(name_of(where)) +
        (fails ? " failed after " + std::to_string(decommits + commits) : " done"));
  model_.remap_answered(done, device_.remap_finished(done, decommits, commits), !fails);
  failure const why{.code = lost_ ? errc::device_lost : errc::out_of_memory, .what = "no memory"};
  core_->remapped(where, decommits, commits, fails ? status(why) : status());
  end();
}

void driver::answer_settle(bool fails) {
  --settles_;
  begin(fails ? "settle failed" : "settled");
  if (fails) {
    settle_failed_ = true;
    model_.memory_stuck();
    core_->settled(failure{.code = lost_ ? errc::device_lost : errc::device_failed, .what = "no fence"});
  } else {
    core_->settled(device_.record(copy_stream));
  }
  end();
}

// A plan is advice: whatever it says, no promise is broken. So half of them are anything at all.
std::optional<memory_plan> driver::any_plan(plan_question const& asked) {
  if (choices_.happens(50)) return make_plan(asked);
  if (choices_.happens(10)) return std::nullopt;
  memory_plan plan;
  std::uint64_t const align = setup_.options.vram.footprint_align_bytes();
  std::uint64_t const places = core_->reserve_bytes(tier::vram) / align + 2;
  for (std::size_t i = 0; i < setup_.tensors.size(); ++i) {
    plan.homes.push_back(static_cast<home>(choices_.choose(4)));
    bool const placed = !choices_.happens(10);
    plan.places.push_back(placed ? align * choices_.choose(static_cast<std::uint32_t>(places)) : plan.no_place);
  }
  plan.vram_buffer = {0, choices_.choose(100)};
  return plan;
}

void driver::answer_plan(std::size_t index) {
  asked_plan const asked = std::move(plans_[index]);
  plans_.erase(plans_.begin() + static_cast<std::ptrdiff_t>(index));
  bool const superseded = asked.question->epoch < latest_epoch_;
  plan_answers& given = plan_answers_given();
  if (events_ > asked.event) ++given.late;
  if (superseded) ++given.superseded;
  if (superseded && index == plans_.size()) ++given.after_another;
  if (asked.for_a_gone_order) ++given.for_a_gone_order;
  begin("plan");
  auto plan = any_plan(*asked.question);
  if (trace_ != nullptr && plan)
    for (std::size_t i = 0; i < plan->homes.size(); ++i)
      note("  t" + std::to_string(i) + " home " + std::to_string(static_cast<int>(plan->homes[i])) + " at " +
           std::to_string(plan->places[i]));
  auto const places_now = [&] { return core_->plan() ? core_->plan()->places : std::vector<std::uint64_t>(); };
  std::vector<std::uint64_t> const places = places_now();
  core_->planned(asked.question->epoch, std::move(plan));
  if ((superseded || asked.for_a_gone_order) && places_now() != places)
    broken("a plan for what no longer holds was adopted");
  end();
}

void driver::answer_passed(std::uint32_t stream) {
  fence const which = watches_[stream].front();
  watches_[stream].pop_front();
  begin("passed " + std::to_string(which.stream) + ":" + std::to_string(which.sequence));
  device_.told(which);
  core_->passed(which);
  end();
}

void driver::answer_ask(std::size_t index) {
  fence const about = asks_[index];
  asks_.erase(asks_.begin() + static_cast<std::ptrdiff_t>(index));
  bool const over = lost_ || device_.has_passed(about);
  begin("asked about " + std::to_string(about.stream) + ":" + std::to_string(about.sequence) +
        (over ? ", passed" : ", running"));
  if (over) {
    device_.told(about);
    core_->passed(about);
  } else {
    std::deque<fence>& watched = watches_[about.stream];
    watched.insert(std::upper_bound(watched.begin(), watched.end(), about), about);
    core_->running(about);
  }
  end();
}

void driver::answer_all() {
  for (int round = 0; round < rounds_max; ++round) {
    auto const pending = pending_answers();
    if (pending.empty()) return;
    give(pending[choices_.indifferent(static_cast<std::uint32_t>(pending.size()))], false);
  }
  broken("the core never comes to rest");
}

void driver::release_everything() {
  for (int round = 0; round < rounds_max; ++round) {
    answer_all();
    check_nobody_waits_for_itself();
    for (std::uint32_t stream = 0; stream < streams; ++stream) {
      if (unproven_[stream]) prove(stream);
    }
    if (handles_.empty() && pending_answers().empty()) return;
    while (!handles_.empty()) release(handles_.size() - 1, last_use::fenced, 1);
  }
  broken("the requests never come to an end");
}

void driver::full_pass() {
  for (tier const where : both_tiers) {
    if (!(where == tier::vram ? setup_.options.vram : setup_.options.ram).present) continue;
    for (std::uint32_t i = 0; i < setup_.tensors.size(); ++i) {
      ticket const got = acquire({tensor_id{i}}, where, owner_id{0});
      answer_all();
      if (got.now == outcome::waiting && waiting(got.request))
        broken("in the last pass t" + std::to_string(i) + " never came");
      bool const in_pieces = handles_.empty() && !setup_.options.vram.can_remap && where == tier::vram;
      if (got.now == outcome::waiting && in_pieces && why(got.request).code == errc::blocked_by_handles) continue;
      if (got.now == outcome::waiting && handles_.empty())
        broken("in the last pass t" + std::to_string(i) + " failed: " + why(got.request).describe());
      release_everything();
    }
  }
}

void driver::finish(last_pass pass) {
  note("finish");
  release_everything();
  model_.check_at_rest();
  if (over()) return;
  if (core_->stats().vram.quarantined_bytes > 0 && !settle_failed_) broken("a quarantine that nothing ends");
  if (pass == last_pass::left_out) return;
  full_pass();
  model_.check_at_rest();
}

}  // namespace tierpager::simulation
