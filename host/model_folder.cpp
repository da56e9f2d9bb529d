#include <host/model_folder.hpp>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include <core/format/detect.hpp>
#include <core/format/shard_index.hpp>
#include <host/open_file.hpp>

namespace tierpager {
namespace {

constexpr std::size_t named_max = 16;  // in a message

/// One model, as far as names tell: a file alone, or the parts of one.
struct unit {
  std::vector<std::string> names = {};      // by number of part
  std::optional<std::string> missing = {};  // the first part that is not there
  std::uint64_t parts = 1;                  // that there should be
};

struct contents {
  std::set<std::string> indexes, pickle_indexes, pickles, ggufs, safetensors, folders;
};

/// Whether the file holds the text, however long it is; no more than a piece of it is in memory at a time.
bool holds_text(open_file const& file, std::string_view text) {
  constexpr std::uint64_t piece_bytes = std::uint64_t{64} << 10U;
  std::string piece(std::min(piece_bytes, file.bytes()), '\0');
  for (std::uint64_t at = 0; at + text.size() <= file.bytes(); at += piece_bytes - text.size()) {
    std::span<char> const here(piece.data(), std::min<std::uint64_t>(piece.size(), file.bytes() - at));
    if (!file.read(at, std::as_writable_bytes(here)).ok()) return false;
    if (std::string_view(here.data(), here.size()).find(text) != std::string_view::npos) return true;
  }
  return false;
}

std::optional<shard_index> index_in(std::string const& path) {
  auto const file = open_file::open(path);
  if (!file.ok() || file->bytes() > shard_index_bytes_max || !holds_text(*file, "\"weight_map\"")) return std::nullopt;
  std::string text(file->bytes(), '\0');
  if (!file->read(0, std::as_writable_bytes(std::span(text))).ok()) return std::nullopt;
  auto parsed = shard_index::parse(text);
  return parsed.ok() ? std::optional(std::move(parsed).value()) : std::nullopt;
}

void sort_in(contents& all, std::filesystem::directory_entry const& entry, std::string const& name) {
  std::error_code ignored;
  if (entry.is_directory(ignored))
    all.folders.insert(name);
  else if (has_ending(name, ".gguf"))
    all.ggufs.insert(name);
  else if (has_ending(name, ".safetensors"))
    all.safetensors.insert(name);
  else if (is_index_name(name))
    all.indexes.insert(name);
  else if (has_pickle_ending(name))
    all.pickles.insert(name);
  else if (has_ending(name, ".json")) {
    auto const index = index_in(entry.path().string());
    if (!index) return;
    auto const& shards = index->shards();
    bool const of_pickles = !shards.empty() && std::all_of(shards.begin(), shards.end(), has_pickle_ending);
    (of_pickles ? all.pickle_indexes : all.indexes).insert(name);
  }
}

result<contents> list(std::string const& folder) {
  contents all;
  std::error_code wrong;
  for (std::filesystem::directory_iterator entry(folder, wrong), end; !wrong && entry != end; entry.increment(wrong)) {
    std::string const name = entry->path().filename().string();
    if (!name.starts_with(".")) sort_in(all, *entry, name);
  }
  if (!wrong) return all;
  return failure{.code = errc::read_failed, .what = "cannot be listed", .file = folder, .system_error = wrong.value()};
}

// Parts are of one model where nothing but their number tells their names apart.
std::vector<unit> group(std::set<std::string> const& names) {
  std::vector<unit> units;
  std::map<std::string, std::map<std::uint32_t, part_name>> parts;
  for (std::string const& name : names) {
    auto part = parse_part_name(name);
    if (!part) {
      units.push_back({.names = {name}});
      continue;
    }
    part_name any = *part;
    any.number = 0;
    parts[to_string(any)].emplace(part->number, std::move(*part));
  }
  for (auto const& model : parts) {
    unit whole{.parts = model.second.begin()->second.count};
    std::uint32_t const first = model.second.begin()->first == 0 ? 0 : 1;
    part_name wanted = model.second.begin()->second;
    wanted.number = first;
    for (auto const& part : model.second) {
      if (part.first != wanted.number && !whole.missing) whole.missing = to_string(wanted);
      whole.names.push_back(to_string(part.second));
      ++wanted.number;
    }
    if (wanted.number - first < wanted.count && !whole.missing) whole.missing = to_string(wanted);
    units.push_back(std::move(whole));
  }
  return units;
}

template <class Names>
std::string listed(Names const& names) {
  std::string text;
  std::size_t left = names.size();
  for (std::string const& name : names) {
    if (names.size() - left == named_max) return text + " and " + std::to_string(left) + " more";
    text += (text.empty() ? "" : ", ") + name;
    --left;
  }
  return text;
}

std::vector<std::string> first_names(std::vector<unit> const& units) {
  std::vector<std::string> names;
  for (unit const& each : units)
    names.push_back(each.names.front() + (each.parts > 1 ? " (" + std::to_string(each.names.size()) + " of " +
                                                               std::to_string(each.parts) + " parts)"
                                                         : ""));
  std::sort(names.begin(), names.end());
  return names;
}

failure refuse(std::string what, std::string const& folder) {
  return {.code = errc::invalid_argument, .what = std::move(what), .file = folder};
}

failure nothing_in(contents const& all, std::string const& folder) {
  std::vector<std::string> with_models;
  for (std::string const& name : all.folders) {
    auto const inside = list((std::filesystem::path(folder) / name).string());
    if (inside.ok() && !(inside->indexes.empty() && inside->ggufs.empty() && inside->safetensors.empty()))
      with_models.push_back(name + "/");
  }
  if (!with_models.empty())
    return refuse("holds no model itself; name one of its folders: " + listed(with_models), folder);
  auto const& pickles = all.pickles.empty() ? all.pickle_indexes : all.pickles;
  if (!pickles.empty())
    return refuse("holds no safetensors and no GGUF file, but pickles as PyTorch writes them, which are not read: " +
                      listed(pickles),
                  folder);
  return refuse("holds no safetensors and no GGUF file", folder);
}

}  // namespace

bool has_pickle_ending(std::string_view name) {
  return has_ending(name, ".bin") || has_ending(name, ".pt") || has_ending(name, ".pth") || has_ending(name, ".ckpt") ||
         has_ending(name, ".pkl");
}

result<std::vector<std::string>> find_model(std::string const& folder) {
  auto const found = list(folder);
  if (!found.ok()) return found.error();
  auto const in_folder = [&](std::string const& name) { return (std::filesystem::path(folder) / name).string(); };
  if (found->indexes.size() == 1) return std::vector{in_folder(*found->indexes.begin())};
  if (found->indexes.size() > 1)
    return refuse("holds more than one index; name the one meant: " + listed(found->indexes), folder);

  std::vector<unit> units = group(found->safetensors);
  bool const has_safetensors = !units.empty();
  for (unit& each : group(found->ggufs)) units.push_back(std::move(each));
  if (units.empty()) return nothing_in(*found, folder);
  if (units.size() > 1) {
    char const* const what = has_safetensors && !found->ggufs.empty() ? "holds safetensors and GGUF files"
                                                                      : "holds files that may be different models";
    return refuse(std::string(what) + "; name the one meant, or each of several: " + listed(first_names(units)),
                  folder);
  }
  unit const& model = units.front();
  if (model.missing)
    return failure{.code = errc::file_not_found,
                   .what = "is missing: " + std::to_string(model.names.size()) + " of " + std::to_string(model.parts) +
                           " parts are there, and no index that says otherwise",
                   .file = in_folder(*model.missing)};
  std::vector<std::string> paths;
  for (std::string const& name : model.names) {
    paths.push_back(in_folder(name));
    if (!has_safetensors) break;  // the first part of a GGUF model stands for all
  }
  return paths;
}

}  // namespace tierpager
