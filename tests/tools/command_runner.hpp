// Runs the real commands as a user would, for tests: as processes with their output caught. One thread. What goes wrong
// in starting them is thrown; how they end is the outcome.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace tierpager::tests {

/// A new directory, removed with what is in it.
class scratch_directory {
 public:
  scratch_directory();
  scratch_directory(scratch_directory const&) = delete;
  scratch_directory& operator=(scratch_directory const&) = delete;
  ~scratch_directory();

  [[nodiscard]] std::string path(std::string const& name) const { return (root_ / name).string(); }
  /// Names of the files in it, sorted.
  [[nodiscard]] std::vector<std::string> files() const;

 private:
  std::filesystem::path root_;
};

struct outcome {
  int exit_code = -1;  // minus the signal's number where one ended it
  std::string output;
  std::string errors;
};

/// A process that was started: its output is caught unless `output_to` or `errors_to` name a file to open instead.
class running_command {
 public:
  running_command(std::string const& program, std::vector<std::string> const& arguments,
                  std::string const& output_to = "", std::string const& errors_to = "");
  running_command(running_command const&) = delete;
  running_command& operator=(running_command const&) = delete;
  ~running_command();

  void signal(int number) const;
  [[nodiscard]] pid_t process() const { return process_; }
  /// Whether it has ended.
  bool ended();
  outcome wait();

 private:
  scratch_directory caught_;
  pid_t process_ = -1;
  int status_ = 0;
  bool ended_ = false;
};

/// The tierpager command, from start to end.
outcome tierpager_command(std::vector<std::string> const& arguments);
/// The model writer; fails the test where it fails.
void make_model(std::vector<std::string> const& arguments);

std::string tierpager_path();
std::string make_model_path();

std::string read_file(std::string const& path);
void write_file(std::string const& path, std::string const& text);

}  // namespace tierpager::tests
