// Where a simulated schedule takes its decisions from: a seed, or every path in turn. Not thread-safe. Knows nothing of
// what is decided.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tierpager::simulation {

class chooser {
 public:
  chooser() = default;
  chooser(chooser const&) = delete;
  chooser& operator=(chooser const&) = delete;
  virtual ~chooser() = default;

  /// A number below `count`, which is at least 1. All are tried.
  virtual std::uint32_t choose(std::uint32_t count) = 0;
  /// The same, but where paths are enumerated only so many answers other than 0 are tried on one path.
  virtual std::uint32_t deviate(std::uint32_t count) = 0;
  /// Where the answer should not matter: random with a seed, always 0 where paths are enumerated.
  virtual std::uint32_t indifferent(std::uint32_t count) = 0;
  /// True that often; where paths are enumerated, a deviation.
  virtual bool happens(std::uint32_t percent) = 0;

  template <class T>
  T const& one_of(std::vector<T> const& values) {
    return values[choose(static_cast<std::uint32_t>(values.size()))];
  }
};

/// The same seed makes the same decisions on every machine.
class seeded final : public chooser {
 public:
  explicit seeded(std::uint64_t seed) : state_(seed) {}
  std::uint32_t choose(std::uint32_t count) override { return static_cast<std::uint32_t>(next() % count); }
  std::uint32_t deviate(std::uint32_t count) override { return choose(count); }
  std::uint32_t indifferent(std::uint32_t count) override { return choose(count); }
  bool happens(std::uint32_t percent) override { return percent > 0 && choose(100) < percent; }

 private:
  std::uint64_t next();
  std::uint64_t state_;
};

/// Enumerates all paths through a program that takes its decisions here: run it, call next_path(), run it again, until
/// that returns false. The program must decide the same way when it is given the same answers.
class every_path final : public chooser {
 public:
  explicit every_path(std::uint32_t deviations_max) : deviations_max_(deviations_max) {}
  std::uint32_t choose(std::uint32_t count) override { return take(count, false); }
  std::uint32_t deviate(std::uint32_t count) override { return take(count, true); }
  std::uint32_t indifferent(std::uint32_t) override { return 0; }
  bool happens(std::uint32_t percent) override { return percent > 0 && deviate(2) == 1; }

  bool next_path();
  /// The answers given on the current path, for a message.
  [[nodiscard]] std::string describe() const;

 private:
  struct step {
    std::uint32_t answer, count;
    bool bounded;
    std::uint32_t deviations_before;
  };
  std::uint32_t take(std::uint32_t count, bool bounded);
  [[nodiscard]] std::uint32_t deviations() const;

  std::uint32_t deviations_max_;
  std::vector<step> steps_;
  std::size_t position_ = 0;
};

}  // namespace tierpager::simulation
