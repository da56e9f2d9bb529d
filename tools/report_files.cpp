#include <tools/report_files.hpp>

#include <algorithm>
#include <filesystem>

#include <unistd.h>

namespace tierpager::tools {

namespace {

// What describes a model lies beside its files.
std::string config_beside(std::string const& path) {
  std::error_code ignored;
  std::filesystem::path const model(path);
  return ((std::filesystem::is_directory(model, ignored) ? model : model.parent_path()) / "config.json").string();
}

}  // namespace

report_files::report_files(temporary_files& temporaries, std::vector<std::pair<std::string, std::string>> const& asked,
                           std::vector<std::string> inputs)
    : temporaries_(temporaries), inputs_(std::move(inputs)) {
  for (auto const& [option, name] : asked)
    if (!name.empty()) outputs_.push_back({option, find_output(name)});
  std::size_t const named = inputs_.size();
  for (std::size_t i = 0; i < named; ++i) inputs_.push_back(config_beside(inputs_[i]));
  require_no_inputs(outputs_, inputs_);
  require_no_models(outputs_);
  require_distinct(outputs_);
  require_writable(outputs_);
}

void report_files::create(catalog const& tensors) {
  require_no_inputs(outputs_, tensors.files());
  std::vector<std::string> beside;
  for (std::string const& each : tensors.files()) {
    std::string config = config_beside(each);
    if (beside.empty() || beside.back() != config) beside.push_back(std::move(config));
  }
  require_no_inputs(outputs_, beside);
  for (named_output const& each : outputs_) files_.push_back(std::make_unique<output_file>(each.target, temporaries_));
}

output_file* report_files::to(std::string_view option) {
  for (std::size_t i = 0; i < outputs_.size(); ++i)
    if (outputs_[i].option == option) return files_.at(i).get();
  return nullptr;
}

void report_files::publish(std::string_view text) {
  for (auto const& file : files_) file->finish();
  bool const taken = std::any_of(outputs_.begin(), outputs_.end(),
                                 [](named_output const& each) { return each.target.descriptor == STDOUT_FILENO; });
  if (!taken) write_standard_output(text);
  temporaries_.publish([&] {
    for (auto const& file : files_) file->commit();
  });
}

}  // namespace tierpager::tools
