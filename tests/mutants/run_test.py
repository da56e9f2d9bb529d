"""What the mutant runner reads, applies and concludes. Argument: a C++ compiler."""
import contextlib
import importlib.machinery
import importlib.util
import io
import json
import os
import subprocess
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

ENTRY = "[loses_order]\npromise: 3 reuse\nin: f\ntests: core_tests a.*:b.*\n-  one(\n-    two);\n+  two;\n"


def read(text):
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        return runner.read_list(file.name)


def in_tree(files, use):
    """What use() makes of a tree of these files."""
    with tempfile.TemporaryDirectory() as root:
        for name, content in files.items():
            os.makedirs(os.path.dirname(os.path.join(root, name)), exist_ok=True)
            with open(os.path.join(root, name), "w", encoding="utf-8") as file:
                file.write(content)
        return use(root)


def check(text, entries):
    """What --check exits with, for a tree of the one file core/a.cpp."""
    def use(root):
        with unittest.mock.patch.object(runner, "ROOT", root), unittest.mock.patch(
                "sys.argv", ["run", "no_build", "--check", "--mutants", os.path.join(root, "core/mutants.txt")]):
            return runner.main()

    return in_tree({"core/a.cpp": text, "core/mutants.txt": entries}, use)


def change(files, definition, pattern, replacement=""):
    """The file that the mutant changes, and its changed text."""
    if isinstance(files, str):
        files = {"core/a.cpp": files}
    mutant = runner.Mutant("m", definition=definition, pattern=pattern, replacement=replacement)
    made = in_tree(files, lambda root: runner.change_of(mutant, runner.Sources(root)))
    return made.path(), made.apply()


def changed(body, pattern, replacement=""):
    """The changed body of a function."""
    before, after = "void f(int a, int b) {", "}"
    text = change(before + body + after, "f", pattern, replacement)[1]
    return text.removeprefix(before).removesuffix(after)


