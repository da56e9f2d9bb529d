#include <tests/support/faulty_device.hpp>

namespace tierpager::tests {

faulty_device::faulty_device(std::shared_ptr<device> real) : forwarding_device(std::move(real)) {}

template <class Call>
auto faulty_device::through(device_call kind, Call call) -> decltype(call()) {
  fault_decision const decision = faults_.next(kind);
  if (lost_) return failure{.code = errc::device_lost, .what = "the device was lost, as the test asked"};
  if (!decision.fails) return call();
  if (decision.carried_out) (void)call();
  return *decision.fails;
}

result<std::uint64_t> faulty_device::free_vram_bytes() {
  return through(device_call::free_vram_bytes, [&] { return real().free_vram_bytes(); });
}

result<std::byte*> faulty_device::reserve(tier where, std::uint64_t bytes) {
  return through(device_call::reserve, [&] { return real().reserve(where, bytes); });
}

status faulty_device::commit(tier where, byte_range range) {
  return through(device_call::commit, [&] { return real().commit(where, range); });
}

status faulty_device::decommit(tier where, byte_range range) {
  return through(device_call::decommit, [&] { return real().decommit(where, range); });
}

result<fence> faulty_device::copy_async(std::uint64_t vram_offset, std::uint64_t ram_offset, std::uint64_t bytes) {
  return through(device_call::copy_async, [&] { return real().copy_async(vram_offset, ram_offset, bytes); });
}

result<bool> faulty_device::capturing(stream_ref stream) {
  return through(device_call::capturing, [&] { return real().capturing(stream); });
}

result<fence> faulty_device::record(stream_ref stream) {
  return through(device_call::record, [&] { return real().record(stream); });
}

status faulty_device::wait(stream_ref stream, fence until) {
  return through(device_call::wait, [&] { return real().wait(stream, until); });
}

result<bool> faulty_device::passed(fence which) {
  return through(device_call::passed, [&] { return real().passed(which); });
}

status faulty_device::retire(stream_ref stream) {
  return through(device_call::retire, [&] { return real().retire(stream); });
}

status faulty_device::checksum_async(stream_ref stream, std::span<std::byte const> data, std::byte* result,
                                     std::span<std::byte> scratch) {
  return through(device_call::checksum_async, [&] { return real().checksum_async(stream, data, result, scratch); });
}

result<std::uint64_t> faulty_device::read_back(stream_ref stream, std::byte const* from) {
  return through(device_call::read_back, [&] { return real().read_back(stream, from); });
}

result<stream_ref> faulty_device::make_stream() {
  return through(device_call::make_stream, [&] { return real().make_stream(); });
}

}  // namespace tierpager::tests
