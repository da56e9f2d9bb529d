#include <cstdio>
#include <cstdlib>

#include <core/format/dtype.hpp>

#include "checks.hpp"

namespace tierpager::testing {

void require(bool holds, char const* what) {
  if (holds) return;
  (void)std::fprintf(stderr, "the reader %s\n", what);
  std::abort();
}

void check_refusal(failure const& why, std::uint64_t file_bytes) {
  require(why.code == errc::malformed_file, "refuses with another code");
  require(!why.what.empty(), "does not say why");
  require(why.byte && *why.byte <= file_bytes, "names no byte of the file");
}

void check_tensors(std::span<tensor_info const> tensors, std::uint64_t header_bytes, std::uint64_t file_bytes) {
  catalog built;
  built.add_file("m");
  for (tensor_info const& each : tensors) {
    require(each.offset >= header_bytes && each.offset <= file_bytes && each.bytes <= file_bytes - each.offset,
            "places a tensor outside the file");
    dtype_info const* const type = find_dtype(each.dtype);
    auto const elements = count_elements(each.shape);
    // One of a type that is not known ends where the next begins.
    bool const is_whole = type != nullptr ? elements && count_bytes(*type, *elements) == each.bytes
                                          : elements && (each.bytes == 0) == (*elements == 0);
    require(type != nullptr || is_unknown_dtype_name(each.dtype), "lists a type that no format has");
    require(is_whole, "gives a tensor other bytes than its shape and type make");
    tensor_info entry = each;
    entry.file = 0;
    require(built.add(std::move(entry)).ok(), "lists what no catalog takes");
  }
}

}  // namespace tierpager::testing
