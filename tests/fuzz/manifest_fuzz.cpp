// A raw manifest: the input is its text.
#include <core/format/dtype.hpp>
#include <core/format/manifest.hpp>
#include <core/format/names.hpp>

#include "checks.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t bytes) {
  using namespace tierpager;
  using testing::require;
  auto const read = testing::read_in_bounds(bytes, [&] { return read_manifest(testing::text_of(data, bytes)); });
  if (!read.ok()) {
    testing::check_refusal(read.error(), bytes);
    return 0;
  }
  for (std::string const& each : read->files) require(is_plain_file_name(each), "lets a file lie elsewhere");
  catalog built;
  for (std::string const& each : read->files) built.add_file(each);
  for (tensor_info const& each : read->tensors) {
    dtype_info const* const type = find_dtype(each.dtype);
    auto const elements = count_elements(each.shape);
    require(elements && (type == nullptr || count_bytes(*type, *elements) == each.bytes),
            "gives a tensor other bytes than its shape and type make");
    require(built.add(tensor_info(each)).ok(), "lists what no catalog takes");
  }
  return 0;
}
