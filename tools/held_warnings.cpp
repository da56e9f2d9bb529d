#include <tools/held_warnings.hpp>

#include <utility>

namespace tierpager::tools {

void held_warnings::add(std::string const& what) {
  std::scoped_lock const lock(mutex_);
  held_.push_back(what);
}

void held_warnings::write() {
  std::vector<std::string> all;
  {
    std::scoped_lock const lock(mutex_);
    all = std::exchange(held_, {});
  }
  for (std::string const& what : all) write_warning(what);
}

}  // namespace tierpager::tools
