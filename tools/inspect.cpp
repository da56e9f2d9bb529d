#include <tools/inspect.hpp>

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <tierpager/open.hpp>

#include <tools/metadata_report.hpp>
#include <tools/report_files.hpp>
#include <tools/report_json.hpp>
#include <tools/slices.hpp>
#include <tools/text.hpp>

namespace tierpager::tools {

namespace {

std::string_view name_of(dimension_order order) {
  return order == dimension_order::outermost_first ? "outermost_first" : "innermost_first";
}

}  // namespace

std::string json_of(model const& inspected) {
  json listed = json::array();
  for (tensor_info const& tensor : inspected.tensors) {
    listed.push_back({{"name", tensor.name},
                      {"dtype", tensor.dtype},
                      {"shape", tensor.shape},
                      {"dimension_order", name_of(tensor.order)},
                      {"file", tensor.file},
                      {"offset", tensor.offset},
                      {"bytes", tensor.bytes}});
  }
  metadata const& said = inspected.metadata();
  json all{{"format", said.format}, {"files", inspected.tensors.files()}, {"metadata", json_of(said.values)}};
  if (!said.config_text.empty()) all["config"] = config_json(said);
  all["tensors"] = std::move(listed);
  return text_of(all);
}

std::string text_of(catalog const& tensors) {
  std::size_t name_width = 4;
  std::size_t shape_width = 5;
  auto const shape_of = [](tensor_info const& tensor) { return fmt::format("[{}]", fmt::join(tensor.shape, ", ")); };
  for (tensor_info const& tensor : tensors) {
    name_width = std::max(name_width, printable(tensor.name).size());
    shape_width = std::max(shape_width, shape_of(tensor).size());
  }
  auto text = fmt::memory_buffer();
  auto const to = std::back_inserter(text);
  fmt::format_to(to, "{:<{}}  {:<8}  {:<{}}  {:>4}  {:>15}  {:>15}\n", "name", name_width, "dtype", "shape",
                 shape_width, "file", "offset", "bytes");
  for (tensor_info const& tensor : tensors) {
    fmt::format_to(to, "{:<{}}  {:<8}  {:<{}}  {:>4}  {:>15}  {:>15}\n", printable(tensor.name), name_width,
                   printable(tensor.dtype), shape_of(tensor), shape_width, tensor.file, tensor.offset, tensor.bytes);
  }
  for (std::size_t file = 0; file < tensors.files().size(); ++file) {
    fmt::format_to(to, "file {}: {}\n", file, printable(tensors.files()[file]));
  }
  fmt::format_to(to, "{} tensors, {} bytes ({})\n", tensors.size(), tensors.bytes(), readable_bytes(tensors.bytes()));
  return fmt::to_string(text);
}

void inspect(inspect_options const& options, temporary_files& temporaries) {
  report_files files(temporaries, {{"--json", options.json}}, options.models);
  model inspected = read_model(options.models);
  inspected.tensors = sliced(std::move(inspected.tensors), options.slice);
  files.create(inspected.tensors);
  if (output_file* const report = files.to("--json")) report->write(json_of(inspected));
  files.publish((options.metadata ? text_of(inspected.metadata()) : "") + text_of(inspected.tensors));
}

}  // namespace tierpager::tools
