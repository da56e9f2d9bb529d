"""The packages of the Python package index that tests hold ours against, wherever they are: in this interpreter, in the one that
TIERPAGER_PYTHON names, or in build/venv, where ./dev puts them.
"""
import importlib
import os
import subprocess
import sys
from pathlib import Path

SKIPPED = 77
CHOSEN = "TIERPAGER_PYTHON_CHOSEN"  # set where a script goes on under another interpreter, so that it looks only once


def are_here(names):
    try:
        for name in names:
            importlib.import_module(name)
        return True
    except ImportError:
        return False


def need(*names):
    """Returns where this interpreter has the packages; else starts the script anew under one that has; else exits with 77."""
    if are_here(names):
        return
    there = Path(__file__).resolve().parents[2] / "build" / "venv" / "bin" / "python"
    for python in (os.environ.get("TIERPAGER_PYTHON"), str(there)):
        if not python or not Path(python).exists() or CHOSEN in os.environ:
            continue
        if subprocess.run([python, "-c", "import " + ", ".join(names)], stderr=subprocess.DEVNULL, check=False).returncode == 0:
            os.environ[CHOSEN] = python
            os.execv(python, [python, *sys.argv])
    print(f"SKIPPED: not all of the Python packages {', '.join(names)} are here; nothing was compared. ./dev test installs them.")
    sys.exit(SKIPPED)
