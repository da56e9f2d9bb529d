#!/usr/bin/env python3
"""Compiles the cases of a list, and checks which of them the compiler takes and what it says of the others.

Usage: check.py CASES COMPILER INCLUDE_FOLDER...  Prints one line for each case that is not as it should be; exits 1 if any.
"""
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

PRELUDE = """
#include <tierpager/host_stream.hpp>
#include <tierpager/open.hpp>
using namespace tierpager::literals;
void body(tierpager::pager& pager, tierpager::host_stream& stream, tierpager::pager_options& options, tierpager::tensor_id id,
          std::uint64_t n);
void body(tierpager::pager& pager, tierpager::host_stream& stream, tierpager::pager_options& options, tierpager::tensor_id id,
          std::uint64_t n) {
  (void)pager, (void)stream, (void)options, (void)id, (void)n;
"""
HEAD = re.compile(r"([=+]) (\w+)(?: (.+))?$")


def cases_of(path):
    cases = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            head = HEAD.match(line)
            if head:
                cases.append((head[1] == "+", head[2], head[3] or "", []))
            elif line.strip() and not line.startswith("#"):
                cases[-1][3].append(line)
    return cases


def compile_one(command, case):
    done = subprocess.run(command, input=PRELUDE + "".join(case[3]) + "}\n", capture_output=True, text=True, check=False)
    return case, done.returncode, done.stderr


def main():
    cases = cases_of(sys.argv[1])
    folders = [f"-I{folder}" for folder in sys.argv[3:]]
    command = [sys.argv[2], "-x", "c++", "-std=c++20", "-fsyntax-only", "-w", *folders, "-"]
    wrong = 0
    with ThreadPoolExecutor(2) as pool:
        for (compiles, name, message, _), status, said in pool.map(lambda case: compile_one(command, case), cases):
            if compiles and status != 0:
                print(f"{name} does not compile:\n{said}")
            elif not compiles and status == 0:
                print(f"{name} compiles")
            elif not compiles and not re.search(message, said):
                print(f"{name} does not compile, but nothing says '{message}':\n{said}")
            else:
                continue
            wrong += 1
    print(f"{len(cases)} cases, {wrong} wrong")
    return 1 if wrong or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
