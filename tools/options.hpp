// The command line as values. Parsing is pure and opens nothing: a file that is missing is found out later, by those
// who read it.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include <tierpager/budget.hpp>
#include <tierpager/open.hpp>

namespace tierpager::tools {

/// Which model, on which device, in how much memory: what every command that pages has in common.
struct paging_options {
  std::vector<std::string> models;
  budget vram = "auto";
  budget ram = "auto";
  device_kind device = device_kind::automatic;
  int ordinal = 0;  // which CUDA device
  source_kind source = source_kind::automatic;
  std::vector<std::string> slice;
  std::vector<std::string> pin_vram;
  std::vector<std::string> pin_ram;
  std::string policy = "auto";
};

struct run_options {
  paging_options paging;
  std::optional<std::uint32_t> passes;
  std::string order;  // the three files: empty for none, and for two of them "-" for standard output
  std::string json;
  std::string trace;
  bool verify = false;
};

struct verify_options {
  paging_options paging;
  std::optional<budget> vram;  // none given: enough for two of the largest tensors
};

struct inspect_options {
  std::vector<std::string> models;
  std::string json;
};

/// What `--help` and `--version` ask to be printed.
struct information {
  std::string text;
};

using command_line = std::variant<information, inspect_options, run_options, verify_options>;

/// The command line makes no sense: exit code 2.
class usage_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws usage_error.
command_line parse_command_line(int count, char const* const* arguments);

}  // namespace tierpager::tools
