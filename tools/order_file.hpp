// Which tensors are acquired in each pass: the default order, and order files. Pure but for reading the file.
// An order file has a tensor name a line and `# pass` between passes; other lines that begin with `#`, and empty ones,
// are skipped, and so is a pass that names nothing. It cannot name a tensor that holds a line feed.
#pragma once

#include <string>
#include <vector>

#include <tierpager/catalog.hpp>
#include <tierpager/types.hpp>

#include <tools/order_text.hpp>

namespace tierpager::tools {

/// Every tensor once, by file and offset.
pass_order file_order(catalog const& tensors);

/// Of `-` standard input. Throws tierpager::error naming the file, and where it can the line. A file without an end is
/// read to a limit.
std::vector<pass_order> read_order_file(std::string const& path, catalog const& tensors);

/// Throws tierpager::error where an order file could not say one of these names.
void require_writable_names(std::vector<pass_order> const& passes, catalog const& tensors);

}  // namespace tierpager::tools
