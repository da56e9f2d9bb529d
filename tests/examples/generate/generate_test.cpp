// The text generator against a reference that computed the same model in another way, and against itself in less memory.
// Usage: generate_tests --model=FILE.gguf --reference=FILE.json, which reference.py wrote. Without the model it is skipped.
#include <algorithm>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <examples/generate/tokenizer.hpp>
#include <examples/generate/transformer.hpp>

namespace generate {
namespace {

using tierpager::budget;
using tierpager::percent;
using tierpager::tier;

std::string model_file, reference_file;

struct answer {
  std::string prompt;
  std::vector<token_id> prompt_ids, ids;
  std::vector<float> margins;  // by which each id leads the second best
};

std::vector<answer> const& answers() {
  static std::vector<answer> const all = [] {
    std::vector<answer> read;
    auto const file = nlohmann::json::parse(std::ifstream(reference_file));
    for (auto const& each : file.at("answers"))
      read.push_back({each.at("prompt"), each.at("prompt_ids"), each.at("ids"), each.at("margins")});
    return read;
  }();
  return all;
}

// With its tables in blocks of rows, as the program has them.
tierpager::model const& the_model() {
  static tierpager::model const opened = [] {
    tierpager::model read = tierpager::read_model({model_file});
    for (char const* const table : {"token_embd.weight", "output.weight"})
      if (read.tensors.find(table)) read.tensors = tierpager::value_or_throw(read.tensors.slice(table, 2048));
    return read;
  }();
  return opened;
}

std::uint64_t bytes_of(std::vector<tierpager::tensor_id> const& set) {
  std::uint64_t sum = 0;
  for (tierpager::tensor_id const id : set) sum += the_model().tensors[id].bytes;
  return sum;
}

// A part of the model, but what the largest set needs at the least.
budget vram_of(llama const& shape, double part) {
  std::uint64_t largest = 0;
  for (auto const& set : shape.order()) largest = std::max(largest, bytes_of(set));
  auto const asked = static_cast<std::uint64_t>(part * static_cast<double>(the_model().tensors.bytes()));
  return tierpager::bytes(std::max(asked, largest + largest / 4));
}

token_id likeliest(std::vector<float> const& scores) {
  return static_cast<token_id>(std::ranges::max_element(scores) - scores.begin());
}

constexpr std::size_t tokens = 24;

// One text at a time is written by it.
struct writer {
  writer(tierpager::pager& pages, llama const& shape)
      : weights(pages), model(make_host_model(shape, weights, 200, 1)) {}

  std::vector<token_id> write(std::vector<token_id> const& prompt,
                              std::function<void(std::size_t)> const& before_each) {
    std::vector<token_id> ids;
    for (std::vector<float> scores = model->next(prompt); ids.size() < tokens; scores = model->next({&ids.back(), 1})) {
      ids.push_back(likeliest(scores));
      before_each(ids.size());
    }
    return ids;
  }

  paged_weights weights;
  std::unique_ptr<language_model> model;
};

class generated_text : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::ifstream(model_file) || !std::ifstream(reference_file)) GTEST_SKIP() << "there is no " << model_file;
  }

  tierpager::pager open(tierpager::pager_options options) {
    tierpager::pager pages(the_model(), tierpager::open_device(tierpager::device_kind::host), std::move(options));
    pages.set_order(shape().order());
    return pages;
  }

  static llama const& shape() {
    static llama const made(the_model().tensors, the_model().metadata());
    return made;
  }

  std::vector<token_id> written(
      tierpager::pager& pages, std::function<void(std::size_t)> const& before_each = [](auto) {}) {
    return writer(pages, shape()).write(answers().front().prompt_ids, before_each);
  }

  // With all the memory there is.
  std::vector<token_id> const& wanted() {
    static std::vector<token_id> const ids = [this] {
      tierpager::pager pages = open({.vram = percent(100), .ram = percent(100)});
      return written(pages);
    }();
    return ids;
  }
};

