// An order file's text, line by line, as editors and other systems leave it: with a byte order mark, lines that end with
// CRLF, blanks around names. Pure; one thread. What could be meant in two ways is refused, so that passes never merge.
// A line is first of all the name it is; else `# pass`, in any case and with a number behind it, begins a pass; else a line
// that begins with `#` is a comment.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <tierpager/catalog.hpp>
#include <tierpager/types.hpp>

namespace tierpager::tools {

using pass_order = std::vector<tensor_id>;

inline constexpr std::string_view pass_separator = "# pass";

/// A name's limit with room for slices of slices. What is longer is no line of an order file.
inline constexpr std::size_t order_line_bytes_max = 128U << 10U;
inline constexpr std::uint64_t order_names_max = 100'000'000;

class order_text {
 public:
  explicit order_text(catalog const& tensors) : tensors_(tensors) {}

  /// The next line, without its line feed. The failure names the line and what is wrong with it.
  status add_line(std::string_view line);
  /// Those passes that name something.
  std::vector<pass_order> finish() &&;

 private:
  [[nodiscard]] std::optional<tensor_id> find(std::string_view line) const;
  void begin_pass();
  status add(tensor_id id);
  [[nodiscard]] failure refuse(std::string const& why) const;

  catalog const& tensors_;
  std::vector<pass_order> passes_{1};
  std::uint64_t lines_ = 0;
  std::uint64_t names_ = 0;
};

/// Whether a trace may hold the name: alone on its line, order_text reads the same name again.
[[nodiscard]] bool can_be_written(std::string_view name);

}  // namespace tierpager::tools
