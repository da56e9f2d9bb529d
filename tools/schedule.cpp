#include <tools/schedule.hpp>

#include <algorithm>
#include <limits>

#include <core/model_order.hpp>

namespace tierpager::tools {

schedule make_schedule(std::string const& order_file, std::optional<std::uint32_t> passes, std::uint32_t default_passes,
                       catalog const& tensors) {
  schedule made;
  if (order_file.empty()) {
    made.orders.push_back(model_order(tensors));
    made.passes = passes.value_or(default_passes);
  } else {
    made.orders = read_order_file(order_file, tensors);
    bool const each = made.orders.size() == 1;
    made.passes = passes.value_or(each ? passes_of_one_order : static_cast<std::uint32_t>(made.orders.size()));
    if (each) made.declared = made.orders.front();
  }
  if (made.passes < made.orders.size()) made.orders.resize(made.passes);
  return made;
}

bool all_the_same(std::vector<pass_order> const& passes) {
  return std::ranges::all_of(passes, [&](pass_order const& each) { return each == passes.front(); });
}

std::uint64_t bytes_of(pass_order const& order, catalog const& tensors) {
  std::uint64_t sum = 0;
  for (tensor_id const id : order) sum += tensors[id].bytes;
  return sum;
}

std::uint64_t bytes_of(schedule const& all, catalog const& tensors) {
  std::uint64_t sum = 0;
  for (std::size_t at = 0; at < all.orders.size(); ++at) {
    std::uint64_t const times = (all.passes - at + all.orders.size() - 1) / all.orders.size();
    std::uint64_t const bytes = bytes_of(all.orders[at], tensors);
    if (bytes > 0 && times > (std::numeric_limits<std::uint64_t>::max() - sum) / bytes)
      return std::numeric_limits<std::uint64_t>::max();
    sum += times * bytes;
  }
  return sum;
}

}  // namespace tierpager::tools
