#include <tierpager/warnings.hpp>

#include <cstdio>

namespace tierpager {

void write_warning(std::string const& what) {
  std::string const line = "tierpager: warning: " + what + "\n";
  (void)std::fputs(line.c_str(), stderr);
}

}  // namespace tierpager
