#include <core/slice_advice.hpp>

#include <algorithm>
#include <bit>
#include <string_view>

namespace tierpager {
namespace {

// NAME of NAME[a:b]; any other name as it is.
std::string_view name_of_whole(std::string_view name) {
  constexpr std::string_view digits = "0123456789";
  std::string_view rest = name;
  auto take = [&](char wanted) {
    bool const there = rest.ends_with(wanted);
    if (there) rest.remove_suffix(1);
    return there;
  };
  auto take_number = [&] {
    std::size_t const before = rest.size();
    rest = rest.substr(0, rest.find_last_not_of(digits) + 1);
    return rest.size() < before;
  };
  bool const block = take(']') && take_number() && take(':') && take_number() && take('[');
  return block ? rest : name;
}

}  // namespace

std::optional<std::uint64_t> rows_that_fit(tensor_info const& tensor, std::uint64_t available_bytes) {
  std::uint64_t const all_rows = tensor.rows();
  if (all_rows < 2 || tensor.bytes == 0 || tensor.bytes % all_rows != 0) return std::nullopt;
  std::uint64_t const fitting = std::min(available_bytes / (tensor.bytes / all_rows), all_rows - 1);
  if (fitting == 0) return std::nullopt;
  return std::bit_floor(fitting);
}

std::string slice_advice(tensor_info const& tensor, std::uint64_t available_bytes) {
  std::optional<std::uint64_t> const rows = rows_that_fit(tensor, available_bytes);
  // A name with a quote would end the quoted text, and what follows in it could be a command to the shell it is pasted to.
  if (!rows || tensor.name.find('\'') != std::string::npos) return {};
  return ", or slices of fewer rows: --slice '" + std::string(name_of_whole(tensor.name)) + ":" +
         std::to_string(*rows) + "' (open_options::slice)";
}

}  // namespace tierpager
