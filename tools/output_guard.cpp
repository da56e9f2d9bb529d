#include <tools/output_guard.hpp>

#include <algorithm>

#include <fmt/format.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <core/format/detect.hpp>
#include <core/format/manifest.hpp>
#include <core/format/shard_index.hpp>
#include <host/open_file.hpp>
#include <tierpager/error.hpp>

namespace tierpager::tools {

namespace {

[[noreturn]] void refuse(named_output const& output, std::string const& why) {
  throw error(failure{.code = errc::invalid_argument, .what = output.option + " " + why, .file = output.target.name});
}

bool is_null_device(output_target const& target) {
  constexpr unsigned memory_devices = 1;
  constexpr unsigned null_device = 3;
  return target.now && S_ISCHR(target.now->st_mode) && major(target.now->st_rdev) == memory_devices &&
         minor(target.now->st_rdev) == null_device;
}

bool is_regular(output_target const& target) { return target.now && S_ISREG(target.now->st_mode); }

// A report of `inspect` has tensors as a manifest has, but is none.
bool is_json_of_a_model(open_file const& file) {
  if (file.bytes() > shard_index_bytes_max) return false;
  std::string text(file.bytes(), '\0');
  if (!file.read(0, std::as_writable_bytes(std::span(text))).ok()) return false;
  return shard_index::parse(text).ok() || read_manifest(text).ok();
}

// What kind of model the file is; empty for none.
std::string kind_of_model(output_target const& target) {
  bool const given = target.descriptor >= 0;
  auto const file = open_file::open(given ? fmt::format("/proc/self/fd/{}", target.descriptor) : target.path);
  if (!file.ok()) return "";
  std::string first(std::min<std::uint64_t>(file->bytes(), detect_bytes), '\0');
  if (!file->read(0, std::as_writable_bytes(std::span(first))).ok()) return "";
  switch (detect_format(first, "")) {
    case model_format::gguf: return "a GGUF file";
    case model_format::safetensors: return "a safetensors file";
    case model_format::pickle: return "a file of pickles";
    case model_format::json: return is_json_of_a_model(*file) ? "an index or a manifest of a model" : "";
    default: return "";
  }
}

}  // namespace

void require_distinct(std::vector<named_output> const& outputs) {
  for (auto found = outputs.begin(); found != outputs.end(); ++found) {
    for (auto other = outputs.begin(); other != found; ++other)
      if (found->target.identity == other->target.identity && !is_null_device(found->target))
        refuse(*found, fmt::format("would write what {} writes as '{}': give each output a file of its own",
                                   other->option, other->target.name));
    if (found->target.descriptor >= 0 || !is_regular(found->target)) continue;
    for (int const standard : {STDOUT_FILENO, STDERR_FILENO}) {
      struct stat now {};
      if (::fstat(standard, &now) == 0 && now.st_dev == found->target.now->st_dev &&
          now.st_ino == found->target.now->st_ino)
        refuse(*found,
               fmt::format("writes where standard {} goes as well", standard == STDOUT_FILENO ? "output" : "error"));
    }
  }
}

void require_writable(std::vector<named_output> const& outputs) {
  for (named_output const& each : outputs)
    if (each.target.refused != 0)
      throw error(failure{.code = errc::invalid_argument,
                          .what = "cannot be written",
                          .file = each.target.name,
                          .system_error = each.target.refused});
}

void require_no_models(std::vector<named_output> const& outputs) {
  for (named_output const& each : outputs) {
    if (!is_regular(each.target)) continue;
    std::string const kind = kind_of_model(each.target);
    if (!kind.empty())
      refuse(each, "would overwrite " + kind + ": name another file to write, or remove this one first");
  }
}

void require_no_inputs(std::vector<named_output> const& outputs, std::vector<std::string> const& inputs) {
  for (named_output const& each : outputs)
    if (!each.target.now || S_ISREG(each.target.now->st_mode))
      for (std::string const& input : inputs)
        if (auto const read = identity_of(input); read && *read == each.target.identity)
          refuse(each, "would overwrite '" + input + "', which is read: name another file to write");
}

}  // namespace tierpager::tools
