#include <core/plan_pipeline.hpp>

#include <algorithm>

namespace tierpager {
namespace {

/// Bytes that are handed out first in, first out; the oldest come back at a known time.
class byte_queue {
 public:
  explicit byte_queue(std::uint64_t bytes) : bytes_(bytes) {}
  /// The time from which so many bytes are free; `free_at` says when each place comes back.
  template <typename FreeAt>
  double make_room(std::uint64_t bytes, FreeAt free_at) {
    double from = 0;
    while (head_ < used_.size() && used_bytes_ + bytes > bytes_) {
      from = std::max(from, free_at(used_[head_].until));
      used_bytes_ -= used_[head_++].bytes;
    }
    return from;
  }
  void take(std::uint64_t bytes, double until) {
    used_.push_back({bytes, until});
    used_bytes_ += bytes;
  }

 private:
  struct place {
    std::uint64_t bytes;
    double until;  // a time, or a call
  };
  std::vector<place> used_;
  std::size_t head_ = 0;
  std::uint64_t bytes_, used_bytes_ = 0;
};

}  // namespace

std::vector<double> compute_of_calls(acquire_order const& order, std::vector<std::uint64_t> const& bytes,
                                     double compute_seconds) {
  std::vector<double> compute(order.calls);
  double all = 0;
  for (order_entry const& entry : order.entries) {
    auto const size = static_cast<double>(bytes[index_of(entry.id)]);
    compute[entry.call] += size;
    all += size;
  }
  for (double& call : compute) call *= all > 0 ? compute_seconds / all : 0;
  return compute;
}

double cycle_seconds(pipeline const& run, std::vector<double> const& compute) {
  std::uint32_t const calls = run.cycle.calls();
  auto const seconds = [](std::uint64_t bytes, double rate) {
    return rate > 0 ? static_cast<double>(bytes) / rate : 0;
  };
  byte_queue ring(run.ring_bytes), ram_ring(run.ram_ring_bytes);
  std::vector<double> done;  // compute of each call so far
  done.reserve(std::size_t{calls} * 2);
  double link_free = 0, disk_free = 0, now = 0;
  // A call that has not ended holds its tensors still: it cannot be what is waited for.
  auto const ends = [&](double call) {
    auto const index = static_cast<std::size_t>(call);
    return index < done.size() ? done[index] : 0;
  };
  auto const itself = [](double time) { return time; };
  for (int round = 0; round < 2; ++round) {
    auto use = run.cycle.uses().begin();
    for (std::uint32_t call = 0; call < calls; ++call) {
      for (; use != run.cycle.uses().end() && use->from == call; ++use) {
        if (!run.streamed[use->tensor]) continue;
        std::uint64_t const size = run.bytes[use->tensor];
        double start = std::max(link_free, ring.make_room(size, ends));
        if (!run.from_file.empty() && run.from_file[use->tensor]) {
          disk_free =
              std::max(disk_free, ram_ring.make_room(size, itself)) + seconds(size, run.rates.disk_bytes_per_second);
          // Chunks are copied while later ones are read: only the last waits for the last.
          start = std::max(start, disk_free - seconds(size, run.rates.link_bytes_per_second));
        }
        link_free = start + seconds(size, run.rates.link_bytes_per_second);
        if (!run.from_file.empty() && run.from_file[use->tensor]) ram_ring.take(size, link_free);
        ring.take(size, static_cast<double>(static_cast<std::uint64_t>(round) * calls + use->until - 1));
        now = std::max(now, link_free);
      }
      now += compute[call];
      done.push_back(now);
    }
  }
  return done.empty() ? 0 : done.back() - done[calls - 1];
}

}  // namespace tierpager
