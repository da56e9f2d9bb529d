// Which passes a command plays: those of an order file in turn, or the default order again and again. Values; any thread.
// Reading the order file is all it touches.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <tools/order_file.hpp>

namespace tierpager::tools {

/// How often the one order of an order file is played: until the steady state shows.
inline constexpr std::uint32_t passes_of_one_order = 3;

/// `passes` may be large, so an order is never copied.
struct schedule {
  std::vector<pass_order> orders;  // repeated in turn; only those that are played at all
  std::uint32_t passes = 0;

  std::optional<pass_order> declared;  // that of an order file with one pass; one with several is a recording

  [[nodiscard]] pass_order const& of(std::uint32_t pass) const { return orders[pass % orders.size()]; }
};

/// Without a file every tensor once a pass, in the model's own order, which begins and ends with a tied embedding. Without a
/// number of passes those of the file, or `passes_of_one_order` where it has one; else `default_passes`. Throws
/// tierpager::error.
schedule make_schedule(std::string const& order_file, std::optional<std::uint32_t> passes, std::uint32_t default_passes,
                       catalog const& tensors);

bool all_the_same(std::vector<pass_order> const& passes);
std::uint64_t bytes_of(pass_order const& order, catalog const& tensors);
/// 2^64-1 where there are more.
std::uint64_t bytes_of(schedule const& all, catalog const& tensors);

}  // namespace tierpager::tools
