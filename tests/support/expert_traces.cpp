#include <tests/support/expert_traces.hpp>

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <fstream>
#include <iterator>
#include <numeric>
#include <stdexcept>
#include <utility>

#include <tests/support/model_shapes.hpp>

namespace tierpager::test {
namespace {

// SplitMix64: the standard library's distributions differ between implementations.
class generator {
 public:
  explicit generator(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t mixed = state_ += 0x9E3779B97F4A7C15;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
    return mixed ^ (mixed >> 31);
  }
  std::uint64_t below(std::uint64_t limit) { return next() % limit; }
  double fraction() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  // Unit variance, nearly normal: four words' high quarters, so that no library function is involved.
  double normal() {
    double sum = 0;
    for (int i = 0; i < 4; ++i) sum += fraction();
    return (sum - 2) * 1.7320508075688772;
  }

 private:
  std::uint64_t state_;
};

struct layer_tensors {
  std::vector<tensor_id> dense;
  std::array<std::vector<tensor_id>, 3> banks;  // gate, up, down: a slice an expert, or the whole bank
};

struct sorted_model {
  std::vector<tensor_id> before, after;
  std::vector<layer_tensors> layers;
};

constexpr std::array<std::string_view, 3> bank_names{"ffn_gate_exps", "ffn_up_exps", "ffn_down_exps"};

sorted_model sort_tensors(catalog const& tensors) {
  sorted_model sorted;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    tensor_id const id{static_cast<std::uint32_t>(i)};
    std::string const& name = tensors[id].name;
    if (!name.starts_with("blk.")) {
      (sorted.layers.empty() ? sorted.before : sorted.after).push_back(id);
      continue;
    }
    std::size_t const layer = std::stoul(name.substr(4));
    if (sorted.layers.size() <= layer) sorted.layers.resize(layer + 1);
    auto const bank = std::find_if(bank_names.begin(), bank_names.end(),
                                   [&](std::string_view of) { return name.find(of) != std::string::npos; });
    if (bank == bank_names.end())
      sorted.layers[layer].dense.push_back(id);
    else
      sorted.layers[layer].banks[static_cast<std::size_t>(bank - bank_names.begin())].push_back(id);
  }
  return sorted;
}

std::size_t experts_of(catalog const& model) {
  auto const bank = model.find("blk.0.ffn_gate_exps.weight");
  assert(bank);
  return model[*bank].shape.back();
}

class router {
 public:
  router(std::size_t layers, std::size_t experts, routing_options const& options)
      : options_(options), random_(options.seed), layers_(layers), experts_(experts), topic_(topic_width) {
    skews_.resize(layers * experts);
    tastes_.resize(layers * experts * topic_width);
    for (double& value : skews_) value = random_.normal();
    for (double& value : tastes_) value = random_.normal();
    change_topic(0);
  }

  routed_token next_token() {
    if (options_.topic_tokens > 0 && token_ > 0 && token_ % options_.topic_tokens == 0)
      change_topic(0);
    else
      change_topic(options_.persistence);
    auto const& prefills = options_.prefill_passes;
    bool const all = std::find(prefills.begin(), prefills.end(), token_) != prefills.end();
    ++token_;
    routed_token chosen(layers_);
    for (std::size_t layer = 0; layer < layers_; ++layer) chosen[layer] = choose(layer, all);
    return chosen;
  }

 private:
  static constexpr std::size_t topic_width = 16;

  void change_topic(double kept) {
    double const fresh = std::sqrt(1 - kept * kept);
    for (double& value : topic_) value = kept * value + fresh * random_.normal();
  }

