// The `tierpager` command: one of inspect, run, plan, verify. Exit code 0: done; 1: it failed; 2: wrong usage. A failure is
// one line on standard error.
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <tools/inspect.hpp>
#include <tools/interrupt.hpp>
#include <tools/options.hpp>
#include <tools/output.hpp>
#include <tools/plan.hpp>
#include <tools/progress.hpp>
#include <tools/run.hpp>
#include <tools/text.hpp>
#include <tools/verify.hpp>

namespace tierpager::tools {

namespace {

// A file opened where standard output was closed would take its number, and be written to.
void keep_standard_descriptors_taken() {
  for (int const standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(standard, F_GETFD) < 0 && ::open("/dev/null", O_RDONLY) < 0) return;
  }
}

// A model of many files takes a descriptor for each; shells give programs fewer than they may have.
void raise_descriptor_limit() {
  rlimit files = {};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == files.rlim_max) return;
  files.rlim_cur = files.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &files);
}

struct dispatch {
  temporary_files& temporaries;

  void operator()(information const& asked) const { write_standard_output(asked.text); }
  void operator()(inspect_options const& options) const { inspect(options, temporaries); }
  void operator()(run_options const& options) const { run(options, temporaries); }
  void operator()(plan_options const& options) const { plan(options, temporaries); }
  void operator()(verify_options const& options) const { verify(options); }
};

int failed(int exit_code, std::string_view why) {
  constexpr std::size_t bytes_max = 8192;  // what errors of the library say is shorter
  std::string const line = "tierpager: error: " + shortened(printable(why), bytes_max) + "\n";
  std::fputs(line.c_str(), stderr);
  return exit_code;
}

}  // namespace

}  // namespace tierpager::tools

int main(int count, char** arguments) {
  namespace tools = tierpager::tools;
  tools::keep_standard_descriptors_taken();
  tools::raise_descriptor_limit();
  std::signal(SIGPIPE, SIG_IGN);  // a reader that went away is a failed write like another
  std::signal(SIGXFSZ, SIG_IGN);  // and so is a limit of the file's size
  tools::temporary_files temporaries;
  try {
    tools::interrupt const signals([&temporaries] {
      bool const dying = temporaries.abandon();
      if (dying) tools::wipe_progress();
      return dying;
    });
    std::visit(tools::dispatch{temporaries}, tools::parse_command_line(count, arguments));
    return 0;
  } catch (tools::usage_error const& wrong) {
    return tools::failed(2, wrong.what());
  } catch (std::exception const& failure) {
    return tools::failed(1, failure.what());
  }
}