class Mutants(unittest.TestCase):
    def test_reads_an_entry(self):
        (mutant,) = read("# a comment\n\n" + ENTRY)
        self.assertEqual((mutant.name, mutant.promise, mutant.definition), ("loses_order", "3 reuse", "f"))
        self.assertEqual((mutant.tests, mutant.gtest_filter), ("core_tests", "a.*:b.*"))
        self.assertEqual((mutant.pattern, mutant.replacement), ("  one(\n    two);\n", "  two;\n"))

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
            build = runner.Build(folder, None)
            for link, used in ((["g++", "tests/libsecond.a"], "second"), (["tests/libthird.a", "tests/libfirst.a"], "third"),
                               ([compiled("third"), "tests/libfirst.a"], "third")):
                with self.subTest(link):
                    self.assertIn(f"-D{used}", build.compile_command("host/a.cpp", link))
            with self.assertRaises(runner.Unusable):
                build.compile_command("host/a.cpp", ["g++", "libsecond.a", "tests/libother.a"])

    def test_refuses_what_it_cannot_use(self):
        for text in ("promise: x\n", ENTRY + ENTRY, ENTRY.replace("in: f\n", ""), ENTRY.replace("promise", "promises"),
                     ENTRY.replace("promise: 3 reuse\n", ""), ENTRY.replace("-", "+"),
                     ENTRY.replace("+  two", "+  $two"), ENTRY.replace("+  two", "+  ...")):
            with self.subTest(text), self.assertRaises(runner.Unusable):
                read(text)

    def test_neither_blanks_nor_comments_nor_line_ends_count(self):
        self.assertEqual(changed("a; f(x, // why\n   y); b;", "f ( x,y ) ;", "g();"), "a; g(); b;")
        self.assertEqual(changed("a; f(); b;", "f();"), "a;  b;")
        self.assertEqual(changed("a = b == c;", "= b", "= d"), "a = d == c;")

    def test_a_renamed_local_breaks_nothing(self):
        for local in ("one", "slot"):
            self.assertEqual(changed(f"{local}.last = max({local}.last, {local}.next);", "max($l.last, $l.next)", "$l.next"),
                             f"{local}.last = {local}.next;")
        with self.assertRaises(runner.Unusable):
            changed("max(one.last, other.next);", "max($l.last, $l.next)")

    def test_dots_are_a_balanced_stretch_of_one_statement(self):
        self.assertEqual(changed("g(a, (b)); h(); i(c);", "g(...); h(); i(...);", "i(...); j(...);"), "i(a, (b)); j(c);")
        self.assertEqual(changed("return f(a)(b);", "return ...;", "return;"), "return;")
        self.assertEqual(changed("g(); h();", "g(...);"), " h();")
        for body, pattern in (("g(a); b);", "g(... b)"), ("g(a) + b;", "g(... b"), ("g(); h();", "g ... h")):
            with self.subTest(pattern), self.assertRaises(runner.Unusable):
                changed(body, pattern)

    def test_refuses_a_pattern_that_is_absent_or_occurs_twice_and_a_change_of_nothing(self):
        for body, replacement in (("a;", ""), ("g(); g();", ""), ("g();", " g (); ")):
            with self.subTest(body), self.assertRaises(runner.Unusable):
                changed(body, "g();", replacement)

    def test_finds_a_function_wherever_it_stands(self):
        text = "namespace n {\nvoid pager::f() { g(); }\n}\n"
        for path in ("core/a.cpp", "core/format/b.cpp", "host/c.cpp", "cuda/d.cpp", "tools/e.cpp", "bench/f.cpp"):
            for name in ("pager::f", "f"):
                found = change({path: text, "core/other.cpp": "void g() { g(); } void h() {}\n"}, name, "g();", "h();")
                self.assertEqual(found, (path, text.replace("g()", "h()")))
        for path, name in (("core/a.hpp", "pager::f"), ("tests/a.cpp", "pager::f"), ("core/a.cpp", "ager::f"),
                           ("core/a.cpp", "n::pager::f")):
            with self.subTest(path + name), self.assertRaises(runner.Unusable):
                change({path: text}, name, "g();")

    def test_tells_definitions_apart(self):
        text = """
            #define MACRO void f() { x; {
            constexpr int limit = 8; std::array<int, 2> const table{{3, 4}};
            namespace { struct visitor { int depth = 5; void f() { six; } }; }
            template <class T> std::vector<std::pair<T, int>> g(T, int = 7) noexcept { "}"; '{'; R"(})"; /* } */ nine; }
            [[gnu::noinline]] pager::pager(int n) : base(n), size_{n}, order_(10) { if (n) { eleven; } }
            pager::~pager() { twelve; }
            pager& pager::operator=(pager&& other) noexcept { thirteen; return *this; }
            bool less::operator()(int a, int b) const { return fourteen; }
            enum class kind : int { zero, one };
            template <> int pool<int>::take() { sixteen; }
            int f(); int f() { return seventeen; }
            extern "C" { int c() { return eighteen; } } extern "C" int d() { return twenty; }
            """
        for name, pattern in (("limit", "8"), ("table", "3"), ("visitor::depth", "5"), ("visitor::f", "six;"), ("g", "7"), ("g", "nine"),
                              ("pager::pager", "order_(10)"), ("pager::pager", "eleven"), ("pager::~pager", "twelve"),
                              ("pager::operator=", "thirteen"), ("less::operator()", "fourteen"),
                              ("pool::take", "sixteen"), ("f", "seventeen"), ("c", "eighteen"), ("d", "twenty")):
            with self.subTest(name):
                self.assertEqual(change(text, name, pattern, "other")[1], text.replace(pattern, "other"))
        for name, pattern in (("visitor::f", "seventeen"), ("pager::pager", "twelve"), ("g", "order_")):
            with self.subTest(name), self.assertRaises(runner.Unusable):
                change(text, name, pattern, "other")

    def test_checks_without_a_build_and_names_every_mutant_that_no_longer_applies(self):
        gone = ENTRY.replace("loses_order", "gone").replace("in: f", "in: pager::f")
        idle = "[idle]\npromise: 3 reuse\nin: f\ntests: core_tests\n-three;\n+three;\n"
        lost = ENTRY.replace("loses_order", "lost").replace("two", "four")
        self.assertEqual(check("void f() { one( two); }", ENTRY), 0)
        with self.assertRaises(runner.Unusable) as stale:
            check("void f() { one( two); three; }", ENTRY + lost + gone + idle)
        for line in ("3 of 4", "lost: its pattern occurs 0 times in f", "gone: there is no definition pager::f",
                     "idle: it changes nothing"):
            self.assertIn(line, str(stale.exception))

    def test_names_the_test_that_noticed(self):
        run = "[ RUN      ] a.first\n[       OK ] a.first (0 ms)\n[ RUN      ] a.second/1\n"
        failed = run + "[  FAILED  ] a.second/1, where GetParam() = 2 (0 ms)\n[  FAILED  ] 1 test, listed below:\n"
        self.assertEqual(runner.judge(1, failed), runner.Verdict(True, "a.second/1"))
        self.assertEqual(runner.judge(-6, run), runner.Verdict(True, "a.second/1 (SIGABRT)"))
        self.assertEqual(runner.judge(None, run), runner.Verdict(True, "a.second/1 (a hang)"))

    def test_calls_a_run_without_failures_survived_and_a_run_without_tests_no_run(self):
        self.assertFalse(runner.judge(0, "[ RUN      ] a.first\n[       OK ] a.first (0 ms)\n").good)
        self.assertFalse(runner.judge(1, "cannot start\n").good)
        self.assertFalse(runner.judge(None, "").good)

    def test_joins_the_runs_of_a_target_and_answers_for_each(self):
        def mutant(gtest_filter, arguments=()):
            return runner.Mutant("m", tests="t", gtest_filter=gtest_filter, arguments=arguments)

        all_of = [mutant("a.*"), mutant("b.*"), mutant("a.*-a.x"), mutant("*", ("--n=2",)), mutant("a.*")]
        self.assertEqual(runner.runs_of(all_of), [[all_of[0], all_of[1], all_of[4]], [all_of[2]], [all_of[3]]])
        ran = ("[ RUN      ] a.x\n[       OK ] a.x (1200 ms)\n[ RUN      ] b.y/1\n[  SKIPPED ] b.y/1 (0 ms)\n"
               "[ RUN      ] d.z\n[       OK ] d.z, where GetParam() = (2) (800 ms)\n")
        for gtest_filter, seconds in (("a.*", 1.2), ("a.?:c.*", 1.2), ("b.*", None), ("*", 2.0)):
            self.assertEqual(runner.judge_unchanged(mutant(gtest_filter), ran), seconds)
        with self.assertRaisesRegex(runner.Unusable, "no test of t matches 'c.*'"):
            runner.judge_unchanged(mutant("c.*"), ran)

    def test_a_hang_is_ten_times_what_the_unchanged_code_took(self):
        limits = []

        def run_tests(*words):
            limits.append(words[-2:])
            return None, "[ RUN      ] a.x\n"

        build = unittest.mock.Mock(folder="no_build", binary=lambda _: "no_build/t")
        verdicts = []
        with unittest.mock.patch.multiple(runner, build_mutants=lambda *_: "no_binary", run_tests=run_tests):
            with unittest.mock.patch("os.remove"):
                runner.try_mutants([runner.Mutant("m"), runner.Mutant("n")], build, {"m": 0.1, "n": 7},
                                   lambda mutant, verdict: verdicts.append((mutant.name, verdict.good, verdict.text)))
        self.assertEqual(limits, [(runner.LIMIT_SECONDS_MIN, 1), (70, 2)])
        self.assertEqual(verdicts, [("m", True, "a.x (a hang)"), ("n", True, "a.x (a hang)")])

    def test_tries_each_on_its_own_where_they_do_not_compile_together(self):
        def build_mutants(mutants, *_):
            if len(mutants) > 1 or mutants[0].name == "bad":
                raise runner.Unusable("it does not compile: why")
            return "no_binary"

        build = unittest.mock.Mock(folder="no_build", binary=lambda _: "no_build/t")
        verdicts = {}
        with unittest.mock.patch.multiple(runner, build_mutants=build_mutants, run_tests=lambda *_: (1, "[ RUN      ] a.x\n")):
            with unittest.mock.patch("os.remove"):
                runner.try_mutants([runner.Mutant("good"), runner.Mutant("bad")], build, {"good": 1, "bad": 1},
                                   lambda mutant, verdict: verdicts.update({mutant.name: (verdict.good, verdict.text)}))
        self.assertEqual(verdicts, {"good": (True, "a.x (exit status 1)"), "bad": (False, "UNUSABLE: it does not compile: why")})

    def test_one_program_has_several_mutants_in_turn(self):
        text = """#include <cstdio>
            constexpr int start = 1;
            void f(int n) { std::printf("%d ", n);  // why
            }
            struct pager { int n; pager(); int next(void const* = nullptr) { return n + 1; } };
            pager::pager() : n(start) { n += 10; }
            int main() { pager one; f(one.n); f(one.next()); }
            constexpr int last = 1;"""
        mutants = [runner.Mutant(name, definition=name, pattern=pattern, replacement=replacement) for name, pattern, replacement in (
            ("f", "std::printf(...);", ""), ("f", ", $n", ", -$n"), ("pager::next", "+ 1", "+ 2"), ("pager::pager", "10", "20"),
            ("pager::pager", "n(start)", "n(7)"), ("start", "1", "2"), ("last", "1", "2"))]

        def use(root):
            sources = runner.Sources(root)
            self.assertEqual(runner.groups_of(mutants, sources), [mutants[:4], mutants[4:5], mutants[5:6], mutants[6:]])
            path = os.path.join(root, "all.cpp")
            with open(path, "w", encoding="utf-8") as file:
                file.write(runner.apply_in_turn([runner.change_of(mutant, sources) for mutant in mutants[:4]]))
            subprocess.run([COMPILER, path, "-o", path + ".out"], check=True)
            return [subprocess.run([path + ".out"], env={runner.NUMBER: str(number)}, stdout=subprocess.PIPE, check=True).stdout
                    for number in range(5)]

        self.assertEqual(in_tree({"core/a.cpp": text}, use), [b"11 12 ", b"", b"-11 -12 ", b"11 13 ", b"21 22 "])

    def test_tries_what_has_passed_unchanged_and_tells_how_long_is_left(self):
        def mutant(name, tests, gtest_filter):
            return runner.Mutant(name, tests=tests, gtest_filter=gtest_filter)

        passed = "[ RUN      ] a.x\n[       OK ] a.x (1 ms)\n[ RUN      ] b.y\n[       OK ] b.y (2 ms)\n"
        outputs = {"t": passed, "u": "[ RUN      ] a.x\n[  SKIPPED ] a.x (0 ms)\n"}
        mutants = [mutant("short", "t", "a.*"), mutant("skips", "u", "*"), mutant("long", "t", "b.*")]
        tried = []

        def try_mutants(group, _, seconds, is_over):
            for one in group:
                tried.append((one.name, seconds[one.name]))
                is_over(one, runner.Verdict(True, "killed " + one.name))

        build = unittest.mock.Mock(sources=runner.Sources("nowhere"))
        with unittest.mock.patch.multiple(runner, try_unchanged=lambda run, _: outputs[run[0].tests], try_mutants=try_mutants):
            with unittest.mock.patch("sys.stderr", io.StringIO()) as said:
                verdicts = runner.try_all(mutants, build, 1)
                self.assertRaises(runner.Unusable, runner.try_all, [mutant("none", "t", "c.*")], build, 1)
        self.assertEqual([verdict.text for verdict in verdicts], ["killed short", runner.SKIPPED, "killed long"])
        self.assertEqual(tried, [("long", 0.002), ("short", 0.001)])
        self.assertIn("[3 of 3, 0 min left]", said.getvalue())

    def test_a_test_that_fails_unchanged_ends_it_all(self):
        mutant = runner.Mutant("m", tests="t")
        with tempfile.TemporaryDirectory() as folder:
            build = unittest.mock.Mock(folder=folder, binary=lambda _: os.path.join(folder, "t"))
            self.assertRaisesRegex(runner.Unusable, "t is not built", runner.try_unchanged, [mutant], build)
            open(os.path.join(folder, "t"), "wb").close()
            for output, answer in (("[ RUN      ] b.y\n[  FAILED  ] b.y (0 ms)\n", self.assertRaises(runner.Unusable)),
                                   ("cannot start\n", contextlib.nullcontext())):
                with unittest.mock.patch.object(runner, "run_tests", lambda *_, said=output: (1, said)), answer:
                    self.assertEqual(runner.try_unchanged([mutant], build), output)


if __name__ == "__main__":
    COMPILER = sys.argv.pop(1)
    unittest.main()
