#include <tools/plan.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include <bench/comparison/compare_policies.hpp>
#include <core/pin_preset.hpp>
#include <core/residency/whole_model.hpp>
#include <host/auto_budget.hpp>
#include <host/read_catalog.hpp>
#include <host/warning_texts.hpp>
#include <tierpager/warnings.hpp>
#include <tools/event_file.hpp>
#include <tools/partition.hpp>
#include <tools/plan_report.hpp>
#include <tools/progress.hpp>
#include <tools/report_files.hpp>
#include <tools/schedule.hpp>
#include <tools/simulation.hpp>
#include <tools/slices.hpp>
#include <tools/vram_granule.hpp>

namespace tierpager::tools {

namespace {

catalog read_tensors(plan_options const& options) {
  return sliced(value_or_throw(read_headers(options.paging.models)), options.paging.slice);
}

// As a pager resolves it, except that no device can be asked what is free.
budget resolved(tier where, budget const& asked) {
  budget const named = named_budget(where, asked);
  if (named.what() != budget::kind::automatic) return named;
  if (where == tier::vram)
    throw usage_error(
        "--vram: 'auto' would ask a device what is free, and plan opens none: give a size, or set TIERPAGER_VRAM");
  return bytes(auto_ram_bytes());
}

// Of all devices RAM comes in blocks of 4 KiB.
tier_options tier_for(tier where, budget const& asked, catalog const& tensors) {
  tier_options made{.present = asked.what() != budget::kind::none};
  if (where == tier::vram) made.granule_bytes = vram_granule_bytes(asked, tensors);
  if (where == tier::vram) made.align_bytes = vram_align_bytes;
  made.budget_bytes = asked.bytes_of(whole_model_bytes(tensors, made, 0));
  return made;
}

virtual_pager_options paging(plan_options const& options, catalog const& tensors) {
  paging_options const& asked = options.paging;
  return {.core = {.vram = tier_for(tier::vram, resolved(tier::vram, asked.vram), tensors),
                   .ram = tier_for(tier::ram, resolved(tier::ram, asked.ram), tensors),
                   .chunk_bytes = pager_options{}.chunk_bytes,
                   .rates = rates_of(asked.speed)},
          .policy = asked.policy,
          .pin_vram = asked.pin_vram,
          .pin_ram = asked.pin_ram,
          .machine = rates_of(asked.speed),
          .record_events = !options.events.empty()};
}

class planner {
 public:
  explicit planner(plan_options const& options)
      : options_(options),
        tensors_(read_tensors(options)),
        schedule_(make_schedule(options.order, options.passes, plan_options::default_passes, tensors_)),
        paging_(paging(options, tensors_)) {}

  plan_report make() {
    plan_report report{.files = tensors_.files(),
                       .tensors = tensors_.size(),
                       .model_bytes = tensors_.bytes(),
                       .whole_vram_bytes = whole_model_bytes(tensors_, paging_.core.vram, 0),
                       .tiers = {},
                       .rates = paging_.machine,
                       .bound = {},
                       .partition = {},
                       .policies = {},
                       .sweep_policy = paging_.policy,
                       .sweep = {},
                       .target_seconds = options_.target_seconds,
                       .facts = {}};
    report.facts = facts_of(tensors_, find_least_budgets(tensors_, paging_));
    simulation played = simulated(paging_.policy);
    events_ = std::move(played.events);
    report.tiers = played.last;
    report.bound = lower_bound(schedule_.orders, tensors_, played.last);
    auto const plan = played.plan ? played.plan : partition_for(tensors_, paging_, schedule_.orders);
    if (plan) report.partition = partition_of(*plan);
    report.policies.push_back({paging_.policy, played.passes, played.last});
    if (options_.all_policies) compare(report);
    if (options_.sweep_step) report.sweep = sweep();
    return report;
  }

  [[nodiscard]] catalog const& tensors() const { return tensors_; }

  /// As a pager would: of pins, and of what `auto` found.
  void warn(statistics const& played) const {
    for (tier const where : {tier::vram, tier::ram})
      for (std::string& note : pin_notes(tensors_, where == tier::vram ? paging_.pin_vram : paging_.pin_ram))
        write_warning(pin_warning(where, std::move(note)));
    bool const is_automatic = named_budget(tier::ram, options_.paging.ram).what() == budget::kind::automatic;
    std::uint64_t const whole_bytes = whole_model_bytes(tensors_, paging_.core.ram, 0);
    if (!is_automatic) return;
    if (auto const text = auto_budget_warning(tier::ram, played, whole_bytes)) write_warning(*text);
  }

  /// What was decided under the policy asked for.
  [[nodiscard]] std::string events() const { return text_of(events_, tensors_); }

 private:
  [[nodiscard]] simulation simulated(std::string const& policy) const {
    progress bar(bytes_of(schedule_, tensors_));
    bar.label("policy " + policy);
    virtual_pager_options with = paging_;
    with.policy = policy;
    return simulate(tensors_, with, schedule_, [&](std::uint64_t bytes) { bar.add(bytes); });
  }

  [[nodiscard]] partition partition_of(memory_plan const& plan) const {
    partition made{.buffer_vram_bytes = plan.vram_buffer.bytes,
                   .buffer_ram_bytes = plan.ram_buffer_bytes,
                   .buffer_slots = plan.buffer_slots};
    for (std::size_t i = 0; i < plan.homes.size(); ++i) {
      std::uint64_t const bytes = tensors_.infos()[i].bytes;
      if (plan.homes[i] == home::vram) made.vram_bytes += bytes;
      if (plan.homes[i] == home::ram) made.ram_bytes += bytes;
      if (plan.homes[i] == home::file) made.file_bytes += bytes;
    }
    return made;
  }

