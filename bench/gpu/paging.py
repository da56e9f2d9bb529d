"""The table: a large model paged at several VRAM budgets, held against what the link gives at best."""
import json
import os
import statistics
import tempfile

import machine

SHARES = ("10%", "25%", "50%", "75%", "90%")
PASSES = 5
LEAST_BYTES = 4 << 30  # what a smaller model shows is how fast caches are
SPARE_BYTES = 6 << 30  # what the rest of the machine may need beside the model, twice in memory

# Llama-like: layers' width, feed-forward width, vocabulary, heads, key and value heads. The first of which several layers
# fit is taken. Of the first nearly all bytes lie in tensors of 16 MiB and more.
SHAPES = ((4096, 14336, 128256, 32, 8), (2048, 8192, 32000, 32, 8), (512, 2048, 8000, 8, 4), (128, 512, 1000, 4, 2))


def layer_bytes(shape):
    hidden, feed_forward, _, heads, kv_heads = shape
    return 2 * (2 * hidden * hidden + 2 * hidden * (hidden // heads) * kv_heads + 3 * hidden * feed_forward)


def model_arguments(wanted_bytes):
    for shape in SHAPES:
        hidden, feed_forward, vocabulary, heads, kv_heads = shape
        outside = 2 * 2 * hidden * vocabulary
        layers = round((wanted_bytes - outside) / layer_bytes(shape))
        if layers >= 4:
            break
    return ["--layers", str(max(4, layers)), "--hidden", str(hidden), "--ffn", str(feed_forward),
            "--vocab", str(vocabulary), "--heads", str(heads), "--kv-heads", str(kv_heads)]


def place_for(wanted_bytes):
    """A folder in memory and the size of a model that fits there, and once more into page-locked RAM."""
    for folder in ("/dev/shm", tempfile.gettempdir()):
        if os.path.isdir(folder) and machine.free_bytes(folder) > (1 << 30):
            break
    fits = min(machine.free_bytes(folder) * 9 // 10, (machine.available_ram_bytes() - SPARE_BYTES) // 2)
    return folder, min(wanted_bytes, fits)


def steady(report):
    """The middle of every pass but the first, which loads all of the model into RAM."""
    passes = report["passes"][1:]
    middle = {key: statistics.median(each[key] for each in passes)
              for key in ("seconds", "bytes_to_device", "bytes_from_disk", "stall_seconds")}
    return middle, [each["seconds"] for each in passes]


def row(share, report, raw):
    middle, seconds = steady(report)
    rate = middle["bytes_to_device"] / middle["seconds"] if middle["seconds"] else 0
    bound = report["lower_bound"]["bytes_to_device"] if report["lower_bound"] else None
    return {"vram": share, "budget_bytes": report["budget"]["vram"], "effective_bytes": report["budget"]["vram_effective"],
            "peak_bytes": report["peak"]["vram"], "bytes_to_device": middle["bytes_to_device"], "lower_bound": bound,
            "bytes_from_disk": middle["bytes_from_disk"], "seconds_a_pass": middle["seconds"], "seconds": seconds,
            "bytes_a_second": rate, "of_raw": rate / raw if raw else None,
            "host_wait_seconds": middle["stall_seconds"], "first_pass_seconds": report["passes"][0]["seconds"]}


def page(run, stage, model, share, raw, limit):
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        done = run.call(stage, [run.program("tierpager"), "run", model, "--device", "cuda", "--vram", share,
                                "--ram", "unlimited", "--passes", str(PASSES), "--json", report.name], limit)
        if done.code != 0:
            return None
        with open(report.name, encoding="utf-8") as written:
            return row(share, json.load(written), raw)


def table(paging):
    raw = paging["raw_bytes_a_second"]
    lines = [f"model {paging['model_bytes'] / 2**30:.2f} GiB in {paging['folder']}, raw page-locked copies "
             f"{raw / 1e9:.2f} GB/s" + (f"; {paging['note']}" if paging["note"] else ""),
             f"{'vram':>5} {'GiB to device':>14} {'seconds a pass':>15} {'GB/s':>8} {'of raw':>7} {'host wait s':>12}"]
    for one in paging["rows"]:
        share = f"{one['of_raw']:.3f}" if one["of_raw"] is not None else "-"
        lines.append(f"{one['vram']:>5} {one['bytes_to_device'] / 2**30:>14.2f} {one['seconds_a_pass']:>15.3f} "
                     f"{one['bytes_a_second'] / 1e9:>8.2f} {share:>7} {one['host_wait_seconds']:>12.3f}")
    return "\n".join(lines)
