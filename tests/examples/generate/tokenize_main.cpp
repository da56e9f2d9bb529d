// For tokenizer_test.py: splits texts into tokens as examples/generate does. Reads a JSON string a line on standard input, and
// writes a line for each: the ids, and what they stand for.
// Usage: generate_tokenize MODEL
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>

#include <nlohmann/json.hpp>

#include <examples/generate/tokenizer.hpp>
#include <tierpager/open.hpp>

namespace {

void tokenize_lines(std::string const& path) {
  tierpager::model const model = tierpager::read_model({path});
  generate::tokenizer const words(model.metadata());
  for (std::string line; std::getline(std::cin, line);) {
    auto const ids = words.encode(nlohmann::json::parse(line).get<std::string>());
    std::string text;
    for (generate::token_id const id : ids) text += words.decode(id);
    std::cout << nlohmann::json{{"ids", ids}, {"text", text}}.dump(-1, ' ', true) << '\n';
  }
}

}  // namespace

int main(int count, char** arguments) {
  try {
    if (count != 2) return 2;
    tokenize_lines(arguments[1]);
    return 0;
  } catch (std::exception const& failed) {
    std::fprintf(stderr, "generate_tokenize: %s\n", failed.what());
    return 1;
  }
}