  // The pager's own LRU knows pins, buffers and granules; the textbook caches know none of these.
  void compare(plan_report& report) const {
    simulation const under_lru = simulated("lru");
    report.policies.push_back({"lru", under_lru.passes, under_lru.last});
    auto const usable = [&](tier_statistics const& of_tier) {
      return of_tier.present ? std::min(of_tier.effective_bytes, tensors_.bytes()) : 0;
    };
    comparison_budgets const budgets{usable(report.tiers.vram), usable(report.tiers.ram)};
    std::vector<std::uint64_t> tensor_bytes;
    for (tensor_info const& each : tensors_) tensor_bytes.push_back(each.bytes);
    std::vector<pass_order> passes;
    for (std::uint32_t pass = 0; pass < schedule_.passes; ++pass) passes.push_back(schedule_.of(pass));
    for (std::string_view const policy : comparison_policies) {
      if (policy == "lru") continue;
      policy_report& made = report.policies.emplace_back(policy_report{std::string(policy), {}, {}});
      for (comparison_counts const& counted : compare_policy(policy, budgets, tensor_bytes, passes))
        made.passes.push_back(compared(counted));
    }
  }

  [[nodiscard]] pass_report compared(comparison_counts const& counted) const {
    pass_report pass;
    pass.counted.acquires = counted.acquires;
    pass.counted.vram_hits = counted.vram_hits;
    pass.counted.ram_hits = counted.ram_hits;
    pass.counted.disk_reads = counted.disk_reads;
    pass.counted.bytes_to_device = paging_.core.vram.present ? counted.bytes_to_device : 0;
    pass.counted.bytes_from_disk = counted.bytes_from_disk;
    pass.counted.vram.evictions_by_reason = {counted.vram_evictions};
    pass.counted.ram.evictions_by_reason = {counted.ram_evictions};
    transfer_rates const& rates = paging_.machine;
    pass.seconds =
        std::max({rates.compute_seconds, seconds_for(pass.counted.bytes_to_device, rates.link_bytes_per_second),
                  seconds_for(pass.counted.bytes_from_disk, rates.disk_bytes_per_second)});
    return pass;
  }

  std::vector<sweep_report> sweep() {
    if (!paging_.core.vram.present) throw usage_error("--sweep: there is no VRAM to sweep");
    std::uint64_t const whole_bytes = whole_model_bytes(tensors_, paging_.core.vram, 0);
    std::vector<std::uint64_t> const budgets =
        sweep_budgets(paging_.core.vram.budget_bytes, step_bytes(whole_bytes), whole_bytes);
    progress bar(tensors_.bytes() * budgets.size());
    std::vector<sweep_report> rows;
    for (std::uint64_t const bytes : budgets) {
      bar.label(fmt::format("budget {} of {}", rows.size() + 1, budgets.size()));
      if (auto const row = swept(bytes)) rows.push_back(*row);
      bar.add(tensors_.bytes());
    }
    return rows;
  }

  // A share of the model is rounded up, so that whole shares of it hold all of it.
  [[nodiscard]] std::uint64_t step_bytes(std::uint64_t whole_bytes) const {
    bool const share = options_.sweep_step->what() == budget::kind::percent;
    return options_.sweep_step->bytes_of(whole_bytes) + (share ? 1 : 0);
  }

  // None for a budget that is too small for this order.
  std::optional<sweep_report> swept(std::uint64_t vram_bytes) {
    virtual_pager_options with = paging_;
    with.core.vram = tier_for(tier::vram, bytes(vram_bytes), tensors_);
    with.record_events = false;
    try {
      steady_pass const pass = simulate_steady(tensors_, with, schedule_);
      return sweep_report{.vram_bytes = vram_bytes,
                          .vram_effective_bytes = pass.last.vram.effective_bytes,
                          .seconds = pass.seconds,
                          .to_device_bytes = pass.to_device_bytes,
                          .from_disk_bytes = pass.from_disk_bytes,
                          .bound = lower_bound(schedule_.orders, tensors_, pass.last)};
    } catch (error const& why) {
      if (why.code() != errc::budget_too_small) throw;
      return std::nullopt;
    }
  }

  plan_options const& options_;
  catalog tensors_;
  schedule schedule_;
  virtual_pager_options paging_;
  std::vector<event> events_;
};

}  // namespace

std::vector<std::uint64_t> sweep_budgets(std::uint64_t vram_bytes, std::uint64_t step_bytes, std::uint64_t all_bytes) {
  constexpr std::uint64_t budgets_max = 10'000;
  if (step_bytes == 0 || all_bytes / step_bytes >= budgets_max)
    throw usage_error(fmt::format("--sweep: a step of {} bytes makes more than {} budgets", step_bytes, budgets_max));
  std::uint64_t const first = vram_bytes == unlimited_bytes ? 0 : vram_bytes % step_bytes;
  std::vector<std::uint64_t> budgets;
  for (std::uint64_t next = first > 0 ? first : step_bytes; budgets.empty() || budgets.back() < all_bytes;
       next += step_bytes)
    budgets.push_back(next);
  return budgets;
}

void plan(plan_options const& options, temporary_files& temporaries) {
  report_files files(temporaries, {{"--json", options.json}, {"--events", options.events}},
                     inputs_of(options.paging, options.order));
  planner plans(options);
  files.create(plans.tensors());
  plan_report const report = plans.make();
  if (output_file* const events = files.to("--events")) events->write(plans.events());
  if (output_file* const json = files.to("--json")) json->write(json_of(report));
  files.publish(text_of(report));
  plans.warn(report.tiers);
}

}  // namespace tierpager::tools
