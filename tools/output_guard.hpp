// Refuses outputs that would destroy something: an input by whatever name, a model, one file for two outputs. Reads the
// first bytes of files that are there, and writes nothing. One thread. Throws tierpager::error.
#pragma once

#include <string>
#include <vector>

#include <tools/output_target.hpp>

namespace tierpager::tools {

/// An option that names a file to write, and what it leads to.
struct named_output {
  std::string option;  // "--json"
  output_target target;
};

/// No two of them lead to one file (/dev/null takes any number), and none to a file that standard output or standard error
/// goes to.
void require_distinct(std::vector<named_output> const& outputs);
/// The system allows to write each of them.
void require_writable(std::vector<named_output> const& outputs);
/// None of them is a model file of a known format, named as an input or not: a user who writes `--json *.gguf` loses nothing.
void require_no_models(std::vector<named_output> const& outputs);
/// None of them leads to one of these files, which need not exist.
void require_no_inputs(std::vector<named_output> const& outputs, std::vector<std::string> const& inputs);

}  // namespace tierpager::tools
