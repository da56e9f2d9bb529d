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
#include <tierpager/transfer_rates.hpp>

namespace tierpager::tools {

/// How fast things are to be; 0: as fast as they are, or for a plan infinitely fast.
struct speed_options {
  double link_gigabytes_per_second = 0;  // of 1e9 bytes
  double disk_gigabytes_per_second = 0;
  double compute_seconds = 0;  // a pass
};
transfer_rates rates_of(speed_options const& speed);

/// Which model, on which device, in how much memory: what every command that pages has in common.
struct paging_options {
  std::vector<std::string> models;
  budget vram = "auto";
  budget ram = "auto";
  device_kind device = device_kind::automatic;
  int ordinal = 0;  // which CUDA device
  source_kind source = source_kind::automatic;
  std::vector<std::string> slice;  // GLOB or GLOB:ROWS each
  std::vector<std::string> pin_vram;
  std::vector<std::string> pin_ram;
  std::string policy = "auto";
  speed_options speed;
};

struct run_options {
  static constexpr std::uint32_t default_passes = 2;
  paging_options paging;
  std::optional<std::uint32_t> passes;
  std::string order;  // the files: empty for none, and for the report "-" for standard output
  std::string json;
  std::string trace;
  std::string events;
  bool verify = false;
};

struct plan_options {
  static constexpr std::uint32_t default_passes = 4;  // enough to learn the order, and one after that
  paging_options paging;                              // device and source do not matter
  bool all_policies = false;
  std::optional<std::uint32_t> passes;
  std::string order;
  std::string json;
  std::string events;
  std::optional<budget> sweep_step;
  std::optional<double> target_seconds;
};

/// What a command line names to be read: the models and the order file.
std::vector<std::string> inputs_of(paging_options const& paging, std::string const& order);

struct verify_options {
  paging_options paging;
  std::optional<budget> vram;  // none given: enough for two of the largest tensors
};

struct inspect_options {
  std::vector<std::string> models;
  std::vector<std::string> slice;
  std::string json;
  bool metadata = false;  // in the text; JSON has it always
};

/// What `--help` and `--version` ask to be printed.
struct information {
  std::string text;
};

using command_line = std::variant<information, inspect_options, run_options, plan_options, verify_options>;

/// The command line makes no sense: exit code 2.
class usage_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws usage_error.
command_line parse_command_line(int count, char const* const* arguments);

}  // namespace tierpager::tools
