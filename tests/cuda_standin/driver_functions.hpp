// The driver's functions that the stand-in has, by name: what cudaGetDriverEntryPointByVersion hands out. Any thread.
// None has a symbol of its own, since nothing may link the driver.
#pragma once

namespace tierpager::cuda_standin {

struct driver_function {
  void* address = nullptr;  // null: there is none of that name
  int since = 0;            // the version that brought it
};
driver_function driver_function_named(char const* name);

}  // namespace tierpager::cuda_standin
