// Which tensors are acquired in each pass: the default order, and order files. Pure but for reading the file.
// An order file has a tensor name a line and `# pass` between passes; other lines that begin with `#`, and empty ones,
// are skipped, and so is a pass that names nothing. It cannot name a tensor that begins with `#` or holds a line break.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <tierpager/catalog.hpp>
#include <tierpager/types.hpp>

namespace tierpager::tools {

using pass_order = std::vector<tensor_id>;

inline constexpr std::string_view pass_separator = "# pass";

/// Every tensor once, by file and offset.
pass_order file_order(catalog const& tensors);

/// Throws tierpager::error naming the file, and for an unknown tensor the line.
std::vector<pass_order> read_order_file(std::string const& path, catalog const& tensors);

/// Throws tierpager::error where an order file could not say one of these names.
void require_writable_names(std::vector<pass_order> const& passes, catalog const& tensors);

}  // namespace tierpager::tools
