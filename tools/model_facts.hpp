// What a model's headers say that helps to choose budgets: how many bytes are of which type, the largest tensor, and the least
// budgets under which it can be paged at all. Pure; any thread. Reads no tensor.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <tierpager/catalog.hpp>

#include <nlohmann/json_fwd.hpp>

namespace tierpager::tools {

struct dtype_total {
  std::string dtype;
  std::uint64_t tensors = 0;
  std::uint64_t bytes = 0;
};

/// With the pins asked for, and one tensor at a time.
struct least_budgets {
  std::optional<std::uint64_t> vram_bytes;  // none without such a tier
  std::optional<std::uint64_t> ram_bytes;
};

struct model_facts {
  std::vector<dtype_total> dtypes;  // the most bytes first
  std::string largest_name;         // empty in a model without tensors
  std::uint64_t largest_bytes = 0;
  least_budgets least;
};

model_facts facts_of(catalog const& tensors, least_budgets const& least);

std::string text_of(model_facts const& facts);
/// {"dtypes", "largest", "least"}
nlohmann::ordered_json json_of(model_facts const& facts);

}  // namespace tierpager::tools
