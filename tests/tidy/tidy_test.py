"""Plants one breach of the style at a time in a temporary tree and expects tools/tidy to name its line, and no other."""
import os
import re
import subprocess
import sys
import tempfile
import unittest

TIDY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "tidy")
HEADER = "// What it is.\n// Who may call it.\n#pragma once\n"


def lines(count):
    return "".join(f"  value += {number};\n" for number in range(count))


def member_lines(count):
    return "".join(f"  int a{number}_ = 0;\n" for number in range(count))


# Files that break nothing: each shape that a brace tracker could mistake.
CLEAN = {
    "core/include/tierpager/types.hpp": HEADER + "#include <cstdint>\n",
    "core/residency.hpp": HEADER + "#include <tierpager/types.hpp>\n",
    "host/include/tierpager/pager.hpp": HEADER + "#include <chrono>\n#include <tierpager/types.hpp>\n",
    "host/options.cpp": '#include <cstdlib>\nchar const* read() { return std::getenv("TIERPAGER_RAM"); }\n',
    "host/executor.cpp": "#include <mutex>\n#include \"core/residency.hpp\"\n"
                         "// getenv and src are words in a comment, \"dst\" in a string\n"
                         "char const* text = \"src { std::cout\";\nchar brace = '{';\nint big = 1'000'000;\n"
                         "char const* raw = R\"({ src )\" not the end )\";\n",
    "core/shapes.cpp": "#define OPEN {\n"
                       "struct options { int a = 1; };\n"
                       "int table[] = {1,\n" + lines(80).replace("value +=", "+").replace(";", ",") + "};\n"
                       "class worker final : base {\n public:\n" + "  int f();\n" * 80 +
                       "  worker(options o = {}) : a_{1}, b_{o.a} {\n" + lines(60) + "  }\n"
                       "  int g() {\n" + lines(60) + "  }\n};\n",
    "tests/core/order_test.cpp": "TEST(order, holds) {\n" + lines(68) + "}\n",
    "core/order/tracker.hpp": HEADER + "class TIERPAGER_EXPORT tracker {\n public:\n  void f();\n  struct part;\n"
                              " private:\n" +
                              member_lines(25) + "  int g_() { int a_ = 1; return a_; }\n};\nstruct tracker::part {\n  void h();\n};\n",
    "core/order/tracker.cpp": "#include <core/order/tracker.hpp>\nnamespace {\nstruct own { void f(); };\nvoid own::f() {}\n}\n"
                              "void tracker::f() {}\nvoid tracker::part::h() { std::sort(a, b); }\n",
    "core/residency/admission.hpp": HEADER + "#include <core/residency/slot_table.hpp>\n",
    "core/plan/plan.cpp": "#include <core/order/acquire_order.hpp>\n#include <core/plan/plan.hpp>\n",
    "tools/plan.cpp": '#include "bench/comparison/arc.hpp"\n',
    "tools/report": "#!/usr/bin/env python3\nprint(1)\n",
}

