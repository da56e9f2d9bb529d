// A model's metadata as JSON, whole, and as lines for people, with long values cut. Pure; any thread. For the .cpp files of the
// reports alone, as report_json.hpp.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include <tierpager/metadata.hpp>

namespace tierpager::tools {

/// Key by key, each value as what it is in the file. What JSON has no word for: NaN and the infinities are the strings "NaN",
/// "Infinity" and "-Infinity"; a string that is not UTF-8 is {"hex": its bytes}.
nlohmann::ordered_json json_of(key_values const& values);
/// The config.json as it is; as a string where it is not strict JSON.
nlohmann::ordered_json config_json(metadata const& of);

/// A line a key: its name, its type, its value; first those of the file, then those of config.json as `config.json: NAME`.
std::string text_of(metadata const& of);

}  // namespace tierpager::tools
