#include <tools/inspect.hpp>

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <tierpager/open.hpp>

#include <tools/report_files.hpp>
#include <tools/slices.hpp>
#include <tools/text.hpp>

namespace tierpager::tools {

std::string json_of(catalog const& tensors) {
  using json = nlohmann::ordered_json;
  json listed = json::array();
  for (tensor_info const& tensor : tensors) {
    listed.push_back({{"name", tensor.name},
                      {"dtype", tensor.dtype},
                      {"shape", tensor.shape},
                      {"file", tensor.file},
                      {"offset", tensor.offset},
                      {"bytes", tensor.bytes}});
  }
  json const all{{"files", tensors.files()}, {"tensors", std::move(listed)}};
  return all.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
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
  catalog const tensors = sliced(read_model(options.models).tensors, options.slice);
  files.create(tensors);
  if (output_file* const json = files.to("--json")) json->write(json_of(tensors));
  files.publish(text_of(tensors));
}

}  // namespace tierpager::tools
