// Made-up traces of models whose passes differ: experts routed by a topic, a skew and noise; adapters drawn by Zipf's
// law. The same options give the same trace everywhere. Pure; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tierpager/catalog.hpp>

namespace tierpager::test {

struct expert_trace {
  std::string name;
  catalog tensors;
  std::vector<std::vector<tensor_id>> passes;  // a token each: what it acquires, in order
  double shared = 0;  // of the layers, those where a token shares an expert with the one before

  [[nodiscard]] std::vector<std::uint64_t> tensor_bytes() const;
};

using routed_token = std::vector<std::vector<std::uint32_t>>;  // the experts of each layer

/// A router scores each expert: `skew` times what it has for good, `topic` times how well it suits the topic, and `noise`
/// that is the token's own; all three of unit variance. The topic drifts: each token keeps `persistence` of it.
struct routing_options {
  std::uint32_t experts_used = 8;
  double skew = 0;
  double topic = 0;
  double noise = 0;
  double persistence = 0.95;
  std::uint32_t topic_tokens = 0;               // a new topic every so many tokens; 0: never at once
  std::vector<std::uint32_t> prefill_passes{};  // which of the passes use every expert
  std::uint32_t passes = 200;
  std::uint64_t seed = 0;
};

/// `model` has banks `blk.N.ffn_{gate,up,down}_exps.weight`; they are sliced, unless `whole_banks`. A token acquires each
/// layer's other tensors, then the experts' gate, up and down; what belongs to no layer before and after.
expert_trace route_experts(std::string name, catalog const& model, routing_options const& options,
                           bool whole_banks = false);

/// As route_experts, but with experts that were chosen elsewhere: one element a pass.
expert_trace follow_routing(std::string name, catalog const& model, std::vector<routed_token> const& chosen,
                            bool whole_banks = false);

/// As recorded in `path`, a byte an expert: tests/fixtures/make_routing.py. Throws where the file does not fit the model.
expert_trace read_routing(std::string name, catalog const& model, std::string const& path,
                          std::uint32_t experts_used = 8);

/// The generated routings of Qwen3-30B-A3B, "qwen_recency" and so on, for a model of its layers and experts.
expert_trace route_qwen(std::string_view name, catalog const& model);

struct adapter_options {
  std::uint32_t adapters = 300;
  std::uint32_t tensors_each = 16;
  double exponent = 0.9;              // of Zipf's law
  std::uint32_t requests_a_swap = 0;  // two adapters trade popularity every so many requests; 0: never
  std::uint32_t requests = 4000;      // a pass each
  std::uint64_t seed = 0;
};

expert_trace draw_adapters(std::string name, adapter_options const& options);

struct trace_recipe {
  std::string_view name;
  expert_trace (*make)();
};

/// The generated traces that policies are held to, by tests and benchmarks.
std::span<trace_recipe const> expert_trace_recipes();

}  // namespace tierpager::test
