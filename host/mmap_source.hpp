// Reads a model's files through read-only mappings. Any number of threads at once. The process itself never touches a
// mapped page: bytes are copied out by a system call that reports a lost page, so a file cut while it is read is an
// error, never a signal and never zeros. As with pread_source, a change within one tick of the file system's clock that
// leaves the size as it was cannot be seen.
#pragma once

#include <memory>
#include <vector>

#include <host/open_file.hpp>
#include <tierpager/source.hpp>

namespace tierpager {

/// The system call that copies out of a mapping; automatic takes the first that the system allows.
enum class mapped_copy : std::uint8_t { automatic, process_vm_readv, proc_self_mem };

class mmap_source final : public source {
 public:
  /// Maps every file, in the order of the catalog's. `read_failed` where the system refuses a mapping, `unsupported`
  /// where it allows neither call (or not the one asked for).
  static result<std::unique_ptr<mmap_source>> open(std::vector<open_file> files,
                                                   mapped_copy by = mapped_copy::automatic);
  ~mmap_source() override;

  status read(std::uint32_t file, std::uint64_t offset, std::span<std::byte> target) override;
  [[nodiscard]] std::optional<std::uint64_t> bytes_of(std::uint32_t file) const override;
  /// The call in use: not `automatic`.
  [[nodiscard]] mapped_copy copies_by() const { return by_; }

 private:
  explicit mmap_source(std::vector<open_file> files) : files_(std::move(files)) {}
  status map();
  status choose_copy(mapped_copy by);
  /// Bytes copied, at least 1, or -1 with errno; never faults.
  [[nodiscard]] ssize_t copy_out(std::byte const* from, std::span<std::byte> target) const;

  // Constant after open().
  std::vector<open_file> files_;
  std::vector<std::byte const*> mappings_;  // null for an empty file
  mapped_copy by_ = mapped_copy::automatic;
  int self_memory_ = -1;  // /proc/self/mem, where that is used
};

}  // namespace tierpager
