#include <tests/tools/command_runner.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <system_error>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tierpager::tests {

scratch_directory::scratch_directory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "tierpager_test_XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::system_error(errno, std::generic_category(), pattern);
  root_ = pattern;
}

scratch_directory::~scratch_directory() {
  std::error_code ignored;
  std::filesystem::remove_all(root_, ignored);
}

std::vector<std::string> scratch_directory::files() const {
  std::vector<std::string> names;
  for (auto const& entry : std::filesystem::directory_iterator(root_))
    names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

running_command::running_command(std::string const& program, std::vector<std::string> const& arguments,
                                 std::string const& output_to, std::string const& errors_to) {
  std::vector<std::string> words{program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);

  int const flags = O_WRONLY | O_CREAT | O_NOCTTY;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO,
                                   (output_to.empty() ? caught_.path("out") : output_to).c_str(), flags, 0600);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO,
                                   (errors_to.empty() ? caught_.path("err") : errors_to).c_str(), flags, 0600);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t defaults;
  sigemptyset(&defaults);
  for (int const number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&defaults, number);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  int const code = ::posix_spawn(&process_, program.c_str(), &actions, &attributes, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (code != 0) throw std::system_error(code, std::generic_category(), program);
}

running_command::~running_command() {
  if (ended_) return;
  signal(SIGKILL);
  ::waitpid(process_, nullptr, 0);
}

void running_command::signal(int number) const { ::kill(process_, number); }

bool running_command::ended() {
  if (!ended_) ended_ = ::waitpid(process_, &status_, WNOHANG) == process_;
  return ended_;
}

outcome running_command::wait() {
  while (!ended_) ended_ = ::waitpid(process_, &status_, 0) == process_;
  auto const caught = [&](std::string const& name) {
    return std::filesystem::exists(caught_.path(name)) ? read_file(caught_.path(name)) : std::string();
  };
  return {.exit_code = WIFEXITED(status_) ? WEXITSTATUS(status_) : -WTERMSIG(status_),
          .output = caught("out"),
          .errors = caught("err")};
}

outcome tierpager_command(std::vector<std::string> const& arguments) {
  return running_command(tierpager_path(), arguments).wait();
}

void make_model(std::vector<std::string> const& arguments) {
  outcome const made = running_command(make_model_path(), arguments).wait();
  ASSERT_EQ(made.exit_code, 0) << made.errors;
}

std::string tierpager_path() { return TIERPAGER_COMMAND; }
std::string make_model_path() { return TIERPAGER_MAKE_MODEL; }

std::string read_file(std::string const& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::system_error(errno, std::generic_category(), path);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(std::string const& path, std::string const& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) throw std::system_error(errno, std::generic_category(), path);
}

}  // namespace tierpager::tests
