#!/usr/bin/env python3
"""Checks that every test a page names (`suite.test` in backticks) exists in the test sources.

Usage: check_named_tests.py TESTS_FOLDER PAGE...  Prints PAGE:LINE: what for each that does not; exits 1 if any, or if
no page names a test at all.
"""
import os
import re
import sys

DEFINED = re.compile(r"\bTEST(?:_P|_F)?\(\s*(\w+)\s*,\s*(\w+)\s*\)|\bTYPED_TEST(?:_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\)")
NAMED = re.compile(r"`([a-z][a-z0-9_]*\.[a-z][a-z0-9_]*)`")
FILE_ENDINGS = ("cpp", "hpp", "cu", "cuh", "py", "md", "txt", "json", "cmake", "gguf", "safetensors")


def defined_tests(folder):
    found = set()
    for where, _, names in os.walk(folder):
        for name in names:
            if not name.endswith((".cpp", ".hpp", ".cu", ".cuh")):
                continue
            with open(os.path.join(where, name), encoding="utf-8") as file:
                for suite, test, typed_suite, typed_test in DEFINED.findall(file.read()):
                    found.add(f"{suite or typed_suite}.{test or typed_test}")
    return found


def main():
    defined = defined_tests(sys.argv[1])
    named = wrong = 0
    for page in sys.argv[2:]:
        with open(page, encoding="utf-8") as file:
            lines = file.read().split("\n")
        for number, line in enumerate(lines, 1):
            for name in NAMED.findall(line):
                if name.split(".")[1] in FILE_ENDINGS:
                    continue
                named += 1
                if name not in defined:
                    wrong += 1
                    print(f"{page}:{number}: no test is called {name}")
    if named == 0:
        print("no page names a test")
    return 1 if wrong > 0 or named == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
