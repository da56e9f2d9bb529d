// Tells what the readers make of one file after another, to compare them with other readers. Standard
// input: for each a letter (g, s), its length as 8 little-endian bytes, the file. Standard output: a line each, either
// `refused WHY` or the tensors as JSON: [[name, dtype, shape, offset, bytes], ...]
#include <cstdio>
#include <string>

#include <nlohmann/json.hpp>

#include <core/format/gguf.hpp>
#include <core/format/safetensors.hpp>

namespace {

using namespace tierpager;

bool read_exactly(char* target, std::size_t bytes) { return std::fread(target, 1, bytes, stdin) == bytes; }

std::string refused(failure const& why) { return "refused " + why.describe(); }

std::string listed(std::vector<tensor_info> const& tensors) {
  nlohmann::json list = nlohmann::json::array();
  for (tensor_info const& each : tensors) list.push_back({each.name, each.dtype, each.shape, each.offset, each.bytes});
  return list.dump();
}

std::string answer(char format, std::string const& file) {
  auto const bytes = std::as_bytes(std::span(file));
  if (format == 'g') {
    auto const read = read_gguf(bytes, bytes.size());
    return read.ok() ? listed(std::get<gguf_header>(*read).tensors) : refused(read.error());
  }
  auto const read = read_safetensors(bytes, bytes.size(), trailing_bytes::refuse);
  return read.ok() ? listed(std::get<safetensors_header>(*read).tensors) : refused(read.error());
}

}  // namespace

int main() {
  std::string file;
  for (char head[9]; read_exactly(head, sizeof head);) {
    std::uint64_t length = 0;
    for (std::size_t i = 8; i > 0; --i) length = length << 8U | static_cast<unsigned char>(head[i]);
    file.resize(length);
    if (!read_exactly(file.data(), length)) return 1;
    std::string const line = answer(head[0], file) + "\n";
    if (std::fwrite(line.data(), 1, line.size(), stdout) != line.size() || std::fflush(stdout) != 0) return 1;
  }
  return 0;
}
