"""What the mutant runner reads, applies and concludes; no compiler is run."""
import importlib.machinery
import importlib.util
import json
import os
import sys
import tempfile
import unittest
import unittest.mock

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("mutant_runner", os.path.join(HERE, "run"))
spec = importlib.util.spec_from_loader("mutant_runner", loader)
runner = importlib.util.module_from_spec(spec)
sys.modules["mutant_runner"] = runner
loader.exec_module(runner)

ENTRY = "[loses_order]\npromise: 3 reuse\nfile: core/a.cpp\ntests: core_tests a.*:b.*\n-  one(\n-    two);\n+  two;\n"


def read(text):
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        return runner.read_list(file.name)


def check(text, entries):
    """What --check exits with, for a tree of the one file core/a.cpp."""
    with tempfile.TemporaryDirectory() as root:
        os.mkdir(os.path.join(root, "core"))
        for name, content in (("core/a.cpp", text), ("mutants.txt", entries)):
            with open(os.path.join(root, name), "w", encoding="utf-8") as file:
                file.write(content)
        runner.ROOT = root
        with unittest.mock.patch("sys.argv", ["run", "no_build", "--check", "--mutants", os.path.join(root, "mutants.txt")]):
            return runner.main()


def change(text, original, replacement):
    with tempfile.TemporaryDirectory() as root:
        with open(os.path.join(root, "a.cpp"), "w", encoding="utf-8") as file:
            file.write(text)
        runner.ROOT = root
        return runner.apply(runner.Mutant("m", file="a.cpp", original=original, replacement=replacement))


