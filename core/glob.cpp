#include <core/glob.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

#include <core/utf8.hpp>

namespace tierpager {
namespace {

bool between(char32_t value, char32_t first, char32_t last) { return value >= first && value <= last; }

// Of ASCII alone, as in the C locale.
bool is_in_class(std::string_view name, char32_t value) {
  bool const digit = between(value, '0', '9');
  bool const upper = between(value, 'A', 'Z');
  bool const lower = between(value, 'a', 'z');
  bool const graph = between(value, '!', '~');
  if (name == "digit") return digit;
  if (name == "upper") return upper;
  if (name == "lower") return lower;
  if (name == "alpha") return upper || lower;
  if (name == "alnum") return upper || lower || digit;
  if (name == "punct") return graph && !upper && !lower && !digit;
  if (name == "xdigit") return digit || between(value, 'A', 'F') || between(value, 'a', 'f');
  if (name == "blank") return value == ' ' || value == '\t';
  if (name == "space") return value == ' ' || between(value, '\t', '\r');
  return false;
}

// Reads a set, behind its `[`.
class set_reader {
 public:
  set_reader(std::string_view glob, std::size_t at, char32_t value) : glob_(glob), at_(at), value_(value) {}

  /// Whether the character is in the set; none where nothing closes it.
  std::optional<bool> matches() {
    bool const negated = at_ < glob_.size() && (glob_[at_] == '!' || glob_[at_] == '^');
    if (negated) ++at_;
    bool found = false;
    for (bool first = true; at_ < glob_.size(); first = false) {
      if (glob_[at_] == ']' && !first) {
        ++at_;
        return found != negated;
      }
      bool const here = at_class() ? read_class() : read_range();
      found = found || here;
    }
    return std::nullopt;
  }

  /// Behind the set.
  [[nodiscard]] std::size_t end() const { return at_; }

 private:
  [[nodiscard]] bool at_class() const {
    return glob_.substr(at_).starts_with("[:") && glob_.find(":]", at_ + 2) != std::string_view::npos;
  }

  bool read_class() {
    std::size_t const end = glob_.find(":]", at_ + 2);
    bool const found = is_in_class(glob_.substr(at_ + 2, end - at_ - 2), value_);
    at_ = end + 2;
    return found;
  }

  bool read_range() {
    char32_t const first = read_member();
    bool const range = at_ + 1 < glob_.size() && glob_[at_] == '-' && glob_[at_ + 1] != ']';
    if (!range) return value_ == first;
    ++at_;
    return between(value_, first, read_member());
  }

  char32_t read_member() {
    if (glob_[at_] == '\\' && at_ + 1 < glob_.size()) ++at_;
    code_point const member = first_code_point(glob_.substr(at_));
    at_ += member.bytes;
    return member.value;
  }

  std::string_view glob_;
  std::size_t at_;
  char32_t value_;
};

// Where the glob goes on behind what matches this character; none where it does not match.
std::optional<std::size_t> match_one(std::string_view glob, std::size_t at, code_point character) {
  if (at >= glob.size()) return std::nullopt;
  if (glob[at] == '?') return at + 1;
  if (glob[at] == '[') {
    set_reader set(glob, at + 1, character.value);
    if (auto const matches = set.matches()) return *matches ? std::optional(set.end()) : std::nullopt;
  }
  if (glob[at] == '\\' && at + 1 < glob.size()) ++at;
  code_point const wanted = first_code_point(glob.substr(at));
  bool const same = wanted.value == character.value && wanted.valid == character.valid;
  return same ? std::optional(at + wanted.bytes) : std::nullopt;
}

}  // namespace

bool matches_glob(std::string_view text, std::string_view glob) {
  std::size_t at = 0;      // in the text
  std::size_t wanted = 0;  // in the glob
  std::optional<std::size_t> behind_star;
  std::size_t star_took = 0;  // up to here
  while (at < text.size()) {
    if (wanted < glob.size() && glob[wanted] == '*') {
      behind_star = ++wanted;
      star_took = at;
      continue;
    }
    code_point const character = first_code_point(text.substr(at));
    if (auto const next = match_one(glob, wanted, character)) {
      wanted = *next;
      at += character.bytes;
      continue;
    }
    if (!behind_star) return false;
    star_took += first_code_point(text.substr(star_took)).bytes;
    at = star_took;
    wanted = *behind_star;
  }
  return std::all_of(glob.begin() + static_cast<std::ptrdiff_t>(wanted), glob.end(),
                     [](char each) { return each == '*'; });
}

}  // namespace tierpager
