// Writes a model of real shape and pseudo-random weights, for the demo and the tests. Constant memory; the file appears
// whole or not at all, whatever interrupts it. Exit codes as the tierpager command's.
#include <cstdio>
#include <string>

#include <CLI/CLI.hpp>

#include <tools/interrupt.hpp>
#include <tools/model_writer.hpp>
#include <tools/output.hpp>
#include <tools/progress.hpp>
#include <tools/text.hpp>

namespace tierpager::tools {

namespace {

struct make_options {
  std::string format = "safetensors";
  std::uint64_t seed = 1;
  llama_shape shape;
  equal_tensors equal;
  std::string path;
};

void declare(CLI::App& app, make_options& into) {
  llama_shape& shape = into.shape;
  app.add_option("FILE", into.path, "the model to write")->required()->type_name("");
  app.add_option("--format", into.format, "safetensors or gguf")
      ->check(CLI::IsMember({"safetensors", "gguf"}))
      ->type_name("NAME");
  app.add_option("--seed", into.seed, "what the bytes follow from")->type_name("N");
  auto const positive = CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 20U);
  auto const extent = [&](std::string const& name, std::uint64_t& target, std::string const& help) {
    return app.add_option(name, target, help)->check(positive)->capture_default_str()->type_name("N");
  };
  extent("--layers", shape.layers, "transformer layers");
  extent("--hidden", shape.hidden, "width of the residual stream");
  extent("--ffn", shape.feed_forward, "width of the feed-forward block");
  extent("--vocab", shape.vocabulary, "tokens in the vocabulary");
  extent("--heads", shape.heads, "attention heads");
  extent("--kv-heads", shape.kv_heads, "key and value heads");
  auto* const equal = extent("--equal", into.equal.count, "instead: this many tensors of equal size");
  auto* const bytes = app.add_option("--bytes", into.equal.bytes, "size of each of --equal")->type_name("N");
  equal->needs(bytes);
  bytes->needs(equal);
}

void make(make_options const& options) {
  temporary_files temporaries;
  interrupt const signals([&temporaries] { return temporaries.abandon(); });
  written_model const model{
      .format = options.format == "gguf" ? model_format::gguf : model_format::safetensors,
      .seed = options.seed,
      .tensors = options.equal.count > 0 ? equal_sized_tensors(options.equal) : llama_tensors(options.shape),
      .shape = options.shape};
  std::uint64_t total_bytes = 0;
  for (planned_tensor const& tensor : model.tensors) total_bytes += tensor.bytes;
  output_file file(find_output(options.path), temporaries);
  progress bar(total_bytes);
  bar.label("writing");
  write_model(model, file, [&](std::uint64_t bytes) { bar.add(bytes); });
  file.finish();
  temporaries.publish([&file] { file.commit(); });
}

int failed(int exit_code, std::string_view why) {
  std::string const line = "make_model: error: " + printable(why) + "\n";
  std::fputs(line.c_str(), stderr);
  return exit_code;
}

}  // namespace

}  // namespace tierpager::tools

int main(int count, char** arguments) {
  namespace tools = tierpager::tools;
  tools::make_options options;
  CLI::App app("Writes a Llama-like model of pseudo-random BF16 weights; without options one of about 1 GiB.",
               "make_model");
  tools::declare(app, options);
  try {
    app.parse(count, arguments);
    tools::make(options);
    return 0;
  } catch (CLI::Success const& asked) {
    return app.exit(asked);
  } catch (CLI::ParseError const& wrong) {
    return tools::failed(2, wrong.what());
  } catch (std::exception const& failure) {
    return tools::failed(1, failure.what());
  }
}
