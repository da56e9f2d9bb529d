#include <tierpager/catalog.hpp>

#include <algorithm>
#include <bit>
#include <functional>
#include <limits>

#include <fnmatch.h>
#include <locale.h>

#include <core/format/dtype.hpp>

namespace tierpager {
namespace {

// Far more than any model has, and no sum of footprints and gaps between them wraps.
constexpr std::uint64_t bytes_max = std::uint64_t{1} << 56U;

// A character of a glob is one of UTF-8, whatever the program's own locale.
class utf8_globs {
 public:
  utf8_globs() : before_(::uselocale(utf8())) {}
  utf8_globs(utf8_globs const&) = delete;
  utf8_globs& operator=(utf8_globs const&) = delete;
  ~utf8_globs() { ::uselocale(before_); }

 private:
  static locale_t utf8() {
    static locale_t const made =
        ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);  // null, which changes nothing, without it
    return made;
  }
  locale_t before_;
};

std::uint32_t hash_of(std::string_view name) {
  std::uint64_t const hash = std::hash<std::string_view>()(name);
  return static_cast<std::uint32_t>(hash ^ (hash >> 32U));
}

status add_whole(catalog& into, tensor_info whole) {
  auto const added = into.add(std::move(whole));
  return added.ok() ? status() : added.error();
}

// In parts of so many rows, the last of which may have fewer.
status add_parts(catalog& into, tensor_info const& whole, std::uint64_t rows) {
  auto refuse = [&](char const* what) {
    return failure{.code = errc::invalid_argument, .what = what, .tensor = whole.name};
  };
  if (whole.shape.empty()) return refuse("a scalar has no slices");
  std::uint64_t const all_rows = whole.rows();
  if (rows > 1 && rows >= all_rows) return add_whole(into, whole);
  if (is_unknown_dtype_name(whole.dtype)) return refuse("the size of its rows is not known, since its type is not");
  if (all_rows == 0 || whole.bytes % all_rows != 0) return refuse("its bytes do not divide into slices");
  std::uint64_t const row_bytes = whole.bytes / all_rows;
  tensor_info part = whole;
  auto const outermost = whole.order == dimension_order::outermost_first ? part.shape.begin() : part.shape.end() - 1;
  if (rows == 1) part.shape.erase(outermost);
  for (std::uint64_t begin = 0; begin < all_rows;) {
    std::uint64_t const end = begin + std::min(rows, all_rows - begin);
    part.name = whole.name + "[" + std::to_string(begin) + (rows == 1 ? "" : ":" + std::to_string(end)) + "]";
    if (rows > 1) *outermost = end - begin;
    part.offset = whole.offset + begin * row_bytes;
    part.bytes = (end - begin) * row_bytes;
    if (status const added = add_whole(into, part); !added.ok()) return added.error();
    begin = end;
  }
  return {};
}

// How many parts tensors of so many rows make, or 2^64-1.
std::uint64_t parts_of(std::vector<std::uint64_t> const& rows_of_each, std::uint64_t rows) {
  std::uint64_t sum = 0;
  for (std::uint64_t const all_rows : rows_of_each) {
    std::uint64_t const parts = all_rows / rows + (all_rows % rows != 0 ? 1 : 0);
    sum = parts > std::numeric_limits<std::uint64_t>::max() - sum ? std::numeric_limits<std::uint64_t>::max()
                                                                  : sum + parts;
  }
  return sum;
}

// Found out before a part is made. With more rows each there are fewer, so the least number that will do is searched.
status require_few_parts(std::vector<std::uint64_t> const& rows_of_each, std::uint64_t rows) {
  std::uint64_t const parts = parts_of(rows_of_each, rows);
  if (parts <= catalog::slices_max) return {};
  std::string why = "slices of " + std::to_string(rows) + (rows == 1 ? " row" : " rows") + " would make " +
                    std::to_string(parts) + " entries, and at most " + std::to_string(catalog::slices_max) +
                    " are possible";
  std::uint64_t too_few = rows;
  std::uint64_t enough = *std::max_element(rows_of_each.begin(), rows_of_each.end());
  if (parts_of(rows_of_each, enough) <= catalog::slices_max) {
    while (enough - too_few > 1) {
      std::uint64_t const between = too_few + (enough - too_few) / 2;
      (parts_of(rows_of_each, between) <= catalog::slices_max ? enough : too_few) = between;
    }
    why += "; " + std::to_string(enough) + " rows each would do";
  }
  return failure{.code = errc::invalid_argument, .what = std::move(why)};
}

}  // namespace

