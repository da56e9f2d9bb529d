#include <tools/partition.hpp>

#include <tools/schedule.hpp>

namespace tierpager::tools {

std::optional<memory_plan> partition_for(catalog const& tensors, virtual_pager_options const& options,
                                         std::vector<pass_order> const& passes) {
  if (!all_the_same(passes)) return std::nullopt;
  virtual_pager_options with = options;
  with.policy = "auto";
  virtual_pager pages(tensors, with);
  pages.set_order(passes.front());
  memory_plan const* const made = pages.core().plan();
  return made == nullptr ? std::nullopt : std::optional(*made);
}

}  // namespace tierpager::tools
