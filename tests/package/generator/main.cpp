// Goes on with a text in less memory than its model takes: tierpager brings the weights of each layer when it is computed. For GGUF
// files of the architecture `llama` with weights F32, F16, Q8_0 and Q4_1. Always takes the token with the highest score.
//
// Usage: generator MODEL VRAM COUNT ID...
// VRAM is a budget such as 64MiB or 30%, COUNT how many tokens to write, and the IDs are the tokens of the text to go on with.
// Prints the ids of the new tokens on a line, and below what they spell.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <iostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <tierpager/host_stream.hpp>
#include <tierpager/open.hpp>

namespace {

using tierpager::tensor_id;
using token = std::uint32_t;
using numbers = std::vector<float>;

[[noreturn]] void refuse(std::string const& why) { throw std::runtime_error(why); }

float half_at(std::byte const* from) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, from, sizeof bits);
  int const exponent = bits >> 10 & 31, fraction = bits & 1023;
  float const size = exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                                   : std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
  return (bits & 0x8000) != 0 ? -size : size;
}

// A block of Q8_0 is a scale and 32 signed bytes.
void unpack_q8_0(std::byte const* block, float* to) {
  float const scale = half_at(block);
  for (int i = 0; i < 32; ++i) to[i] = scale * static_cast<float>(static_cast<std::int8_t>(block[2 + i]));
}

// A block of Q4_1 is a scale, a minimum, and 16 bytes: the low halves are the first 16 weights, the high ones the others.
void unpack_q4_1(std::byte const* block, float* to) {
  float const scale = half_at(block), minimum = half_at(block + 2);
  for (int i = 0; i < 16; ++i) {
    auto const both = static_cast<unsigned>(block[4 + i]);
    to[i] = scale * static_cast<float>(both & 15) + minimum;
    to[16 + i] = scale * static_cast<float>(both >> 4) + minimum;
  }
}

// How a block of such weights becomes numbers. How long a block is, tierpager knows.
using unpack_block = void (*)(std::byte const* block, float* to);

unpack_block unpack_of(tierpager::tensor_info const& tensor) {
  if (tensor.dtype == "F32") return [](std::byte const* from, float* to) { std::memcpy(to, from, sizeof *to); };
  if (tensor.dtype == "F16") return [](std::byte const* from, float* to) { *to = half_at(from); };
  if (tensor.dtype == "Q8_0") return unpack_q8_0;
  if (tensor.dtype == "Q4_1") return unpack_q4_1;
  refuse(tensor.name + " is of type " + tensor.dtype + ", which is not among F32, F16, Q8_0 and Q4_1");
}

// GGUF has the length of a row first. A vector is a matrix of one row.
std::size_t columns_of(tierpager::tensor_info const& tensor) { return tensor.shape.at(0); }
std::size_t rows_of(tierpager::tensor_info const& tensor) { return tensor.shape.size() > 1 ? tensor.shape[1] : 1; }

// Weights where the pager has put them. Made on the thread that has the handle, used on the stream's.
struct matrix {
  explicit matrix(tierpager::handle const& of)
      : data(of.data()),
        unpack(unpack_of(of.info())),
        block(of.info().block()),
        rows(rows_of(of.info())),
        columns(columns_of(of.info())) {}

  numbers row(std::size_t index) const {
    numbers unpacked(columns);
    std::byte const* from = data + index * (columns / block.elements * block.bytes);
    for (std::size_t i = 0; i < columns; i += block.elements, from += block.bytes) unpack(from, &unpacked[i]);
    return unpacked;
  }

  numbers operator*(numbers const& in) const {
    numbers out(rows);
    for (std::size_t i = 0; i < rows; ++i) {
      numbers const weights = row(i);
      for (std::size_t k = 0; k < columns; ++k) out[i] += weights[k] * in[k];
    }
    return out;
  }

  std::byte const* data;
  unpack_block unpack;
  tierpager::block_geometry block;
  std::size_t rows, columns;
};

