// Text to token ids and back: byte-level BPE as GPT-2's, with the vocabulary and the merges that a GGUF file carries, for models
// that split text into words as `smollm` or `qwen2` do. What is a letter, the C library says. Any thread once built.
#pragma once

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <cwctype>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <locale.h>

#include <examples/generate/model.hpp>

namespace generate {

using token_id = std::uint32_t;

class tokenizer {
 public:
  /// From `tokenizer.ggml.*`. Throws tierpager::error: `unsupported` for another kind of tokenizer.
  explicit tokenizer(tierpager::metadata const& from)
      : tokens_(from.get<std::vector<std::string>>("tokenizer.ggml.tokens")),
        types_(from.get<std::vector<std::int32_t>>("tokenizer.ggml.token_type")) {
    auto const model = from.get<std::string>("tokenizer.ggml.model");
    auto const words = from.get_or<std::string>("tokenizer.ggml.pre", "");
    qwen2_ = words == "qwen2";
    if (model != "gpt2" || !(qwen2_ || words == "smollm"))
      refuse(tierpager::errc::unsupported, "this example does not know the tokenizer " + model + ", " + words);
    types_.resize(tokens_.size());
    for (token_id id = 0; id < tokens_.size(); ++id) ids_[tokens_[id]] = id;
    std::uint32_t rank = 0;
    for (std::string const& merge : from.get<std::vector<std::string>>("tokenizer.ggml.merges")) ranks_[merge] = rank++;
    if (from.get_or("tokenizer.ggml.add_bos_token", false)) begin_ = from.get<token_id>("tokenizer.ggml.bos_token_id");
    end_ = from.get_or("tokenizer.ggml.eos_token_id", ~token_id{0});
    char32_t next = 256;
    for (std::uint32_t byte = 0; byte < spellings_.size(); ++byte) {
      bool const visible = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
      spellings_[byte] = visible ? byte : next++;
    }
  }

  /// Names of control tokens in the text, such as `<|im_start|>`, stand for these, and so do those of added ones.
  [[nodiscard]] std::vector<token_id> encode(std::string_view text) const {
    std::vector<token_id> ids;
    if (begin_) ids.push_back(*begin_);
    while (!text.empty()) {
      std::size_t next = text.size(), length = 0;
      token_id found = 0;
      for (token_id id = 0; id < tokens_.size(); ++id) {
        std::size_t const at = types_[id] == control || types_[id] == user_defined ? text.find(tokens_[id]) : text.npos;
        if (at <= next && tokens_[id].size() > (at < next ? 0 : length))  // of two at one place the longer
          next = at, found = id, length = tokens_[id].size();
      }
      encode_words(text.substr(0, next), ids);
      if (length > 0) ids.push_back(found);
      text.remove_prefix(next + length);
    }
    return ids;
  }

  /// The bytes of a token; a character may need several tokens. Nothing for a control token.
  [[nodiscard]] std::string decode(token_id token) const {
    std::string bytes;
    for (std::size_t at = 0; at < tokens_.at(token).size() && types_[token] != control;) {
      auto const [code, size] = character_at(tokens_[token], at);
      auto const* const found = std::ranges::find(spellings_, code);
      if (found != spellings_.end()) bytes += static_cast<char>(found - spellings_.begin());
      at += size;
    }
    return bytes;
  }

  [[nodiscard]] bool ends_text(token_id token) const { return token == end_; }

 private:
  static constexpr std::int32_t control = 3, user_defined = 4;  // of types_

  enum class kind : std::uint8_t { letter, digit, line_end, space, other, end };

  struct character {
    std::size_t at;  // where it begins
    kind is;
  };

