#define TIERPAGER_DECLARED declared_by_toolkit
#include <tests/cuda_standin/declared.hpp>
