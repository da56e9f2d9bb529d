// What the files of a model say of it besides its tensors: a GGUF header's keys and values, the `__metadata__` of a
// safetensors header, the config.json beside that. Read with the model, then read-only: any thread.
#pragma once

#include <string>
#include <string_view>

#include <tierpager/export.hpp>
#include <tierpager/key_values.hpp>

namespace tierpager {

/// Of a split or sharded model the first part's; of several models the first one's. Empty for a catalog built in code.
struct TIERPAGER_EXPORT metadata {
  /// "gguf", "safetensors" or "manifest"; empty where no file was read.
  std::string format = {};
  /// GGUF: its keys. safetensors: the strings of `__metadata__`.
  key_values values = {};
  /// safetensors: the values of the config.json beside it, `hidden_size` or, inside of another, `rope_scaling.factor`; an array
  /// of arrays or objects has its elements as `name.0`, `name.1` and so on. Empty where there is none, or where it is not
  /// strict JSON, or says too much of itself: its text is there all the same. An array of several kinds of values is null.
  key_values config = {};
  /// safetensors: the text of that config.json, as it stands there; empty where there is none of at most a mebibyte.
  std::string config_text = {};

  /// The same of `values`.
  template <metadata_readable T>
  [[nodiscard]] T get(std::string_view key) const {
    return values.get<T>(key);
  }
  /// The same of `values`.
  template <metadata_readable T>
  [[nodiscard]] T get_or(std::string_view key, T otherwise) const {
    return values.get_or<T>(key, std::move(otherwise));
  }
  /// The same of `values`.
  [[nodiscard]] std::optional<metadata_value> find(std::string_view key) const { return values.find(key); }
  /// The same of `values`.
  [[nodiscard]] bool contains(std::string_view key) const { return values.contains(key); }
};

}  // namespace tierpager
