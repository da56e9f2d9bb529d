#include <tests/figures/player.hpp>

#include <algorithm>
#include <cstdio>

#include <gtest/gtest.h>

namespace tierpager::figures {

tools::virtual_pager_options budgets(std::uint64_t vram_bytes, std::uint64_t ram_bytes, transfer_rates const& rates) {
  tools::virtual_pager_options options;
  options.core.vram.budget_bytes = vram_bytes;
  options.core.ram.budget_bytes = ram_bytes;
  options.core.rates = rates;
  options.machine = rates;
  return options;
}

player::player(catalog const& tensors, tools::virtual_pager_options const& options)
    : tensors_(tensors), compute_seconds_(options.machine.compute_seconds), pages_(tensors, options) {}

moved player::play(program const& pass) {
  double total_bytes = 0;
  for (step const& each : pass)
    for (tensor_id const id : each.acquired) total_bytes += static_cast<double>(tensors_[id].bytes);
  for (step const& each : pass) {
    double bytes = 0;
    for (tensor_id const id : each.acquired) bytes += static_cast<double>(tensors_[id].bytes);
    pages_.acquire(each.acquired);
    pages_.compute(compute_seconds_ * bytes / total_bytes);
    if (!each.released.empty()) pages_.release(each.released);
  }
  double const end = pages_.done_at();
  statistics const after = pages_.stats();
  moved const played{after.bytes_to_device - before_.bytes_to_device, after.bytes_from_disk - before_.bytes_from_disk,
                     end - end_};
  end_ = end;
  before_ = after;
  return played;
}

std::vector<moved> player::play(program const& pass, unsigned first, unsigned last) {
  std::vector<moved> passes;
  for (unsigned number = 1; number <= last; ++number) {
    moved const played = play(pass);
    if (number >= first) passes.push_back(played);
  }
  return passes;
}

moved most_of(std::vector<moved> const& passes) {
  moved most;
  for (moved const& each : passes) {
    most.to_device_bytes = std::max(most.to_device_bytes, each.to_device_bytes);
    most.from_disk_bytes = std::max(most.from_disk_bytes, each.from_disk_bytes);
    most.seconds = std::max(most.seconds, each.seconds);
  }
  return most;
}

std::vector<tools::comparison_counts> textbook(std::string_view policy, catalog const& tensors,
                                               tools::comparison_budgets const& budgets,
                                               std::vector<program const*> const& passes) {
  std::vector<std::uint64_t> sizes;
  for (tensor_info const& each : tensors) sizes.push_back(each.bytes);
  std::vector<std::vector<tensor_id>> orders;
  for (program const* const pass : passes) {
    orders.emplace_back();
    for (step const& each : *pass)
      orders.back().insert(orders.back().end(), each.acquired.begin(), each.acquired.end());
  }
  return tools::compare_policy(policy, budgets, sizes, orders);
}

double textbook_to_device_bytes(std::string_view policy, catalog const& tensors, std::uint64_t vram_bytes,
                                program const& pass) {
  auto const counts = textbook(policy, tensors, {.vram_bytes = vram_bytes}, std::vector<program const*>(12, &pass));
  double bytes = 0;
  for (std::size_t settled = 4; settled < 10; ++settled) bytes += static_cast<double>(counts[settled].bytes_to_device);
  return bytes / 6;
}

void tell(std::string const& line) {
  std::printf("%s\n", line.c_str());
  static int lines = 0;
  testing::Test::RecordProperty("line_" + std::to_string(++lines), line);
}

std::string ratio(double of, double to) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", to == 0 ? 0 : of / to);
  return text;
}

}  // namespace tierpager::figures
