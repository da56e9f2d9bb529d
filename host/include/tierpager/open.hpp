// Opens a model file into a catalog and a source, or straight into a pager. May be called from any thread.
// Reads headers only; no tensor bytes before the first acquire.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tierpager/export.hpp>
#include <tierpager/model.hpp>
#include <tierpager/pager.hpp>

namespace tierpager {

/// How files are read: `automatic` is `pread`; `direct` is not there yet and throws `unsupported`.
enum class source_kind : std::uint8_t { automatic, pread, direct, mmap };
/// By name, as the command spells them.
inline constexpr std::pair<std::string_view, source_kind> source_kinds[] = {{"auto", source_kind::automatic},
                                                                            {"pread", source_kind::pread},
                                                                            {"direct", source_kind::direct},
                                                                            {"mmap", source_kind::mmap}};
/// Which device holds the VRAM tier. `automatic` takes the GPU where there is one, and else the host device.
enum class device_kind : std::uint8_t { automatic, cuda, host };

/// How the files of a model are read, and on which device it is paged. Of `slice` each element, in turn, is what
/// catalog::slice takes: `blk.*_exps.weight` makes NAME[0], NAME[1], ..., and `token_embd.weight:4096` blocks of 4096 rows,
/// NAME[0:4096] and so on. Only digits behind the last colon are ROWS; a tensor named `kernel:0` is sliced by `kernel:0:1`.
struct open_options {
  source_kind source = source_kind::automatic;  // how the files are read
  device_kind device = device_kind::automatic;  // automatic: CUDA, or the host device where there is no GPU
  int ordinal = 0;                              // which CUDA device
  std::vector<std::string> slice = {};          // GLOB or GLOB:ROWS each: the tensors to page by parts of so many rows
  bool allow_trailing_bytes = false;            // accept a safetensors file with bytes behind its data
};

/// Reads headers only. A path is a GGUF file (any part of a split one stands for all), a safetensors file, an index of
/// safetensors shards, a raw manifest, or a directory that holds one model. Several paths make one catalog; the metadata is
/// that of the first. Files are opened once, and kept open: what was checked is what is read. Throws what is wrong with them,
/// with file, tensor and byte: `file_not_found`, `malformed_file`, `out_of_range`, `unsupported` and others;
/// `invalid_argument` for a directory of several models, with what can be named. Of open_options::slice: `unknown_tensor`
/// where a glob matches nothing, `invalid_argument` for ROWS that are none, and where a match cannot be sliced.
[[nodiscard]] TIERPAGER_EXPORT model read_model(std::vector<std::string> const& paths,
                                                open_options const& options = {});
/// A device for a pager. Throws `unsupported` where `cuda` is asked for and there is none, `invalid_argument` for an ordinal
/// that no GPU has, and what the driver reports; `automatic` falls back to the host device only for `unsupported`, and
/// tells `on_warning` so, and why, on the calling thread.
[[nodiscard]] TIERPAGER_EXPORT std::shared_ptr<device> open_device(device_kind kind, int ordinal = 0,
                                                                   warning_callback const& on_warning = write_warning);

/// A pager over one model: read_model, open_device and the constructor of pager in one. Throws what these throw; no tensor is
/// read before it is acquired.
[[nodiscard]] TIERPAGER_EXPORT pager open(std::string const& path, pager_options const& options = {},
                                          open_options const& where = {});
/// The same for a model of several files.
[[nodiscard]] TIERPAGER_EXPORT pager open(std::vector<std::string> const& paths, pager_options const& options = {},
                                          open_options const& where = {});
/// The same, written out: `{"a.safetensors", "b.safetensors"}`.
[[nodiscard]] TIERPAGER_EXPORT pager open(std::initializer_list<std::string> paths, pager_options const& options = {},
                                          open_options const& where = {});

}  // namespace tierpager
