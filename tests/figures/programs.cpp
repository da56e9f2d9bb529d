#include <tests/figures/programs.hpp>

#include <algorithm>
#include <stdexcept>

#include <tests/support/model_shapes.hpp>
#include <tests/support/quantized_shapes.hpp>
#include <tests/support/small_tensor_shapes.hpp>
#include <tierpager/error.hpp>

namespace tierpager::figures {
namespace {

// "blk.3." of "blk.3.ffn_up.weight"; empty for what is in no layer.
std::string_view layer_of(std::string_view name) {
  auto const from = name.find("blk.");
  return from == name.npos ? std::string_view() : name.substr(0, name.find('.', from + 4) + 1);
}

bool is_feed_forward(std::string_view name) {
  return name.find("ffn_gate.") != name.npos || name.find("ffn_up.") != name.npos ||
         name.find("ffn_down.") != name.npos;
}

}  // namespace

model model_called(std::string_view name) {
  if (auto const plus = name.find('+'); plus != name.npos) {
    model const first = model_called(name.substr(0, plus));
    model const second = model_called(name.substr(plus + 1));
    return {std::string(name), test::join(first.tensors, "first.", second.tensors, "second.")};
  }
  if (auto const sliced = name.find("_sliced"); sliced != name.npos)
    return {std::string(name), value_or_throw(model_called(name.substr(0, sliced)).tensors.slice("*_exps*"))};
  if (name == "llama_3_8b") return {std::string(name), test::llama_3_8b()};
  if (name == "llama_3_70b") return {std::string(name), test::llama_3_70b()};
  if (name == "mistral_7b") return {std::string(name), test::mistral_7b()};
  if (name == "qwen3_30b_a3b") return {std::string(name), test::qwen3_30b_a3b()};
  if (name == "mixtral_8x7b") return {std::string(name), test::mixtral_8x7b()};
  if (name == "llama_3_2_1b") return {std::string(name), test::llama_3_2_1b()};
  if (name == "smollm2_135m_q4_1") return {std::string(name), test::smollm2_135m_q4_1()};
  if (name == "gemma3_270m_q4_k_m") return {std::string(name), test::gemma3_270m_q4_k_m()};
  if (name == "sdxl_like") return {std::string(name), test::sdxl_like()};
  if (name == "qwen2_5_coder_1_5b_q4_k_m") return {std::string(name), test::qwen2_5_coder_1_5b_q4_k_m()};
  if (name == "llama_3_8b_q4_k_m") return {std::string(name), test::llama_3_8b_q4_k_m()};
  if (name == "qwen3_30b_a3b_q4_k_m") return {std::string(name), test::qwen3_30b_a3b_q4_k_m()};
  if (name == "qwen3_30b_a3b_q4_k_m_of_4_layers") return {std::string(name), test::qwen3_30b_a3b_q4_k_m(4)};
  if (name == "flux_like") return {std::string(name), test::flux_like()};
  if (name == "t5_xxl_encoder") return {std::string(name), test::t5_xxl_encoder()};
  if (name == "nearly_equal") return {std::string(name), test::nearly_equal()};
  throw std::invalid_argument("no model is called " + std::string(name));
}

catalog in_blocks(catalog const& tensors, std::uint64_t vram_bytes) {
  catalog sliced = tensors;
  for (tensor_info const& each : tensors)
    if (each.bytes > vram_bytes / 4) sliced = value_or_throw(sliced.slice(each.name, 1024));
  return sliced;
}

std::vector<tensor_id> every_tensor(catalog const& tensors) {
  std::vector<tensor_id> order;
  for (std::size_t i = 0; i < tensors.size(); ++i) order.push_back(static_cast<tensor_id>(i));
  return order;
}

program one_at_a_time(std::vector<tensor_id> const& order) {
  program pass;
  for (tensor_id const id : order) pass.push_back({{id}, {id}});
  return pass;
}

program feed_forward_together(catalog const& tensors) {
  program pass;
  for (tensor_id const id : every_tensor(tensors)) {
    bool const joins = is_feed_forward(tensors[id].name) && !pass.empty() &&
                       is_feed_forward(tensors[pass.back().acquired[0]].name) &&
                       layer_of(tensors[pass.back().acquired[0]].name) == layer_of(tensors[id].name);
    if (!joins) pass.emplace_back();
    pass.back().acquired.push_back(id);
    pass.back().released.push_back(id);
  }
  return pass;
}

program layers_together(catalog const& tensors) {
  program pass;
  for (tensor_id const id : every_tensor(tensors)) {
    std::string_view const layer = layer_of(tensors[id].name);
    if (pass.empty() || layer.empty() || layer_of(tensors[pass.back().acquired[0]].name) != layer) pass.emplace_back();
    pass.back().acquired.push_back(id);
    pass.back().released.push_back(id);
  }
  return pass;
}

program layers_held(catalog const& tensors) {
  program pass;
  for (step const& layer : layers_together(tensors)) {
    for (tensor_id const id : layer.acquired) pass.push_back({{id}, {}});
    pass.back().released = layer.acquired;
  }
  return pass;
}

std::uint64_t distinct_bytes(catalog const& tensors, program const& pass) {
  std::vector<bool> seen(tensors.size());
  std::uint64_t bytes = 0;
  for (step const& each : pass)
    for (tensor_id const id : each.acquired)
      if (!seen[index_of(id)]) seen[index_of(id)] = true, bytes += tensors[id].bytes;
  return bytes;
}

std::uint64_t most_held_bytes(catalog const& tensors, program const& pass) {
  std::uint64_t held = 0;
  std::uint64_t most = 0;
  for (step const& each : pass) {
    for (tensor_id const id : each.acquired) held += round_up(tensors[id].bytes, 4096);
    most = std::max(most, held);
    for (tensor_id const id : each.released) held -= round_up(tensors[id].bytes, 4096);
  }
  return most;
}

std::uint64_t largest_layer_tensor_bytes(catalog const& tensors) {
  std::uint64_t most = 0;
  for (tensor_info const& tensor : tensors)
    if (!layer_of(tensor.name).empty()) most = std::max(most, tensor.bytes);
  return most;
}

std::uint64_t percent_of(std::uint64_t bytes, unsigned percent) { return round_down(bytes / 100 * percent, 4096); }

}  // namespace tierpager::figures
