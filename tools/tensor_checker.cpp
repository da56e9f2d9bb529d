#include <tools/tensor_checker.hpp>

#include <algorithm>
#include <cassert>

#include <fmt/format.h>

namespace tierpager::tools {

namespace {

constexpr std::uint64_t piece_bytes = 1U << 20U;
constexpr std::uint64_t result_bytes_max = 4096;

}  // namespace

std::uint64_t tensor_checker::scratch_bytes(device const& on) { return result_bytes_max + on.checksum_scratch_bytes(); }

tensor_checker::tensor_checker(paged_model& pages, source& file)
    : pages_(pages), file_(file), expected_(pages.tensors().size()), piece_(piece_bytes) {}

void tensor_checker::learn(tensor_id id) {
  std::optional<std::uint64_t>& expected = expected_.at(index_of(id));
  if (expected) return;
  tensor_info const& tensor = pages_.tensors()[id];
  checksum_accumulator sum;
  for (std::uint64_t done = 0; done < tensor.bytes;) {
    std::span const piece = std::span(piece_).first(std::min(piece_bytes, tensor.bytes - done));
    value_or_throw(file_.read(tensor.file, tensor.offset + done, piece));
    sum.add(piece);
    done += piece.size();
  }
  expected = sum.value();
}

void tensor_checker::check(handle const& acquired) {
  if (!pages_.on_device() || acquired.size_bytes() == 0) {
    checksum_accumulator sum;
    sum.add(std::span(acquired.data(), acquired.size_bytes()));
    return compare(acquired.id(), sum.value());
  }
  device& on = pages_.hardware();
  std::span<std::byte> const scratch = pages_.pages().scratch();
  assert(scratch.size() >= scratch_bytes(on));
  std::byte* const result = scratch.data() + waiting_.size() * sizeof(std::uint64_t);
  std::span const bytes(acquired.data(), acquired.size_bytes());
  value_or_throw(on.checksum_async(pages_.stream(), bytes, result, scratch.subspan(result_bytes_max)));
  waiting_.push_back(acquired.id());
  if ((waiting_.size() + 1) * sizeof(std::uint64_t) > result_bytes_max) finish();
}

void tensor_checker::finish() {
  std::byte const* result = waiting_.empty() ? nullptr : pages_.pages().scratch().data();
  for (tensor_id const id : waiting_) {
    compare(id, value_or_throw(pages_.hardware().read_back(pages_.stream(), result)));
    result += sizeof(std::uint64_t);
  }
  waiting_.clear();
}

void tensor_checker::compare(tensor_id id, std::uint64_t checksum) {
  std::optional<std::uint64_t> const expected = expected_.at(index_of(id));
  assert(expected.has_value());
  ++checked_;
  if (checksum == *expected) return;
  ++mismatches_;
  if (first_mismatch_) return;
  tensor_info const& tensor = pages_.tensors()[id];
  first_mismatch_ =
      failure{.code = errc::device_failed,
              .what = fmt::format("{} hold other bytes than the file, checksum {:016x} instead of {:016x}",
                                  pages_.on_device() ? "the device's" : "RAM's", checksum, *expected),
              .file = pages_.tensors().files().at(tensor.file),
              .tensor = tensor.name};
}

}  // namespace tierpager::tools
