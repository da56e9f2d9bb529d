#include <host/host_device.hpp>

#include <atomic>
#include <cstring>

#include <host/auto_budget.hpp>
#include <host/host_checksum.hpp>
#include <host/host_stream_queue.hpp>

namespace tierpager {
namespace {

failure refuse(errc code, std::string what) { return {.code = code, .what = "host device: " + std::move(what)}; }

status check_kind(stream_ref stream) {
  if (stream.kind() != stream_kind::host || stream.get() == nullptr)
    return refuse(errc::invalid_argument, "not a host_stream, which is what this device takes");
  return {};
}

// From 1 on, so that a queue's 0 is nobody's. Streams outlive devices, and a later one may lie where an earlier one did.
std::uint32_t next_serial() {
  static std::atomic<std::uint32_t> latest = 0;
  return latest.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace

host_device::host_device(host_device_options const& options)
    : options_(options),
      total_bytes_(options.vram_bytes != 0 ? options.vram_bytes : auto_ram_bytes() / 3),
      serial_(next_serial()),
      vram_({.granule_bytes = granule_bytes(tier::vram), .lock_pages = false, .poison = options.poison}),
      ram_({.granule_bytes = options.granule_bytes, .lock_pages = options.lock_pages, .poison = options.poison}) {
  (void)find(copies_);  // number 0
}

host_device::~host_device() {
  // Streams end before what they work on does; one that waits for another is released by that one's own end.
  std::vector<std::unique_ptr<host_stream>> made;
  {
    scoped_lock const lock(streams_mutex_);
    made.swap(made_);
  }
}

std::optional<failure> host_device::page_lock_failure() const {
  if (ram_.lock_error() == 0) return std::nullopt;
  return failure{.code = errc::out_of_memory, .what = "mlock", .system_error = ram_.lock_error()};
}

result<std::uint64_t> host_device::free_vram_bytes() {
  std::uint64_t const used = vram_.committed_bytes();
  return used < total_bytes_ ? total_bytes_ - used : 0;
}

result<host_device::known_stream> host_device::find(stream_ref stream) {
  if (status const outcome = check_kind(stream); !outcome.ok()) return outcome.error();
  host_stream_identity& identity = host_stream_access::identity_of(stream);
  host_stream const* const real = identity.stream.load(std::memory_order_acquire);
  scoped_lock const lock(streams_mutex_);
  auto const known = numbers_.find(&identity);
  if (known != numbers_.end() && streams_[known->second].retired)
    return refuse(errc::invalid_argument, "stream " + std::to_string(known->second) + " was retired");
  if (real == nullptr) return refuse(errc::invalid_argument, "the host_stream was destroyed");
  if (known != numbers_.end()) {
    identity.known_as.store(name_of(known->second), std::memory_order_relaxed);
    return known_stream{known->second, real->queue_};
  }
  auto const number = static_cast<std::uint32_t>(streams_.size());
  streams_.push_back({.identity = real->identity_, .queue = real->queue_});
  numbers_.emplace(&identity, number);
  if (options_.jitter_seed != 0) real->queue_->set_jitter(options_.jitter_seed + number);
  return known_stream{number, real->queue_};
}

result<host_device::queue_ref> host_device::queue_of(fence which) const {
  queue_ref queue;
  {
    scoped_lock const lock(streams_mutex_);
    if (which.stream >= streams_.size()) return refuse(errc::invalid_argument, "a fence of an unknown stream");
    queue = streams_[which.stream].queue.lock();
  }
  if (queue && which.sequence > queue->pushed())
    return refuse(errc::invalid_argument, "a fence that was never recorded");
  return queue;
}

result<fence> host_device::copy_async(std::uint64_t vram_offset, std::uint64_t ram_offset, std::uint64_t bytes) {
  if (!vram_.committed({vram_offset, bytes}) || !ram_.committed({ram_offset, bytes}))
    return refuse(errc::device_failed, "a copy of " + std::to_string(bytes) + " bytes from RAM offset " +
                                           std::to_string(ram_offset) + " to VRAM offset " +
                                           std::to_string(vram_offset) + " touches memory that is not committed");
  auto copy = [to = vram_.at(vram_offset), from = ram_.at(ram_offset), bytes, seed = options_.jitter_seed,
               point = vram_offset] {
    if (bytes == 0) return;
    // The far half first, and a pause: a read or a write in between without a fence shows.
    std::uint64_t const half = bytes / 2;
    std::memcpy(to + half, from + half, bytes - half);
    jitter(seed, point);
    std::memcpy(to, from, half);
  };
  return fence{.stream = 0, .sequence = copies_.queue_->push_work(copy)};
}

result<bool> host_device::capturing(stream_ref stream) {
  if (status const outcome = check_kind(stream); !outcome.ok()) return outcome.error();
  return false;
}

// Every release of a handle comes here, so a stream that was seen before is found without a lock.
result<fence> host_device::record(stream_ref stream) {
  if (stream.kind() == stream_kind::host) {
    host_stream_identity const& identity = host_stream_access::identity_of(stream);
    std::uint64_t const name = identity.known_as.load(std::memory_order_relaxed);
    if (name >> 32U == serial_)
      return fence{.stream = static_cast<std::uint32_t>(name),
                   .sequence = identity.pushed.load(std::memory_order_acquire)};
  }
  return record_elsewhere(stream);
}

// On a stream that was destroyed everything has run: its last fence is there, though nothing can be queued any more.
[[gnu::noinline]] result<fence> host_device::record_elsewhere(stream_ref stream) {
  auto const known = find(stream);
  if (known.ok()) return fence{.stream = known->number, .sequence = known->queue->pushed()};
  if (!check_kind(stream).ok() || !host_stream_access::is_destroyed(stream)) return known.error();
  host_stream_identity const& identity = host_stream_access::identity_of(stream);
  scoped_lock const lock(streams_mutex_);
  auto const seen = numbers_.find(&identity);
  if (seen == numbers_.end() || streams_[seen->second].retired) return known.error();
  return fence{.stream = seen->second, .sequence = identity.pushed.load(std::memory_order_acquire)};
}

status host_device::wait(stream_ref stream, fence until) {
  auto const waiting = find(stream);
  if (!waiting.ok()) return waiting.error();
  auto const other = queue_of(until);
  if (!other.ok()) return other.error();
  queue_ref const& awaited = *other;
  if (!awaited || awaited == waiting->queue || awaited->has_run(until.sequence)) return {};
  (void)waiting->queue->push_work([awaited, sequence = until.sequence] { awaited->wait_until_run(sequence); });
  return {};
}

result<bool> host_device::passed(fence which) {
  auto const queue = queue_of(which);
  if (!queue.ok()) return queue.error();
  return !*queue || (*queue)->has_run(which.sequence);
}

status host_device::retire(stream_ref stream) {
  auto const known = find(stream);
  if (!known.ok()) return known.error();
  if (known->number == 0) return refuse(errc::invalid_argument, "the copy stream cannot be retired");
  scoped_lock const lock(streams_mutex_);
  streams_[known->number].retired = true;
  host_stream_access::identity_of(stream).known_as.store(0, std::memory_order_relaxed);
  return {};
}

status host_device::check_vram(std::byte const* at, std::uint64_t bytes, char const* what) const {
  bool const aligned = reinterpret_cast<std::uintptr_t>(at) % 8 == 0;
  if (!aligned) return refuse(errc::invalid_argument, std::string(what) + " is not aligned to 8 bytes");
  if (bytes == 0 || vram_.committed({vram_.offset_of(at), bytes})) return {};
  return refuse(errc::device_failed, std::string(what) + " is not committed device memory");
}

status host_device::checksum_async(stream_ref stream, std::span<std::byte const> data, std::byte* result,
                                   std::span<std::byte>) {
  auto const known = find(stream);
  if (!known.ok()) return known.error();
  if (status readable = check_vram(data.data(), data.size(), "what the checksum reads"); !readable.ok())
    return readable;
  if (status writable = check_vram(result, 8, "where the checksum goes"); !writable.ok()) return writable;
  (void)known->queue->push_work([data, result] {
    std::uint64_t const value = host_checksum(data);
    std::memcpy(result, &value, sizeof value);
  });
  return {};
}

result<std::uint64_t> host_device::read_back(stream_ref stream, std::byte const* from) {
  auto const known = find(stream);
  if (!known.ok()) return known.error();
  if (status readable = check_vram(from, 8, "what is read back"); !readable.ok()) return readable.error();
  std::uint64_t value = 0;
  known->queue->wait_until_run(known->queue->push_work([from, &value] { std::memcpy(&value, from, sizeof value); }));
  return value;
}

result<stream_ref> host_device::make_stream() {
  try {
    auto made = std::make_unique<host_stream>();
    stream_ref const stream = *made;
    if (auto const known = find(stream); !known.ok()) return known.error();
    scoped_lock const lock(streams_mutex_);
    made_.push_back(std::move(made));
    return stream;
  } catch (std::exception const& refused) {
    return refuse(errc::out_of_memory, std::string("no stream: ") + refused.what());
  }
}

}  // namespace tierpager
