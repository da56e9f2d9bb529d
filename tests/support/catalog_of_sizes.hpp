// A catalog put together from names and sizes alone: one file, one tensor behind the other. What the shapes of models in
// this folder are made with. Not thread-safe.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>

#include <tierpager/catalog.hpp>

namespace tierpager::test {

class catalog_of_sizes {
 public:
  catalog_of_sizes() { built_.add_file("model.gguf"); }

  void add(std::string const& name, std::uint64_t bytes) { add(name, 1, bytes); }
  /// The rows are outermost: `catalog::slice` makes blocks of them.
  void add(std::string const& name, std::uint64_t rows, std::uint64_t row_bytes) {
    value_or_throw(built_.add({.name = name,
                               .dtype = "U8",
                               .shape = {row_bytes, rows},
                               .order = dimension_order::innermost_first,
                               .offset = offset_,
                               .bytes = rows * row_bytes}));
    offset_ += round_up(rows * row_bytes, 32);
  }
  void add_layer(std::size_t number, std::initializer_list<std::uint64_t> sizes) {
    std::size_t i = 0;
    for (std::uint64_t const bytes : sizes) add("blk." + std::to_string(number) + "." + std::to_string(i++), bytes);
  }
  catalog take() { return std::move(built_); }

 private:
  catalog built_;
  std::uint64_t offset_ = 0;
};

}  // namespace tierpager::test
