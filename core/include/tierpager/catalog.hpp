// The tensors of a model: names, types, shapes and where their bytes lie. Built by the format readers or in code,
// then read-only: safe from any thread once built. Holds no tensor bytes and opens no file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tierpager/error.hpp>
#include <tierpager/export.hpp>
#include <tierpager/name_view.hpp>
#include <tierpager/types.hpp>

namespace tierpager {

/// Which end of `shape` is the outermost dimension: safetensors lists it first, GGUF last.
enum class dimension_order : std::uint8_t { outermost_first, innermost_first };

/// The smallest group of elements of a type that fills whole bytes, and quantised types are stored in: Q4_K has blocks of 256
/// elements in 144 bytes, F32 of 1 in 4.
struct block_geometry {
  std::uint32_t elements = 0;  // in a block
  std::uint32_t bytes = 0;     // that it takes
  friend bool operator==(block_geometry, block_geometry) = default;
};

/// One tensor, or a part of one, as the file describes it.
struct TIERPAGER_EXPORT tensor_info {
  std::string name;                                          // unique in its catalog; parts: NAME[i], NAME[a:b]
  std::string dtype;                                         // as the format spells it: "BF16", "Q4_K"
  std::vector<std::uint64_t> shape;                          // elements, in the file's order; empty for a scalar
  dimension_order order = dimension_order::outermost_first;  // of `shape`
  std::uint32_t file = 0;                                    // index into catalog::files()
  std::uint64_t offset = 0;                                  // from the file's start
  std::uint64_t bytes = 0;                                   // that lie there one behind the other

  /// Of its dtype; 0 elements in 0 bytes where that is a type which neither GGUF nor safetensors has.
  [[nodiscard]] block_geometry block() const;
  /// The outermost dimension: how many rows there are to slice. 0 for a scalar.
  [[nodiscard]] std::uint64_t rows() const {
    if (shape.empty()) return 0;
    return order == dimension_order::outermost_first ? shape.front() : shape.back();
  }
};

/// All tensors of a model, in a fixed order: an id is an index into it. Names are unique.
class TIERPAGER_EXPORT catalog {
 public:
  /// How many parts one call of slice makes at most.
  static constexpr std::uint64_t slices_max = 1'000'000;

  /// Returns the new file's index. Paths are kept as given.
  std::uint32_t add_file(std::string path);
  /// Makes room for so many tensors in all, so that adding them takes no more memory than they need.
  void reserve(std::size_t tensors);
  /// `invalid_argument` where the name is taken, the file index unknown, offset + bytes wraps, or all tensors together have
  /// more than 2^56 bytes (64 PiB).
  result<tensor_id> add(tensor_info info);

  /// How many tensors.
  [[nodiscard]] std::size_t size() const { return tensors_.size(); }
  /// The tensor of an id; throws std::out_of_range where there is none.
  [[nodiscard]] tensor_info const& operator[](tensor_id id) const { return tensors_.at(index_of(id)); }
  /// All of them, by id: `for (auto const& tensor : catalog)`.
  [[nodiscard]] auto begin() const { return tensors_.begin(); }
  /// Behind the last of them.
  [[nodiscard]] auto end() const { return tensors_.end(); }
  /// The same as an array, by id.
  [[nodiscard]] std::span<tensor_info const> infos() const { return tensors_; }
  /// The paths that tensor_info::file counts.
  [[nodiscard]] std::vector<std::string> const& files() const { return files_; }
  /// The tensor of that name, if there is one. Takes the same time however many there are.
  [[nodiscard]] std::optional<tensor_id> find(name_view name) const;
  /// The one tensor of exactly that name, if there is one: so the name of a slice can be written as it is. Else the ids
  /// whose names match a shell glob (`*`, `?`, `[...]`, of whole characters in
  /// UTF-8; '/' and a leading '.' are ordinary), in id order. In a glob the
  /// bracket of a slice is written `[[]`: `*_exps.weight[[]0]`.
  [[nodiscard]] std::vector<tensor_id> match(name_view glob) const;
  /// Sum of all tensors' bytes.
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

  /// A catalog in which every tensor that `match` finds is replaced, in place, by parts of so many rows: slices along its
  /// outermost dimension. With one row each they are named NAME[0], NAME[1], ... and lose that dimension. With more they
  /// are named NAME[a:b], b not included; the dimension is then b - a, and the last part may have fewer rows. A tensor
  /// with no more rows than that stays whole under its own name. What is sliced already can be sliced again: the rows
  /// are those of the part, NAME[3][0:128]. Fails with `unknown_tensor` where nothing matches, `invalid_argument` for 0
  /// rows, a scalar, bytes that do not divide evenly into rows, or more than `slices_max` parts in all: the message says
  /// how many there would be, and with how many rows each there would be few enough.
  [[nodiscard]] result<catalog> slice(name_view glob, std::uint64_t rows = 1) const;

 private:
  [[nodiscard]] std::size_t place_of(std::string_view name, std::uint32_t hash) const;
  void make_places(std::size_t tensors);

  std::vector<std::string> files_;
  std::vector<tensor_info> tensors_;
  std::vector<std::uint32_t> hashes_;  // of their names
  std::vector<std::uint32_t>
      by_name_;  // one more than an id, or 0 where a place is free: a power of two of them, half of
                 // them free at least. An id lies where its hash says, or in the next free place
  std::uint64_t bytes_ = 0;
};

}  // namespace tierpager