class Mutants(unittest.TestCase):
    def test_reads_an_entry(self):
        (mutant,) = read("# a comment\n\n" + ENTRY)
        self.assertEqual((mutant.name, mutant.promise, mutant.file), ("loses_order", "3 reuse", "core/a.cpp"))
        self.assertEqual((mutant.tests, mutant.gtest_filter), ("core_tests", "a.*:b.*"))
        self.assertEqual((mutant.original, mutant.replacement), ("  one(\n    two);\n", "  two;\n"))

    def test_passes_arguments_on(self):
        (mutant,) = read(ENTRY.replace("core_tests a.*:b.*", "core_tests --schedules=20 a.*"))
        self.assertEqual((mutant.tests, mutant.gtest_filter, mutant.arguments), ("core_tests", "a.*", ("--schedules=20",)))
        (mutant,) = read(ENTRY.replace("core_tests a.*:b.*", "core_tests --schedules=20"))
        self.assertEqual((mutant.tests, mutant.gtest_filter, mutant.arguments), ("core_tests", "*", ("--schedules=20",)))

    def test_compiles_a_file_as_the_target_does_that_the_tests_link(self):
        def entry(target):
            return {"file": os.path.join(runner.ROOT, "host/a.cpp"), "command": f"g++ -D{target} -o {compiled(target)} -c a.cpp"}

        def compiled(target):
            return f"tests/CMakeFiles/{target}.dir/__/host/a.cpp.o"

        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "compile_commands.json"), "w", encoding="utf-8") as file:
                json.dump([entry("first"), entry("second"), entry("third")], file)
            build = runner.Build(folder)
            for link, used in ((["g++", "tests/libsecond.a"], "second"), (["tests/libthird.a", "tests/libfirst.a"], "third"),
                               ([compiled("third"), "tests/libfirst.a"], "third")):
                with self.subTest(link):
                    self.assertIn(f"-D{used}", build.compile_command("host/a.cpp", link))
            with self.assertRaises(runner.Unusable):
                build.compile_command("host/a.cpp", ["g++", "libsecond.a", "tests/libother.a"])

    def test_refuses_what_it_cannot_use(self):
        for text in ("promise: x\n", ENTRY + ENTRY, ENTRY.replace("a.cpp", "a.hpp"), ENTRY.replace("promise", "promises"),
                     ENTRY.replace("promise: 3 reuse\n", ""), ENTRY.replace("-", "+")):
            with self.subTest(text), self.assertRaises(runner.Unusable):
                read(text)

    def test_applies_once_whatever_the_line_breaks(self):
        self.assertEqual(change("a; f(x,\n   y); b;", "f(x, y);", "g();"), "a; g(); b;")
        self.assertEqual(change("a; f(); b;", "f();", ""), "a;  b;")

    def test_refuses_an_original_that_is_absent_or_occurs_twice_and_a_change_of_nothing(self):
        for text, replacement in (("a;", ""), ("f(); f();", ""), ("f();", " f(); ")):
            with self.subTest(text), self.assertRaises(runner.Unusable):
                change(text, "f();", replacement)

    def test_checks_without_a_build_and_names_every_mutant_that_no_longer_applies(self):
        moved = ENTRY.replace("loses_order", "moved").replace("core/a.cpp", "core/b.cpp")
        idle = "[idle]\npromise: 3 reuse\nfile: core/a.cpp\ntests: core_tests\n-three;\n+three;\n"
        self.assertEqual(check("one( two);", ENTRY), 0)
        with self.assertRaises(runner.Unusable) as stale:
            check("one( two); three;", ENTRY + ENTRY.replace("loses_order", "lost").replace("two", "four") + moved + idle)
        for line in ("3 of 4", "lost: its original occurs 0 times in core/a.cpp", "moved: core/b.cpp cannot", "idle: it changes nothing"):
            self.assertIn(line, str(stale.exception))

    def test_names_the_test_that_noticed(self):
        run = "[ RUN      ] a.first\n[       OK ] a.first (0 ms)\n[ RUN      ] a.second/1\n"
        failed = run + "[  FAILED  ] a.second/1, where GetParam() = 2 (0 ms)\n[  FAILED  ] 1 test, listed below:\n"
        self.assertEqual(runner.judge(1, failed), runner.Verdict(True, "a.second/1"))
        self.assertEqual(runner.judge(-6, run), runner.Verdict(True, "a.second/1 (SIGABRT)"))
        self.assertEqual(runner.judge(None, run), runner.Verdict(True, "a.second/1 (still running at the limit)"))

    def test_calls_a_run_without_failures_survived_and_a_run_without_tests_no_run(self):
        self.assertFalse(runner.judge(0, "[ RUN      ] a.first\n[       OK ] a.first (0 ms)\n").good)
        self.assertFalse(runner.judge(1, "cannot start\n").good)
        self.assertFalse(runner.judge(None, "").good)

    def test_joins_the_filters_of_a_target_and_answers_for_each(self):
        def mutant(gtest_filter, arguments=()):
            return runner.Mutant("m", tests="t", gtest_filter=gtest_filter, arguments=arguments)

        runs = runner.runs_of([mutant("a.*"), mutant("b.*"), mutant("a.*"), mutant("a.*-a.x"), mutant("*", ("--n=2",))])
        self.assertEqual(list(runs.values()), [["a.*", "b.*"], ["a.*-a.x"], ["*"]])
        ran = "[ RUN      ] a.x\n[       OK ] a.x (0 ms)\n[ RUN      ] b.y/1\n[  SKIPPED ] b.y/1 (0 ms)\n"
        for gtest_filter, answer in (("a.*", None), ("a.?:c.*", None), ("b.*", runner.SKIPPED), ("*", None),
                                     ("c.*", "no test of t matches 'c.*'")):
            self.assertEqual(runner.judge_unchanged("t", gtest_filter, 0, ran), answer)
        self.assertEqual(runner.judge_unchanged("t", "a.*", 1, ran + "[  FAILED  ] b.y/1 (0 ms)\n"), "t fails on the unchanged code: b.y/1")
        self.assertEqual(runner.judge_unchanged("t", "a.*", 1, "cannot start\n"), "no test of t matches 'a.*'")


if __name__ == "__main__":
    unittest.main()
