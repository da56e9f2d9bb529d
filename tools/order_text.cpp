#include <tools/order_text.hpp>

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace tierpager::tools {

namespace {

constexpr std::string_view blanks = " \t\r\v\f";
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

std::string_view without_blanks(std::string_view line) {
  std::size_t const begin = line.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return line.substr(begin, line.find_last_not_of(blanks) - begin + 1);
}

bool is_digit(char each) { return each >= '0' && each <= '9'; }
bool is_letter(char each) { return (each >= 'a' && each <= 'z') || (each >= 'A' && each <= 'Z'); }

// Words and numbers of a comment, in lower case, without what stands between them.
std::vector<std::string> words_of(std::string_view comment) {
  std::vector<std::string> words;
  bool inside = false;
  for (char const each : comment) {
    bool const part = is_digit(each) || is_letter(each) || static_cast<unsigned char>(each) >= 0x80;
    if (part && !inside) words.emplace_back();
    if (part) words.back() += is_letter(each) ? static_cast<char>(each | 0x20) : each;
    inside = part;
  }
  return words;
}

enum class comment_kind : std::uint8_t { remark, begins_a_pass, unclear };

// "# pass", "#PASS 2", "# --- pass 2 of 3 ---" begin one. A few words with "pass" among them may have been meant to.
comment_kind kind_of(std::string_view comment) {
  constexpr std::size_t few = 3;
  std::vector<std::string> const words = words_of(comment);
  auto const is_number = [](std::string const& word) { return std::ranges::all_of(word, is_digit); };
  bool const first = !words.empty() && words.front() == "pass";
  if (first && std::all_of(words.begin() + 1, words.end(),
                           [&](std::string const& word) { return word == "of" || is_number(word); }))
    return comment_kind::begins_a_pass;
  bool const among = std::ranges::find(words, "pass") != words.end();
  return first || (among && words.size() <= few) ? comment_kind::unclear : comment_kind::remark;
}

// What the user may have meant by a line that names no tensor.
std::string hint_for(std::string_view line) {
  if (line.find('\r') != std::string_view::npos)
    return ": there is a carriage return inside the line; lines end with a line feed, or with both";
  if (line.find('#') != std::string_view::npos) return ": a comment has a line of its own";
  if (line.starts_with('"') || line.starts_with('\'')) return ": a name is written without quotes";
  if (line.find_first_of("*?") != std::string_view::npos) return ": globs do not count here; name each tensor";
  if (line.find_first_of(",;\t") != std::string_view::npos) return ": a name has a line of its own";
  return "";
}

bool looks_like_utf16(std::string_view line) {
  return line.starts_with("\xff\xfe") || line.starts_with("\xfe\xff") ||
         line.starts_with(std::string_view("\0\0\xfe\xff", 4));
}

}  // namespace

// A name may begin or end with what else is no part of one.
std::optional<tensor_id> order_text::find(std::string_view line) const {
  if (auto const exact = tensors_.find(line)) return exact;
  if (line.ends_with('\r'))
    if (auto const unended = tensors_.find(line.substr(0, line.size() - 1))) return unended;
  return tensors_.find(without_blanks(line));
}

failure order_text::refuse(std::string const& why) const {
  return {.code = errc::invalid_argument, .what = fmt::format("line {}: {}", lines_, why)};
}

status order_text::add_line(std::string_view line) {
  ++lines_;
  if (lines_ == 1 && looks_like_utf16(line)) return refuse("is UTF-16 or UTF-32; an order file is UTF-8");
  if (lines_ == 1 && line.starts_with(byte_order_mark) && !tensors_.find(line))
    line.remove_prefix(byte_order_mark.size());
  std::string_view const text = without_blanks(line);
  comment_kind const kind = text.starts_with('#') ? kind_of(text.substr(1)) : comment_kind::remark;
  if (kind == comment_kind::begins_a_pass) {
    begin_pass();
    return {};
  }
  if (auto const id = find(line)) return add(*id);
  if (text.empty()) return {};
  if (line.find('\0') != std::string_view::npos) return refuse("holds a NUL byte; an order file is text in UTF-8");
  if (kind == comment_kind::unclear)
    return refuse(fmt::format("'{}' may begin a pass or be a comment: write '{}' alone, or say it without that word",
                              text, pass_separator));
  if (text.starts_with('#')) return {};
  failure unknown = refuse(
      fmt::format("no tensor '{}'{}", line.ends_with('\r') ? line.substr(0, line.size() - 1) : line, hint_for(text)));
  unknown.code = errc::unknown_tensor;
  return unknown;
}

void order_text::begin_pass() {
  if (!passes_.back().empty()) passes_.emplace_back();
}

status order_text::add(tensor_id id) {
  constexpr std::uint64_t names_that_a_pass_costs = 16;
  names_ += passes_.back().empty() ? names_that_a_pass_costs : 1;
  if (names_ > order_names_max) return refuse(fmt::format("more than {} names; does the file end?", order_names_max));
  passes_.back().push_back(id);
  return {};
}

std::vector<pass_order> order_text::finish() && {
  if (passes_.back().empty()) passes_.pop_back();
  return std::move(passes_);
}

bool can_be_written(std::string_view name) {
  if (name.empty() || name.size() > order_line_bytes_max || name.find('\n') != std::string_view::npos) return false;
  if (looks_like_utf16(name)) return false;
  std::string_view const text = without_blanks(name);
  return !text.starts_with('#') || kind_of(text.substr(1)) != comment_kind::begins_a_pass;
}

}  // namespace tierpager::tools