struct sizes {
  explicit sizes(tierpager::metadata const& file) {
    if (file.get<std::string>("general.architecture") != "llama") refuse("this is no model of the architecture llama");
    layers = file.get<std::size_t>("llama.block_count");
    width = file.get<std::size_t>("llama.embedding_length");
    hidden = file.get<std::size_t>("llama.feed_forward_length");
    heads = file.get<std::size_t>("llama.attention.head_count");
    kv_heads = file.get_or<std::size_t>("llama.attention.head_count_kv", heads);
    if (heads == 0 || kv_heads == 0 || width % (2 * heads) != 0 || heads % kv_heads != 0)
      refuse("its heads have sizes that this program does not compute");
    head = width / heads;
    rotation_base = file.get_or<float>("llama.rope.freq_base", 10000);
    epsilon = file.get<float>("llama.attention.layer_norm_rms_epsilon");
    if (file.get_or<std::size_t>("llama.rope.dimension_count", head) != head ||
        file.get_or<std::string>("llama.rope.scaling.type", "none") != "none")
      refuse("it encodes positions in a way that this program does not know");
  }

  std::size_t layers, width, hidden, heads, kv_heads, head;
  float rotation_base, epsilon;
};

// Where the weights of a layer are in the set that is acquired for it.
enum part { attention_norm, q, k, v, attention_output, feed_norm, gate, up, down };

// The tensors that a pass acquires together, set by set, and those that the embedding is cut into.
struct tensor_sets {
  tensor_sets(tierpager::catalog const& tensors, sizes const& of) {
    std::size_t const width = of.width, kv = of.kv_heads * of.head;
    std::size_t found = 0;
    auto const find = [&](std::string const& name, std::size_t rows, std::size_t columns) {
      auto const id = tensors.find(name);
      if (!id) refuse("the model has no " + name);
      if (rows_of(tensors[*id]) != rows || columns_of(tensors[*id]) != columns) refuse(name + " has an odd shape");
      (void)unpack_of(tensors[*id]);
      ++found;
      return *id;
    };
    for (std::size_t i = 0; i < of.layers; ++i) {
      std::string const layer = "blk." + std::to_string(i) + ".";
      layers.push_back({find(layer + "attn_norm.weight", 1, width), find(layer + "attn_q.weight", width, width),
                        find(layer + "attn_k.weight", kv, width), find(layer + "attn_v.weight", kv, width),
                        find(layer + "attn_output.weight", width, width), find(layer + "ffn_norm.weight", 1, width),
                        find(layer + "ffn_gate.weight", of.hidden, width),
                        find(layer + "ffn_up.weight", of.hidden, width),
                        find(layer + "ffn_down.weight", width, of.hidden)});
    }
    output_norm = {find("output_norm.weight", 1, width)};
    // Blocks of rows come one behind the other, in place of the tensor that they are of.
    for (tierpager::tensor_info const& each : tensors)
      for (auto* const blocks : {&embedding, &output})
        if (each.name.starts_with(blocks == &embedding ? "token_embd.weight" : "output.weight"))
          blocks->push_back(find(each.name, rows_of(each), width));
    if (found != tensors.size()) refuse("the model has tensors that this program would have to compute with");
    if (embedding.empty()) refuse("the model has no token_embd.weight");
    if (output.empty()) output = embedding;  // one table for both
  }

  std::vector<std::vector<tensor_id>> in_order() const {
    auto sets = layers;
    sets.push_back(output_norm);
    for (tensor_id const block : output) sets.push_back({block});
    return sets;
  }

  std::vector<std::vector<tensor_id>> layers;
  std::vector<tensor_id> output_norm, embedding, output;
};

// The forward pass, a token at a time.
class language_model {
 public:
  explicit language_model(tierpager::pager& pager) : pager_(pager), keys_(sizes_.layers), values_(sizes_.layers) {
    pager_.set_order(sets_.in_order());  // a hint: it would find that out in the second pass
  }
  ~language_model() { pager_.retire_stream(stream_); }

