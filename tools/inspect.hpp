// `tierpager inspect`: what a model's headers say, as a table and as JSON. Opens no device, reserves nothing, reads no
// tensor bytes. One thread.
#pragma once

#include <string>

#include <tierpager/model.hpp>

#include <tools/options.hpp>
#include <tools/temporary_files.hpp>

namespace tierpager::tools {

/// Throws tierpager::error.
void inspect(inspect_options const& options, temporary_files& temporaries);

/// The two forms it prints: JSON, whose keys are a contract, and a table.
std::string json_of(model const& inspected);
std::string text_of(catalog const& tensors);

}  // namespace tierpager::tools
