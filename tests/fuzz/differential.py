#!/usr/bin/env python3
"""Holds the readers against the official Python readers of gguf and safetensors, on seeded mutants of good files.

Usage: differential.py TELL_ANSWERS FOLDER_OF_GOOD_FILES... [--mutants N] [--figures FILE]
Fails where a mutant is accepted here and refused there, unless accepted_here_alone.txt beside this script says why; and where
both accept it but read something else. What is refused here is not shown to the GGUF package: it need not come back.
"""
import argparse
import json
import random
import re
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import gguf
import safetensors

INTERESTING = [0, 1, 2, 3, 4, 7, 8, 31, 32, 63, 64, 127, 128, 255, 256, 4096, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**32,
               2**53, 2**61, 2**62, 2**63 - 1, 2**63, 2**64 - 64, 2**64 - 32, 2**64 - 2, 2**64 - 1]
TOKENS = ["0", "1", "4", "-1", "-0", "1.0", "1e2", "18446744073709551615", "18446744073709551616", "null", "true", "[]", "{}",
          '""', '"F32"', '"U8"', '"BF16"', '"F4"', '"C64"', '"f32"', '"dtype"', '"shape"', '"data_offsets"', '"__metadata__"',
          '"\\u0061"', '"\\ud800"', '"\\u0000"', "[0]", "[0,0]", " ", "\n", ",", "NaN"]
TOKEN = re.compile(rb'"(?:\\.|[^"\\])*"|-?[0-9][0-9.eE+-]*|[\[\]{},:]|true|false|null')


def change_bytes(choose, file, limit):
    at = choose.randrange(limit)
    kind = choose.randrange(6)
    if kind == 0:
        file[at] = choose.randrange(256)
    elif kind == 1:
        file[at] ^= 1 << choose.randrange(8)
    elif kind == 2:
        file[at] = (file[at] + choose.choice([-1, 1, 2, 32])) % 256
    elif kind == 3:
        form = choose.choice(["<I", "<Q"])
        value = choose.choice(INTERESTING) % 2 ** (8 * struct.calcsize(form))
        file[at:at + struct.calcsize(form)] = struct.pack(form, value)
    elif kind == 4:
        del file[at:at + choose.choice([1, 4, 8, 32])]
    else:
        end = at + choose.choice([1, 4, 8, 16, 32])
        file[at:at] = file[at:end]


def mutated_gguf(choose, good):
    file = bytearray(good)
    header = max(64, min(len(file), 1500))
    for _ in range(choose.choice([1, 1, 1, 2, 3])):
        change_bytes(choose, file, min(header, len(file)))
    if choose.randrange(20) == 0:
        file = file[:choose.randrange(len(file))]
    if choose.randrange(20) == 0:
        file += bytes(choose.choice([1, 31, 32, 64, 4096]))
    return bytes(file)


def change_tokens(choose, text):
    tokens = list(TOKEN.finditer(text))
    if not tokens:
        return text
    one, other = choose.choice(tokens), choose.choice(tokens)
    kind = choose.randrange(8)
    if kind == 0:
        new = choose.choice(TOKENS).encode()
    elif kind == 1:
        new = other.group()
    elif kind == 2:
        new = b""
    elif kind == 3:
        new = one.group() + choose.choice([b" ", b"\t\n", b"\r", b"\x0c", b"\x00", b"\xc2\xa0"])
    elif kind == 4:
        begin, end = sorted((one.start(), other.end()))
        return text[:end] + text[begin:end] + text[end:]
    elif kind == 5:  # a field, where there may be one
        fields = [token.end() for token in tokens if token.group() == b"{"]
        at = choose.choice(fields) if fields else 0
        return text[:at] + f'"{choose.choice("xyz")}":{choose.choice(TOKENS)},'.encode() + text[at:]
    elif kind == 6:  # a name or a type for another
        strings = [token for token in tokens if token.group()[:1] == b'"'] or tokens
        one, new = choose.choice(strings), choose.choice(strings).group()
    else:  # whatever may stand between tokens, and may not
        return text[:one.start()] + choose.choice([b" ", b"\n", b"\t", b"\r", b"\x0b", b"/**/"]) + text[one.start():]
    if one.group()[:1].isdigit() and choose.randrange(2):
        new = str((int(float(one.group())) + choose.choice([-8, -4, -1, 1, 4, 8])) % 2**64).encode()
    return text[:one.start()] + new + text[one.end():]


