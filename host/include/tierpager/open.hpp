// Opens a model file into a catalog and a source, or straight into a pager. May be called from any thread.
// Reads headers only; no tensor bytes before the first acquire.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <tierpager/pager.hpp>

namespace tierpager {

enum class source_kind : std::uint8_t { automatic, pread, direct, mmap };
enum class device_kind : std::uint8_t { automatic, cuda, host };

struct open_options {
  source_kind source = source_kind::automatic;
  device_kind device = device_kind::automatic;  // automatic: CUDA, or the host device where there is no GPU
  int ordinal = 0;                              // which CUDA device
  std::vector<std::string> slice = {};          // globs of tensors to page by slices of their outermost dimension
  bool allow_trailing_bytes = false;            // accept a safetensors file with bytes behind its data
};

/// What the files of a model say, and a way to read them.
struct model {
  catalog tensors;
  std::shared_ptr<tierpager::source> bytes;
};

/// Reads headers only. A path is a GGUF file (the first of a split one stands for all), a safetensors file, an
/// `*.safetensors.index.json`, a directory that holds either, or a raw manifest. Several paths make one catalog.
/// Files are opened once, and kept open: what was checked is what is read.
[[nodiscard]] model read_model(std::vector<std::string> const& paths, open_options const& options = {});
[[nodiscard]] std::shared_ptr<device> open_device(device_kind kind, int ordinal = 0);

[[nodiscard]] pager open(std::string const& path, pager_options const& options = {}, open_options const& where = {});

}  // namespace tierpager
