#include <tools/simulation.hpp>

namespace tierpager::tools {

namespace {

class player {
 public:
  player(catalog const& tensors, virtual_pager_options const& options, schedule const& passes,
         simulated_step const& step)
      : tensors_(tensors), compute_seconds_(options.machine.compute_seconds), step_(step), pages_(tensors, options) {
    if (passes.declared) pages_.set_order(*passes.declared);
  }

  pass_report play(pass_order const& order, bool last) {
    auto const total_bytes = static_cast<double>(bytes_of(order, tensors_));
    for (tensor_id const id : order) {
      std::uint64_t const bytes = tensors_[id].bytes;
      step_(bytes);
      pages_.acquire({&id, 1});
      if (bytes > 0) pages_.compute(compute_seconds_ * static_cast<double>(bytes) / total_bytes);
      pages_.release({&id, 1});
    }
    if (last) pages_.synchronize();
    double const end = pages_.done_at();
    statistics const after = pages_.stats();
    pass_report const played{.seconds = end - end_, .counted = difference(after, before_)};
    end_ = end;
    before_ = after;
    return played;
  }

  [[nodiscard]] statistics const& last() const { return before_; }
  [[nodiscard]] virtual_pager& pages() { return pages_; }

 private:
  catalog const& tensors_;
  double compute_seconds_;
  simulated_step const& step_;
  virtual_pager pages_;
  double end_ = 0;
  statistics before_;
};

}  // namespace

simulation simulate(catalog const& tensors, virtual_pager_options const& options, schedule const& passes,
                    simulated_step const& step) {
  player plays(tensors, options, passes, step);
  simulation played;
  for (std::uint32_t pass = 0; pass < passes.passes; ++pass)
    played.passes.push_back(plays.play(passes.of(pass), pass + 1 == passes.passes));
  played.last = plays.last();
  if (memory_plan const* const plan = plays.pages().core().plan()) played.plan = *plan;
  played.events = plays.pages().take_events();
  return played;
}

steady_pass simulate_steady(catalog const& tensors, virtual_pager_options const& options, schedule const& passes) {
  // An order is learned in a few rounds, during which what moves may stay the same by chance.
  constexpr unsigned rounds_min = 6;
  constexpr unsigned rounds_max = 16;
  simulated_step const nothing = [](std::uint64_t) {};
  player plays(tensors, options, passes, nothing);
  steady_pass before;
  steady_pass now;
  for (unsigned round = 1; round <= rounds_max; ++round) {
    before = now;
    now = {};
    for (pass_order const& order : passes.orders) {
      pass_report const played = plays.play(order, false);
      now.seconds += played.seconds;
      now.to_device_bytes += played.counted.bytes_to_device;
      now.from_disk_bytes += played.counted.bytes_from_disk;
    }
    bool const settled = now.to_device_bytes == before.to_device_bytes && now.from_disk_bytes == before.from_disk_bytes;
    if (round >= rounds_min && settled) break;
  }
  now.seconds /= static_cast<double>(passes.orders.size());
  now.to_device_bytes /= passes.orders.size();
  now.from_disk_bytes /= passes.orders.size();
  now.last = plays.last();
  return now;
}

least_budgets find_least_budgets(catalog const& tensors, virtual_pager_options const& options) {
  virtual_pager const pages(tensors, options);
  least_budgets least;
  if (options.core.vram.present) least.vram_bytes = pages.core().least_bytes(tier::vram);
  if (options.core.ram.present || options.core.vram.present) least.ram_bytes = pages.core().least_bytes(tier::ram);
  return least;
}

std::vector<pass_bytes> simulate_bytes(catalog const& tensors, virtual_pager_options const& options,
                                       schedule const& passes) {
  simulated_step const nothing = [](std::uint64_t) {};
  player plays(tensors, options, passes, nothing);
  std::vector<pass_bytes> moved;
  for (std::uint32_t pass = 0; pass < passes.passes; ++pass) {
    statistics const counted = plays.play(passes.of(pass), false).counted;
    moved.push_back({counted.bytes_to_device, counted.bytes_from_disk});
  }
  return moved;
}

}  // namespace tierpager::tools
