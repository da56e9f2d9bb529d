#include <tierpager/version.hpp>

#define TIERPAGER_TEXT_OF(number) #number
#define TIERPAGER_TEXT(number) TIERPAGER_TEXT_OF(number)

namespace tierpager {

std::string_view library_version() noexcept {
  return TIERPAGER_TEXT(TIERPAGER_VERSION_MAJOR) "." TIERPAGER_TEXT(TIERPAGER_VERSION_MINOR) "." TIERPAGER_TEXT(
      TIERPAGER_VERSION_PATCH);
}

}  // namespace tierpager
