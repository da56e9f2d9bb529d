// What a program does with a model in a pass: which tensors it acquires together, and when it lets go of them. And the
// models that figures are asked for, by name. Pure, any thread.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <tierpager/catalog.hpp>

namespace tierpager::figures {

/// One call: `acquired` as a set, computed with, and then uses end, of it or of earlier calls.
struct step {
  std::vector<tensor_id> acquired, released;
};
using program = std::vector<step>;  // one pass

struct model {
  std::string name;
  catalog tensors;
};

/// "llama_3_8b", "qwen3_30b_a3b_sliced" and so on; "llama_3_8b+mistral_7b": two in one catalog, the first's ids first.
model model_called(std::string_view name);

/// What is larger than a quarter of VRAM in blocks of 1,024 rows, as an embedding would be paged.
catalog in_blocks(catalog const& tensors, std::uint64_t vram_bytes);

/// Every tensor in file order, released before the next, as an order and as a program.
std::vector<tensor_id> every_tensor(catalog const& tensors);
program one_at_a_time(std::vector<tensor_id> const& order);
/// The same with gate, up and down of a layer acquired together, each layer whole, or each layer one by one but held
/// until its last.
program feed_forward_together(catalog const& tensors);
program layers_together(catalog const& tensors);
program layers_held(catalog const& tensors);

/// Distinct bytes of a pass; the most held at once; the largest tensor of a layer.
std::uint64_t distinct_bytes(catalog const& tensors, program const& pass);
std::uint64_t most_held_bytes(catalog const& tensors, program const& pass);
std::uint64_t largest_layer_tensor_bytes(catalog const& tensors);

inline constexpr std::array<unsigned, 4> vram_percents{25, 50, 75, 90};
/// Whole granules, rounded down.
std::uint64_t percent_of(std::uint64_t bytes, unsigned percent);

}  // namespace tierpager::figures