  std::vector<std::uint32_t> choose(std::size_t layer, bool all) {
    std::vector<std::pair<double, std::uint32_t>> scores(experts_);
    for (std::size_t expert = 0; expert < experts_; ++expert) {
      std::size_t const at = layer * experts_ + expert;
      double suits = 0;
      for (std::size_t i = 0; i < topic_width; ++i) suits += tastes_[at * topic_width + i] * topic_[i];
      suits /= 4;  // the square root of topic_width
      double const score = options_.skew * skews_[at] + options_.topic * suits + options_.noise * random_.normal();
      scores[expert] = {-score, static_cast<std::uint32_t>(expert)};
    }
    std::size_t const used = all ? experts_ : options_.experts_used;
    std::partial_sort(scores.begin(), scores.begin() + static_cast<std::ptrdiff_t>(used), scores.end());
    std::vector<std::uint32_t> chosen;
    for (std::size_t i = 0; i < used; ++i) chosen.push_back(scores[i].second);
    if (all) std::sort(chosen.begin(), chosen.end());
    return chosen;
  }

  routing_options const& options_;
  generator random_;
  std::size_t layers_, experts_;
  std::vector<double> topic_, skews_, tastes_;
  std::uint32_t token_ = 0;
};

}  // namespace

std::vector<std::uint64_t> expert_trace::tensor_bytes() const {
  std::vector<std::uint64_t> bytes;
  for (tensor_info const& tensor : tensors) bytes.push_back(tensor.bytes);
  return bytes;
}

expert_trace follow_routing(std::string name, catalog const& model, std::vector<routed_token> const& chosen,
                            bool whole_banks) {
  expert_trace trace{
      .name = std::move(name), .tensors = whole_banks ? model : value_or_throw(model.slice("*_exps*")), .passes = {}};
  sorted_model const sorted = sort_tensors(trace.tensors);
  std::size_t shared = 0;
  for (std::size_t token = 0; token < chosen.size(); ++token) {
    std::vector<tensor_id>& pass = trace.passes.emplace_back(sorted.before);
    for (std::size_t layer = 0; layer < sorted.layers.size(); ++layer) {
      layer_tensors const& of = sorted.layers[layer];
      pass.insert(pass.end(), of.dense.begin(), of.dense.end());
      std::vector<std::uint32_t> const& experts = chosen[token][layer];
      if (whole_banks)
        for (auto const& bank : of.banks) pass.push_back(bank.at(0));
      else
        for (std::uint32_t const expert : experts)
          for (auto const& bank : of.banks) pass.push_back(bank.at(expert));
      auto const again = [&](std::uint32_t expert) {
        auto const& before = chosen[token - 1][layer];
        return std::find(before.begin(), before.end(), expert) != before.end();
      };
      if (token > 0 && std::any_of(experts.begin(), experts.end(), again)) ++shared;
    }
    pass.insert(pass.end(), sorted.after.begin(), sorted.after.end());
  }
  trace.shared = static_cast<double>(shared) / static_cast<double>((chosen.size() - 1) * sorted.layers.size());
  return trace;
}

expert_trace route_experts(std::string name, catalog const& model, routing_options const& options, bool whole_banks) {
  std::size_t const layers = sort_tensors(model).layers.size();
  router routes(layers, experts_of(model), options);
  std::vector<routed_token> chosen;
  for (std::uint32_t i = 0; i < options.passes; ++i) chosen.push_back(routes.next_token());
  return follow_routing(std::move(name), model, chosen, whole_banks);
}

expert_trace read_routing(std::string name, catalog const& model, std::string const& path, std::uint32_t experts_used) {
  std::ifstream file(path, std::ios::binary);
  std::string const bytes(std::istreambuf_iterator<char>(file), {});
  std::size_t const layers = sort_tensors(model).layers.size();
  std::size_t const tokens = bytes.size() / (layers * experts_used);
  if (tokens < 2 || bytes.size() != tokens * layers * experts_used)
    throw std::runtime_error("no such routing in " + path);
  std::vector<routed_token> chosen(tokens, routed_token(layers, std::vector<std::uint32_t>(experts_used)));
  auto next = bytes.begin();
  for (routed_token& token : chosen)
    for (auto& experts : token)
      for (std::uint32_t& expert : experts) expert = static_cast<unsigned char>(*next++);
  return follow_routing(std::move(name), model, chosen);
}

