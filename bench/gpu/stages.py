"""The stages of ./dev gpu. Each is a function that makes calls, all of them logged, and returns an outcome with a line
that says what came of it."""
import concurrent.futures
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

import paging
import questions

SHIM = "libtierpager_cuda_failing_shim.so"
FAULT_MODES = ("once", "for_ever", "sticky")
FAULT_CALLS = list(range(1, 60)) + list(range(60, 400, 7))
SANITIZERS = ("/usr/local/cuda/bin/compute-sanitizer", "/usr/local/cuda/compute-sanitizer/compute-sanitizer",
              "/opt/nvidia/compute-sanitizer/compute-sanitizer")
SANITIZER_FOUND = 86
# With this the stand-in ends a program that broke a rule of CUDA or left something behind, as failing calls make it.
STANDIN_VERDICT = 97


@dataclasses.dataclass
class Done:
    code: int | None  # none: stopped, since it was late
    said: str
    error: str


@dataclasses.dataclass
class Stage:
    name: str
    limit: float
    work: object


class Run:
    def __init__(self, options):
        self.options = options
        self.end = time.monotonic() + options.seconds
        self.small_model = None

    def program(self, name):
        return os.path.join(os.path.abspath(self.options.pack), name)

    def revision(self):
        with open(self.program("revision"), encoding="utf-8") as file:
            return file.read().strip()

    def log(self, stage):
        return os.path.join(self.options.out, stage + ".log")

    def environment(self, extra, shim):
        preloads = ([self.program(os.path.join("shared", SHIM))] if shim else []) + (
            [os.path.abspath(self.options.preload)] if self.options.preload else [])
        made = {**os.environ, **extra}
        if preloads:
            made["LD_PRELOAD"] = ":".join(preloads)
        if shim:
            made["LD_LIBRARY_PATH"] = ":".join(filter(None, (self.program("shared"), made.get("LD_LIBRARY_PATH"))))
        return made

    def call(self, stage, words, limit, extra=None, shim=False):
        """Runs a program; both its outputs go to the stage's log as well. The limit also ends what it started."""
        limit = max(1.0, min(limit, self.end - time.monotonic()))
        with subprocess.Popen(words, env=self.environment(extra or {}, shim), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True) as process:
            try:
                said, error = process.communicate(timeout=limit)
                code = process.returncode
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                said, error = process.communicate()
                code = None
        with open(self.log(stage), "a", encoding="utf-8") as file:
            outcome = f"stopped after {limit:.0f} s" if code is None else f"exit code {code}"
            settings = "".join(f"{key}={value} " for key, value in (extra or {}).items())
            file.write(f"$ {settings}{' '.join(words)}\n{said}{error}-- {outcome}\n")
        if self.options.preload and code == STANDIN_VERDICT:  # a rehearsal is of the stages, not of the programs
            error = "".join(line for line in error.splitlines(True) if not line.startswith("stand-in: "))
            code = 1 if error else 0
        return Done(code, said, error)

    def why_no_gpu(self):
        """None where there is a GPU that the programs can use."""
        done = subprocess.run([self.program("gpu_bandwidth"), "--probe"], env=self.environment({}, False),
                              capture_output=True, text=True, check=False)
        return None if done.returncode == 0 else done.stderr.strip() or f"gpu_bandwidth ended with {done.returncode}"

    def carry_out(self, stage, report):
        begin = time.monotonic()
        if os.path.exists(self.log(stage.name)):
            os.remove(self.log(stage.name))
        if self.end - begin < 2:
            outcome, line = "failed", "no time was left"
        else:
            print(f"-- {stage.name}", flush=True)
            try:
                outcome, line = stage.work(self, stage, report)
            except (OSError, ValueError, KeyError) as failure:
                outcome, line = "failed", f"{type(failure).__name__}: {failure}"
        seconds = round(time.monotonic() - begin, 1)
        report["stages"] = [each for each in report["stages"] if each["name"] != stage.name]
        report["stages"].append({"name": stage.name, "outcome": outcome, "seconds": seconds, "says": line})
        print(f"   {outcome} in {seconds} s: {line}", flush=True)

    def write(self, report):
        """As far as it got."""
        with open(os.path.join(self.options.out, "gpu.json"), "w", encoding="utf-8") as file:
            json.dump(report, file, indent=2)
            file.write("\n")

    def small(self, stage):
        """A model of a few MiB, made once."""
        if self.small_model is None:
            folder = tempfile.mkdtemp(prefix="tierpager_gpu_")
            path = os.path.join(folder, "small.safetensors")
            done = self.call(stage, [self.program("tierpager_make_model"), "--equal", "6", "--bytes", "300000", path], 30)
            if done.code != 0:
                raise OSError("the small model could not be made")
            self.small_model = path
        return self.small_model

    def clean_up(self):
        if self.small_model is not None:
            shutil.rmtree(os.path.dirname(self.small_model))
            self.small_model = None


