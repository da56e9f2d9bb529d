// The two lists of what CUDA's headers declare: see declared.hpp. Pure functions, for declarations_test; there is
// nothing here where there is no toolkit to compare with.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace tierpager::cuda_standin {

using declarations = std::vector<std::pair<std::string, std::string>>;  // a name, and its value or type
declarations declared_by_toolkit();
declarations declared_by_us();

}  // namespace tierpager::cuda_standin
