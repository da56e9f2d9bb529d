// Writes what the fuzz targets start from: the corpus and a good model, a folder a format. Leaves out what is too large
// to be mutated. Usage: write_seeds FOLDER
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include <tests/corpus/malformed.hpp>

namespace {

using namespace tierpager::testing;
namespace fs = std::filesystem;

constexpr std::size_t seed_bytes_max = 4096;

void write(fs::path const& path, std::string const& content) { std::ofstream(path, std::ios::binary) << content; }

/// A file of a model goes to the format that its name says: a shard has no such name.
std::string format_of(std::string const& name) {
  if (name.ends_with(".gguf")) return "gguf";
  if (name.ends_with(".safetensors")) return "safetensors";
  if (name.ends_with(".index.json")) return "index";
  return name.ends_with(".json") ? "manifest" : "";
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return 2;
  fs::path const folder = arguments[1];
  for (auto const& [format, content] : {std::pair{"gguf", good_gguf()}, std::pair{"safetensors", good_safetensors()},
                                        std::pair{"index", good_index()}, std::pair{"manifest", good_manifest()}}) {
    fs::create_directories(folder / format);
    write(folder / format / "good", content);
  }
  for (auto const list : {unusual_gguf, unusual_safetensors})
    for (unusual_model const& model : list())
      for (corpus_file const& file : model.files)
        if (std::string const format = format_of(file.name); !format.empty() && file.content.size() <= seed_bytes_max)
          write(folder / format / ("unusual_" + model.name + "_" + fs::path(file.name).filename().string()),
                file.content);
  for (auto const list : {malformed_gguf, malformed_gguf_tensors, malformed_split_gguf, malformed_safetensors,
                          malformed_safetensors_entries, malformed_indexes, malformed_manifests}) {
    for (malformed_model const& model : list()) {
      for (corpus_file const& file : model.files) {
        std::string const format = format_of(file.name);
        if (format.empty() || file.content.size() > seed_bytes_max) continue;
        write(folder / format / (model.row + "_" + model.name + (&file == &model.files.front() ? "" : "_2")),
              file.content);
      }
    }
  }
  return 0;
}
