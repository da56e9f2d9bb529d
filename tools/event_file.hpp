// The text of what a pager decided, a line each: `load TIER disk|ram asked|ahead NAME`, `evict TIER REASON NAME`. Pure; any
// thread. For people and for tests that hold two pagers against each other.
#pragma once

#include <span>
#include <string>

#include <tierpager/catalog.hpp>
#include <tierpager/event.hpp>

namespace tierpager::tools {

std::string text_of(std::span<event const> events, catalog const& tensors);

}  // namespace tierpager::tools