def last_begun(said):
    """The test that was under way when its program was stopped."""
    begun = [line.removeprefix("[ RUN      ] ").strip() for line in said.splitlines() if line.startswith("[ RUN      ] ")]
    return begun[-1] if begun else "none had begun"


def gtest(program, suite_limit):
    """The program's suites, one after the other, so that one that hangs costs only itself."""
    def one_suite(run, stage, suite):
        """Its cases by outcome, and what went wrong with the suite as a whole."""
        counts = {"passed": [], "skipped": [], "failed": []}
        with tempfile.NamedTemporaryFile(suffix=".json") as result:
            done = run.call(stage.name, [run.program(program), f"--gtest_filter={suite}.*", f"--gtest_output=json:{result.name}"],
                            suite_limit)
            if done.code is None:
                return counts, f"{suite} hangs in {last_begun(done.said)}"
            try:
                found = json.load(result)
            except ValueError:
                return counts, f"{suite} ended with {done.code} in {last_begun(done.said)}"
        for case in (case for each in found["testsuites"] for case in each["testsuite"]):
            kind = "failed" if case.get("failures") else "skipped" if case["result"] == "SKIPPED" else "passed"
            counts[kind].append(f"{case['classname']}.{case['name']}")
        return counts, None

    def work(run, stage, report):
        begin = time.monotonic()
        listed = run.call(stage.name, [run.program(program), "--gtest_list_tests"], suite_limit)
        suites = [line.split("#")[0].strip().removesuffix(".") for line in listed.said.splitlines()
                  if line and not line.startswith(" ") and line.split("#")[0].strip().endswith(".")]
        total = {"passed": [], "skipped": [], "failed": []}
        wrong = []
        for suite in suites:
            if time.monotonic() - begin > stage.limit:
                wrong.append(f"{suite}: no time left")
                continue
            counts, broken = one_suite(run, stage, suite)
            for kind, cases in counts.items():
                total[kind] += cases
            if broken:
                wrong.append(broken)
        report.setdefault("tests", {})[stage.name] = {**{kind: len(cases) for kind, cases in total.items()},
                                                      "failures": total["failed"] + wrong}
        line = ", ".join(f"{len(cases)} {kind}" for kind, cases in total.items())
        if wrong or total["failed"]:
            return "failed", line + f"; the first: {(total['failed'] + wrong)[0]}"
        return ("passed" if total["passed"] else "failed"), line
    return work


def examples(run, stage, _):
    said = []
    outcome = "passed"
    for name in ("example_larger_than_vram_cuda", "example_shrinking_budget_cuda"):
        if not os.path.exists(run.program(name)):
            said.append(f"{name}: not packed")
            continue
        done = run.call(stage.name, [run.program(name)], stage.limit / 2)
        said.append(f"{name}: {({0: 'right', 77: 'skipped', None: 'late'}).get(done.code, f'exit code {done.code}')}")
        if done.code not in (0, 77):
            outcome = "failed"
    return outcome, ", ".join(said)


def sure_ids(answer, sure=0.05):
    """How many of its first ids the reference was sure of: from there on another device may write something else."""
    unsure = [i for i, margin in enumerate(answer["margins"]) if margin <= sure]
    return unsure[0] if unsure else len(answer["ids"])


