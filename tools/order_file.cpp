#include <tools/order_file.hpp>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace tierpager::tools {

namespace {

constexpr std::uint64_t file_bytes_max = std::uint64_t{1} << 30U;

// Lines of a file, a pipe or a terminal; a descriptor that is closed with it.
class line_reader {
 public:
  explicit line_reader(std::string path) : path_(std::move(path)) {
    descriptor_ = path_ == "-" ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
                               : ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (path_ == "-") path_ = "standard input";
    if (descriptor_ < 0) fail(errc::file_not_found, "cannot be opened");
  }
  line_reader(line_reader const&) = delete;
  line_reader& operator=(line_reader const&) = delete;
  ~line_reader() { ::close(descriptor_); }

  /// Without its line feed; none at the end of the file.
  std::optional<std::string_view> next() {
    std::size_t searched = at_;
    while (true) {
      std::size_t const end = text_.find('\n', searched);
      if (end != std::string::npos) return line_until(end, end + 1);
      if (text_.size() - at_ > order_line_bytes_max)
        fail(errc::invalid_argument, fmt::format("line {}: longer than any name", lines_ + 1));
      searched = text_.size() - at_;
      text_.erase(0, std::exchange(at_, 0));
      if (!read_more()) break;
    }
    if (text_.empty()) return std::nullopt;
    return line_until(text_.size(), text_.size());
  }

  [[noreturn]] void fail(errc code, std::string what) const {
    throw error(failure{.code = code,
                        .what = std::move(what),
                        .file = path_,
                        .system_error = code == errc::invalid_argument ? 0 : errno});
  }

  [[noreturn]] void fail(failure why) const {
    why.file = path_;
    throw error(std::move(why));
  }

 private:
  std::string_view line_until(std::size_t end, std::size_t next) {
    std::string_view const line(text_.data() + at_, end - at_);
    at_ = next;
    ++lines_;
    return line;
  }

  bool read_more() {
    constexpr std::size_t piece_bytes = 1U << 16U;
    std::size_t const before = text_.size();
    text_.resize(before + piece_bytes);
    ssize_t got = -1;
    do got = ::read(descriptor_, text_.data() + before, piece_bytes);
    while (got < 0 && errno == EINTR);
    if (got < 0) fail(errc::read_failed, "cannot be read");
    text_.resize(before + static_cast<std::size_t>(got));
    bytes_ += static_cast<std::uint64_t>(got);
    if (bytes_ > file_bytes_max) fail(errc::invalid_argument, "is longer than 1 GiB; does it end?");
    return got > 0;
  }

  std::string path_;
  int descriptor_ = -1;
  std::string text_;    // what was read, from some line on
  std::size_t at_ = 0;  // where in it the next line begins
  std::uint64_t lines_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace

pass_order file_order(catalog const& tensors) {
  pass_order order;
  order.reserve(tensors.size());
  for (std::uint32_t id = 0; id < tensors.size(); ++id) order.push_back(tensor_id{id});
  std::ranges::stable_sort(order, {}, [&](tensor_id id) { return std::pair(tensors[id].file, tensors[id].offset); });
  return order;
}

std::vector<pass_order> read_order_file(std::string const& path, catalog const& tensors) {
  line_reader lines(path);
  order_text order(tensors);
  while (auto const line = lines.next())
    if (status const added = order.add_line(*line); !added.ok()) lines.fail(added.error());
  std::vector<pass_order> passes = std::move(order).finish();
  if (passes.empty()) lines.fail(errc::invalid_argument, "names no tensor");
  return passes;
}

void require_writable_names(std::vector<pass_order> const& passes, catalog const& tensors) {
  for (pass_order const& order : passes)
    for (tensor_id const id : order)
      if (std::string const& name = tensors[id].name; !can_be_written(name))
        throw error(
            failure{.code = errc::invalid_argument, .what = "an order file cannot say this name", .tensor = name});
}

}  // namespace tierpager::tools
