// The forward pass of a Llama-family model, on a back end: host_model.cpp or cuda_model.cu. The weights of a layer are borrowed
// as one set and given back when its work is queued; keys and values stay. One thread.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <examples/generate/operations.hpp>
#include <examples/generate/weights.hpp>

namespace generate {

/// What goes on with a text.
class language_model {
 public:
  virtual ~language_model() = default;
  /// Goes on with these tokens; a score for each word of the vocabulary to come next. Waits for the device.
  virtual std::vector<float> next(std::span<std::uint32_t const> tokens) = 0;
  /// How long the device has computed.
  [[nodiscard]] virtual double busy_seconds() const = 0;
};

/// For at most `positions` tokens in all. The arguments outlive it.
std::unique_ptr<language_model> make_host_model(llama const& of, weights& from, std::uint32_t positions,
                                                unsigned threads);
/// Throws `unsupported` where this build has no CUDA.
std::unique_ptr<language_model> make_cuda_model(llama const& of, weights& from, std::uint32_t positions);

inline constexpr std::uint32_t tokens_max = 64;  // of a prompt at once

/// out[t] = weights * in[t] + bias for each token t, or out[t] += weights * in[t]. No bias: null.
struct product {
  matrix weights;
  float const* bias = nullptr;
  float* out = nullptr;
  bool adds = false;
};

template <class Backend>
class transformer final : public language_model {
 public:
  template <class... Arguments>
  transformer(llama const& shape, weights& from, std::uint32_t positions, Arguments const&... of_backend)
      : shape_(shape), size_(shape.size), weights_(from), positions_(positions), on_(of_backend...) {
    for (float** const each : {&state_, &normalised_, &q_, &attended_})
      *each = on_.buffer(std::size_t{tokens_max} * size_.width);
    for (float** const each : {&gate_, &up_}) *each = on_.buffer(std::size_t{tokens_max} * size_.hidden);
    for (float** const each : {&keys_, &values_}) *each = on_.buffer(layer_floats() * size_.layers);
    scores_ = on_.buffer(size_.words);
  }

  ~transformer() override { weights_.retire(on_.stream()); }

  std::vector<float> next(std::span<std::uint32_t const> tokens) override {
    if (tokens.empty() || tokens.size() > positions_ - position_)
      refuse(tierpager::errc::invalid_argument, "no tokens, or no room for them");
    while (!tokens.empty()) {
      auto const some = tokens.first(std::min<std::size_t>(tokens.size(), tokens_max));
      auto const count = static_cast<std::uint32_t>(some.size());
      look_up_rows(some);
      for (std::uint32_t layer = 0; layer < size_.layers; ++layer) run_layer(layer, count);
      position_ += count;
      tokens = tokens.subspan(count);
      if (tokens.empty()) score(state_ + std::size_t{count - 1} * size_.width);
    }
    return on_.read(scores_, size_.words);
  }

  [[nodiscard]] double busy_seconds() const override { return on_.busy_seconds(); }

 private:
  [[nodiscard]] std::size_t layer_floats() const { return std::size_t{positions_} * size_.kv_heads * size_.head; }

  static float const* floats(matrix const& vector) { return reinterpret_cast<float const*>(vector.data); }

  // The lent weights live until `work` has been queued.
  template <class Work>
  void with(std::span<tierpager::tensor_id const> ids, Work const& work) {
    lent_weights const lent = weights_.lend(ids, on_.stream());
    on_.begin_set();
    work(lent.matrices);
    on_.end_set();
  }

  // Of the embedding only these rows are needed. They are read where they are in RAM, so that the table takes no VRAM.
  void look_up_rows(std::span<std::uint32_t const> tokens) {
    std::vector<float> rows(tokens.size() * size_.width);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      auto const block = std::ranges::find_if(shape_.embedding, [&](table_block const& each) {
        return tokens[i] - each.first < each.rows;  // unsigned: large where the block begins behind it
      });
      if (block == shape_.embedding.end())
        refuse(tierpager::errc::invalid_argument, "a token has no row in it", "token_embd.weight");
      lent_weights const lent = weights_.lend({&block->id, 1}, std::nullopt);
      with_type(lent.matrices[0].type, [&]<weight_type Type>() {
        std::byte const* const row = lent.matrices[0].data + (tokens[i] - block->first) * row_bytes(Type, size_.width);
        for (std::uint32_t group = 0; group < size_.width / group_weights; ++group)
          decode<Type>(row, group, rows.data() + i * size_.width + group * group_weights);
      });
    }
    on_.write(std::move(rows), state_);
  }

  void run_layer(std::uint32_t layer, std::uint32_t tokens) {
    with(shape_.layers[layer], [&](std::vector<matrix> const& of) {
      std::array<matrix, llama::without_biases> parts;
      std::copy_n(of.begin(), parts.size(), parts.begin());
      auto const& [attention_norm, q, k, v, attention_output, feed_norm, gate, up, down] = parts;
      std::array<float const*, 3> biases{};
      for (std::size_t i = 0; i < biases.size() && shape_.has_biases; ++i) biases[i] = floats(of[parts.size() + i]);
      float *const keys = keys_ + layer * layer_floats(), *const values = values_ + layer * layer_floats();
      std::size_t const before = std::size_t{position_} * size_.kv_heads * size_.head;

      on_.run(tokens, normalise{state_, floats(attention_norm), size_.epsilon, size_.width, normalised_});
      on_.multiply({{q, biases[0], q_}, {k, biases[1], keys + before}, {v, biases[2], values + before}}, normalised_,
                   tokens);
      on_.run(tokens * size_.heads, rotate{q_, size_.heads, size_, position_});
      on_.run(tokens * size_.kv_heads, rotate{keys + before, size_.kv_heads, size_, position_});
      on_.run(tokens * size_.heads, attend{q_, keys, values, size_, position_, attended_});
      on_.multiply({{attention_output, nullptr, state_, true}}, attended_, tokens);

      on_.run(tokens, normalise{state_, floats(feed_norm), size_.epsilon, size_.width, normalised_});
      on_.multiply({{gate, nullptr, gate_}, {up, nullptr, up_}}, normalised_, tokens);
      on_.run(tokens * size_.hidden / 32, apply_gate{gate_, up_});
      on_.multiply({{down, nullptr, state_, true}}, gate_, tokens);
    });
  }

  void score(float const* state) {
    with({&shape_.output_norm, 1}, [&](auto const& matrices) {
      on_.run(1, normalise{state, floats(matrices[0]), size_.epsilon, size_.width, normalised_});
    });
    for (table_block const& each : shape_.output)
      with({&each.id, 1}, [&](auto const& matrices) {
        on_.multiply({{matrices[0], nullptr, scores_ + each.first}}, normalised_, 1);
      });
  }

  llama const& shape_;
  sizes const& size_;
  weights& weights_;
  std::uint32_t positions_, position_ = 0;
  Backend on_;
  float *state_, *normalised_, *q_, *attended_, *gate_, *up_, *keys_, *values_, *scores_;
};

}  // namespace generate
