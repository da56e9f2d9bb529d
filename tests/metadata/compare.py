#!/usr/bin/env python3
"""Holds `tierpager inspect --json` against the official Python packages: format, metadata key for key, value for value.

Usage: compare.py COMMAND FILE... [--figures FILE]. The packages gguf and safetensors are looked for in this interpreter, in the one
that TIERPAGER_PYTHON names, and in build/venv, where ./dev puts them. Exit 77 where they are nowhere: nothing was compared.
"""
import argparse
import json
import math
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import python_packages

python_packages.need("gguf", "safetensors")
import gguf
import safetensors


def plain(value):
    """As the command spells it in JSON."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def text_of(field, part):
    data = bytes(field.parts[part])
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return {"hex": data.hex()}


def value_of(field):
    if field.types[-1] == gguf.GGUFValueType.STRING:
        texts = [text_of(field, part) for part in field.data]
        return texts if field.types[0] == gguf.GGUFValueType.ARRAY else texts[0]
    values = [plain(each) for part in field.data for each in field.parts[part].tolist()]
    return values if field.types[0] == gguf.GGUFValueType.ARRAY else values[0]


def by_gguf(path):
    fields = gguf.GGUFReader(path).fields
    return {name: value_of(field) for name, field in fields.items() if not name.startswith("GGUF.")}


def by_safetensors(path):
    with safetensors.safe_open(path, framework="np") as opened:
        return opened.metadata() or {}


def differences(here, there):
    """Keys in their order, and each value with its type: 1, 1.0 and true are three values."""
    if list(here) != list(there):
        yield f"has the keys {list(here)}, there are {list(there)}"
    for key in there:
        if key in here and json.dumps(here[key]) != json.dumps(there[key]):
            yield f"reads {key} as {str(here[key])[:200]}, it is {str(there[key])[:200]}"


def compare(command, path):
    read = subprocess.run([command, "inspect", str(path), "--json", "-"], stdout=subprocess.PIPE, check=True).stdout
    report = json.loads(read)
    with open(path, "rb") as file:
        name = "gguf" if file.read(4) == b"GGUF" else "safetensors"
    there = by_gguf(path) if name == "gguf" else by_safetensors(path)
    wrong = list(differences(report["metadata"], there))
    if report["format"] != name:
        wrong.append(f"calls {name} '{report['format']}'")
    for each in wrong:
        print(f"{path}: {each}")
    print(f"{path}: {name}, {len(there)} keys", "differ" if wrong else "equal", flush=True)
    return len(there), len(wrong)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("command")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--figures")
    asked = parser.parse_args()
    results = {path.name: compare(asked.command, path) for path in asked.files}
    if asked.figures:
        Path(asked.figures).write_text(json.dumps({name: {"keys": keys, "wrong": wrong}
                                                   for name, (keys, wrong) in results.items()}), encoding="utf-8")
    return 1 if any(wrong for _keys, wrong in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
