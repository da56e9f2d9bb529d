// Writes text with a model of the Llama family that may be larger than the memory it is given. docs/generate.md walks
// through the files of this folder.
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <thread>

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <CLI/CLI.hpp>

#include <examples/generate/tokenizer.hpp>
#include <examples/generate/transformer.hpp>

namespace generate {
namespace {

using clock = std::chrono::steady_clock;

struct options {
  std::string model, prompt, vram = "auto", ram = "auto", device = "auto", baseline, json;
  std::uint32_t tokens = 64, rows = 2048;
  unsigned threads = std::thread::hardware_concurrency();
  double temperature = 0;
  std::uint64_t seed = 1;
  bool chat = false;
};

void describe(CLI::App& app, options& into) {
  app.add_option("MODEL", into.model, "GGUF file, architecture llama or qwen2")->required();
  app.add_option("--prompt", into.prompt, "text to go on with")->required();
  app.add_flag("--chat", into.chat, "the text is what a user says to an assistant (ChatML)");
  app.add_option("--tokens", into.tokens, "write at most so many")->check(CLI::Range(1U, 1U << 20U));
  app.add_option("--vram", into.vram, "device memory: 512MiB, 40% (of the model), auto, unlimited");
  app.add_option("--ram", into.ram, "page-locked memory, the same way");
  app.add_option("--device", into.device, "what computes")->check(CLI::IsMember({"auto", "cuda", "host"}));
  app.add_option("--temperature", into.temperature, "0: always the likeliest token")->check(CLI::Range(0.0, 100.0));
  app.add_option("--seed", into.seed, "of the draws, at a temperature above 0");
  app.add_option("--threads", into.threads, "of the host device")->check(CLI::Range(1U, 1024U));
  app.add_option("--rows", into.rows, "page the embedding in blocks of so many rows; 0: whole");
  app.add_option("--baseline", into.baseline, "no pager: the file mapped, or read into memory, on the CPU")
      ->check(CLI::IsMember({"mmap", "resident"}));
  app.add_option("--json", into.json, "write the tokens' ids and the figures to a file");
}

// Of the tokens behind the first, which the pass of the prompt gives.
struct figures {
  std::vector<token_id> ids;
  double tokens_per_second = 0, share_not_computing = 0, to_device_bytes = 0, from_disk_bytes = 0;  // bytes of a token
};

token_id choose(std::vector<float> const& scores, double temperature, std::mt19937_64& random) {
  auto const best = std::ranges::max_element(scores);
  if (temperature == 0) return static_cast<token_id>(best - scores.begin());
  std::vector<double> shares;
  for (float const score : scores) shares.push_back(std::exp((score - *best) / temperature));
  return std::discrete_distribution<token_id>(shares.begin(), shares.end())(random);
}

// Prints each token as it comes.
figures write(language_model& model, tokenizer const& words, tierpager::pager* pages,
              std::vector<token_id> const& prompt, options const& asked) {
  figures made;
  std::mt19937_64 random(asked.seed);
  std::vector<float> scores = model.next(prompt);
  auto const counted = [&] { return pages != nullptr ? pages->stats() : tierpager::statistics{}; };
  auto const before = counted();
  double const busy_before = model.busy_seconds();
  clock::time_point const start = clock::now();
  while (true) {
    token_id const token = choose(scores, asked.temperature, random);
    if (words.ends_text(token)) break;
    made.ids.push_back(token);
    std::cout << words.decode(token) << std::flush;
    if (made.ids.size() == asked.tokens) break;
    scores = model.next(std::span(&token, 1));
  }
  std::cout << std::endl;
  auto const after = counted();
  double const seconds = std::chrono::duration<double>(clock::now() - start).count();
  if (made.ids.size() < 2) return made;
  auto const passes = static_cast<double>(made.ids.size() - 1);
  made.tokens_per_second = passes / seconds;
  made.share_not_computing = std::max(0.0, 1 - (model.busy_seconds() - busy_before) / seconds);
  made.to_device_bytes = static_cast<double>(after.bytes_to_device - before.bytes_to_device) / passes;
  made.from_disk_bytes = static_cast<double>(after.bytes_from_disk - before.bytes_from_disk) / passes;
  return made;
}

void report(figures const& made, std::string const& json) {
  auto const& [ids, rate, idle, to_device, from_disk] = made;
  fmt::print(stderr,
             "{} tokens, {:.2f} a second; each {:.1f} MB to the device, {:.1f} MB from disk; {:.1f} % not computing\n",
             ids.size(), rate, to_device / 1e6, from_disk / 1e6, idle * 100);
  if (json.empty()) return;
  std::ofstream file(json);
  fmt::print(file,
             R"({{"ids": [{}], "tokens_per_second": {}, "bytes_to_device_per_token": {},)"
             R"( "bytes_from_disk_per_token": {}, "share_not_computing": {}}}{})",
             fmt::join(ids, ", "), rate, to_device, from_disk, idle, '\n');
  if (!file.flush()) throw std::runtime_error("cannot write " + json);
}

void run(options const& asked) {
  if (std::error_code none; std::filesystem::equivalent(asked.json, asked.model, none))
    throw std::runtime_error("--json " + asked.json + " is the model");
  tierpager::model opened = tierpager::read_model({asked.model});
  if (asked.rows > 0)
    for (char const* const table : {"token_embd.weight", "output.weight"})
      if (opened.tensors.find(table))
        opened.tensors = tierpager::value_or_throw(opened.tensors.slice(table, asked.rows));
  llama const shape(opened.tensors, opened.metadata());
  tokenizer const words(opened.metadata());
  auto const prompt = words.encode(
      asked.chat ? "<|im_start|>user\n" + asked.prompt + "<|im_end|>\n<|im_start|>assistant\n" : asked.prompt);
  std::uint32_t const positions = static_cast<std::uint32_t>(prompt.size()) + asked.tokens;

  if (!asked.baseline.empty()) {
    plain_weights weights(opened, asked.baseline == "resident");
    auto const model = make_host_model(shape, weights, positions, asked.threads);
    return report(write(*model, words, nullptr, prompt, asked), asked.json);
  }
  auto const device = tierpager::open_device(asked.device == "cuda"   ? tierpager::device_kind::cuda
                                             : asked.device == "host" ? tierpager::device_kind::host
                                                                      : tierpager::device_kind::automatic);
  tierpager::pager pages(std::move(opened), device, {.vram = asked.vram, .ram = asked.ram});
  pages.set_order(shape.order());
  paged_weights weights(pages);
  auto const model = device->name() == "cuda" ? make_cuda_model(shape, weights, positions)
                                              : make_host_model(shape, weights, positions, asked.threads);
  report(write(*model, words, &pages, prompt, asked), asked.json);
}

}  // namespace
}  // namespace generate

int main(int count, char** arguments) try {
  generate::options asked;
  CLI::App app("Writes text with a model that may be larger than its memory.", "generate");
  generate::describe(app, asked);
  CLI11_PARSE(app, count, arguments);
  generate::run(asked);
  return 0;
} catch (std::exception const& failed) {
  fmt::print(stderr, "generate: error: {}\n", failed.what());
  return 1;
}
