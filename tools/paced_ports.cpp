#include <tools/paced_ports.hpp>

#include <host/host_stream_identity.hpp>
#include <tools/virtual_machine.hpp>

namespace tierpager::tools {

status paced_source::read(std::uint32_t file, std::uint64_t offset, std::span<std::byte> target) {
  auto const due = pacer_.claim(seconds_for(target.size(), bytes_per_second_));
  status outcome = real_->read(file, offset, target);
  pacer_.wait_until(due);
  return outcome;
}

// The stream itself claims the time once it gets there, and spends what the copy has left of it.
result<fence> paced_device::copy_async(std::uint64_t vram_offset, std::uint64_t ram_offset, std::uint64_t bytes) {
  host_stream& copies = host_stream_access::stream_of(real().copy_stream());
  copies.submit([on = link_, seconds = seconds_for(bytes, bytes_per_second_)] { on->due = on->pace.claim(seconds); });
  auto queued = real().copy_async(vram_offset, ram_offset, bytes);
  if (!queued.ok()) return queued;
  copies.submit([on = link_] { on->pace.wait_until(on->due); });
  return real().record(real().copy_stream());
}

std::uint64_t paced_device::copied_bytes(pacer::clock::time_point until) const {
  return static_cast<std::uint64_t>(link_->pace.spent_seconds(until) * bytes_per_second_);
}

void queue_work(stream_ref stream, std::shared_ptr<pacer> const& pace, double seconds) {
  host_stream_access::stream_of(stream).submit([pace, seconds] { pace->wait_until(pace->claim(seconds)); });
}

}  // namespace tierpager::tools