block_geometry tensor_info::block() const {
  dtype_info const* const known = find_dtype(dtype);
  return known == nullptr ? block_geometry() : block_geometry{known->block_elements, known->block_bytes};
}

std::uint32_t catalog::add_file(std::string path) {
  files_.push_back(std::move(path));
  return static_cast<std::uint32_t>(files_.size() - 1);
}

void catalog::reserve(std::size_t tensors) {
  tensors_.reserve(tensors);
  make_places(tensors);
}

// Where the name is, or would be.
std::size_t catalog::place_of(std::string_view name, std::uint32_t hash) const {
  std::size_t const mask = by_name_.size() - 1;
  auto const another = [&](std::uint32_t id_after) {
    return id_after != 0 && (hashes_[id_after - 1] != hash || tensors_[id_after - 1].name != name);
  };
  std::size_t at = hash & mask;
  while (another(by_name_[at])) at = (at + 1) & mask;
  return at;
}

// A map of names takes a node for each and the name once more: opening a million tensors took twice as long.
void catalog::make_places(std::size_t tensors) {
  constexpr std::size_t places_min = 16;
  std::size_t const wanted = std::bit_ceil(std::max(2 * tensors, places_min));
  if (wanted <= by_name_.size()) return;
  hashes_.reserve(wanted / 2);
  by_name_.assign(wanted, 0);
  for (std::uint32_t i = 0; i < hashes_.size(); ++i) {
    std::size_t at = hashes_[i] & (wanted - 1);
    while (by_name_[at] != 0) at = (at + 1) & (wanted - 1);
    by_name_[at] = i + 1;
  }
}

result<tensor_id> catalog::add(tensor_info info) {
  auto refuse = [&](char const* what) {
    return failure{.code = errc::invalid_argument, .what = what, .tensor = info.name};
  };
  if (info.file >= files_.size()) return refuse("its file is not in the catalog");
  if (info.offset + info.bytes < info.offset) return refuse("offset plus bytes exceeds 2^64");
  if (info.bytes > bytes_max - bytes_) return refuse("with it all tensors together exceed 2^56 bytes");
  make_places(tensors_.size() + 1);
  std::uint32_t const hash = hash_of(info.name);
  std::uint32_t& place = by_name_[place_of(info.name, hash)];
  if (place != 0) return refuse("the name is taken");
  auto const id = static_cast<tensor_id>(tensors_.size());
  bytes_ += info.bytes;
  tensors_.push_back(std::move(info));
  hashes_.push_back(hash);  // for which there is room, as there is a place
  place = static_cast<std::uint32_t>(index_of(id) + 1);
  return id;
}

std::optional<tensor_id> catalog::find(name_view name) const {
  if (by_name_.empty()) return std::nullopt;
  std::uint32_t const id_after = by_name_[place_of(name, hash_of(name))];
  return id_after == 0 ? std::nullopt : std::optional(tensor_id{id_after - 1});
}

std::vector<tensor_id> catalog::match(name_view glob) const {
  if (auto const exact = find(glob)) return {*exact};
  std::string const pattern{std::string_view(glob)};
  utf8_globs const characters;
  std::vector<tensor_id> ids;
  for (std::size_t i = 0; i < tensors_.size(); ++i)
    if (fnmatch(pattern.c_str(), tensors_[i].name.c_str(), 0) == 0) ids.push_back(static_cast<tensor_id>(i));
  return ids;
}

result<catalog> catalog::slice(name_view glob, std::uint64_t rows) const {
  if (rows == 0) return failure{.code = errc::invalid_argument, .what = "a slice has at least 1 row"};
  std::vector<tensor_id> const chosen = match(glob);
  if (chosen.empty())
    return failure{.code = errc::unknown_tensor,
                   .what = "no tensor matches '" + std::string(std::string_view(glob)) + "'"};
  std::vector<std::uint64_t> rows_of_each;
  rows_of_each.reserve(chosen.size());
  for (tensor_id const id : chosen) rows_of_each.push_back(tensors_[index_of(id)].rows());
  if (status const few = require_few_parts(rows_of_each, rows); !few.ok()) {
    failure why = few.error();
    why.tensor = tensors_[index_of(chosen.front())].name;
    return why;
  }
  catalog sliced;
  sliced.files_ = files_;
  auto next = chosen.begin();
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    bool const wanted = next != chosen.end() && index_of(*next) == i;
    if (wanted) ++next;
    status const added = wanted ? add_parts(sliced, tensors_[i], rows) : add_whole(sliced, tensors_[i]);
    if (!added.ok()) return added.error();
  }
  return sliced;
}

}  // namespace tierpager
