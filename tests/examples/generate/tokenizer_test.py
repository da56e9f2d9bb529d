#!/usr/bin/env python3
"""Holds the tokenizer of examples/generate against the package `tokenizers`: random texts, which must become the same ids.

Usage: tokenizer_test.py COMMAND WORK [MODEL.gguf...]. COMMAND is tokenize_main.cpp, built. Without models those of make_models.py
are written to WORK. Exit 77 where the Python packages are missing. Left out are characters that are letters to one side only:
examples/generate asks the C library, and the package the Unicode tables that it was built with.
"""
import json
import random
import subprocess
import sys
import unicodedata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))
import python_packages

python_packages.need("gguf", "numpy", "tokenizers")
import make_models
import reference

TEXTS = 2000
PIECES = [
    "abcdefghijklmnopqrstuvwxyz", "ABCXYZ", "0123456789", ".,;:!?", "()[]{}<>|/\\+-*=_#@&%$^~`\"'", " ", " \t", "\n", "\r\n",
    "éüßñçåøÉÜ", "абвгдежзийклмнопрстуфхцчшщъыьэюя",
    "БЖЯ", "的一是不了人我在有他这中大来上国", "ひらがなカタカナ",
    "한국어",
    "αβγδεΣΩ", "אבגד", "عربي", "ไทย", "हिन्दी", "🙂🚀👍🏽👩\u200d💻🇫🇷", "—–…«»“”‘’€£¥§°×÷", "\u00a0\u2003\u3000\u2028\u0085", "①½²Ⅷ٣७፲",
    "e\u0301n\u0303", "\u200b\ufeff", "\u0000\u0001\u007f",
]
WORDS = [
    "'s", "'S", "'t", "'T", "'re", "'RE", "'Ve", "'ve", "'m", "'ll", "'lL", "'d", "'D", "'", "''s", "don't", "WE'LL", "it's", "l'été",
    "the", " the", " weights", "  pager", "\n\n", "\n \n", " \n", "\n ", "\t\t", "\r\n\r\n", "   ", "...", " ...\n", "!!!\n\n",
    "def f(x):\n",
    "    return", "память", " память", "記憶", "1969", " 12", "3.14", "1,000", "x2", "2x", "<|im_start|>", "<|im_end|>", "<|im_start|",
    "|im_end|>", "<|", "|>", "<tool>", "<tool>>", " <tool", "<tool>>>", "<|im_end|><|im_end|>", " <|im_start|>user\n",
]


def is_left_out(character):
    """Numbers that the C library takes for letters, marks, and what only one side knows."""
    kind = unicodedata.category(character)
    return kind[0] == "M" or (kind[0] == "N" and not character.isascii())


def random_text(draw):
    def piece():
        if draw.random() < 0.5:
            return draw.choice(WORDS)
        return "".join(draw.choices(draw.choice(PIECES), k=draw.randint(1, 4)))

    return "".join(piece() for _ in range(draw.randint(0, 12)))


def differences(command, path, texts):
    model = reference.Model(path)
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    said = subprocess.run([command, str(path)], input=lines, stdout=subprocess.PIPE, check=True, text=True, encoding="utf-8").stdout
    for text, line in zip(texts, said.splitlines(), strict=True):
        here, there = json.loads(line), model.encode(text)
        if here["ids"] != there:
            yield f"{json.dumps(text, ensure_ascii=False)} becomes {here['ids']}, and there {there}"
        plain = text
        for name in make_models.tiny_tokenizer.CONTROL_NAMES:
            plain = plain.replace(name, "")
        if here["text"] != plain:
            yield f"{json.dumps(text, ensure_ascii=False)} comes back as {json.dumps(here['text'], ensure_ascii=False)}"


def main():
    command, work, *models = sys.argv[1:]
    if not models:
        make_models.write_models(Path(work))
        models = [Path(work) / f"{name}.gguf" for name in make_models.MODELS]
    draw = random.Random(15)
    texts = sorted({random_text(draw) for _ in range(TEXTS)})
    texts = [text for text in texts if not any(is_left_out(character) for character in text)]
    failed = 0
    for path in models:
        wrong = list(differences(command, path, texts))
        for each in sorted(wrong, key=len)[:20]:
            print(f"{path}: {each}")
        print(f"{path}: {len(texts)} texts, {len(wrong)} differ", flush=True)
        failed += len(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
