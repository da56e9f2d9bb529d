"""tools/same_text.py with a program that writes what it is told."""
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from demo_fakes import GENERATE, MODEL, write_script

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "same_text.py"


class SameText(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        (self.root / "temporary").mkdir()
        (self.root / "model.gguf").write_bytes(MODEL)
        write_script(self.root / "generate", GENERATE)

    def write(self, **environment):
        done = subprocess.run(
            [sys.executable, SCRIPT, self.root / "generate", self.root / "model.gguf", "--chat", "--prompt", "?", "--figures",
             self.root / "figures"],
            env={**os.environ, "TMPDIR": str(self.root / "temporary"), **environment}, capture_output=True, text=True, check=False)
        self.assertEqual(os.listdir(self.root / "temporary"), [])
        return done

    def figures(self):
        return json.loads((self.root / "figures").read_text(encoding="utf-8"))

    def test_prints_each_text_and_a_row_for_each_budget(self):
        done = self.write()
        self.assertEqual(done.returncode, 0, done.stderr)
        for percent in (100, 50, 30, 10):
            self.assertIn(f"{percent:3} % VRAM: a text of 105000 bytes\n", done.stdout)
        rows = done.stdout.splitlines()[-4:]
        self.assertRegex(rows[0], r"^ 100 % +0\.1 MB +52\.5 +0\.0 +20\.5 +12\.5 %  -$")
        for row, percent in zip(rows[1:], (50, 30, 10)):
            self.assertRegex(row, rf"^  {percent} % .* 12\.5 %  yes$")
        self.assertIn("3 tokens", done.stdout)
        self.assertIn("device host", done.stdout)
        self.assertEqual(done.stderr.count("warning"), 1, "later runs are told which device it is")
        self.assertTrue(self.figures()["ids_equal"])
        self.assertEqual([each["vram_percent"] for each in self.figures()["budgets"]], [100, 50, 30, 10])
        self.assertEqual(self.figures()["budgets"][3]["bytes_to_device_per_token"], 52.5e6)

    def test_fails_where_an_id_differs(self):
        done = self.write(DIFFERS_AT="30%")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"30 % .* no, token 3 differs\n")
        self.assertEqual(done.stdout.count("yes"), 2)
        self.assertIn("not the same under every budget", done.stderr)
        self.assertFalse(self.figures()["ids_equal"])

    def test_fails_where_the_program_does(self):
        done = self.write(FAILS_AT="50%")
        self.assertEqual(done.returncode, 1)
        self.assertIn("it was told to", done.stderr)
        self.assertIn("50 % VRAM", done.stderr)
        self.assertFalse((self.root / "figures").exists())


if __name__ == "__main__":
    unittest.main()