  // Goes on with a token: a score for each that may follow.
  numbers const& next(token after) {
    state_ = embedding_of(after);
    scores_.clear();
    for (std::size_t layer = 0; layer < sizes_.layers; ++layer)
      with(sets_.layers[layer], [this, layer](std::vector<matrix> const& weights) {
        attend(layer, weights);
        feed_forward(weights);
      });
    with(sets_.output_norm, [this](auto const& weights) { state_ = norm(weights[0]); });
    for (tensor_id const block : sets_.output)
      with({block}, [this](auto const& weights) {
        numbers const some = weights[0] * state_;
        scores_.insert(scores_.end(), some.begin(), some.end());
      });
    stream_.synchronize();
    ++position_;
    return scores_;
  }

 private:
  // Queues work that needs these tensors. The handles end when it is queued, not when it has run: the weights stay where they are
  // until the stream is behind that work.
  void with(std::vector<tensor_id> const& ids, std::function<void(std::vector<matrix> const&)> work) {
    std::vector<tierpager::handle> const handles = pager_.acquire(ids, stream_);
    std::vector<matrix> weights(handles.begin(), handles.end());
    stream_.submit([weights, work = std::move(work)] { work(weights); });
  }

  // One row of a large table: read where it is in RAM, not brought to the device.
  numbers embedding_of(token id) const {
    std::size_t row = id;
    for (tensor_id const block : sets_.embedding) {
      std::size_t const rows = rows_of(pager_.tensors()[block]);
      if (row < rows) return matrix(pager_.acquire_host(block)).row(row);
      row -= rows;
    }
    refuse("the model has no token " + std::to_string(id));
  }

  numbers norm(matrix const& weights) const {
    float squares = 0;
    for (float const each : state_) squares += each * each;
    float const scale = 1 / std::sqrt(squares / static_cast<float>(state_.size()) + sizes_.epsilon);
    numbers scaled = weights.row(0);
    for (std::size_t i = 0; i < scaled.size(); ++i) scaled[i] *= state_[i] * scale;
    return scaled;
  }

  // Turns each pair of neighbours by an angle that grows with the position (rotary position embedding).
  void rotate(numbers& heads) const {
    for (std::size_t i = 0; i < heads.size(); i += 2) {
      double const share = static_cast<double>(i % sizes_.head) / static_cast<double>(sizes_.head);
      double const angle = static_cast<double>(position_) * std::pow(sizes_.rotation_base, -share);
      auto const cosine = static_cast<float>(std::cos(angle)), sine = static_cast<float>(std::sin(angle));
      float const x = heads[i], y = heads[i + 1];
      heads[i] = x * cosine - y * sine;
      heads[i + 1] = x * sine + y * cosine;
    }
  }

  void attend(std::size_t layer, std::vector<matrix> const& weights) {
    numbers const in = norm(weights[attention_norm]);
    numbers query = weights[q] * in, key = weights[k] * in, value = weights[v] * in;
    rotate(query);
    rotate(key);
    keys_[layer].push_back(std::move(key));
    values_[layer].push_back(std::move(value));
    numbers out(sizes_.width);
    for (std::size_t head = 0; head < sizes_.heads; ++head) {
      std::size_t const at = head * sizes_.head, kv_at = head / (sizes_.heads / sizes_.kv_heads) * sizes_.head;
      numbers shares;
      for (numbers const& each : keys_[layer]) {
        float score = 0;
        for (std::size_t i = 0; i < sizes_.head; ++i) score += query[at + i] * each[kv_at + i];
        shares.push_back(score / std::sqrt(static_cast<float>(sizes_.head)));
      }
      float const most = *std::max_element(shares.begin(), shares.end());
      float sum = 0;
      for (float& share : shares) sum += share = std::exp(share - most);
      for (std::size_t position = 0; position < shares.size(); ++position)
        for (std::size_t i = 0; i < sizes_.head; ++i)
          out[at + i] += shares[position] / sum * values_[layer][position][kv_at + i];
    }
    add(weights[attention_output] * out);
  }