def mutated_safetensors(choose, good):
    length = int.from_bytes(good[:8], "little")
    header, data = good[8:8 + length], good[8 + length:]
    for _ in range(choose.choice([1, 1, 1, 2, 3])):
        if choose.randrange(3):
            header = change_tokens(choose, header)
        else:
            changed = bytearray(header or b"{}")
            change_bytes(choose, changed, len(changed))
            header = bytes(changed)
    if choose.randrange(10) == 0:
        data = choose.choice([data[:-1], data + b"d", b"", data + bytes(8)])
    stated = len(header) if choose.randrange(10) else choose.choice(INTERESTING + [len(header) - 1, len(header) + 1])
    return struct.pack("<Q", stated % 2**64) + header + data


def read_by_gguf(mutant, path):
    path.write_bytes(mutant)
    reader = gguf.GGUFReader(path)
    return [[each.name, each.tensor_type.name, [int(n) for n in each.shape], each.data_offset, each.n_bytes]
            for each in reader.tensors]


def read_by_safetensors(mutant, _):
    return [[name, info["dtype"], info["shape"], bytes(info["data"])] for name, info in safetensors.deserialize(mutant)]


def same(letter, mutant, here, there):
    if letter == "s":
        here = [[name, dtype, shape, mutant[offset:offset + size]] for name, dtype, shape, offset, size in here]
    return sorted(here) == sorted(there)


def allowed(folder):
    """Pairs of a format's letter and an expression that the other reader's words match."""
    rules = []
    for line in (folder / "accepted_here_alone.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            letter, expression, _reason = line.split("  ", 2)
            rules.append((letter, re.compile(expression)))
    return rules


class Comparison:
    def __init__(self, teller, rules, scratch):
        self.teller, self.rules, self.scratch = teller, rules, scratch
        self.wrong = 0

    def here(self, letter, mutant):
        self.teller.stdin.write(letter.encode() + struct.pack("<Q", len(mutant)) + mutant)
        self.teller.stdin.flush()
        line = self.teller.stdout.readline().decode("utf-8", "replace")
        if not line:
            sys.exit("the reader ended: " + mutant.hex())
        return None if line.startswith("refused ") else json.loads(line)

    def report(self, letter, mutant, what):
        self.wrong += 1
        if self.wrong <= 20:
            print(f"{letter}: {what}\n   {mutant.hex()}", flush=True)

    def of(self, letter, mutant, read):
        """What came of it, in a word."""
        here = self.here(letter, mutant)
        if here is None and letter == "g":
            return "refused_here"
        try:
            there = read(mutant, self.scratch)
        except Exception as why:  # whatever a reader raises is a refusal
            if here is None:
                return "refused_by_both"
            words = f"{type(why).__name__}: {why}"
            if any(rule_letter == letter and rule.search(words) for rule_letter, rule in self.rules):
                return "accepted_here_alone_as_written"
            self.report(letter, mutant, f"accepted here, refused there: {words}")
            return "accepted_here_alone"
        if here is None:
            return "refused_here_alone"
        if not same(letter, mutant, here, there):
            self.report(letter, mutant, f"read as {here} here, as {there} there")
            return "read_differently"
        return "accepted_by_both"


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("teller")
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--mutants", type=int, default=100000)
    parser.add_argument("--figures")
    asked = parser.parse_args()
    files = sorted(path for folder in asked.folders for path in folder.rglob("*") if path.is_file())
    figures = {}
    with subprocess.Popen([asked.teller], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as teller, \
            tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as scratch:
        compared = Comparison(teller, allowed(Path(__file__).resolve().parent), Path(scratch) / "mutant")
        for letter, name, mutate, read in (("g", "gguf", mutated_gguf, read_by_gguf),
                                           ("s", "safetensors", mutated_safetensors, read_by_safetensors)):
            good = [path.read_bytes() for path in files if name in (path.suffix[1:], path.parent.name)]
            good = [each for each in good if len(each) < 20000 and compared.here(letter, each) is not None]
            counts = Counter()
            for number in range(asked.mutants):
                choose = random.Random(f"{name} {number}")
                counts[compared.of(letter, mutate(choose, choose.choice(good)), read)] += 1
            figures[name] = {"good_files": len(good), "mutants": asked.mutants, **dict(sorted(counts.items()))}
            print(name, figures[name], flush=True)
        teller.stdin.close()
    figures["readers"] = {each.__name__: version(each.__name__) for each in (gguf, safetensors)}
    if asked.figures:
        Path(asked.figures).write_text(json.dumps(figures), encoding="utf-8")
    return 1 if compared.wrong else 0


def version(package):
    import importlib.metadata
    return importlib.metadata.version(package)


if __name__ == "__main__":
    sys.exit(main())
