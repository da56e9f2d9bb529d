#include <core/plan/plan_pipeline.hpp>

#include <algorithm>
#include <map>

namespace tierpager {
namespace {

/// Staging that is handed out first in, first out.
class byte_queue {
 public:
  explicit byte_queue(std::uint64_t bytes) : bytes_(bytes) {}
  /// The time from which so many bytes are free.
  double make_room(std::uint64_t bytes) {
    double from = 0;
    while (head_ < used_.size() && used_bytes_ + bytes > bytes_) {
      from = std::max(from, used_[head_].until);
      used_bytes_ -= used_[head_++].bytes;
    }
    return from;
  }
  void take(std::uint64_t bytes, double until) {
    used_.push_back({bytes, until});
    used_bytes_ += bytes;
  }

 private:
  struct stretch {
    std::uint64_t bytes;
    double until;
  };
  std::vector<stretch> used_;
  std::size_t head_ = 0;
  std::uint64_t bytes_, used_bytes_ = 0;
};

/// What lies where in the VRAM buffer, and the call that lets go of it.
class places_in_use {
 public:
  /// Takes out what lies in the range; the last call of those that used it, plus one.
  std::uint64_t clear(byte_range where) {
    std::uint64_t until = 0;
    auto from = there_.lower_bound(where.offset);
    if (from != there_.begin() && std::prev(from)->second.end > where.offset) --from;
    while (from != there_.end() && from->first < where.end()) {
      until = std::max(until, from->second.until);
      from = there_.erase(from);
    }
    return until;
  }
  void put(byte_range where, std::uint64_t until) { there_.emplace(where.offset, use{where.end(), until}); }

 private:
  struct use {
    std::uint64_t end;
    std::uint64_t until;
  };
  std::map<std::uint64_t, use> there_;
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
  places_in_use buffer;
  byte_queue ram_buffer(run.ram_buffer_bytes);
  std::vector<double> done;  // compute of each call so far
  done.reserve(std::size_t{calls} * 2);
  double link_free = 0, disk_free = 0, now = 0;
  for (std::uint64_t round = 0; round < 2; ++round) {
    auto use = run.cycle.uses().begin();
    for (std::uint32_t call = 0; call < calls; ++call) {
      for (; use != run.cycle.uses().end() && use->from == call; ++use) {
        std::uint64_t const size = run.bytes[use->tensor];
        if (!run.streamed[use->tensor] || size == 0) continue;
        byte_range const where{run.places[use->tensor], size};
        // What the place holds has been let go by now: it waits for no call that has not been.
        std::uint64_t const until = std::min<std::uint64_t>(buffer.clear(where), done.size());
        double start = std::max(link_free, until == 0 ? 0 : done[until - 1]);
        bool const from_file = !run.from_file.empty() && run.from_file[use->tensor] != 0;
        if (from_file) {
          disk_free = std::max(disk_free, ram_buffer.make_room(size)) + seconds(size, run.rates.disk_bytes_per_second);
          // Chunks are copied while later ones are read: only the last waits for the last.
          start = std::max(start, disk_free - seconds(size, run.rates.link_bytes_per_second));
        }
        link_free = start + seconds(size, run.rates.link_bytes_per_second);
        if (from_file) ram_buffer.take(size, link_free);
        buffer.put(where, round * calls + use->until);
        now = std::max(now, link_free);
      }
      now += compute[call];
      done.push_back(now);
    }
  }
  return done.empty() ? 0 : done.back() - done[calls - 1];
}

}  // namespace tierpager
