#include <host/read_catalog.hpp>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <variant>

#include <core/format/config.hpp>
#include <core/format/detect.hpp>
#include <core/format/gguf.hpp>
#include <core/format/manifest.hpp>
#include <core/format/names.hpp>
#include <core/format/shard_index.hpp>
#include <host/linked_names.hpp>
#include <host/model_folder.hpp>

namespace tierpager {
namespace {

// Readers take up to ten times as much for what they may find in it, which must not come to a mebibyte.
constexpr std::uint64_t first_prefix_bytes = std::uint64_t{64} << 10U;
constexpr std::uint64_t header_bytes_max = std::uint64_t{1} << 30U;

failure refuse(errc code, std::string what, std::string file, std::string tensor = {}) {
  return {.code = code, .what = std::move(what), .file = std::move(file), .tensor = std::move(tensor)};
}

failure malformed(std::string what, std::string file, std::uint64_t byte, std::string tensor = {}) {
  failure why = refuse(errc::malformed_file, std::move(what), std::move(file), std::move(tensor));
  why.byte = byte;
  return why;
}

failure in_file(failure why, std::string const& path) {
  why.file = path;
  return why;
}

result<std::string> read_start(open_file const& file, std::uint64_t bytes) {
  std::string text(std::min(bytes, file.bytes()), '\0');
  if (status const outcome = file.read(0, std::as_writable_bytes(std::span(text))); !outcome.ok())
    return outcome.error();
  return text;
}

// Hands `read` ever longer prefixes of the file until it has enough. Each prefix is freed before the next is taken.
template <class Header, class Reader>
result<Header> read_header(open_file const& file, Reader const& read) {
  std::uint64_t bytes = std::min(first_prefix_bytes, file.bytes());
  while (true) {
    auto const prefix = std::make_unique_for_overwrite<std::byte[]>(bytes);
    std::span<std::byte> const all(prefix.get(), bytes);
    status const got = file.read(0, all);
    // What was read of a file that changes says nothing about it, right or wrong.
    if (status const still = file.unchanged(); !still.ok()) return still.error();
    if (!got.ok()) return got.error();
    auto answer = read(all, file.bytes());
    if (!answer.ok()) return in_file(answer.error(), file.path());
    if (auto* const header = std::get_if<Header>(&*answer)) return std::move(*header);
    std::uint64_t const wanted = std::get<more_needed>(*answer).bytes;
    if (wanted > header_bytes_max) return refuse(errc::unsupported, "has a header above 1 GiB", file.path());
    bytes = std::min(file.bytes(), std::max(wanted, 2 * bytes));
  }
}

result<gguf_header> read_gguf_header(open_file const& file) { return read_header<gguf_header>(file, read_gguf); }

/// Of an index or a manifest: one byte more than the limit of both, so that their readers see it crossed.
result<std::string> read_text(open_file const& file) {
  static_assert(shard_index_bytes_max == manifest_bytes_max);
  return read_start(file, manifest_bytes_max + 1);
}

result<safetensors_header> read_safetensors_header(open_file const& file, trailing_bytes trailing) {
  return read_header<safetensors_header>(
      file, [&](auto prefix, auto bytes) { return read_safetensors(prefix, bytes, trailing); });
}

/// Where the parts of a split model lie: beside `path`, by names like `name`.
struct split_place {
  std::string path;
  part_name name;
};

// None where no name of the file says what the file itself says. Of several names the first that has another part beside it.
std::optional<split_place> place_of(std::string const& path, gguf_split const& said) {
  std::optional<split_place> first;
  for (std::string const& each : linked_names(path)) {
    auto const name = parse_part_name(std::filesystem::path(each).filename().string());
    if (!name || name->count != said.count || name->number != said.number + 1) continue;
    part_name neighbour = *name;
    neighbour.number = name->number > 1 ? name->number - 1 : 2;
    std::error_code ignored;
    if (std::filesystem::exists(beside(each, to_string(neighbour)), ignored)) return split_place{each, *name};
    if (!first) first = split_place{each, *name};
  }
  return first;
}

constexpr std::string_view config_name = "config.json";
constexpr std::string_view no_model = "is neither GGUF nor safetensors nor a JSON manifest";

enum class manifest_data : std::uint8_t { opened, not_looked_at };

class model_loader {
 public:
  model_loader(trailing_bytes trailing, manifest_data data) : trailing_(trailing), data_(data) {}

