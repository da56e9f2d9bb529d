#include <tools/run.hpp>

#include <chrono>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include <host/host_device.hpp>
#include <tools/event_file.hpp>
#include <tools/order_file.hpp>
#include <tools/paced_ports.hpp>
#include <tools/pager_setup.hpp>
#include <tools/pass_clock.hpp>
#include <tools/progress.hpp>
#include <tools/report.hpp>
#include <tools/report_files.hpp>
#include <tools/schedule.hpp>
#include <tools/simulation.hpp>
#include <tools/tensor_checker.hpp>
#include <tools/vram_granule.hpp>

namespace tierpager::tools {

namespace {

class runner {
 public:
  runner(paged_model& pages, schedule const& passes, double compute_seconds, std::stop_token stop, output_file* trace,
         output_file* events)
      : pages_(pages),
        schedule_(passes),
        compute_seconds_(compute_seconds),
        pace_(std::make_shared<pacer>(std::move(stop))),
        trace_(trace),
        events_(events) {}

  /// What the checker needs to know of the file, before anything is timed.
  void learn(tensor_checker& checker) {
    checker_ = &checker;
    std::uint64_t total_bytes = 0;
    for (pass_order const& order : schedule_.orders) total_bytes += bytes_of(order, pages_.tensors());
    progress bar(total_bytes);
    bar.label("reading the file to check against");
    for (pass_order const& order : schedule_.orders) {
      for (tensor_id const id : order) {
        checker.learn(id);
        bar.add(pages_.tensors()[id].bytes);
      }
    }
  }

  /// `link`: the one that is played, if any.
  std::vector<pass_report> run(std::shared_ptr<paced_device const> link) {
    progress bar(bytes_of(schedule_, pages_.tensors()));
    std::vector<statistics> counted{pages_.pages().stats()};
    pass_clock::copied_bytes_until copied;
    if (link != nullptr) copied = [link](pass_clock::clock::time_point until) { return link->copied_bytes(until); };
    pass_clock ends(pages_.hardware(), copied);
    ends.end_now();
    if (schedule_.declared)
      pages_.pages().set_order(*schedule_.declared);  // the first loads ahead are the first pass's
    for (std::uint32_t pass = 0; pass < schedule_.passes; ++pass) {
      bar.label(fmt::format("pass {} of {}", pass + 1, schedule_.passes));
      if (trace_ != nullptr && pass > 0) trace_->write(std::string(pass_separator) + "\n");
      run_pass(pass, bar);
      if (pages_.on_device())
        ends.end_behind(pages_.stream());
      else
        ends.end_now();
      if (pass + 1 == schedule_.passes) finish();
      if (events_ != nullptr) events_->write(text_of(pages_.pages().take_events(), pages_.tensors()));
      counted.push_back(pages_.pages().stats());
    }
    return reports_of(ends.wait(), counted, link != nullptr);
  }

 private:
  void run_pass(std::uint32_t pass, progress& bar) {
    auto const total_bytes = static_cast<double>(bytes_of(schedule_.of(pass), pages_.tensors()));
    for (tensor_id const id : schedule_.of(pass)) {
      handle const acquired = pages_.acquire(id);
      if (checker_ != nullptr) checker_->check(acquired);
      if (compute_seconds_ > 0 && acquired.size_bytes() > 0)
        pages_.compute(pace_, compute_seconds_ * static_cast<double>(acquired.size_bytes()) / total_bytes);
      if (trace_ != nullptr) trace_->write(pages_.tensors()[id].name + "\n");
      bar.add(acquired.size_bytes());
    }
  }

  // Both have an element more than there are passes: what was before the first.
  [[nodiscard]] std::vector<pass_report> reports_of(std::vector<pass_clock::reading> const& ends,
                                                    std::vector<statistics> const& counted, bool over_link) const {
    std::vector<pass_report> reports;
    for (std::size_t pass = 1; pass < counted.size(); ++pass) {
      pass_report& made = reports.emplace_back();
      made.seconds = std::chrono::duration<double>(ends[pass].at - ends[pass - 1].at).count();
      made.counted = difference(counted[pass], counted[pass - 1]);
      made.moved_bytes = !pages_.on_device() ? made.counted.bytes_from_disk
                         : over_link         ? ends[pass].copied_bytes - ends[pass - 1].copied_bytes
                                             : made.counted.bytes_to_device;
    }
    return reports;
  }

  void finish() {
    if (checker_ != nullptr) checker_->finish();
    pages_.synchronize();
  }