// The reference's ids go on with the text whatever was likeliest here, so that each id is compared.
TEST_F(generated_text, is_the_references_wherever_that_is_sure) {
  tokenizer const words(the_model().metadata());
  tierpager::pager pages = open({.vram = vram_of(shape(), 0.5), .ram = percent(100)});
  constexpr float sure = 0.05F;
  std::size_t compared = 0;
  for (answer const& each : answers()) {
    ASSERT_EQ(words.encode(each.prompt), each.prompt_ids) << each.prompt;
    writer text(pages, shape());
    std::vector<float> scores = text.model->next(each.prompt_ids);
    for (std::size_t i = 0; i < each.ids.size(); ++i) {
      if (each.margins[i] > sure) {
        EXPECT_EQ(likeliest(scores), each.ids[i]) << "token " << i << " behind: " << each.prompt;
        ++compared;
      }
      scores = text.model->next({&each.ids[i], 1});
    }
  }
  EXPECT_GE(compared, 3 * tokens * 3 / 4) << "the reference is sure of too little";
}

TEST_F(generated_text, is_the_same_at_any_budget) {
  for (double const vram : {1.0, 0.5, 0.3, 0.1})
    for (double const ram : {100.0, 50.0}) {
      tierpager::pager pages = open({.vram = vram_of(shape(), vram), .ram = percent(ram)});
      EXPECT_EQ(written(pages), wanted()) << vram << " of VRAM, " << ram << " % of RAM";
    }
}

TEST_F(generated_text, is_the_same_with_pins) {
  tierpager::pager pages =
      open({.vram = vram_of(shape(), 0.6), .ram = percent(60), .pin_vram = {"*norm.weight"}, .pin_ram = {"blk.1.*"}});
  EXPECT_EQ(written(pages), wanted());
}

TEST_F(generated_text, is_the_same_while_budgets_change) {
  tierpager::pager pages = open({.vram = vram_of(shape(), 1), .ram = percent(100)});
  auto const change = [&](std::size_t written) {
    if (written == 4) pages.set_budget(tier::vram, vram_of(shape(), 0.3));
    if (written == 8) pages.set_budget(tier::ram, percent(50));
    if (written == 12) pages.set_budget(tier::vram, vram_of(shape(), 0.6));
    if (written == 16) pages.set_budget(tier::vram, vram_of(shape(), 0.1));
    if (written == 20) pages.set_budget(tier::ram, percent(100));
  };
  EXPECT_EQ(written(pages, change), wanted());
}

TEST_F(generated_text, is_the_same_on_two_threads_of_one_pager) {
  std::vector<token_id> const& alone = wanted();
  tierpager::pager pages = open({.vram = vram_of(shape(), 0.5), .ram = percent(100)});
  std::vector<token_id> beside;
  std::thread other([&] { beside = written(pages); });
  EXPECT_EQ(written(pages), alone);
  other.join();
  EXPECT_EQ(beside, alone);
}

// Control tokens stand for nothing that is written.
TEST_F(generated_text, comes_of_tokens) {
  tokenizer const words(the_model().metadata());
  for (answer const& each : answers()) {
    std::string text, wanted = each.prompt;
    for (token_id const id : each.prompt_ids) text += words.decode(id);
    for (std::string const control : {"<|im_start|>", "<|im_end|>"})
      for (std::size_t at = wanted.find(control); at != std::string::npos; at = wanted.find(control))
        wanted.erase(at, control.size());
    EXPECT_EQ(text, wanted);
  }
}

}  // namespace

// --name=value
bool read_argument(std::string_view argument, std::string_view name, std::string& into) {
  if (!argument.starts_with(name)) return false;
  into = argument.substr(name.size());
  return true;
}

}  // namespace generate

int main(int count, char** arguments) {
  testing::InitGoogleTest(&count, arguments);
  for (int i = 1; i < count; ++i)
    if (!generate::read_argument(arguments[i], "--model=", generate::model_file) &&
        !generate::read_argument(arguments[i], "--reference=", generate::reference_file)) {
      std::fprintf(stderr, "unknown argument: %s\n", arguments[i]);
      return 2;
    }
  return RUN_ALL_TESTS();
}
