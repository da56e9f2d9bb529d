#include <tools/options.hpp>

#include <map>
#include <sstream>

#include <CLI/CLI.hpp>
#include <tierpager/eviction_policy.hpp>
#include <tierpager/version.hpp>

#include <core/slice_option.hpp>
#include <tools/option_values.hpp>
#include <tools/schedule.hpp>

namespace tierpager::tools {

namespace {

constexpr std::uint32_t passes_max = 1'000'000'000;

// The value, or what is wrong with it as a usage error.
template <class T>
T checked(std::string const& option, result<T> parsed) {
  if (!parsed.ok()) throw CLI::ValidationError(option, parsed.error().describe());
  return std::move(parsed).value();
}

budget parse_budget(std::string const& option, std::string const& text) { return checked(option, budget::parse(text)); }

CLI::Option* add_number(CLI::App& to, std::string const& name, number_range const& within,
                        std::function<void(double)> const& take, std::string const& help) {
  return to
      .add_option_function<std::string>(
          name, [=](std::string const& text) { take(checked(name, parse_number(text, within))); }, help)
      ->type_name(std::string(within.unit));
}

CLI::Option* add_output(CLI::App& to, std::string const& name, std::string& into, std::string const& help) {
  return to
      .add_option_function<std::string>(
          name,
          [&into, name](std::string const& text) {
            std::string const why = why_no_output(name, text);
            if (!why.empty()) throw CLI::ValidationError(name, why);
            into = text;
          },
          help)
      ->type_name(name == "--json" ? "FILE|-" : "FILE");
}

// A repeatable option that takes one value each time, so that it cannot swallow the MODEL behind it.
CLI::Option* add_repeatable(CLI::App& to, std::string const& name, std::vector<std::string>& into,
                            std::string const& help) {
  return to.add_option(name, into, help)->expected(1)->allow_extra_args(false)->take_all()->type_name("GLOB");
}

template <class Kind>
void add_choice(CLI::App& to, std::string const& name, Kind& into, std::map<std::string, Kind> const& choices,
                std::string const& help) {
  std::string names;
  for (auto const& [key, value] : choices) names += (names.empty() ? "" : "|") + key;
  to.add_option_function<std::string>(
        name,
        [&into, name, choices, names](std::string const& text) {
          auto const found = choices.find(text);
          if (found == choices.end()) throw CLI::ValidationError(name, "'" + text + "' is none of " + names);
          into = found->second;
        },
        help)
      ->type_name(names);
}

void add_models(CLI::App& to, std::vector<std::string>& into) {
  to.add_option(
        "MODEL", into,
        "GGUF file, safetensors file, index of safetensors shards, directory that holds one model, or raw manifest; "
        "several make one")
      ->required()
      ->expected(1, CLI::detail::expected_max_vector_size)
      ->type_name("");
}

void add_device_and_source(CLI::App& to, paging_options& into) {
  to.add_option_function<std::string>(
        "--device",
        [&into](std::string const& text) {
          auto const [kind, ordinal] = checked("--device", parse_device(text));
          into.device = kind;
          into.ordinal = ordinal;
        },
        "where the device tier lives (auto: CUDA where it works, else the host device; cuda:N: the N-th GPU, from 0)")
      ->type_name("auto|cuda|cuda:N|host");
  add_choice<source_kind>(to, "--source", into.source, {std::begin(source_kinds), std::end(source_kinds)},
                          "how the file is read");
}

void add_slice(CLI::App& to, std::vector<std::string>& into) {
  add_repeatable(to, "--slice", into,
                 "cut matching tensors into blocks of so many rows of their outermost dimension, named NAME[a:b], or "
                 "without ROWS into single slices, named NAME[i]; repeatable")
      ->type_name("GLOB[:ROWS]")
      ->check([](std::string const& text) {
        auto const asked = parse_slice(text);
        return asked.ok() ? std::string() : asked.error().describe();
      });
}

constexpr char const* budget_help = "bytes, 512MiB, 6GiB, 6GB, 40% (of the model), auto, unlimited, none";

void add_inspect(CLI::App& app, inspect_options& into) {
  CLI::App& inspect = *app.add_subcommand("inspect", "list a model's tensors; opens no device, reserves no memory");
  add_models(inspect, into.models);
  add_slice(inspect, into.slice);
  inspect.add_flag("--metadata", into.metadata,
                   "list what else the files say: GGUF's keys, safetensors' __metadata__, the config.json beside them");
  add_output(inspect, "--json", into.json, "write JSON, metadata included, to FILE, or to standard output for -");
}

void add_budgets(CLI::App& to, paging_options& into, std::string const& note) {
  auto const budget_option = [&](std::string const& name, budget& target, std::string const& help) {
    to.add_option_function<std::string>(
          name, [&target, name](std::string const& text) { target = parse_budget(name, text); },
          help + ": " + budget_help + note)
        ->type_name("SIZE");
  };
  budget_option("--vram", into.vram, "device memory budget");
  budget_option("--ram", into.ram, "page-locked memory budget");
}

void add_order(CLI::App& to, std::optional<std::uint32_t>& passes, std::uint32_t default_passes, std::string& order) {
  to.add_option_function<std::string>(
        "--passes",
        [&passes](std::string const& text) { passes = checked("--passes", parse_count(text, 1, passes_max)); },
        "how many passes (default: those of the order file, " + std::to_string(passes_of_one_order) +
            " where it has one; else " + std::to_string(default_passes) +
            "); an order file's passes are repeated in turn")
      ->type_name("N");
  to.add_option_function<std::string>(
        "--order",
        [&order](std::string const& text) {
          if (text.empty()) throw CLI::ValidationError("--order", "the name of a file to read is empty");
          order = text;
        },
        "acquire the tensors that FILE names, or standard input for -: one a line, '# pass' between passes")
      ->type_name("FILE|-");
}

void add_pins(CLI::App& to, paging_options& into) {
  add_repeatable(
      to, "--pin-vram", into.pin_vram,
      "keep matching tensors in VRAM: a name as it is listed, NAME[3] of a slice too; a glob, where ? is a character, "
      "[abc] one of those, and [[] a bracket; embeddings, output, last:N; repeatable");
  add_repeatable(to, "--pin-ram", into.pin_ram, "the same for page-locked memory");
}

void add_speed(CLI::App& to, speed_options& into, std::string const& without) {
  add_number(
      to, "--link", {1e-9, 1e9, "GB/s"}, [&](double rate) { into.link_gigabytes_per_second = rate; },
      "copies to the device take as long as at so many GB/s" + without);
  add_number(
      to, "--disk", {1e-9, 1e9, "GB/s"}, [&](double rate) { into.disk_gigabytes_per_second = rate; },
      "the same for reads from the file");
  add_number(
      to, "--compute", {0, 1e9, "SECONDS"}, [&](double seconds) { into.compute_seconds = seconds; },
      "work of so long a pass on the stream, in proportion to the bytes of each tensor");
}

void add_json_and_events(CLI::App& to, std::string& json, std::string& events) {
  add_output(to, "--json", json, "write the report as JSON to FILE, or to standard output for -");
  add_output(to, "--events", events, "write what was decided, in order: what was loaded and evicted, and why");
}

void check_policy(std::string const& name) {
  auto const made = make_eviction_policy(name, 1);
  if (!made.ok()) throw CLI::ValidationError("--policy", made.error().describe());
}

void add_run(CLI::App& app, run_options& into) {
  CLI::App& run = *app.add_subcommand("run", "page a model through passes, as inference would");
  paging_options& paging = into.paging;
  add_models(run, paging.models);
  add_budgets(run, paging, "");
  add_device_and_source(run, paging);
  add_slice(run, paging.slice);
  run.add_option_function<std::string>(
         "--policy",
         [&paging](std::string const& name) {
           check_policy(name);
           paging.policy = name;
         },
         "who is evicted first: auto, lru")
      ->type_name("NAME");
  add_order(run, into.passes, run_options::default_passes, into.order);
  add_pins(run, paging);
  add_speed(run, paging.speed, " (host device only, as are --disk and --compute)");
  run.add_flag("--verify", into.verify, "checksum every acquired tensor on the device and hold it against the file");
  add_json_and_events(run, into.json, into.events);
  add_output(run, "--trace", into.trace, "write the order in which tensors were acquired, as an order file");
}

void add_sweep(CLI::App& plan, plan_options& into) {
  plan.add_option_function<std::string>(
          "--sweep",
          [&into](std::string const& text) {
            budget const step = parse_budget("--sweep", text);
            if (step.what() != budget::kind::bytes && step.what() != budget::kind::percent)
              throw CLI::ValidationError("--sweep", "'" + text + "' is not a step: 4GiB, 5%");
            into.sweep_step = step;
          },
          "also a pass in steady state under other VRAM budgets: whole steps of SIZE below and above --vram, until "
          "everything fits; 4GiB, 5%")
      ->type_name("SIZE");
  add_number(
      plan, "--target", {1e-9, 1e9, "SECONDS"}, [&](double seconds) { into.target_seconds = seconds; },
      "the smallest VRAM budget of the sweep (default: --sweep 5%) under which a pass takes no longer");
}

void add_plan(CLI::App& app, plan_options& into) {
  CLI::App& plan = *app.add_subcommand(
      "plan", "say what paging a model would move and how long it would take; opens no device, reads no tensor");
  paging_options& paging = into.paging;
  add_models(plan, paging.models);
  add_budgets(plan, paging,
              " (auto: as TIERPAGER_VRAM or TIERPAGER_RAM say, else for RAM what this machine has to spare)");
  add_slice(plan, paging.slice);
  plan.add_option_function<std::string>(
          "--policy",
          [&into](std::string const& name) {
            into.all_policies = name == "all";
            if (!into.all_policies) check_policy(name);
            into.paging.policy = into.all_policies ? "auto" : name;
          },
          "who is evicted first: auto, lru; or all, to compare them")
      ->type_name("NAME|all");
  add_order(plan, into.passes, plan_options::default_passes, into.order);
  add_pins(plan, paging);
  add_speed(plan, paging.speed, " (default: no time at all)");
  add_sweep(plan, into);
  add_json_and_events(plan, into.json, into.events);
}

// What makes sense of one option only beside another.
void check(plan_options& plan) {
  if (!plan.target_seconds) return;
  speed_options const& speed = plan.paging.speed;
  if (speed.link_gigabytes_per_second == 0 && speed.disk_gigabytes_per_second == 0 && speed.compute_seconds == 0)
    throw usage_error("--target: nothing takes time without --link, --disk or --compute");
  if (!plan.sweep_step) plan.sweep_step = budget("5%");
}

void add_verify(CLI::App& app, verify_options& into) {
  CLI::App& verify =
      *app.add_subcommand("verify", "page every tensor through both tiers, checksummed on the device against the file");
  add_models(verify, into.paging.models);
  verify
      .add_option_function<std::string>(
          "--vram", [&into](std::string const& text) { into.vram = parse_budget("--vram", text); },
          std::string("device memory budget (default: two of the largest tensors): ") + budget_help)
      ->type_name("SIZE");
  verify
      .add_option_function<std::string>(
          "--ram", [&into](std::string const& text) { into.paging.ram = parse_budget("--ram", text); },
          std::string("page-locked memory budget (default: the smallest that works): ") + budget_help)
      ->type_name("SIZE");
  add_device_and_source(verify, into.paging);
  add_slice(verify, into.paging.slice);
}

}  // namespace

transfer_rates rates_of(speed_options const& speed) {
  constexpr double bytes_per_gigabyte = 1e9;
  return {.link_bytes_per_second = speed.link_gigabytes_per_second * bytes_per_gigabyte,
          .disk_bytes_per_second = speed.disk_gigabytes_per_second * bytes_per_gigabyte,
          .compute_seconds = speed.compute_seconds};
}

std::vector<std::string> inputs_of(paging_options const& paging, std::string const& order) {
  std::vector<std::string> inputs = paging.models;
  if (!order.empty()) inputs.push_back(order == "-" ? "/dev/stdin" : order);
  return inputs;
}

command_line parse_command_line(int count, char const* const* arguments) {
  inspect_options inspect;
  run_options run;
  plan_options plan;
  verify_options verify;
  verify.paging.ram = bytes(0);
  CLI::App app("Pages the tensors of a model file through two memory tiers, VRAM and page-locked RAM.", "tierpager");
  app.require_subcommand(1);
  app.set_version_flag("--version", "tierpager " + std::string(library_version()));
  add_inspect(app, inspect);
  add_run(app, run);
  add_plan(app, plan);
  add_verify(app, verify);
  try {
    app.parse(count, arguments);
  } catch (CLI::Success const& asked) {
    std::ostringstream text;
    app.exit(asked, text, text);
    return information{text.str()};
  } catch (CLI::RequiredError const& wrong) {
    std::vector<std::string> const unknown = app.remaining();
    throw usage_error(unknown.empty() ? wrong.what() : "there is no '" + unknown.front() + "' (see --help)");
  } catch (CLI::ArgumentMismatch const& wrong) {
    std::string const text = wrong.what();
    bool const twice = text.find("At Most 1") != std::string::npos;
    throw usage_error(twice ? text.substr(0, text.find(':')) + ": given more than once" : text);
  } catch (CLI::ParseError const& wrong) {
    throw usage_error(wrong.what());
  }
  if (app.got_subcommand("inspect")) return inspect;
  if (app.got_subcommand("run")) return run;
  if (app.got_subcommand("plan")) {
    check(plan);
    return plan;
  }
  return verify;
}

}  // namespace tierpager::tools
