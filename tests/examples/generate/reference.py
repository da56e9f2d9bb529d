#!/usr/bin/env python3
"""What examples/generate has to say, from a forward pass of its own: numpy over the tensors that the package `gguf` dequantises,
and words from the package `tokenizers`. Usage: reference.py MODEL.gguf PROMPTS.json OUT.json [--tokens N]

PROMPTS.json is a list of texts. OUT.json has for each the ids of the text, and of N greedy tokens behind it, each with its margin:
by how many logits it leads the second best. Takes 4 bytes of memory a weight. No token ends a text here, not even the one
that the model ends its texts with.
"""
import argparse
import hashlib
import json

import gguf
import numpy
import tokenizers

WORDS = {
    "smollm": [r"\p{N}", r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"],
    "qwen2": [r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"],
}
CONTROL, USER_DEFINED = 3, 4  # of tokenizer.ggml.token_type


def splitter(kind):
    """Splits a text into words, spelled with one character a byte."""
    split = tokenizers.pre_tokenizers
    words = [split.Split(tokenizers.Regex(pattern), "isolated") for pattern in WORDS[kind]]
    return split.Sequence([*words, split.ByteLevel(add_prefix_space=False, use_regex=False)])


class Model:
    def __init__(self, path):
        self.reader = gguf.GGUFReader(path)
        self.fields = {name: field.contents() for name, field in self.reader.fields.items()}
        self.tensors = {tensor.name: tensor for tensor in self.reader.tensors}
        self.dequantised = {}
        self.architecture = self.fields["general.architecture"]
        self.words = self.tokenizer()

    def __getitem__(self, name):
        if name not in self.dequantised:
            tensor = self.tensors[name]
            self.dequantised[name] = gguf.dequantize(tensor.data, tensor.tensor_type).astype(numpy.float32)
        return self.dequantised[name]

    def number(self, key, default=None):
        return self.fields.get(f"{self.architecture}.{key}", default)

    def tokenizer(self):
        names = self.fields["tokenizer.ggml.tokens"]
        merges = [tuple(merge.split(" ")) for merge in self.fields["tokenizer.ggml.merges"]]
        made = tokenizers.Tokenizer(tokenizers.models.BPE({name: i for i, name in enumerate(names)}, merges))
        made.pre_tokenizer = splitter(self.fields["tokenizer.ggml.pre"])
        made.decoder = tokenizers.decoders.ByteLevel()
        kinds = self.fields["tokenizer.ggml.token_type"]
        made.add_special_tokens([name for name, kind in zip(names, kinds) if kind == CONTROL])
        made.add_tokens([tokenizers.AddedToken(name, normalized=False) for name, kind in zip(names, kinds) if kind == USER_DEFINED])
        return made

    def encode(self, text):
        first = [self.fields["tokenizer.ggml.bos_token_id"]] if self.fields.get("tokenizer.ggml.add_bos_token") else []
        return first + self.words.encode(text, add_special_tokens=False).ids


class Pass:
    """One sequence: keys and values of its tokens so far."""

    def __init__(self, model):
        self.model = model
        self.width = model.number("embedding_length")
        self.heads = model.number("attention.head_count")
        self.kv_heads = model.number("attention.head_count_kv", self.heads)
        self.head = self.width // self.heads
        self.base = model.number("rope.freq_base", 10000.0)
        self.epsilon = model.number("attention.layer_norm_rms_epsilon")
        self.layers = range(model.number("block_count"))
        self.keys = [numpy.zeros((0, self.kv_heads, self.head), numpy.float32) for _ in self.layers]
        self.values = list(self.keys)

    def norm(self, x, name):
        return x / numpy.sqrt(numpy.mean(x * x, axis=-1, keepdims=True) + self.epsilon) * self.model[name]

    def linear(self, x, name):
        y = x @ self.model[name + ".weight"].T
        return y + self.model[name + ".bias"] if name + ".bias" in self.model.tensors else y

    def rotate(self, x, first):
        pairs = self.model.number("rope.dimension_count", self.head) // 2
        turns = numpy.outer(numpy.arange(first, first + len(x)), self.base ** (-numpy.arange(pairs) / pairs))
        cosine, sine = (f(turns).astype(numpy.float32)[:, None, :] for f in (numpy.cos, numpy.sin))
        halves = self.model.architecture == "qwen2"
        one, two = (slice(0, pairs), slice(pairs, 2 * pairs)) if halves else (slice(0, 2 * pairs, 2), slice(1, 2 * pairs, 2))
        out = x.copy()
        out[..., one] = x[..., one] * cosine - x[..., two] * sine
        out[..., two] = x[..., one] * sine + x[..., two] * cosine
        return out

    def attend(self, x, layer):
        first = len(self.keys[layer])
        q = self.rotate(self.linear(x, f"blk.{layer}.attn_q").reshape(len(x), self.heads, self.head), first)
        k = self.rotate(self.linear(x, f"blk.{layer}.attn_k").reshape(len(x), self.kv_heads, self.head), first)
        v = self.linear(x, f"blk.{layer}.attn_v").reshape(len(x), self.kv_heads, self.head)
        self.keys[layer] = numpy.concatenate([self.keys[layer], k])
        self.values[layer] = numpy.concatenate([self.values[layer], v])
        each = self.heads // self.kv_heads
        keys, values = (numpy.repeat(of[layer], each, axis=1) for of in (self.keys, self.values))
        scores = numpy.einsum("thd,phd->htp", q, keys) / numpy.sqrt(numpy.float32(self.head))
        later = numpy.arange(len(keys))[None, :] > numpy.arange(first, first + len(x))[:, None]
        scores = numpy.where(later[None], -numpy.inf, scores)
        shares = numpy.exp(scores - scores.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        out = numpy.einsum("htp,phd->thd", shares, values).reshape(len(x), self.width)
        return self.linear(out, f"blk.{layer}.attn_output")

    def next(self, ids):
        x = self.model["token_embd.weight"][ids]
        for layer in self.layers:
            x = x + self.attend(self.norm(x, f"blk.{layer}.attn_norm.weight"), layer)
            y = self.norm(x, f"blk.{layer}.ffn_norm.weight")
            gate = self.linear(y, f"blk.{layer}.ffn_gate")
            x = x + self.linear(gate / (1 + numpy.exp(-gate)) * self.linear(y, f"blk.{layer}.ffn_up"), f"blk.{layer}.ffn_down")
        last = self.norm(x[-1], "output_norm.weight")
        table = "output" if "output.weight" in self.model.tensors else "token_embd"
        return self.model[table + ".weight"] @ last


def answer(model, text, tokens):
    sequence = Pass(model)
    ids = model.encode(text)
    made = {"prompt": text, "prompt_ids": ids, "ids": [], "margins": []}
    scores = sequence.next(ids)
    while len(made["ids"]) < tokens:
        second, first = numpy.sort(scores)[-2:]
        made["ids"].append(int(scores.argmax()))
        made["margins"].append(round(float(first - second), 4))
        scores = sequence.next(made["ids"][-1:])
    made["text"] = model.words.decode(made["ids"])
    print(repr(made["text"]), flush=True)
    return made


def write_answers(path, texts, target, tokens=24):
    model = Model(path)
    answers = [answer(model, text, tokens) for text in texts]
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    with open(target, "w", encoding="utf-8") as file:
        json.dump({"model_sha256": digest, "answers": answers}, file, ensure_ascii=False, indent=1)
        file.write("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("prompts")
    parser.add_argument("out")
    parser.add_argument("--tokens", type=int, default=24)
    options = parser.parse_args()
    with open(options.prompts, encoding="utf-8") as file:
        texts = json.load(file)
    write_answers(options.model, texts, options.out, options.tokens)


if __name__ == "__main__":
    main()