  // The code and the size of a character of UTF-8.
  static std::pair<char32_t, std::size_t> character_at(std::string_view text, std::size_t at) {
    auto const byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[at + i]); };
    std::size_t const wanted = byte(0) < 0xC0 ? 1 : byte(0) < 0xE0 ? 2 : byte(0) < 0xF0 ? 3 : 4;
    std::size_t const size = std::min(wanted, text.size() - at);
    char32_t code = size == 1 ? byte(0) : byte(0) & (0x7FU >> wanted);
    for (std::size_t i = 1; i < size; ++i) code = code << 6U | (byte(i) & 0x3FU);
    return {code, size};
  }

  static std::vector<character> characters(std::string_view text) {
    static locale_t const unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    std::vector<character> found;
    for (std::size_t at = 0; at < text.size();) {
      auto const [code, size] = character_at(text, at);
      bool const blank = iswspace_l(code, unicode) || code == 0x85 || code == 0xA0 || code == 0x2007 || code == 0x202F;
      kind const is = code == '\n' || code == '\r'     ? kind::line_end
                      : blank                          ? kind::space
                      : code >= '0' && code <= '9'     ? kind::digit
                      : iswalpha_l(code, unicode) != 0 ? kind::letter
                                                       : kind::other;
      found.push_back({at, is});
      at += size;
    }
    found.push_back({text.size(), kind::end});
    return found;
  }

  // The end of the word that begins at character `i`: what the patterns of both ways to split say.
  [[nodiscard]] std::size_t word_end(std::string_view text, std::vector<character> const& all, std::size_t i) const {
    auto const is = [&](std::size_t at) { return all[std::min(at, all.size() - 1)].is; };
    auto const run = [&](std::size_t from, kind either, kind other) {
      while (is(from) == either || is(from) == other) ++from;
      return from;
    };
    for (std::string_view const contraction : {"'re", "'ve", "'ll", "'s", "'t", "'m", "'d"}) {
      std::string found(text.substr(all[i].at, contraction.size()));
      if (qwen2_) std::ranges::transform(found, found.begin(), [](unsigned char each) { return std::tolower(each); });
      if (found == contraction) return i + contraction.size();
    }
    if (is(i) == kind::digit) return i + 1;
    bool const after_space = text[all[i].at] == ' ';
    bool const may_lead = qwen2_ ? is(i) == kind::space || is(i) == kind::other : after_space;
    if (std::size_t const from = may_lead ? i + 1 : i; is(from) == kind::letter)
      return run(from, kind::letter, kind::letter);
    if (std::size_t const from = after_space ? i + 1 : i; is(from) == kind::other) {
      std::size_t const end = run(from, kind::other, kind::other);
      return qwen2_ ? run(end, kind::line_end, kind::line_end) : end;
    }
    std::size_t const end = run(i, kind::space, kind::line_end);
    for (std::size_t last = end; qwen2_ && last > i; --last)  // blanks up to the last line end in them
      if (is(last - 1) == kind::line_end) return last;
    // The last blank goes with the word behind it, but `smollm` sets digits apart before it looks for words.
    return end == i + 1 || is(end) == kind::end || (is(end) == kind::digit && !qwen2_) ? end : end - 1;
  }

  void encode_words(std::string_view text, std::vector<token_id>& into) const {
    auto const all = characters(text);
    for (std::size_t i = 0, end = 0; i + 1 < all.size(); i = end) {
      end = word_end(text, all, i);
      encode_word(text.substr(all[i].at, all[end].at - all[i].at), into);
    }
  }

  void encode_word(std::string_view word, std::vector<token_id>& into) const {
    std::vector<std::string> parts;
    for (char const byte : word) {
      char32_t const code = spellings_[static_cast<std::uint8_t>(byte)];
      parts.emplace_back(1, static_cast<char>(code < 0x80 ? code : 0xC0U | code >> 6U));
      if (code >= 0x80) parts.back() += static_cast<char>(0x80U | (code & 0x3FU));
    }
    while (true) {  // of all neighbours those are joined first that the vocabulary ranks first
      auto best = ranks_.end();
      std::size_t at = 0;
      for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
        auto const found = ranks_.find(parts[i] + " " + parts[i + 1]);
        if (found != ranks_.end() && (best == ranks_.end() || found->second < best->second)) best = found, at = i;
      }
      if (best == ranks_.end()) break;
      parts[at] += parts[at + 1];
      parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    }
    for (std::string const& part : parts)
      if (auto const found = ids_.find(part); found != ids_.end()) into.push_back(found->second);
  }

  std::vector<std::string> tokens_;  // bytes spelled as below, but for control tokens
  std::vector<std::int32_t> types_;  // tokenizer.ggml.token_type
  std::unordered_map<std::string, token_id> ids_;
  std::unordered_map<std::string, std::uint32_t> ranks_;  // of "LEFT RIGHT"
  std::array<char32_t, 256> spellings_{};                 // GPT-2's visible character for each byte, below 0x800
  bool qwen2_ = false;
  std::optional<token_id> begin_;
  token_id end_;
};

}  // namespace generate
