#include <core/format/key_values_builder.hpp>

#include <algorithm>
#include <numeric>

namespace tierpager {

void append_number(std::string& encoded, std::uint64_t value) {
  for (unsigned shift = 0; shift < 64; shift += 8) encoded.push_back(static_cast<char>(value >> shift & 0xffU));
}

void append_text(std::string& encoded, std::string_view text) {
  append_number(encoded, text.size());
  encoded += text;
}

void key_values_builder::place(std::uint64_t key_at, std::uint64_t key_bytes, std::uint64_t value_at,
                               metadata_type type, metadata_type element_type) {
  built_.places_.push_back({.key_at = static_cast<std::uint32_t>(key_at),
                            .value_at = static_cast<std::uint32_t>(value_at),
                            .key_bytes = static_cast<std::uint32_t>(key_bytes),
                            .type = type,
                            .element_type = element_type});
}

void key_values_builder::add_key(std::string_view key, metadata_type type, metadata_type element_type) {
  std::size_t const at = built_.bytes_.size();
  built_.bytes_ += key;
  place(at, key.size(), built_.bytes_.size(), type, element_type);
}

void key_values_builder::add(std::string_view key, metadata_type type, std::string_view encoded) {
  add_key(key, type, metadata_type::null);
  built_.bytes_ += encoded;
}

void key_values_builder::add_array(std::string_view key, metadata_type element_type, std::uint64_t count,
                                   std::string_view encoded) {
  add_key(key, metadata_type::array, element_type);
  for (unsigned shift = 0; shift < 32; shift += 8)
    built_.bytes_.push_back(static_cast<char>(static_cast<std::uint32_t>(element_type) >> shift & 0xffU));
  append_number(built_.bytes_, count);
  built_.bytes_ += encoded;
}

key_values key_values_builder::finish() && {
  auto& places = built_.places_;
  auto& by_name = built_.by_name_;
  auto const same = [&](std::uint32_t left, std::uint32_t right) {
    return built_.key_of(places[left]) == built_.key_of(places[right]);
  };
  auto const sort = [&] {
    by_name.resize(places.size());
    std::iota(by_name.begin(), by_name.end(), 0U);
    std::sort(by_name.begin(), by_name.end(), [&](std::uint32_t left, std::uint32_t right) {
      int const compared = built_.key_of(places[left]).compare(built_.key_of(places[right]));
      return compared != 0 ? compared < 0 : left < right;
    });
  };
  sort();
  constexpr std::uint32_t gone = ~std::uint32_t{0};
  bool any_gone = false;
  for (std::size_t first = 0, next = 1; next < by_name.size(); ++next) {
    if (!same(by_name[first], by_name[next])) {
      first = next;
      continue;
    }
    places[by_name[first]] = places[by_name[next]];
    places[by_name[next]].key_bytes = gone;
    any_gone = true;
    by_name[next] = by_name[first];
  }
  if (any_gone) {
    std::erase_if(places, [](auto const& each) { return each.key_bytes == gone; });
    sort();
  }
  return std::move(built_);
}

key_values key_values_builder::finish(std::string_view text) && {
  built_.bytes_ = text;
  return std::move(*this).finish();
}

}  // namespace tierpager