  status add(std::string const& path) {
    std::error_code ignored;
    return std::filesystem::is_directory(path, ignored) ? add_directory(path) : add_file(path);
  }

  result<opened_model> finish() &&;

 private:
  status add_directory(std::string const& path);
  status add_file(std::string const& path);
  status add_gguf(open_file file);
  status add_gguf_parts(open_file file, gguf_header header);
  status add_safetensors(open_file file);
  status add_json(open_file const& file);
  status add_shards(std::string const& index_path, shard_index const& index);
  result<open_file> open_shard(std::string const& index_path, std::string const& path) const;
  status add_manifest(std::string const& manifest_path, manifest described);
  void keep(open_file file, std::vector<tensor_info> tensors);
  void describe(char const* format, key_values values, std::string const& config_beside);

  trailing_bytes trailing_;
  manifest_data data_;
  std::vector<std::string> paths_;  // of all files, in the order of their numbers
  std::vector<open_file> files_;    // those that were opened, in the same order
  std::vector<tensor_info> tensors_;
  metadata metadata_;  // of the first file
};

// Beside `config_beside` lies the config.json, if there is one: a file that is none, or too long, is not part of the model.
void model_loader::describe(char const* format, key_values values, std::string const& config_beside) {
  if (!metadata_.format.empty()) return;
  metadata_.format = format;
  metadata_.values = std::move(values);
  if (config_beside.empty()) return;
  auto const file = open_file::open(beside(name_with(config_beside, config_name), config_name));
  if (!file.ok() || file->bytes() > config_bytes_max) return;
  auto text = read_start(*file, config_bytes_max);
  if (!text.ok()) return;
  metadata_.config = read_config(*text);
  metadata_.config_text = std::move(text).value();
}

void model_loader::keep(open_file file, std::vector<tensor_info> tensors) {
  auto const number = static_cast<std::uint32_t>(paths_.size());
  paths_.push_back(file.path());
  files_.push_back(std::move(file));
  for (tensor_info& each : tensors) each.file = number;
  if (tensors_.empty())
    tensors_ = std::move(tensors);
  else
    tensors_.insert(tensors_.end(), std::move_iterator(tensors.begin()), std::move_iterator(tensors.end()));
}

status model_loader::add_directory(std::string const& path) {
  auto const found = find_model(path);
  if (!found.ok()) return found.error();
  for (std::string const& each : *found)
    if (status outcome = add_file(each); !outcome.ok()) return outcome;
  return {};
}

status model_loader::add_file(std::string const& path) {
  auto opened = open_file::open(path);
  if (!opened.ok()) return opened.error();
  auto const first = read_start(*opened, 64);
  if (!first.ok()) return first.error();
  if (is_lfs_pointer(*first)) return malformed("is a Git LFS pointer, not the file it stands for", path, 0);
  switch (detect_format(*first, path)) {
    case model_format::gguf: return add_gguf(std::move(opened).value());
    case model_format::safetensors: return add_safetensors(std::move(opened).value());
    case model_format::json: return add_json(*opened);
    case model_format::pickle:
      return malformed(std::string(no_model) + ", but a pickle as PyTorch writes it, which is not read", path, 0);
    default: return malformed(std::string(no_model), path, 0);
  }
}

status model_loader::add_json(open_file const& file) {
  auto text = read_text(file);
  if (!text.ok()) return text.error();
  model_format const kind = detect_json(*text, std::filesystem::path(file.path()).filename().string());
  if (kind == model_format::shard_index) {
    auto index = shard_index::parse(*text);
    if (!index.ok()) return in_file(index.error(), file.path());
    std::string().swap(*text);
    return add_shards(file.path(), *index);
  }
  if (kind == model_format::unknown)
    return malformed("has neither a weight_map nor tensors: it is no index of shards and no raw manifest", file.path(),
                     text->size());
  auto described = read_manifest(*text);
  if (!described.ok()) return in_file(described.error(), file.path());
  std::string().swap(*text);
  return add_manifest(file.path(), std::move(described).value());
}

status model_loader::add_gguf(open_file file) {
  auto header = read_gguf_header(file);
  if (!header.ok()) return header.error();
  if (header->split && header->split->count > 1) return add_gguf_parts(std::move(file), std::move(header).value());
  describe("gguf", std::move(header->metadata), {});
  keep(std::move(file), std::move(header->tensors));
  return {};
}

status model_loader::add_gguf_parts(open_file file, gguf_header header) {
  // Another part may have been named before, and stood for this one.
  if (std::any_of(files_.begin(), files_.end(), [&](open_file const& each) { return each.same_file(file); })) return {};
  gguf_split const whole = *header.split;
  std::optional<split_place> const place = place_of(file.path(), whole);
  if (!place) {
    auto const name = parse_part_name(std::filesystem::path(file.path()).filename().string());
    return malformed("is part " + std::to_string(whole.number) + " (from 0) of " + std::to_string(whole.count) +
                         " of a split model, which its name does not say",
                     file.path(), !name || name->count != whole.count ? whole.count_byte : whole.number_byte);
  }
  std::uint32_t const named = place->name.number;
  std::string const named_path = file.path();
  part_name name = place->name;
  std::uint64_t tensor_count = 0;
  for (name.number = 1; name.number <= name.count; ++name.number) {
    // One of the parts is the file named, moved from in its own turn only.
    // NOLINTBEGIN(bugprone-use-after-move)
    auto part = name.number == named ? result<open_file>(std::move(file))
                                     : open_file::open(beside(place->path, to_string(name)));
    if (!part.ok()) return part.error();
    auto part_header = name.number == named ? result<gguf_header>(std::move(header)) : read_gguf_header(*part);
    // NOLINTEND(bugprone-use-after-move)
    if (!part_header.ok()) return part_header.error();
    gguf_split const said = part_header->split.value_or(gguf_split{});
    if (said.count != whole.count || said.number + 1 != name.number || said.tensors != whole.tensors)
      return malformed("does not belong to the same split model as " + named_path, part->path(),
                       said.count != whole.count        ? said.count_byte
                       : said.number + 1 != name.number ? said.number_byte
                                                        : said.tensors_byte);
    tensor_count += part_header->tensors.size();
    describe("gguf", std::move(part_header->metadata), {});
    keep(std::move(part).value(), std::move(part_header->tensors));
  }
  if (whole.tensors && *whole.tensors != tensor_count)
    return malformed("promises " + std::to_string(*whole.tensors) + " tensors in all parts together; there are " +
                         std::to_string(tensor_count),
                     named_path, whole.tensors_byte);
  return {};
}

status model_loader::add_safetensors(open_file file) {
  auto header = read_safetensors_header(file, trailing_);
  if (!header.ok()) return header.error();
  describe("safetensors", std::move(header->metadata), file.path());
  keep(std::move(file), std::move(header->tensors));
  return {};
}

result<open_file> model_loader::open_shard(std::string const& index_path, std::string const& path) const {
  auto shard = open_file::open(path);
  bool is_pickle = !shard.ok() && has_pickle_ending(path);
  if (shard.ok()) {
    auto const first = read_start(*shard, detect_bytes);
    if (!first.ok()) return first.error();
    is_pickle = detect_format(*first, path) == model_format::pickle;
  }
  if (!is_pickle) return shard;
  return refuse(errc::unsupported,
                "is an index of pickles as PyTorch writes them, which are not read: " +
                    std::filesystem::path(path).filename().string(),
                index_path);
}

// The map decides: what a shard holds beside it is another version's, or another shard's.
status model_loader::add_shards(std::string const& index_path, shard_index const& index) {
  std::vector<bool> seen(index.size());
  std::string const from = index.shards().empty() ? index_path : name_with(index_path, index.shards().front());
  for (std::uint32_t number = 0; number < index.shards().size(); ++number) {
    auto shard = open_shard(index_path, beside(from, index.shards()[number]));
    if (!shard.ok()) return shard.error();
    auto header = read_safetensors_header(*shard, trailing_);
    if (!header.ok()) return header.error();
    describe("safetensors", std::move(header->metadata), index_path);
    std::erase_if(header->tensors, [&](tensor_info const& each) {
      auto const at = index.find(each.name);
      if (!at || index.shard(*at) != number) return true;
      seen[*at] = true;
      return false;
    });
    keep(std::move(shard).value(), std::move(header->tensors));
  }
  auto const missing = std::find(seen.begin(), seen.end(), false);
  if (missing == seen.end()) return {};
  auto const entry = static_cast<std::size_t>(missing - seen.begin());
  return malformed("is not in its shard " + index.shards()[index.shard(entry)], index_path, index.byte(entry),
                   std::string(index.name(entry)));
}

status model_loader::add_manifest(std::string const& manifest_path, manifest described) {
  describe("manifest", {}, {});
  auto const first_file = static_cast<std::uint32_t>(paths_.size());
  std::string const from = described.files.empty() ? manifest_path : name_with(manifest_path, described.files.front());
  std::vector<std::uint64_t> bytes;  // of each file
  for (std::string const& name : described.files) {
    paths_.push_back(beside(from, name));
    bytes.push_back(std::numeric_limits<std::uint64_t>::max());
    if (data_ == manifest_data::not_looked_at) continue;
    auto opened = open_file::open(paths_.back());
    if (!opened.ok()) return opened.error();
    bytes.back() = opened->bytes();
    files_.push_back(std::move(opened).value());
  }
  for (tensor_info& each : described.tensors) {
    std::uint64_t const end = bytes[each.file];
    each.file += first_file;
    if (each.offset > end || each.bytes > end - each.offset)
      return malformed("lies past the end of the file, says " + manifest_path, paths_[each.file], end, each.name);
    tensors_.push_back(std::move(each));
  }
  return {};
}

result<opened_model> model_loader::finish() && {
  opened_model model;
  for (std::string const& each : paths_) model.tensors.add_file(each);
  model.tensors.reserve(tensors_.size());
  for (tensor_info& each : tensors_) {
    if (auto const other = model.tensors.find(each.name)) {
      std::string const& there = model.tensors.files()[model.tensors[*other].file];
      return refuse(errc::invalid_argument, "is also in " + there, paths_[each.file], each.name);
    }
    if (auto const added = model.tensors.add(std::move(each)); !added.ok()) return added.error();
  }
  model.files = std::move(files_);
  model.file_metadata = std::move(metadata_);
  return model;
}

result<opened_model> load(std::vector<std::string> const& paths, model_loader loader) {
  if (paths.empty()) return failure{.code = errc::invalid_argument, .what = "no model is named"};
  for (std::string const& path : paths)
    if (status const outcome = loader.add(path); !outcome.ok()) return outcome.error();
  return std::move(loader).finish();
}

}  // namespace

result<opened_model> read_catalog(std::vector<std::string> const& paths, trailing_bytes trailing) {
  return load(paths, model_loader(trailing, manifest_data::opened));
}

result<catalog> read_headers(std::vector<std::string> const& paths, trailing_bytes trailing) {
  auto opened = load(paths, model_loader(trailing, manifest_data::not_looked_at));
  if (!opened.ok()) return opened.error();
  return std::move(opened->tensors);
}

}  // namespace tierpager
