#include <tools/model_facts.hpp>

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <tools/text.hpp>

namespace tierpager::tools {

namespace {

constexpr std::size_t name_bytes_max = 120;

std::string name_text(std::string const& name) { return shortened(printable(name), name_bytes_max); }

}  // namespace

model_facts facts_of(catalog const& tensors, least_budgets const& least) {
  model_facts facts{.dtypes = {}, .largest_name = {}, .least = least};
  std::map<std::string, dtype_total> totals;
  for (tensor_info const& each : tensors) {
    dtype_total& total = totals[each.dtype];
    ++total.tensors;
    total.bytes += each.bytes;
    if (!facts.largest_name.empty() && each.bytes <= facts.largest_bytes) continue;
    facts.largest_name = each.name;
    facts.largest_bytes = each.bytes;
  }
  for (auto& [dtype, total] : totals) {
    total.dtype = dtype;
    facts.dtypes.push_back(total);
  }
  std::stable_sort(facts.dtypes.begin(), facts.dtypes.end(),
                   [](dtype_total const& left, dtype_total const& right) { return left.bytes > right.bytes; });
  return facts;
}

std::string text_of(model_facts const& facts) {
  constexpr std::size_t listed_max = 8;
  if (facts.dtypes.empty()) return "";
  std::string text = "types";
  std::size_t const listed = std::min(facts.dtypes.size(), listed_max);
  for (std::size_t i = 0; i < listed; ++i) {
    dtype_total const& each = facts.dtypes[i];
    text += fmt::format("{} {}: {} in {} tensor{}", i > 0 ? ";" : "", name_text(each.dtype), readable_bytes(each.bytes),
                        each.tensors, each.tensors == 1 ? "" : "s");
  }
  if (facts.dtypes.size() > listed) text += fmt::format("; and {} more types", facts.dtypes.size() - listed);
  text += fmt::format("\nlargest {}, {}\n", name_text(facts.largest_name), readable_bytes(facts.largest_bytes));
  auto const budget = [](std::optional<std::uint64_t> const& bytes, std::string_view tier) {
    return bytes ? fmt::format("{} bytes of {}", *bytes, tier) : fmt::format("no {}", tier);
  };
  return text + fmt::format("least that works: {}, {}\n", budget(facts.least.vram_bytes, "VRAM"),
                            budget(facts.least.ram_bytes, "RAM"));
}

nlohmann::ordered_json json_of(model_facts const& facts) {
  using json = nlohmann::ordered_json;
  json dtypes = json::object();
  for (dtype_total const& each : facts.dtypes) dtypes[each.dtype] = {{"tensors", each.tensors}, {"bytes", each.bytes}};
  auto const budget = [](std::optional<std::uint64_t> const& bytes) { return bytes ? json(*bytes) : json(nullptr); };
  json const largest =
      facts.dtypes.empty() ? json(nullptr) : json({{"name", facts.largest_name}, {"bytes", facts.largest_bytes}});
  return {{"dtypes", dtypes},
          {"largest", largest},
          {"least", {{"vram", budget(facts.least.vram_bytes)}, {"ram", budget(facts.least.ram_bytes)}}}};
}

}  // namespace tierpager::tools
