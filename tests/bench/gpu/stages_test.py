#!/usr/bin/env python3
"""The stages of ./dev gpu with programs that hang, end early or say what they should: on any machine."""
import argparse
import json
import os
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "..", "bench", "gpu"))
import paging  # noqa: E402
import questions  # noqa: E402
import stages  # noqa: E402

SUITES = """#!/usr/bin/env bash
for word; do case $word in
  --gtest_list_tests) printf 'hangs.\\n  one\\ncrashes.  # a comment\\n  two\\nworks.\\n  three\\n'; exit ;;
  --gtest_filter=*) suite=${word#*=} ;;
  --gtest_output=json:*) output=${word#*json:} ;;
esac; done
printf '[ RUN      ] %s\\n' "${suite%.*}.first"
case $suite in
  hangs*) sleep 60 ;;
  crashes*) kill -SEGV $$ ;;
  *) printf '%s' '{"testsuites": [{"testsuite": [
       {"classname": "works", "name": "three", "result": "COMPLETED"},
       {"classname": "works", "name": "four", "result": "SKIPPED"}]}]}' >"$output" ;;
esac
"""
ANSWERS = """#!/usr/bin/env bash
case $1 in
  hangs) printf '{"answer": "this", "figures": {"ns": 3}}\\n'; sleep 60 ;;
  silent) echo 'no such call' >&2; exit 1 ;;
  *) printf '{"answer": "%s", "figures": {}}\\n' "$1${CUDA_DEVICE_MAX_CONNECTIONS:-}" ;;
esac
"""


class Stages(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.run_of = stages.Run(argparse.Namespace(pack=self.folder.name, out=self.folder.name, seconds=100, preload="",
                                                    model_bytes=1 << 30))

    def program(self, name, text):
        path = os.path.join(self.folder.name, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o755)

    def test_a_suite_that_hangs_or_crashes_costs_only_itself(self):
        self.program("suites", SUITES)
        report = {}
        outcome, line = stages.gtest("suites", 1)(self.run_of, stages.Stage("tests", 30, None), report)
        self.assertEqual(outcome, "failed")
        self.assertIn("1 passed, 1 skipped, 0 failed; the first: hangs hangs in hangs.first", line)
        self.assertIn("crashes ended with -11 in crashes.first", report["tests"]["tests"]["failures"][1])
        with open(os.path.join(self.folder.name, "tests.log"), encoding="utf-8") as log:
            self.assertIn("[ RUN      ] hangs.first", log.read())

    def test_no_suite_begins_when_the_stage_is_over(self):
        self.program("suites", SUITES)
        report = {}
        stages.gtest("suites", 1)(self.run_of, stages.Stage("tests", 0, None), report)
        self.assertEqual(report["tests"]["tests"]["failures"], [f"{each}: no time left" for each in ("hangs", "crashes", "works")])

    def ask(self, name, expected="", **options):
        self.program("gpu_questions", ANSWERS)
        return questions.ask(self.run_of, stages.Stage("questions", 30, None),
                             questions.Question(name, expected, "a test", **options))

    def test_answers_are_held_against_what_is_expected(self):
        self.assertTrue(self.ask("yes", "yes")["agrees"])
        self.assertFalse(self.ask("no", "yes")["agrees"])
        self.assertTrue(self.ask("anything")["agrees"])
        self.assertEqual(self.ask("asked_in_one_queue", extra={"CUDA_DEVICE_MAX_CONNECTIONS": "1"})["answer"], "asked1")

    def test_a_question_that_hangs_keeps_its_answer(self):
        entry = self.ask("hangs", "this", limit=1)
        self.assertEqual(entry["answer"], "this; still running after 1 s")
        self.assertEqual(entry["figures"], {"ns": 3})
        self.assertFalse(entry["agrees"])
        self.assertIn("ended with 1: no such call", self.ask("silent")["answer"])

    def test_every_answer_is_written_at_once(self):
        self.program("gpu_questions", ANSWERS)
        report = {}
        outcome, _ = questions.questions(self.run_of, stages.Stage("questions", 30, None), report)
        self.assertEqual(outcome, "passed")
        with open(os.path.join(self.folder.name, "gpu.json"), encoding="utf-8") as file:
            self.assertEqual(len(json.load(file)["questions"]), len(questions.ALL))

    def test_a_model_that_is_a_toy_is_not_paged(self):
        self.assertLess(1 << 30, paging.LEAST_BYTES)
        outcome, line = stages.page_a_model(self.run_of, stages.Stage("paging", 30, None), {})
        self.assertEqual(outcome, "failed")
        self.assertIn("4 GiB at least", line)

    def test_a_stage_that_is_run_again_replaces_what_it_said(self):
        report = {"stages": [{"name": "other"}, {"name": "it", "outcome": "failed"}]}
        self.run_of.carry_out(stages.Stage("it", 10, lambda run, stage, report: ("passed", "fine")), report)
        self.assertEqual([(each["name"], each.get("outcome")) for each in report["stages"]],
                         [("other", None), ("it", "passed")])


if __name__ == "__main__":
    unittest.main()
