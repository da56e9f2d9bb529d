#!/usr/bin/env python3
"""Builds the text generator of somebody else, in the folder `generator`, against what is installed, and holds what it writes against
what the package `gguf` and numpy compute: on a model that is made here, in all of its memory and in little.

Usage: generator_test.py PREFIX WORK [CMAKE_OPTION...]. PREFIX is where tierpager is installed, and WORK is emptied. Exit 77 where the
Python packages gguf, numpy and tokenizers are missing.
"""
import json
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "support"), str(HERE.parent / "examples" / "generate")]
import python_packages

python_packages.need("gguf", "numpy", "tokenizers")
import make_models
import reference

SURE = 0.05  # the least lead of a token of the reference that floats added in another order do not take
BUDGETS = ["100%", "55%"]  # a layer is two fifths of the model


def build(prefix, work, options):
    shutil.rmtree(work, ignore_errors=True)
    subprocess.run(["cmake", "-S", HERE / "generator", "-B", work, "-DCMAKE_BUILD_TYPE=Release", f"-DCMAKE_PREFIX_PATH={prefix}",
                    *options], check=True)
    subprocess.run(["cmake", "--build", work], check=True)
    return work / "generator"


def sure_ids(answer):
    """Those up to the first that might be another."""
    unsure = [at for at, margin in enumerate(answer["margins"]) if margin <= SURE]
    return answer["ids"][:min(unsure, default=len(answer["ids"]))]


def write(generator, model, vram, answer):
    """What it wrote, and how many bytes went to the device."""
    command = [generator, model, vram, len(sure_ids(answer)), *answer["prompt_ids"]]
    said = subprocess.run([str(each) for each in command], capture_output=True, check=False)
    if said.returncode != 0:
        sys.exit(f"generator failed: {said.stderr.decode()}")
    return said.stdout.decode(errors="replace"), int(said.stderr.split()[0])


def main():
    prefix, work, *options = sys.argv[1:]
    work = Path(work).resolve()
    generator = build(Path(prefix).resolve(), work, options)
    make_models.write_models(work)
    path = work / "llama.gguf"
    reference.write_answers(path, make_models.TEXTS, work / "llama.json")
    answers = json.loads((work / "llama.json").read_text(encoding="utf-8"))["answers"]
    words = reference.Model(path).words
    compared = failed = 0
    for answer in answers:
        ids = sure_ids(answer)
        compared += len(ids)
        wanted = " ".join(map(str, ids)) + "\n" + words.decode(ids, skip_special_tokens=False) + "\n"
        written, moved = zip(*(write(generator, path, vram, answer) for vram in BUDGETS))
        for vram, text in zip(BUDGETS, written):
            if text != wanted:
                print(f"{vram} VRAM, after {answer['prompt']!r}: {text!r}, not {wanted!r}")
                failed += 1
        if moved[1] < 2 * moved[0]:
            print(f"{moved[1]} bytes moved in {BUDGETS[1]} VRAM and {moved[0]} in {BUDGETS[0]}: nothing was paged")
            failed += 1
    print(f"{compared} tokens compared, {failed} texts differ")
    return 1 if failed or compared < 24 else 0


if __name__ == "__main__":
    sys.exit(main())
