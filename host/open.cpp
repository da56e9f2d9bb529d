#include <tierpager/open.hpp>

#include <utility>

#include <core/slice_option.hpp>
#include <host/host_device.hpp>
#include <host/mmap_source.hpp>
#include <host/pread_source.hpp>
#include <host/read_catalog.hpp>
#include <host/warning_texts.hpp>

namespace tierpager {
namespace {

result<std::shared_ptr<source>> open_source(std::vector<open_file> files, source_kind kind) {
  switch (kind) {
    case source_kind::mmap: {
      auto mapped = mmap_source::open(std::move(files));
      if (!mapped.ok()) return mapped.error();
      return std::shared_ptr<source>(std::move(mapped).value());
    }
    case source_kind::direct:
      return failure{.code = errc::unsupported,
                     .what = "the direct source is not part of this build; auto, pread and mmap are"};
    case source_kind::automatic:
    case source_kind::pread: break;
  }
  return std::shared_ptr<source>(std::make_shared<pread_source>(std::move(files)));
}

}  // namespace

model read_model(std::vector<std::string> const& paths, open_options const& options) {
  auto const trailing = options.allow_trailing_bytes ? trailing_bytes::allow : trailing_bytes::refuse;
  opened_model opened = value_or_throw(read_catalog(paths, trailing));
  for (std::string const& text : options.slice) {
    slice_option const asked = value_or_throw(parse_slice(text, opened.tensors));
    opened.tensors = value_or_throw(opened.tensors.slice(asked.glob, asked.rows));
  }
  return {.tensors = std::move(opened.tensors),
          .source = value_or_throw(open_source(std::move(opened.files), options.source)),
          .file_metadata = std::move(opened.file_metadata)};
}

std::shared_ptr<device> open_device(device_kind kind, int ordinal, warning_callback const& on_warning) {
  if (kind != device_kind::host) {
    auto cuda = open_cuda_device(ordinal);
    if (cuda.ok()) return std::move(cuda).value();
    if (kind == device_kind::cuda || cuda.error().code != errc::unsupported) throw error(cuda.error());
    if (on_warning) on_warning(fallback_warning(cuda.error()));
  }
  return std::make_shared<host_device>();
}

pager open(std::string const& path, pager_options const& options, open_options const& where) {
  return open(std::vector{path}, options, where);
}

pager open(std::vector<std::string> const& paths, pager_options const& options, open_options const& where) {
  model opened = read_model(paths, where);
  return pager(std::move(opened), open_device(where.device, where.ordinal, options.on_warning), options);
}

pager open(std::initializer_list<std::string> paths, pager_options const& options, open_options const& where) {
  return open(std::vector(paths), options, where);
}

}  // namespace tierpager
