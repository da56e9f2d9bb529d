#include <tools/pager_setup.hpp>

#include <chrono>
#include <thread>
#include <utility>

#include <host/auto_budget.hpp>
#include <tools/paced_ports.hpp>
#include <tools/slices.hpp>

namespace tierpager::tools {

namespace {

pager_options paging(paging_options const& options, std::uint64_t scratch_bytes, bool record_events,
                     warning_callback on_warning) {
  return {.vram = options.vram,
          .ram = options.ram,
          .pin_vram = options.pin_vram,
          .pin_ram = options.pin_ram,
          .policy = options.policy,
          .rates = rates_of(options.speed),
          .record_events = record_events,
          .scratch_bytes = named_budget(tier::vram, options.vram).what() == budget::kind::none ? 0 : scratch_bytes,
          .on_warning = std::move(on_warning)};
}

}  // namespace

paged_model::paged_model(model from, std::shared_ptr<device> on, paging_options const& options,
                         std::uint64_t scratch_bytes, held_warnings& warnings, bool record_events)
    : device_(std::move(on)),
      pages_(std::move(from), device_, paging(options, scratch_bytes, record_events, warnings.callback())) {
  if (pages_.stats().vram.present) stream_ = value_or_throw(device_->make_stream());
}

paged_model::~paged_model() {
  try {
    synchronize();
  } catch (error const&) {  // a device that cannot say when it is done will not get there
  }
}

handle paged_model::acquire(tensor_id id) {
  return on_device() ? pages_.acquire(id, *stream_) : pages_.acquire_host(id);
}

void paged_model::compute(std::shared_ptr<pacer> const& pace, double seconds) {
  if (on_device())
    queue_work(*stream_, pace, seconds);
  else
    pace->wait_until(pace->claim(seconds));
}

void paged_model::synchronize() {
  if (!on_device()) return;
  fence const end = value_or_throw(device_->record(*stream_));
  // A fence can only be asked about; the wait is short and happens once a run.
  while (!value_or_throw(device_->passed(end))) std::this_thread::sleep_for(std::chrono::microseconds(20));
}

model opened_model(paging_options const& options) {
  model opened = read_model(options.models, {.source = options.source});
  opened.tensors = sliced(std::move(opened.tensors), options.slice);
  return opened;
}

std::shared_ptr<source> opened_again(paging_options const& options) {
  return read_model(options.models, {.source = source_kind::pread}).source;
}

}  // namespace tierpager::tools
