// The files that a command writes beside its text: found and checked before anything is read, created before the work
// starts, and given their names together at its end. One thread. Throws tierpager::error.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tierpager/catalog.hpp>

#include <tools/output.hpp>
#include <tools/output_guard.hpp>

namespace tierpager::tools {

class report_files {
 public:
  /// `asked`: options and the names they were given; an empty name is none. `inputs`: what the command line names to read.
  report_files(temporary_files& temporaries, std::vector<std::pair<std::string, std::string>> const& asked,
               std::vector<std::string> inputs);

  /// The headers are read, and say which files the model has: none of them is written either.
  void create(catalog const& tensors);
  /// To write to what an option asked for; null where it did not. After `create`.
  [[nodiscard]] output_file* to(std::string_view option);
  /// Everything is written out, the text to standard output unless that is what a file goes to, and all files get their
  /// names.
  void publish(std::string_view text);

 private:
  temporary_files& temporaries_;
  std::vector<std::string> inputs_;
  std::vector<named_output> outputs_;
  std::vector<std::unique_ptr<output_file>> files_;  // by index of outputs_
};

}  // namespace tierpager::tools