def text_generator(run, stage, _):
    """The ids that examples/generate writes on the GPU, at several budgets, against those on the CPU."""
    if not os.path.exists(run.program("generate")):
        return "skipped", "not packed"
    models = run.program("models")
    compared = 0
    for name in sorted(each.removesuffix(".gguf") for each in os.listdir(models) if each.endswith(".gguf")):
        with open(os.path.join(models, name + ".json"), encoding="utf-8") as file:
            answers = json.load(file)["answers"]
        for answer in answers:
            written = {}
            for device, vram in (("host", "100%"), ("cuda", "100%"), ("cuda", "60%")):
                with tempfile.NamedTemporaryFile(suffix=".json") as result:
                    done = run.call(stage.name, [run.program("generate"), os.path.join(models, name + ".gguf"), "--device", device,
                                                 "--vram", vram, "--ram", "100%", "--rows", "64", "--threads", "1", "--prompt",
                                                 answer["prompt"], "--tokens", str(len(answer["ids"])), "--json", result.name],
                                    stage.limit)
                    if done.code != 0:
                        return "failed", f"{name} on {device}: " + (done.error.strip() or f"exit code {done.code}")
                    written[device, vram] = json.load(result)["ids"][:sure_ids(answer)]
            compared += len(written["host", "100%"])
            if any(ids != written["host", "100%"] for ids in written.values()):
                return "failed", f"{name}: another text on the GPU behind {answer['prompt']!r}"
    return ("passed" if compared else "failed"), f"{compared} tokens as the CPU writes them"


def fault_verdict(done):
    """None where the command took the failing call as it should: all is well, or one clear line and exit code 1."""
    if done.code == 0:
        return None
    if done.code is None:
        return "hangs"
    lines = done.error.strip().split("\n")
    if done.code == 1 and len(lines) == 1 and "error: " in lines[0]:
        return None
    return f"exit code {done.code}, {len(lines)} lines on standard error"


def failing_calls(run, stage, report):
    """`verify` with the n-th CUDA call failing, for as many n as there is time for."""
    model = run.small(stage.name)
    begin = time.monotonic()
    counts = {"runs": 0, "refused": 0}
    wrong = []

    def one(mode, number):
        if time.monotonic() - begin > stage.limit or len(wrong) > 5:
            return
        plan = f"any:{number}:{mode}"
        done = run.call(stage.name, [run.program("shared/tierpager"), "verify", model, "--device", "cuda"], 20,
                        {"TIERPAGER_STANDIN_FAIL": plan}, shim=True)
        counts["runs"] += 1
        counts["refused"] += done.code == 1
        if verdict := fault_verdict(done):
            wrong.append(f"{plan}: {verdict}")

    # A stand-in below the shim does not know that the context is to be dead, and goes on copying from what was freed.
    modes = FAULT_MODES[:2] if run.options.preload else FAULT_MODES
    clean = run.call(stage.name, [run.program("shared/tierpager"), "verify", model, "--device", "cuda"], 30, shim=True)
    if clean.code != 0:
        return "failed", f"verify ends with {clean.code} although no call fails"
    with concurrent.futures.ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        for _ in pool.map(lambda plan: one(*plan), [(mode, n) for n in FAULT_CALLS for mode in modes]):
            pass
    report["failing_calls"] = {**counts, "wrong": wrong}
    line = f"{counts['runs']} runs, {counts['refused']} ended with one clear line, {len(wrong)} otherwise"
    if wrong:
        return "failed", line + f"; {wrong[0]}"
    return ("passed" if counts["refused"] > 0 else "failed"), line


