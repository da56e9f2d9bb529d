#include <tools/model_writer.hpp>

#include <algorithm>
#include <cstring>

#include <nlohmann/json.hpp>

#include <tierpager/checksum.hpp>
#include <tierpager/types.hpp>

namespace tierpager::tools {

namespace {

constexpr std::uint64_t piece_bytes = 4U << 20U;
constexpr std::uint64_t gguf_alignment = 32;

// What a header needs to know of an element type.
constexpr std::uint32_t gguf_type_of(element_type type) { return type == element_type::bf16 ? 30 : 24; }
constexpr char const* safetensors_type_of(element_type type) { return type == element_type::bf16 ? "BF16" : "I8"; }

// Little-endian fields, appended to a header.
class field_writer {
 public:
  template <class Integer>
  void number(Integer value) {
    for (std::size_t i = 0; i < sizeof(Integer); ++i)
      bytes_ += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i) & 0xffU);
  }
  void text(std::string_view value) {
    number(std::uint64_t{value.size()});
    bytes_ += value;
  }
  void entry(std::string_view key, std::string_view value) {
    text(key);
    number(std::uint32_t{8});
    text(value);
  }
  void entry(std::string_view key, std::uint32_t value) {
    text(key);
    number(std::uint32_t{4});
    number(value);
  }
  void entry(std::string_view key, float value) {
    text(key);
    number(std::uint32_t{6});
    std::uint32_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    number(bits);
  }
  std::string& bytes() { return bytes_; }

 private:
  std::string bytes_;
};

std::string safetensors_header(written_model const& model) {
  nlohmann::ordered_json listed;
  std::uint64_t offset = 0;
  for (planned_tensor const& tensor : model.tensors) {
    listed[tensor.safetensors_name] = {{"dtype", safetensors_type_of(tensor.type)},
                                       {"shape", tensor.shape},
                                       {"data_offsets", {offset, offset + tensor.bytes}}};
    offset += tensor.bytes;
  }
  std::string text = listed.is_null() ? "{}" : listed.dump();
  text.resize(round_up(text.size(), 8), ' ');
  field_writer header;
  header.text(text);
  return header.bytes();
}

std::string gguf_header(written_model const& model) {
  field_writer header;
  header.bytes() = "GGUF";
  header.number(std::uint32_t{3});
  header.number(std::uint64_t{model.tensors.size()});
  header.number(std::uint64_t{9});
  header.entry("general.architecture", "llama");
  header.entry("general.alignment", static_cast<std::uint32_t>(gguf_alignment));
  header.entry("llama.block_count", static_cast<std::uint32_t>(model.shape.layers));
  header.entry("llama.context_length", std::uint32_t{2048});
  header.entry("llama.embedding_length", static_cast<std::uint32_t>(model.shape.hidden));
  header.entry("llama.feed_forward_length", static_cast<std::uint32_t>(model.shape.feed_forward));
  header.entry("llama.attention.head_count", static_cast<std::uint32_t>(model.shape.heads));
  header.entry("llama.attention.head_count_kv", static_cast<std::uint32_t>(model.shape.kv_heads));
  header.entry("llama.attention.layer_norm_rms_epsilon", 1e-5F);
  std::uint64_t offset = 0;
  for (planned_tensor const& tensor : model.tensors) {
    header.text(tensor.gguf_name);
    header.number(static_cast<std::uint32_t>(tensor.shape.size()));
    for (std::size_t i = tensor.shape.size(); i-- > 0;) header.number(tensor.shape[i]);
    header.number(gguf_type_of(tensor.type));
    header.number(offset);
    offset = round_up(offset + tensor.bytes, gguf_alignment);
  }
  header.bytes().resize(round_up(header.bytes().size(), gguf_alignment), '\0');
  return header.bytes();
}

}  // namespace

void fill_tensor_bytes(written_model const& model, std::size_t tensor, std::uint64_t offset,
                       std::span<std::byte> target) {
  // Exponents of at most 127: no infinities, no NaNs.
  std::uint64_t const mask =
      model.tensors[tensor].type == element_type::bf16 ? 0xbfffbfffbfffbfffULL : ~std::uint64_t{0};
  std::uint64_t const start = checksum_mix(model.seed * 0x9e3779b97f4a7c15ULL + tensor + 1) + offset / 8;
  for (std::uint64_t word = 0; word * 8 < target.size(); ++word) {
    std::uint64_t const value = checksum_mix((start + word) * 0x9e3779b97f4a7c15ULL) & mask;
    std::memcpy(target.data() + word * 8, &value, std::min<std::size_t>(8, target.size() - word * 8));
  }
}

void write_model(written_model const& model, output_file& to, std::function<void(std::uint64_t)> const& after_piece) {
  to.write(model.format == model_format::gguf ? gguf_header(model) : safetensors_header(model));
  std::vector<std::byte> piece(piece_bytes);
  for (std::size_t tensor = 0; tensor < model.tensors.size(); ++tensor) {
    std::uint64_t const bytes = model.tensors[tensor].bytes;
    for (std::uint64_t done = 0; done < bytes;) {
      std::span const part = std::span(piece).first(std::min(piece_bytes, bytes - done));
      fill_tensor_bytes(model, tensor, done, part);
      to.write(part);
      done += part.size();
      after_piece(part.size());
    }
    if (model.format == model_format::gguf) to.write(std::string(round_up(bytes, gguf_alignment) - bytes, '\0'));
  }
}

}  // namespace tierpager::tools