  paged_model& pages_;
  schedule const& schedule_;
  double compute_seconds_;
  std::shared_ptr<pacer> pace_;
  output_file* trace_;
  output_file* events_;
  tensor_checker* checker_ = nullptr;
};

// A pager of the same tiers without bytes, under LRU.
virtual_pager_options counterpart(run_options const& options, paged_model& pages, std::uint64_t scratch_bytes) {
  device const& on = pages.hardware();
  statistics const now = pages.pages().stats();
  auto const tier_of = [&](tier where, tier_statistics const& of_tier) {
    tier_options of = tier_options_of(on, where);
    of.present = of_tier.present;
    of.budget_bytes = of_tier.budget_bytes;
    return of;
  };
  return {.core = {.vram = tier_of(tier::vram, now.vram),
                   .ram = tier_of(tier::ram, now.ram),
                   .chunk_bytes = pager_options{}.chunk_bytes,
                   .scratch_bytes = now.vram.present ? scratch_bytes : 0},
          .policy = "lru",
          .pin_vram = options.paging.pin_vram,
          .pin_ram = options.paging.pin_ram};
}

// Nothing where such a pager would fail, as memory that cannot be remapped may fragment.
std::vector<pass_bytes> under_lru(catalog const& tensors, virtual_pager_options const& options,
                                  schedule const& passes) {
  try {
    return simulate_bytes(tensors, options, passes);
  } catch (error const&) {
    return {};
  }
}

run_report summarise(run_options const& options, paged_model& pages, schedule const& passes) {
  catalog const& tensors = pages.tensors();
  run_report report{.device = std::string(pages.hardware().name()),
                    .files = tensors.files(),
                    .tensors = tensors.size(),
                    .model_bytes = tensors.bytes(),
                    .policy = options.paging.policy,
                    .passes = {},
                    .last = pages.pages().stats(),
                    .verify = {},
                    .bound = {},
                    .lru = {},
                    .facts = {}};
  report.bound = lower_bound(passes.orders, tensors, report.last);
  return report;
}

bool slowed_down(speed_options const& speed) {
  return speed.link_gigabytes_per_second > 0 || speed.disk_gigabytes_per_second > 0 || speed.compute_seconds > 0;
}

std::shared_ptr<device> open_device(run_options const& options, catalog const& tensors, std::stop_token stop,
                                    held_warnings& warnings) {
  std::shared_ptr<device> on =
      tierpager::open_device(options.paging.device, options.paging.ordinal, warnings.callback());
  if (on->name() == "host")
    on = std::make_shared<host_device>(
        host_device_options{.vram_granule_bytes = vram_granule_bytes(options.paging.vram, tensors)});
  if (!slowed_down(options.paging.speed)) return on;
  if (on->name() != "host")
    throw usage_error("--link, --disk and --compute play another machine on the host device: add --device host");
  double const link = rates_of(options.paging.speed).link_bytes_per_second;
  return link > 0 ? std::make_shared<paced_device>(std::move(on), link, std::move(stop)) : on;
}

model open_model(run_options const& options, std::stop_token stop) {
  model opened = opened_model(options.paging);
  double const disk = rates_of(options.paging.speed).disk_bytes_per_second;
  if (disk > 0) opened.source = std::make_shared<paced_source>(std::move(opened.source), disk, std::move(stop));
  return opened;
}

// What failed does not wait for work that only takes time.
struct full_speed_at_end {
  std::stop_source& slowness;
  ~full_speed_at_end() { slowness.request_stop(); }
};

}  // namespace

void run(run_options const& options, temporary_files& temporaries) {
  report_files files(temporaries, {{"--json", options.json}, {"--trace", options.trace}, {"--events", options.events}},
                     inputs_of(options.paging, options.order));
  std::stop_source slowness;
  held_warnings warnings;
  model opened = open_model(options, slowness.get_token());
  files.create(opened.tensors);
  schedule const passes = make_schedule(options.order, options.passes, run_options::default_passes, opened.tensors);
  if (!options.trace.empty()) require_writable_names(passes.orders, opened.tensors);
  std::shared_ptr<device> const on = open_device(options, opened.tensors, slowness.get_token(), warnings);
  std::uint64_t const scratch_bytes = options.verify ? tensor_checker::scratch_bytes(*on) : 0;
  paged_model pages(std::move(opened), on, options.paging, scratch_bytes, warnings, !options.events.empty());
  full_speed_at_end const hurry{slowness};

  runner runs(pages, passes, options.paging.speed.compute_seconds, slowness.get_token(), files.to("--trace"),
              files.to("--events"));
  std::shared_ptr<source> reread;
  std::optional<tensor_checker> checker;
  if (options.verify) {
    reread = opened_again(options.paging);
    checker.emplace(pages, *reread);
    runs.learn(*checker);
  }
  std::vector<pass_report> reports = runs.run(std::dynamic_pointer_cast<paced_device const>(on));
  run_report report = summarise(options, pages, passes);
  report.passes = std::move(reports);
  virtual_pager_options const without_bytes = counterpart(options, pages, scratch_bytes);
  report.lru = under_lru(pages.tensors(), without_bytes, passes);
  report.facts = facts_of(pages.tensors(), find_least_budgets(pages.tensors(), without_bytes));
  if (checker) report.verify = check_counts{.checked = checker->checked(), .mismatches = checker->mismatches()};

  if (output_file* const json = files.to("--json")) json->write(json_of(report));
  files.publish(text_of(report));
  if (checker && checker->first_mismatch()) throw error(*checker->first_mismatch());
  warnings.write();
}

}  // namespace tierpager::tools