def sanitizer(run, stage, _):
    found = shutil.which("compute-sanitizer") or next((path for path in SANITIZERS if os.path.exists(path)), None)
    if run.options.preload or found is None:
        return "skipped", "no compute-sanitizer on this machine" if found is None else "not on a stand-in"
    model = run.small(stage.name)
    said = []
    begin = time.monotonic()
    # initcheck comes last and decides nothing: the device's kernels are loaded by summing memory as it comes.
    for tool in ("memcheck", "racecheck", "initcheck"):
        left = stage.limit - (time.monotonic() - begin)
        if said and left < stage.limit / 2:
            said.append(f"{tool}: no time left")
            continue
        done = run.call(stage.name, [found, "--tool", tool, "--report-api-errors", "explicit", "--error-exitcode", str(SANITIZER_FOUND),
                                     run.program("tierpager"), "verify", model, "--device", "cuda"], left)
        if "not supported" in (done.said + done.error).lower():
            return "skipped", "compute-sanitizer says that this device is not supported"
        if (tool != "initcheck" and done.code == SANITIZER_FOUND) or (tool == "memcheck" and done.code != 0):
            return "failed", f"{tool}: " + ("late" if done.code is None else f"exit code {done.code}")
        verdicts = {0: "nothing found", None: "late", SANITIZER_FOUND: "not judged"}
        said.append(f"{tool}: " + verdicts.get(done.code, f"exit code {done.code}"))
    return "passed", ", ".join(said)


def bandwidth(run, stage, report):
    words = [run.program("gpu_bandwidth")] + (["67108864"] if run.options.preload else [])
    done = run.call(stage.name, words, stage.limit)
    if done.code != 0:
        return "failed", done.error.strip() or f"exit code {done.code}"
    report["raw"] = json.loads(done.said)
    return "passed", f"{report['raw']['bytes_a_second'] / 1e9:.2f} GB/s from page-locked memory"


def page_a_model(run, stage, report):
    run.clean_up()
    folder, model_bytes = paging.place_for(run.options.model_bytes)
    note = ""
    if model_bytes < paging.LEAST_BYTES and not run.options.preload:
        return "failed", (f"a model of {paging.LEAST_BYTES >> 30} GiB at least is needed, and there is room for "
                          f"{model_bytes / 2**30:.1f} GiB in {folder} and, once more, in RAM")
    if model_bytes < run.options.model_bytes:
        note = f"smaller than the {run.options.model_bytes / 2**30:.0f} GiB asked for, since memory is short"
    raw = report.get("raw", {}).get("bytes_a_second", 0)
    with tempfile.TemporaryDirectory(dir=folder, prefix="tierpager_gpu_") as place:
        model = os.path.join(place, "model.safetensors")
        written = run.call(stage.name, [run.program("tierpager_make_model"), *paging.model_arguments(model_bytes), model],
                           stage.limit / 2)
        if written.code != 0:
            return "failed", "the model could not be written"
        report["paging"] = {"model_bytes": os.path.getsize(model), "folder": folder, "note": note, "ram": "unlimited",
                            "passes": paging.PASSES, "raw_bytes_a_second": raw, "rows": []}
        for share in paging.SHARES:
            one = paging.page(run, stage.name, model, share, raw, stage.limit / 4)
            if one is None:
                return "failed", f"run with --vram {share} failed"
            report["paging"]["rows"].append(one)
    shares = [one["of_raw"] for one in report["paging"]["rows"] if one["of_raw"] is not None]
    return "passed", f"{min(shares):.3f} to {max(shares):.3f} of the raw bandwidth" if shares else "no raw bandwidth"


def summary(report):
    gpu = report["gpu"] or {}
    lines = ["", f"{gpu.get('name', 'no GPU: a rehearsal')}, driver {gpu.get('driver_version', '-')}, {report['date']}, "
             f"revision {report['revision']}"]
    for stage in report["stages"]:
        lines.append(f"{stage['name']:<14} {stage['outcome']:<8} {stage['seconds']:>6.1f} s  {stage['says']}")
    if report["paging"]:
        lines += ["", paging.table(report["paging"])]
    if report.get("questions"):
        lines += ["", questions.table(report["questions"])]
    return "\n".join(lines)


# What is wanted most comes first. The limits add up to more than --seconds, and seldom are all of them used up.
ALL = (
    Stage("conformance", 60, gtest("cuda_conformance_tests", 15)),
    Stage("tests", 80, gtest("gpu_tests", 30)),
    Stage("bandwidth", 20, bandwidth),
    Stage("paging", 150, page_a_model),
    Stage("questions", 200, questions.questions),
    Stage("examples", 30, examples),
    Stage("text_generator", 20, text_generator),
    Stage("failing_calls", 60, failing_calls),
    Stage("sanitizer", 50, sanitizer),
)
