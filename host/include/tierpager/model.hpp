// A model as its files describe it: what read_model returns and a pager takes. A plain value; any thread, as long as nobody
// changes it.
#pragma once

#include <memory>

#include <tierpager/catalog.hpp>
#include <tierpager/export.hpp>
#include <tierpager/metadata.hpp>
#include <tierpager/source.hpp>

namespace tierpager {

/// What the files of a model say, and a way to read them.
struct TIERPAGER_EXPORT model {
  catalog tensors;                            // what there is, and where
  std::shared_ptr<tierpager::source> source;  // reads its bytes; may serve several pagers
  tierpager::metadata file_metadata = {};     // what else the files say

  /// What the files say besides the tensors; valid as long as the model.
  [[nodiscard]] tierpager::metadata const& metadata() const { return file_metadata; }
};

}  // namespace tierpager