# What is planted: path, text, the line that must be named, a word of the message.
PLANTED = {
    "tab": ("core/a.cpp", "int a;\n\tint b;\n", 2, "tab"),
    "trailing_blank": ("core/a.cpp", "int a; \n", 1, "blanks"),
    "wide_line": ("core/a.cpp", "int a;\n" + "// " + "x" * 138 + "\n", 2, "141 columns"),
    "wide_script_line": ("tools/report", "#!/bin/bash\n" + "#" * 141 + "\n", 2, "141 columns"),
    "long_file": ("core/a.cpp", "int a;\n" * 401, 401, "401 lines"),
    "no_last_newline": ("core/a.cpp", "int a;", 1, "newline"),
    "camel_case_file": ("core/ByteReader.hpp", HEADER, 1, "snake_case"),
    "stray_test": ("core/a_test.hpp", HEADER, 1, "outside tests"),
    "bare_header": ("core/a.hpp", "#pragma once\n", 1, "2 to 6 lines"),
    "chatty_header": ("core/a.hpp", "// x\n" * 7 + "#pragma once\n", 1, "here 7"),
    "no_pragma": ("core/a.hpp", "// x\n// y\nint a;\n", 3, "#pragma once"),
    "using_namespace": ("core/a.hpp", HEADER + "using namespace std;\n", 4, "using namespace"),
    "core_thread": ("core/a.cpp", "#include <vector>\n#include <thread>\n", 2, "pure"),
    "core_file": ("core/a.cpp", "#include <sys/stat.h>\n", 1, "pure"),
    "core_cuda": ("core/a.cpp", "#include <cuda_runtime.h>\n", 1, "pure"),
    "core_sees_host": ("core/a.cpp", "#include <tierpager/pager.hpp>\n", 1, "must not include host"),
    "core_sees_host_private": ("core/a.cpp", '#include "host/executor.hpp"\n', 1, "must not include host"),
    "order_sees_plan": ("core/order/a.cpp", "#include <core/plan/plan.hpp>\n", 1, "core/order must not include core/plan"),
    "plan_sees_residency": ("core/plan/a.cpp", '#include "core/residency/residency.hpp"\n', 1, "must not include core/residency"),
    "cuda_sees_host": ("cuda/a.cpp", "#include <tierpager/pager.hpp>\n", 1, "must not include host"),
    "host_sees_cuda": ("host/a.cpp", '#include "cuda/event_pool.hpp"\n', 1, "must not include cuda"),
    "host_sees_runtime": ("host/a.cpp", "#include <cuda_runtime_api.h>\n", 1, "only cuda/"),
    "tools_see_tests": ("tools/a.cpp", '#include "tests/faulty_source.hpp"\n', 1, "must not include tests"),
    "tools_see_benchmarks": ("tools/a.cpp", '#include "bench/micro/support.hpp"\n', 1, "must not include bench"),
    "core_sees_comparison": ("core/a.cpp", '#include "bench/comparison/arc.hpp"\n', 1, "must not include bench"),
    "comparison_sees_tools": ("bench/comparison/a.cpp", '#include "tools/text.hpp"\n', 1, "must not include tools"),
    "bench_sees_examples": ("bench/a.cpp", '#include "examples/a.hpp"\n', 1, "must not include examples"),
    "example_sees_core": ("examples/a.cpp", '#include "core/residency.hpp"\n', 1, "public headers only"),
    "public_sees_private": ("core/include/tierpager/a.hpp", HEADER + '#include "core/residency.hpp"\n', 4, "no private one"),
    "relative_include": ("core/a.cpp", '#include "../core/residency.hpp"\n', 1, "path from the root"),
    "short_word": ("host/a.cpp", "int a;\nint f(int dst);\n", 2, "source and target"),
    "compound_word": ("host/a.cpp", "int src_offset;\n", 1, "source and target"),
    "library_prints": ("core/a.cpp", "void f() { std::printf(\"x\"); }\n", 1, "prints nothing"),
    "core_environment": ("core/a.cpp", "auto a = getenv(\"A\");\n", 1, "no environment"),
    "second_environment": ("tools/a.cpp", "auto a = std::getenv(\"A\");\n", 1, "one file only"),
    "date": ("core/a.cpp", "int a;  // added 2024-01-31\n", 1, "no dates"),
    "intention": ("core/a.cpp", "int a;  // TODO: more\n", 1, "intentions"),
    "no_header": ("core/alone.cpp", "int a;\n", 1, "there is no alone.hpp"),
    "others_class": ("core/a.cpp", "namespace b {\n\nvoid tracker::f(int a) {}\n}\n", 3, "a member of tracker"),
    "many_members": ("core/a.hpp", HEADER + "class a {\n" + member_lines(26) + "};\n", 4, "26 data members"),
    "guarded_members": ("host/a.hpp", HEADER + "class a {\n" + member_lines(25) + "  int b_ TIERPAGER_GUARDED_BY(mutex_) = 1;\n};\n", 4,
                        "26 data members"),
    "slots_see_residency": ("core/residency/slot_table.hpp", HEADER + "#include <core/residency/residency.hpp>\n", 4, "stands above"),
    "unknown_part": ("core/residency/a.hpp", HEADER + "int a;\n", 1, "does not know"),
    "long_function": ("core/a.cpp", "namespace a {\n\nvoid f(int a,\n       int b) {\n" + lines(68) + "}\n}\n", 3, "71 lines"),
    "long_test": ("tests/a_test.cpp", "TEST(a, b) {\n" + lines(70) + "}\n", 1, "72 lines"),
    "long_member": ("core/a.cpp", "struct s : t {\n public:\n  s() : a_{1}, b_{2} {\n" + lines(70) + "  }\n};\n", 3, "72 lines"),
    "long_lambda": ("core/a.cpp", "auto const f = [](int a) {\n" + lines(70) + "};\n", 1, "72 lines"),
}


def with_headers(files):
    """Adds the header that each source of the library has, but where its absence is planted."""
    missing = {path.rsplit(".", 1)[0] + ".hpp" for path in files if re.fullmatch(r"\w+/(\w+/)*[a-z]+\.cpp", path) and "alone" not in path}
    return {**{path: HEADER for path in missing if path.startswith(("core/", "host/", "cuda/"))}, **files}


def tidy_on(files):
    files = with_headers(files) if files else files
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        done = subprocess.run([sys.executable, TIDY, root], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout.splitlines()


class Tidy(unittest.TestCase):
    def test_accepts_a_clean_tree(self):
        self.assertEqual(tidy_on(CLEAN), (0, []))

    def test_refuses_an_empty_tree(self):
        self.assertEqual(tidy_on({})[0], 1)

    def test_names_each_planted_breach_and_nothing_else(self):
        for name, (path, text, line, word) in PLANTED.items():
            with self.subTest(name):
                code, found = tidy_on({**CLEAN, path: text})
                about_it = [one for one in found if one.startswith(f"{path}:{line}: ") and word in one]
                self.assertEqual(len(about_it), 1, found)
                others = [one for one in found if one not in about_it and "read in one file only" not in one]
                self.assertEqual(others, [])
                self.assertEqual(code, 1)


if __name__ == "__main__":
    unittest.main()
