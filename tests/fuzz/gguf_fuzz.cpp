// GGUF: the input is the file; is all there is of a longer one; and is read again from half of its bytes.
#include <core/format/gguf.hpp>

#include "checks.hpp"

namespace tierpager::testing {
namespace {

using answer = result<std::variant<gguf_header, more_needed>>;

answer read(std::span<std::byte const> prefix, std::uint64_t file_bytes) {
  answer given = read_in_bounds(prefix.size(), [&] { return read_gguf(prefix, file_bytes); });
  if (!given.ok()) {
    check_refusal(given.error(), file_bytes);
  } else if (auto const* const more = std::get_if<more_needed>(&*given)) {
    require(more->bytes > prefix.size() && more->bytes <= file_bytes, "asks for bytes that help nothing");
  } else {
    auto const& header = std::get<gguf_header>(*given);
    check_tensors(header.tensors, header.data_offset, file_bytes);
  }
  return given;
}

}  // namespace
}  // namespace tierpager::testing

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t bytes) {
  using namespace tierpager;
  using testing::require;
  auto const all = std::as_bytes(std::span(data, bytes));
  auto const whole = testing::read(all, bytes);
  require(!whole.ok() || std::holds_alternative<gguf_header>(*whole), "asks for more than the whole file");
  // Half a file may be too little; what is said of it already must be what is said of all.
  auto const half = testing::read(all.first(bytes / 2), bytes);
  if (!half.ok())
    require(!whole.ok() && whole.error().byte == half.error().byte, "refuses a prefix for what the file is not");
  else if (auto const* const header = std::get_if<gguf_header>(&*half))
    require(whole.ok() && std::get<gguf_header>(*whole).tensors.size() == header->tensors.size(),
            "reads another header from a prefix");
  if (!whole.ok()) (void)testing::read(all, bytes + (std::uint64_t{1} << 40U));
  return 0;
}
