#define TIERPAGER_DECLARED declared_by_us
#include <tests/cuda_standin/declared.hpp>
