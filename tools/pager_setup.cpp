#include <tools/pager_setup.hpp>

#include <chrono>
#include <thread>
#include <utility>

#include <tools/paced_ports.hpp>
#include <tools/slices.hpp>

namespace tierpager::tools {

namespace {

pager_options paging(paging_options const& options, std::uint64_t scratch_bytes, bool record_events) {
  return {.vram = options.vram,
          .ram = options.ram,
          .pin_vram = options.pin_vram,
          .pin_ram = options.pin_ram,
          .policy = options.policy,
          .rates = rates_of(options.speed),
          .record_events = record_events,
          .scratch_bytes = options.vram.what() == budget::kind::none ? 0 : scratch_bytes};
}

}  // namespace

paged_model::paged_model(model from, std::shared_ptr<device> on, paging_options const& options,
                         std::uint64_t scratch_bytes, bool record_events)
    : device_(std::move(on)),
      pages_(std::move(from.tensors), std::move(from.bytes), device_, paging(options, scratch_bytes, record_events)) {
  if (options.vram.what() != budget::kind::none) stream_ = value_or_throw(device_->make_stream());
}

paged_model::~paged_model() {
  try {
    synchronize();
  } catch (error const&) {  // a device that cannot say when it is done will not get there
  }
}

handle paged_model::acquire(tensor_id id, std::stop_token const& stop) {
  wait_options const wait{.stop = stop};
  return on_device() ? pages_.acquire(id, *stream_, wait) : pages_.acquire_host(id, wait);
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
  return read_model(options.models, {.source = source_kind::pread}).bytes;
}

}  // namespace tierpager::tools
