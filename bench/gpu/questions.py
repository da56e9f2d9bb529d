"""The stage that asks a GPU what is assumed of CUDA (tests/gpu/questions): each question in a process of its own, whose
hanging costs only itself, and what hangs on its answer."""
import dataclasses
import json

STALLS = "waits: none; holds up: none"


@dataclasses.dataclass
class Question:
    name: str
    expected: str  # what the design and the stand-in take for granted; empty where only the figures matter
    matters: str
    limit: float = 20
    extra: dict = dataclasses.field(default_factory=dict)


ALL = (
    Question("what_creates_a_context", "cudaThreadExchangeStreamCaptureMode", "docs/decisions/contexts_are_pushed.md"),
    Question("does_cuda_set_device_create_one", "yes", "docs/decisions/contexts_are_pushed.md"),
    Question("a_pushed_context", "serves the runtime, and ends with its last release", "docs/decisions/contexts_are_pushed.md"),
    Question("not_ready_as_last_error", "not kept", "stream_table::thin_out asks although an error of the caller's is pending"),
    Question("a_dead_context", "cudaStreamQuery knows, the last error does not", "how device_lost is found out"),
    Question("a_foreign_stream", "told apart, and refused by a record", "what an acquire refuses"),
    Question("the_other_gpu", "no context on GPU 0", "docs/cuda.md, Contexts"),
    Question("stalls", STALLS, "which calls are made beside running work", 40),
    Question("stalls_in_one_queue", STALLS, "the same with streams that share a queue", 40,
             {"CUDA_DEVICE_MAX_CONNECTIONS": "1"}),
    Question("shared_queues", "no stream waits for another", "whether a caller's stream can hold up the copy stream", 40),
    Question("shared_queues_in_one_queue", "no stream waits for another", "the same with streams that share a queue", 40,
             {"CUDA_DEVICE_MAX_CONNECTIONS": "1"}),
    Question("a_copy_across_two_registrations", "fails", "copies are cut where registrations end"),
    Question("page_locked_limit", "all that was tried", "RAM budgets", 120),
    Question("a_fork", "the parent's bytes are right", "MADV_DONTFORK"),
    Question("large_reservations", "larger than the model", "reserve_less"),
    Question("calls_without_a_context", "", "the stand-in refuses them, so the device never relies on it"),
    Question("handle_sizes", "measured", "granules of 2 MiB", 60),
    Question("captures_and_strict_threads", "", "the list in the stand-in's captures.cpp"),
    Question("captures_and_relaxed_threads", "broken by: none; refused: none", "calls are made in the relaxed mode"),
    Question("an_event_in_a_capture", "says so, and can be recorded again", "fences that another thread's capture overtakes"),
    Question("hits_and_misses", "measured", "what a hit and a small miss cost", 60),
    Question("a_pager_in_static_storage", "main returned", "forbidden; what happens all the same"),
    Question("a_reset_under_a_pager", "", "forbidden; what happens all the same"),
)


def ask(run, stage, question):
    name = question.name.removesuffix("_in_one_queue")
    done = run.call(stage.name, [run.program("gpu_questions"), name], question.limit, question.extra)
    entry = {"question": question.name, "matters_for": question.matters, "expected": question.expected, "figures": {}}
    answer = ""
    for line in reversed(done.said.splitlines()):
        if line.startswith("{"):
            said = json.loads(line)
            answer, entry["figures"] = said["answer"], said["figures"]
            break
    if done.code is None:
        answer = (answer + "; " if answer else "") + f"still running after {question.limit:.0f} s"
    elif done.code != 0:
        answer = (answer + "; " if answer else "") + f"ended with {done.code}: {done.error.strip()[-200:]}"
    entry["answer"] = answer
    entry["agrees"] = not question.expected or answer == question.expected
    return entry


def questions(run, stage, report):
    """All answers count as such, also one that the design did not expect: only what gave none has failed."""
    report["questions"] = []
    for question in ALL:
        report["questions"].append(ask(run, stage, question))
        run.write(report)
    unanswered = [one["question"] for one in report["questions"] if not one["answer"]]
    other = [one["question"] for one in report["questions"] if not one["agrees"]]
    line = f"{len(ALL)} asked, {len(other)} answered otherwise than expected"
    return ("failed" if unanswered else "passed"), line + (": " + ", ".join(other) if other else "")


def table(answers):
    wide = max(len(one["question"]) for one in answers)
    lines = [f"{'question':<{wide}}  {'answer':<60} expected"]
    for one in answers:
        lines.append(f"{one['question']:<{wide}}  {one['answer']:<60} {'as expected' if one['agrees'] else one['expected']}")
    return "\n".join(lines)
