#include <tools/run.hpp>

#include <chrono>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include <tools/interrupt.hpp>
#include <tools/order_file.hpp>
#include <tools/output.hpp>
#include <tools/pager_setup.hpp>
#include <tools/progress.hpp>
#include <tools/report.hpp>
#include <tools/schedule.hpp>
#include <tools/tensor_checker.hpp>

namespace tierpager::tools {

namespace {

using clock = std::chrono::steady_clock;

class runner {
 public:
  runner(paged_model& pages, schedule const& passes, std::stop_token stop, output_file* trace)
      : pages_(pages), schedule_(passes), stop_(std::move(stop)), trace_(trace) {}

  /// What the checker needs to know of the file, before anything is timed.
  void learn(tensor_checker& checker) {
    checker_ = &checker;
    std::uint64_t total_bytes = 0;
    for (pass_order const& order : schedule_.orders) total_bytes += bytes_of(order, pages_.tensors());
    progress bar(total_bytes);
    bar.label("reading the file to check against");
    for (pass_order const& order : schedule_.orders) {
      for (tensor_id const id : order) {
        require_not_stopped("before the first pass");
        checker.learn(id);
        bar.add(pages_.tensors()[id].bytes);
      }
    }
  }

  std::vector<pass_report> run() {
    progress bar(bytes_of(schedule_, pages_.tensors()));
    std::vector<pass_report> reports;
    statistics before = pages_.pages().stats();
    clock::time_point start = clock::now();
    for (std::uint32_t pass = 0; pass < schedule_.passes; ++pass) {
      bar.label(fmt::format("pass {} of {}", pass + 1, schedule_.passes));
      if (trace_ != nullptr && pass > 0) trace_->write(std::string(pass_separator) + "\n");
      run_pass(pass, bar);
      if (pass + 1 == schedule_.passes) finish();
      clock::time_point const end = clock::now();
      statistics const after = pages_.pages().stats();
      reports.push_back({std::chrono::duration<double>(end - start).count(), difference(after, before)});
      before = after;
      start = end;
    }
    return reports;
  }

 private:
  void run_pass(std::uint32_t pass, progress& bar) {
    for (tensor_id const id : schedule_.of(pass)) {
      std::string const where = fmt::format("in pass {} of {}", pass + 1, schedule_.passes);
      require_not_stopped(where);
      handle const acquired = acquire(id, where);
      if (checker_ != nullptr) checker_->check(acquired);
      if (trace_ != nullptr) trace_->write(pages_.tensors()[id].name + "\n");
      bar.add(acquired.size_bytes());
    }
  }

  handle acquire(tensor_id id, std::string const& where) {
    try {
      return pages_.acquire(id, stop_);
    } catch (error const&) {
      require_not_stopped(where);
      throw;
    }
  }

  void finish() {
    if (checker_ != nullptr) checker_->finish();
    pages_.synchronize();
  }

  void require_not_stopped(std::string const& where) const {
    if (stop_.stop_requested()) throw error(failure{.code = errc::cancelled, .what = "interrupted " + where});
  }

  paged_model& pages_;
  schedule const& schedule_;
  std::stop_token stop_;
  output_file* trace_;
  tensor_checker* checker_ = nullptr;
};

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
                    .bound = {}};
  report.bound = lower_bound(passes.orders, tensors, report.last);
  return report;
}

}  // namespace

void run(run_options const& options) {
  interrupt const signals;
  model opened = read_model(options.paging.models, opening(options.paging));
  schedule const passes = make_schedule(options.order, options.passes, run_options::default_passes, opened.tensors);
  if (!options.trace.empty()) require_writable_names(passes.orders, opened.tensors);
  std::shared_ptr<device> const on = open_device(options.paging.device, options.paging.ordinal);
  paged_model pages(std::move(opened), on, options.paging, options.verify ? tensor_checker::scratch_bytes(*on) : 0);
  std::unique_ptr<output_file> json;
  std::unique_ptr<output_file> trace;
  if (!options.json.empty() && options.json != "-") json = std::make_unique<output_file>(options.json);
  if (!options.trace.empty()) trace = std::make_unique<output_file>(options.trace);

  runner runs(pages, passes, signals.token(), trace.get());
  std::optional<model> reread;
  std::optional<tensor_checker> checker;
  if (options.verify) {
    open_options second = opening(options.paging);
    second.source = source_kind::pread;
    reread = read_model(options.paging.models, second);
    checker.emplace(pages, *reread->bytes);
    runs.learn(*checker);
  }
  std::vector<pass_report> reports = runs.run();
  run_report report = summarise(options, pages, passes);
  report.passes = std::move(reports);
  if (checker) report.verify = check_counts{.checked = checker->checked(), .mismatches = checker->mismatches()};

  if (trace) trace->commit();
  if (json) {
    json->write(json_of(report));
    json->commit();
  }
  write_standard_output(options.json == "-" ? json_of(report) : text_of(report));
  if (checker && checker->first_mismatch()) throw error(*checker->first_mismatch());
}

}  // namespace tierpager::tools
