"""What the machine is: for the record beside the figures."""
import datetime
import glob
import os
import platform
import shutil
import subprocess

GPU_FIELDS = ("name", "driver_version", "memory.total", "pcie.link.gen.max", "pcie.link.width.max", "clocks.max.sm",
              "clocks.max.memory")


def first_line(words):
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip().split("\n")[0].strip()


def today():
    return datetime.datetime.now(datetime.timezone.utc).date().isoformat()


def has_nvidia_device():
    return bool(nvidia_smi() or glob.glob("/dev/nvidia[0-9]*") or os.path.exists("/dev/dxg"))


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return names[0] if names else platform.machine()


def facts():
    nvcc = shutil.which("nvcc") or "/usr/local/cuda/bin/nvcc"
    compiler = first_line(["sh", "-c", f"{nvcc} --version | grep release"])
    return {"processor": processor(), "cores": len(os.sched_getaffinity(0)), "kernel": platform.release(),
            "ram_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), "nvcc": compiler,
            "python": platform.python_version()}


def nvidia_smi():
    return shutil.which("nvidia-smi") or shutil.which("nvidia-smi", path="/usr/local/nvidia/bin:/usr/bin:/opt/bin")


def gpu_facts():
    line = first_line([nvidia_smi() or "nvidia-smi", "--query-gpu=" + ",".join(GPU_FIELDS), "--format=csv,noheader"])
    if line is None:
        return None
    return dict(zip((field.replace(".", "_") for field in GPU_FIELDS), (value.strip() for value in line.split(","))))


def available_ram_bytes():
    with open("/proc/meminfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 0


def free_bytes(folder):
    state = os.statvfs(folder)
    return state.f_bavail * state.f_frsize