  void feed_forward(std::vector<matrix> const& weights) {
    numbers const in = norm(weights[feed_norm]);
    numbers gated = weights[gate] * in;
    numbers const raised = weights[up] * in;
    for (std::size_t i = 0; i < gated.size(); ++i) gated[i] *= raised[i] / (1 + std::exp(-gated[i]));
    add(weights[down] * gated);
  }

  void add(numbers const& to_state) {
    for (std::size_t i = 0; i < state_.size(); ++i) state_[i] += to_state[i];
  }

  tierpager::pager& pager_;
  sizes const sizes_{pager_.metadata()};
  tensor_sets const sets_{pager_.tensors(), sizes_};
  std::size_t position_ = 0;
  numbers state_, scores_;
  std::vector<std::vector<numbers>> keys_, values_;  // of each layer, at each position
  tierpager::host_stream stream_;
};

// In a vocabulary of bytes each is spelled as a character: a visible one as itself, the others, in order, as those from 256 on.
std::string bytes_of(std::string const& spelled) {
  int byte_of[512] = {};
  for (int byte = 0, next = 256; byte < 256; ++byte) {
    bool const visible = (byte > 32 && byte < 127) || (byte > 160 && byte != 173);
    byte_of[visible ? byte : next++] = byte;
  }
  std::string bytes;
  for (std::size_t i = 0; i < spelled.size(); ++i) {
    unsigned code = static_cast<unsigned char>(spelled[i]);
    if (code >= 0xC0 && i + 1 < spelled.size())
      code = (code & 31) << 6 | (static_cast<unsigned char>(spelled[++i]) & 63);
    bytes += static_cast<char>(byte_of[code % 512]);
  }
  return bytes;
}

std::size_t number(std::string const& text) {
  if (text.empty() || text.size() > 9 || text.find_first_not_of("0123456789") != std::string::npos)
    refuse("'" + text + "' is no number");
  return std::stoul(text);
}

void run(std::string const& path, std::string const& vram, std::size_t count, std::vector<token> const& prompt) {
  tierpager::model model = tierpager::read_model({path});
  for (char const* const table : {"token_embd.weight", "output.weight"})  // large, and needed a few rows at a time
    if (model.tensors.find(table)) model.tensors = tierpager::value_or_throw(model.tensors.slice(table, 1024));
  tierpager::pager pager(std::move(model), tierpager::open_device(tierpager::device_kind::host),
                         {.vram = vram, .ram = "100%"});
  language_model writer(pager);
  numbers const* scores = nullptr;
  for (token const each : prompt) scores = &writer.next(each);
  std::vector<token> written;
  while (written.size() < count) {
    written.push_back(static_cast<token>(std::max_element(scores->begin(), scores->end()) - scores->begin()));
    std::cout << written.back() << (written.size() < count ? ' ' : '\n') << std::flush;
    if (written.size() < count) scores = &writer.next(written.back());
  }
  auto const spelled = pager.metadata().get<std::vector<std::string>>("tokenizer.ggml.tokens");
  for (token const each : written) std::cout << bytes_of(spelled.at(each));
  std::cout << '\n';
  std::cerr << pager.stats().bytes_to_device << " bytes went to the device\n";
}

}  // namespace

int main(int count, char** arguments) {
  try {
    if (count < 5) refuse("usage: generator MODEL VRAM COUNT ID...");
    std::vector<token> prompt;
    for (int i = 4; i < count; ++i) prompt.push_back(static_cast<token>(number(arguments[i])));
    run(arguments[1], arguments[2], number(arguments[3]), prompt);
    return 0;
  } catch (std::exception const& failed) {
    std::cerr << "generator: " << failed.what() << '\n';
    return 1;
  }
}
