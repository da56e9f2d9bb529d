#!/usr/bin/env python3
"""Checks that the page of error codes and the enum have the same numbers and names, and that no cell of the table is empty.

Usage: check_error_table.py PAGE HEADER.  Prints what differs; exits 1 if anything does.
"""
import re
import sys


def codes_of_header(path):
    with open(path, encoding="utf-8") as file:
        body = re.search(r"enum class errc \{(.*?)\};", file.read(), re.DOTALL)[1]
    number, codes = 0, {}
    for name, given in re.findall(r"^\s*(\w+)(?: = (\d+))?,", body, re.MULTILINE):
        number = int(given) if given else number + 1
        codes[number] = name
    return codes


def codes_of_page(path):
    codes = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if not cells[0].isdigit():
                continue
            if len(cells) != 4 or not all(cells):
                sys.exit(f"{path}: not four filled cells: {line.strip()}")
            codes[int(cells[0])] = cells[1].strip("`")
    return codes


def main():
    page, header = codes_of_page(sys.argv[1]), codes_of_header(sys.argv[2])
    for number in sorted(page.keys() | header.keys()):
        if page.get(number) != header.get(number):
            print(f"code {number}: the page has {page.get(number)}, the enum {header.get(number)}")
    print(f"{len(header)} codes")
    return 0 if page == header and header else 1


if __name__ == "__main__":
    sys.exit(main())
