#!/usr/bin/env python3
"""Writes small models of the Llama family, so that text generators can be tested where there is no network.
Usage: make_models.py FOLDER

FOLDER gets llama.gguf and qwen2.gguf, of random weights, always the same ones; they hold all types of weights that
examples/generate computes with. Beside each lies a NAME.json: what reference.py computes for the texts below.
"""
import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))
import python_packages

python_packages.need("gguf", "numpy", "tokenizers")
import gguf
import numpy
import reference
import tiny_tokenizer
from gguf import GGMLQuantizationType as Type

TEXTS = [
    "The pager reads",
    "<|im_start|>user\nWhere do the 12 layers wait?<|im_end|>\n<|im_start|>assistant\n",
    "In 1969 they weren't sure: «Память» or 記憶, café or memory?\r\n\n   Then, one layer at a time, the weights came from the disk "
    "to the device, and 3 of them stayed. It's what we'd call a plan; they'll see.\t",
]
# Bytes of a block of 256 weights, and where in it its half-precision scales are. The package only reads these two types.
BLOCKS = {Type.Q4_K: (144, (0, 2)), Type.Q6_K: (210, (208,))}
MODELS = {
    "llama": {
        "seed": 29, "layers": 2, "width": 256, "hidden": 288, "heads": 8, "kv_heads": 2, "rope_base": 10000.0, "epsilon": 1e-5,
        "words": "smollm", "begins": True, "controls_first": True, "embedding": Type.Q8_0, "output": None, "biases": False,
        "types": {"attn_q": Type.Q4_1, "attn_k": Type.F32, "attn_v": Type.F16, "attn_output": Type.Q8_0,
                  "ffn_gate": Type.Q4_1, "ffn_up": Type.Q8_0, "ffn_down": Type.Q4_1},
    },
    "qwen2": {
        "seed": 9, "layers": 2, "width": 256, "hidden": 512, "heads": 4, "kv_heads": 2, "rope_base": 1000000.0, "epsilon": 1e-6,
        "words": "qwen2", "begins": False, "controls_first": False, "embedding": Type.Q4_K, "output": Type.Q6_K, "biases": True,
        "types": {"attn_q": Type.Q6_K, "attn_k": Type.BF16, "attn_v": Type.Q4_0, "attn_output": Type.Q4_K,
                  "ffn_gate": Type.Q4_0, "ffn_up": Type.Q4_K, "ffn_down": Type.Q4_K},
    },
}
# A text goes in circles where the next token follows from the last alone: attention counts for more here than it would by chance.
GAINS = {"attn_q": 2.0, "attn_k": 2.0, "attn_v": 2.0, "attn_output": 2.0}


def root_of_mean_square(weights):
    return float(numpy.sqrt(numpy.mean(numpy.square(weights, dtype=numpy.float64))))


class Weights:
    """Random matrices whose blocks differ in size so much that some of their scales are subnormal halves."""

    def __init__(self, seed):
        self.random = numpy.random.default_rng(seed)

    def factors(self, doublings, *shape):
        return numpy.exp2(self.random.uniform(-doublings, 0, shape)).astype(numpy.float32)

    def blocks(self, kind, rows, columns, size):
        length, scales = BLOCKS[kind]
        data = self.random.integers(0, 256, (rows, columns // 256, length), dtype=numpy.uint8)
        factors = self.factors(3, rows, columns // 256)

        def with_scales(largest):
            for at, share in zip(scales, (1.0, 7.5)):  # Q4_K: of the weights, 0 to 15 times that, and of what is taken from them
                halves = (factors * numpy.float32(largest * share)).astype("<f2")
                data[:, :, at:at + 2] = halves[..., None].view(numpy.uint8)
            return data.reshape(rows, -1)

        return with_scales(1e-3 * size / root_of_mean_square(gguf.dequantize(with_scales(1e-3), kind)))

    def matrix(self, kind, rows, columns, size):
        """`size` is the root of its mean square."""
        if kind in BLOCKS:
            return self.blocks(kind, rows, columns, size)
        made = self.random.standard_normal((rows, columns // 32, 32), dtype=numpy.float32) * self.factors(10, rows, columns // 32, 1)
        made = made.reshape(rows, columns) * numpy.float32(size / root_of_mean_square(made))
        return gguf.quantize(made, kind)

    def vector(self, length, middle, spread):
        return (middle + spread * self.random.standard_normal(length)).astype(numpy.float32)


def write_tensors(writer, of, words):
    weights = Weights(of["seed"])
    width, hidden, kv = of["width"], of["hidden"], of["width"] // of["heads"] * of["kv_heads"]
    rows = {"attn_q": width, "attn_k": kv, "attn_v": kv, "attn_output": width, "ffn_gate": hidden, "ffn_up": hidden, "ffn_down": width}

    def matrix(name, kind, count, columns, gain):
        writer.add_tensor(name + ".weight", weights.matrix(kind, count, columns, gain / columns**0.5), raw_dtype=kind)

    matrix("token_embd", of["embedding"], words, width, 0.02 * width**0.5)
    for layer in range(of["layers"]):
        for norm in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{norm}.weight", weights.vector(width, 1, 0.2))
        for name, kind in of["types"].items():
            matrix(f"blk.{layer}.{name}", kind, rows[name], hidden if name == "ffn_down" else width, GAINS.get(name, 1.0))
        for name in ("attn_q", "attn_k", "attn_v") if of["biases"] else ():
            writer.add_tensor(f"blk.{layer}.{name}.bias", weights.vector(rows[name], 0, 0.5))
    writer.add_tensor("output_norm.weight", weights.vector(width, 10, 2))
    if of["output"] is not None:
        matrix("output", of["output"], words, width, 0.02 * width**0.5)


def write_model(path, architecture, of):
    words = tiny_tokenizer.Words(of["words"], of["controls_first"])
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_block_count(of["layers"])
    writer.add_context_length(1024)
    writer.add_embedding_length(of["width"])
    writer.add_feed_forward_length(of["hidden"])
    writer.add_head_count(of["heads"])
    writer.add_head_count_kv(of["kv_heads"])
    writer.add_layer_norm_rms_eps(of["epsilon"])
    writer.add_rope_freq_base(of["rope_base"])
    writer.add_vocab_size(len(words.tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(of["words"])
    writer.add_token_list(words.tokens)
    writer.add_token_types(words.types)
    writer.add_token_merges(words.merges)
    writer.add_bos_token_id(words.tokens.index("<|im_start|>"))
    writer.add_eos_token_id(words.tokens.index("<|im_end|>"))
    writer.add_add_bos_token(of["begins"])
    write_tensors(writer, of, len(words.tokens))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_models(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name, of in MODELS.items():
        write_model(folder / f"{name}.gguf", name, of)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    write_models(folder)
    for name in MODELS:
        reference.write_answers(folder / f"{name}.gguf", TEXTS, folder / f"{name}.json")


if __name__ == "__main__":
    main()
