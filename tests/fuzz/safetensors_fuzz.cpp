// safetensors: the input is the file; where only its length is the matter, it is the start of a longer one as well.
// Mutates the header and puts its length right, most of the time: few inputs would get past that otherwise.
#include <core/format/safetensors.hpp>

#include <algorithm>
#include <cstring>

#include "checks.hpp"

namespace tierpager::testing {
namespace {

constexpr std::size_t length_bytes = 8;

result<std::variant<safetensors_header, more_needed>> read(std::span<std::byte const> prefix, std::uint64_t file_bytes,
                                                           trailing_bytes trailing) {
  auto given = read_in_bounds(prefix.size(), [&] { return read_safetensors(prefix, file_bytes, trailing); });
  if (!given.ok()) {
    check_refusal(given.error(), file_bytes);
  } else if (auto const* const more = std::get_if<more_needed>(&*given)) {
    require(more->bytes > prefix.size() && more->bytes <= file_bytes, "asks for bytes that help nothing");
  } else {
    check_tensors(std::get<safetensors_header>(*given).tensors, length_bytes, file_bytes);
  }
  return given;
}

}  // namespace
}  // namespace tierpager::testing

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t bytes) {
  using namespace tierpager;
  using testing::require;
  auto const all = std::as_bytes(std::span(data, bytes));
  auto const whole = testing::read(all, bytes, trailing_bytes::refuse);
  require(!whole.ok() || std::holds_alternative<safetensors_header>(*whole), "asks for more than the whole file");
  if (whole.ok()) return 0;
  std::string const& why = whole.error().what;
  if (why.ends_with("behind its last tensor"))
    require(testing::read(all, bytes, trailing_bytes::allow).ok(), "refuses trailing bytes that are allowed");
  if (why.find("past the end") != std::string::npos)
    (void)testing::read(all, bytes + (std::uint64_t{1} << 40U), trailing_bytes::allow);
  return 0;
}

#ifdef TIERPAGER_FUZZING
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t bytes, std::size_t bytes_max);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t bytes, std::size_t bytes_max,
                                               unsigned seed) {
  using tierpager::testing::length_bytes;
  if (bytes < length_bytes || seed % 4 == 0) return LLVMFuzzerMutate(data, bytes, bytes_max);
  std::uint8_t* const json = data + length_bytes;
  std::uint64_t before = 0;
  std::memcpy(&before, data, length_bytes);
  before = std::min<std::uint64_t>(before, bytes - length_bytes);
  std::size_t const behind = bytes - length_bytes - before;
  // The tensors' bytes are never looked at: they move behind the new header whatever they were.
  std::uint64_t const after = LLVMFuzzerMutate(json, before, bytes_max - length_bytes - behind);
  std::memset(json + after, 0, behind);
  std::memcpy(data, &after, length_bytes);
  return length_bytes + after + behind;
}
#endif
