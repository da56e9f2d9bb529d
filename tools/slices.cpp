#include <tools/slices.hpp>

#include <core/slice_option.hpp>
#include <tools/options.hpp>

namespace tierpager::tools {

catalog sliced(catalog tensors, std::vector<std::string> const& slices) {
  for (std::string const& text : slices) {
    auto const asked = parse_slice(text, tensors);
    if (!asked.ok()) throw usage_error("--slice: " + asked.error().describe());
    tensors = value_or_throw(tensors.slice(asked->glob, asked->rows));
  }
  return tensors;
}

}  // namespace tierpager::tools
