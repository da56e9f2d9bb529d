#!/usr/bin/env python3
"""Has examples/generate write one text under several VRAM budgets, and prints each text as it comes and a table of what moved.

Usage: same_text.py GENERATE MODEL --prompt TEXT; see --help. Exit 1 where the ids of the tokens are not the same under every budget,
or where a run fails.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from interrupts import tidied_up

MB = 1e6


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("generate", help="the program")
    parser.add_argument("model", type=Path)
    parser.add_argument("--prompt", required=True)
    parser.add_argument("--chat", action="store_true", help="the prompt is what a user says to an assistant")
    parser.add_argument("--tokens", type=int, default=48, help="write at most so many (%(default)s)")
    parser.add_argument("--vram", type=int, nargs="+", default=[100, 50, 30, 10], help="budgets in %% of the model")
    parser.add_argument("--ram", default="100%")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--figures", type=Path, metavar="FILE", help="write the table as JSON")
    return parser.parse_args()


def write_text(asked, percent, report):
    """One run: its text goes to stdout as it comes. Its report, and what it warned of."""
    print(f"{percent:3} % VRAM: ", end="", flush=True)
    command = [asked.generate, str(asked.model), "--vram", f"{percent}%", "--ram", asked.ram, "--device", asked.device,
               "--prompt", asked.prompt, "--tokens", str(asked.tokens), "--json", str(report)]
    environment = {"GOMP_SPINCOUNT": "10000", **os.environ}  # its threads wait for each other; docs/generate.md says why
    done = subprocess.run(command + ["--chat"] * asked.chat, env=environment, stderr=subprocess.PIPE, text=True, errors="replace",
                          check=False)
    if done.returncode != 0:
        print(flush=True)
        sys.exit(f"{done.stderr.rstrip()}\nsame_text: generate ended with {done.returncode} at {percent} % VRAM")
    with open(report, encoding="utf-8") as file:
        run = json.load(file)
    return {"vram_percent": percent, **run}, [line for line in done.stderr.splitlines() if "warning:" in line]


def device_used(asked, warnings):
    """`auto` is the GPU, or, with a warning, the host device."""
    if asked.device != "auto":
        return asked.device
    return "host" if any("the host device is used" in warning for warning in warnings) else "cuda"


def first_difference(ids, others):
    """The number of the first token that differs, from 1 on; None where all are equal."""
    if ids == others:
        return None
    equal = (one == other for one, other in zip(ids, others))
    return next((at for at, same in enumerate(equal, 1) if not same), min(len(ids), len(others)) + 1)


def told_sameness(run, first):
    if run is first:
        return "-"
    at = first_difference(first["ids"], run["ids"])
    return "yes" if at is None else f"no, token {at} differs"


def print_table(runs, asked):
    model_mb = asked.model.stat().st_size / MB
    print(f"\n{len(runs[0]['ids'])} tokens; VRAM as a share of the model's {model_mb:.0f} MB, RAM {asked.ram}, device {asked.device}")
    print(f"{'VRAM':>17} {'to device':>14} {'from disk':>14} {'tokens':>8} {'not':>9}  same")
    print(f"{'':>17} {'MB a token':>14} {'MB a token':>14} {'a second':>8} {'computing':>9}  text")
    for run in runs:
        percent = run["vram_percent"]
        print(f"{percent:4} % {percent / 100 * model_mb:8.1f} MB {run['bytes_to_device_per_token'] / MB:14.1f}"
              f" {run['bytes_from_disk_per_token'] / MB:14.1f} {run['tokens_per_second']:8.1f}"
              f" {100 * run['share_not_computing']:7.1f} %  {told_sameness(run, runs[0])}")


def figures(runs, asked, equal):
    rows = [{name: round(value, 4) for name, value in run.items() if isinstance(value, (int, float))} for run in runs]
    return {"model": asked.model.name, "prompt": asked.prompt, "ram": asked.ram, "device": asked.device, "tokens": len(runs[0]["ids"]),
            "ids_equal": equal, "budgets": rows}


def main():
    asked = arguments()
    runs, told = [], set()
    with tempfile.TemporaryDirectory() as folder:
        for percent in asked.vram:
            run, warnings = write_text(asked, percent, Path(folder, "report.json"))
            runs.append(run)
            asked.device = device_used(asked, warnings)  # once that is known, no run has to say so again
            for warning in warnings:
                if warning not in told:
                    print(warning, file=sys.stderr, flush=True)
                    told.add(warning)
    print_table(runs, asked)
    equal = all(run["ids"] == runs[0]["ids"] for run in runs)
    if asked.figures:
        asked.figures.write_text(json.dumps(figures(runs, asked, equal), indent=2) + "\n", encoding="utf-8")
    if not runs[0]["ids"]:
        sys.exit("same_text: not a token was written")
    if not equal:
        sys.exit("same_text: the ids of the tokens are not the same under every budget")


if __name__ == "__main__":
    with tidied_up():
        main()
