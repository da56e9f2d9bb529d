// A residency core whose commands are carried out at once and succeed, without bytes, threads or a pager. Each call of the
// core is what a pager does in one section under its lock; the longest is kept, in CPU time of the calling thread. One
// thread. Benchmarks only.
#pragma once

#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <time.h>

#include <bench/micro/support.hpp>
#include <core/residency/residency.hpp>

namespace tierpager::bench {

class instant_core {
 public:
  static constexpr std::uint64_t bytes_each = 4096;

  /// VRAM holds half of the tensors, RAM a quarter.
  instant_core(std::size_t tensors, std::unique_ptr<eviction_policy> vram_policy,
               std::unique_ptr<eviction_policy> ram_policy)
      : instant_core(make_catalog(tensors, bytes_each), halves(tensors), std::move(vram_policy),
                     std::move(ram_policy)) {}
  instant_core(catalog tensors, residency_options const& options, std::unique_ptr<eviction_policy> vram_policy,
               std::unique_ptr<eviction_policy> ram_policy)
      : tensors_(std::move(tensors)),
        core_(std::make_unique<residency>(tensors_, options, std::move(vram_policy), std::move(ram_policy))) {
    call([](residency&) {});
  }

  /// One section, then whatever it asks for.
  template <class Section>
  void call(Section const& section) {
    time_section(section);
    while (!commands_.empty()) {
      command const next = std::move(commands_.front());
      commands_.pop_front();
      answer(next);
    }
  }
  /// Acquired and released.
  void use(tensor_id id) { use(std::span(&id, 1)); }
  void use(std::span<tensor_id const> ids) {
    call([&](residency& core) { (void)core.acquire(ids, tier::vram, owner_id{}); });
    for (tensor_id const id : ids)
      call([&](residency& core) { core.release(id, tier::vram, owner_id{}, std::nullopt); });
  }
  [[nodiscard]] residency const& core() const { return *core_; }
  /// Calls of the core so far.
  [[nodiscard]] std::uint64_t sections() const { return sections_; }
  [[nodiscard]] std::uint64_t plans_asked() const { return plans_asked_; }
  /// Of all sections, and of those in which a plan was asked for, adopted or lost.
  [[nodiscard]] std::chrono::nanoseconds longest() const { return longest_; }
  [[nodiscard]] std::chrono::nanoseconds longest_of_orders() const { return longest_of_orders_; }
  /// Reading the clock takes longer than a short section.
  void measure_sections(bool wanted) { measures_ = wanted; }

 private:
  static residency_options halves(std::size_t tensors) {
    residency_options options;
    options.vram.budget_bytes = tensors / 2 * bytes_each;
    options.ram.budget_bytes = tensors / 4 * bytes_each;
    return options;
  }
  static std::chrono::nanoseconds thread_time() {
    timespec now{};
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
  }
  template <class Section>
  void time_section(Section const& section) {
    memory_plan const* const plan = core_->plan();
    std::uint64_t const plans_asked = plans_asked_;
    auto const begin = measures_ ? thread_time() : std::chrono::nanoseconds{};
    section(*core_);
    core_->take_commands(taken_);
    auto const took = measures_ ? thread_time() - begin : std::chrono::nanoseconds{};
    ++sections_;
    for (command& each : taken_) {
      if (std::holds_alternative<plan_command>(each)) ++plans_asked_;
      commands_.push_back(std::move(each));
    }
    taken_.clear();
    longest_ = std::max(longest_, took);
    bool const of_an_order = plans_asked_ != plans_asked || core_->plan() != plan;
    if (of_an_order) longest_of_orders_ = std::max(longest_of_orders_, took);
  }
  void answer(command const& next) {
    if (auto const* remap = std::get_if<remap_command>(&next))
      time_section(
          [&](residency& core) { core.remapped(remap->where, remap->decommits.size(), remap->commits.size(), {}); });
    if (auto const* read = std::get_if<read_command>(&next))
      time_section([&](residency& core) { core.read_done(read->tensor, read->chunk, {}); });
    if (auto const* copy = std::get_if<copy_command>(&next))
      time_section([&](residency& core) { core.copy_queued(copy->tensor, copy->chunk, {0, ++copies_}); });
    if (auto const* watch = std::get_if<watch_command>(&next))
      time_section([&](residency& core) { core.passed(watch->until); });
    if (auto const* ask = std::get_if<ask_command>(&next))
      time_section([&](residency& core) { core.passed(ask->about); });
    if (auto const* plan = std::get_if<plan_command>(&next)) {
      auto made = make_plan(*plan->question);  // without the lock
      time_section([&](residency& core) { core.planned(plan->question->epoch, std::move(made)); });
    }
  }

  catalog tensors_;
  std::unique_ptr<residency> core_;
  std::vector<command> taken_;
  std::deque<command> commands_;
  std::uint64_t copies_ = 0, sections_ = 0, plans_asked_ = 0;
  bool measures_ = false;
  std::chrono::nanoseconds longest_{}, longest_of_orders_{};
};

}  // namespace tierpager::bench
