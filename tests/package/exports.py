#!/usr/bin/env python3
"""Checks what a shared library of tierpager shows: all that the public headers declare, and nothing else.

Usage: exports.py LIBRARY ARCHIVE... -- HEADER...  Everything that the archives define and whose class or function is public has
to be exported by the library. Prints what is missing or should not be there; exits 1 if anything.
"""
import re
import subprocess
import sys

PARAMETERS = re.compile(r"\(.*")
TABLES = re.compile(r"^(?:vtable|typeinfo name|typeinfo|VTT) for |^(?:virtual|non-virtual) thunk to ")


def defined(files, dynamic):
    command = ["nm", "--demangle", "--defined-only", *(["--dynamic"] if dynamic else ["--extern-only"]), *files]
    names = set()
    for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
        found = re.match(r"[0-9a-f]+ ([A-Za-z]) (.+)$", line)
        if found:
            names.add((found[1], found[2]))
    return names


def public_names(headers):
    """The classes that public headers define, and the functions at namespace scope that they declare, in namespace tierpager."""
    classes, functions = set(), set()
    for header in headers:
        with open(header, encoding="utf-8") as file:
            text = file.read()
        classes |= set(re.findall(r"^(?:class|struct)(?: TIERPAGER_EXPORT)?(?: \[\[nodiscard\]\])? (\w+)[^;{]*\{", text, re.MULTILINE))
        functions |= set(re.findall(r"TIERPAGER_EXPORT [\w:<>, ]+[&*]? (\w+)\(", text))
        functions |= set(re.findall(r"^(?:\[\[nodiscard\]\] )?[\w:<>, ]+[&*]* (\w+)\([^{]*?\)(?: noexcept)?;", text, re.MULTILINE))
    return classes, functions


def without_return_type(symbol):
    """An instance of a function template has it in front: `std::optional<int> tierpager::metadata_value::as<int>() const`."""
    depth = 0
    for at, letter in enumerate(symbol):
        depth += (letter in "<(") - (letter in ">)")
        if depth == 0 and symbol.startswith(" tierpager::", at):
            return symbol[at + 1:]
    return symbol


def qualified(symbol):
    name = TABLES.sub("", symbol).replace("[abi:cxx11]", "")
    if not name.startswith("tierpager::"):
        name = re.sub(r"<.*", "", without_return_type(name))
    return PARAMETERS.sub("", name)


def is_public(symbol, classes, functions):
    parts = qualified(symbol).split("::")
    if parts[0] != "tierpager" or len(parts) < 2:
        return False
    return parts[1] in classes or (len(parts) == 2 and parts[1] in functions)


def main():
    files, headers = sys.argv[1:sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1:]
    classes, functions = public_names(headers)
    exported = {name for _, name in defined(files[:1], dynamic=True)}
    wrong = sorted(f"not public, but exported: {name}" for name in exported if not is_public(name, classes, functions))
    strong = {name for kind, name in defined(files[1:], dynamic=False)
              if kind in "TDBR" or (kind == "W" and " tierpager::" in name and not name.startswith("tierpager::"))}
    shown = {qualified(name) for name in exported}  # an overload may be of the inside alone
    # A class inside of another, and a template whose instances each program makes for itself.
    nested = re.compile(r"tierpager::cuda_device::parts\b|tierpager::name_view::view_of\b")
    wrong += sorted(f"public, but not exported: {name}" for name in strong - exported
                    if is_public(name, classes, functions) and not nested.search(name) and qualified(name) not in shown)
    print("\n".join([*wrong, f"{len(exported)} exported, {len(wrong)} wrong"]))
    return 1 if wrong or not exported else 0


if __name__ == "__main__":
    sys.exit(main())
