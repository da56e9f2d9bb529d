// The parts that the JSON of `run` and of `plan` have in common. Their keys are a contract. Pure; any thread. For the
// .cpp files of the reports alone: the JSON library is not part of what they offer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <core/statistics_parts.hpp>

#include <tools/report.hpp>

namespace tierpager::tools {

using json = nlohmann::ordered_json;

json model_json(std::vector<std::string> const& files, std::uint64_t tensors, std::uint64_t bytes);
json pass_json(pass_report const& pass);
json passes_json(std::vector<pass_report> const& passes);
/// Null for none.
json bound_json(std::optional<byte_bound> const& bound);
/// In ASCII, so that no name commands a terminal. A path may hold bytes that are not UTF-8; the rest of the report is worth
/// having all the same.
std::string text_of(json const& all);

}  // namespace tierpager::tools