expert_trace draw_adapters(std::string name, adapter_options const& options) {
  generator random(options.seed);
  expert_trace trace{.name = std::move(name), .tensors = {}, .passes = {}};
  trace.tensors.add_file("adapters");
  std::uint64_t offset = 0;
  std::vector<std::vector<tensor_id>> adapters(options.adapters);
  for (std::uint32_t i = 0; i < options.adapters; ++i) {
    std::uint64_t const rank = std::uint64_t{8} << random.below(4);
    for (std::uint32_t j = 0; j < options.tensors_each; ++j) {
      std::uint64_t const width = j % 2 == 0 ? 4096 : 1024;
      adapters[i].push_back(value_or_throw(trace.tensors.add({.name = std::to_string(i) + "." + std::to_string(j),
                                                              .dtype = "BF16",
                                                              .shape = {rank, width},
                                                              .offset = offset,
                                                              .bytes = rank * width * 2})));
      offset += rank * width * 2;
    }
  }
  std::vector<std::size_t> by_popularity(options.adapters);
  std::iota(by_popularity.begin(), by_popularity.end(), 0U);
  for (std::size_t i = by_popularity.size(); i-- > 1;) std::swap(by_popularity[i], by_popularity[random.below(i + 1)]);
  std::vector<double> up_to(options.adapters);
  double all = 0;
  for (std::size_t i = 0; i < up_to.size(); ++i)
    up_to[i] = all += std::pow(static_cast<double>(i + 1), -options.exponent);
  for (std::uint32_t request = 0; request < options.requests; ++request) {
    if (options.requests_a_swap > 0 && request % options.requests_a_swap == 0)
      std::swap(by_popularity[random.below(options.adapters)], by_popularity[random.below(options.adapters)]);
    auto const drawn = std::upper_bound(up_to.begin(), std::prev(up_to.end()), random.fraction() * all);
    trace.passes.push_back(adapters[by_popularity[static_cast<std::size_t>(drawn - up_to.begin())]]);
  }
  return trace;
}

expert_trace route_qwen(std::string_view name, catalog const& model) {
  std::pair<std::string_view, routing_options> const recipes[] = {
      // What is used is used again soon, and then no more: LRU's case.
      {"qwen_recency", {.topic = 1, .noise = 0.25, .persistence = 0.999, .topic_tokens = 12, .seed = 2}},
      // Some experts are popular for good: LFU's case.
      {"qwen_skew", {.skew = 1, .topic = 0.2, .noise = 0.7, .seed = 3}},
      {"qwen_drift", {.skew = 0.5, .topic = 1.2, .noise = 1, .persistence = 0.97, .seed = 4}},
      {"qwen_prefill", {.skew = 0.6, .topic = 0.8, .noise = 0.8, .prefill_passes = {100, 150}, .seed = 5}},
  };
  for (auto const& [called, options] : recipes)
    if (called == name) return route_experts(std::string(name), model, options);
  throw std::invalid_argument("no routing is called " + std::string(name));
}

std::span<trace_recipe const> expert_trace_recipes() {
  static constexpr trace_recipe recipes[] = {
      // A token shares an expert with the one before it in 0.665 of the layers.
      {"mixtral",
       [] {
         return route_experts("mixtral", mixtral_8x7b(),
                              {.experts_used = 2, .skew = 0.5, .topic = 0.8, .noise = 1.4, .passes = 300, .seed = 1});
       }},
      {"qwen_recency", [] { return route_qwen("qwen_recency", qwen3_30b_a3b()); }},
      {"qwen_skew", [] { return route_qwen("qwen_skew", qwen3_30b_a3b()); }},
      {"qwen_drift", [] { return route_qwen("qwen_drift", qwen3_30b_a3b()); }},
      {"qwen_prefill", [] { return route_qwen("qwen_prefill", qwen3_30b_a3b()); }},
      {"adapters", [] { return draw_adapters("adapters", {.seed = 6}); }},
      {"adapters_drift",
       [] { return draw_adapters("adapters_drift", {.exponent = 1.1, .requests_a_swap = 10, .seed = 7}); }},
  };
  return recipes;
}

}  // namespace tierpager::test
