// What CUDA's headers declare, as data: included by two files, one compiled against the toolkit's headers and one
// against our own, so that a test can compare them. The names come from our own headers (see declared_names in
// CMakeLists.txt). For these two files only; each defines TIERPAGER_DECLARED, the function that hands out its list.
#pragma once

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <cstddef>
#include <string>
#include <typeinfo>

#include <tests/cuda_standin/declared_by.hpp>

#define TIERPAGER_DECLARED_VALUE(name) {#name, std::to_string((long long)(name))},
#define TIERPAGER_DECLARED_FUNCTION(function) {#function, typeid(decltype(&function)).name()},
#define TIERPAGER_DECLARED_SIZE(name) {"sizeof " #name, std::to_string(sizeof(name))},
#define TIERPAGER_DECLARED_MEMBER(type, member) {#type "::" #member, std::to_string(offsetof(type, member))},

#include "declared_names.hpp"

namespace tierpager::cuda_standin {

declarations TIERPAGER_DECLARED() {
  return {TIERPAGER_DECLARED_VALUES(TIERPAGER_DECLARED_VALUE)                   //
          TIERPAGER_DECLARED_FUNCTIONS(TIERPAGER_DECLARED_FUNCTION)             //
          TIERPAGER_DECLARED_SIZE(CUdeviceptr)                                  //
          TIERPAGER_DECLARED_SIZE(CUdevice)                                     //
          TIERPAGER_DECLARED_SIZE(CUmemGenericAllocationHandle)                 //
          TIERPAGER_DECLARED_SIZE(CUmemLocation)                                //
          TIERPAGER_DECLARED_MEMBER(CUmemLocation, type)                        //
          TIERPAGER_DECLARED_MEMBER(CUmemLocation, id)                          //
          TIERPAGER_DECLARED_SIZE(CUmemAccessDesc)                              //
          TIERPAGER_DECLARED_MEMBER(CUmemAccessDesc, location)                  //
          TIERPAGER_DECLARED_MEMBER(CUmemAccessDesc, flags)                     //
          TIERPAGER_DECLARED_SIZE(CUmemAllocationProp)                          //
          TIERPAGER_DECLARED_MEMBER(CUmemAllocationProp, type)                  //
          TIERPAGER_DECLARED_MEMBER(CUmemAllocationProp, requestedHandleTypes)  //
          TIERPAGER_DECLARED_MEMBER(CUmemAllocationProp, location)              //
          TIERPAGER_DECLARED_MEMBER(CUmemAllocationProp, win32HandleMetaData)   //
          TIERPAGER_DECLARED_MEMBER(CUmemAllocationProp, allocFlags)};
}

}  // namespace tierpager::cuda_standin
