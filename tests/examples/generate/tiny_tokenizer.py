"""A byte-level BPE vocabulary of some hundred tokens, for the models of make_models.py: what a GGUF file has of it."""
import collections

import reference
import tokenizers

CONTROL_NAMES = ["<|im_start|>", "<|im_end|>"]
ADDED_NAMES = ["<tool>", "<tool>>"]  # which are found in a text as those are, and are text all the same
LEARNT, BORDERS = 220, 80
NORMAL = 1
TEXT = """The pager reads a layer of the model from the disk, and then the device computes with it. When the next layer comes, the
first one has to go: there is no room for all of them. What comes again and again stays; what comes once a pass streams.

  "It's slow," they said, "and we're sure that it won't be right." We'd tried; I'll show you what we've got. I'm not the one who'd
  say it's done. They weren't there in 1969, nor in 2024, when 365 of the 1,000 tensors were read 12 times.

def room(of, bytes):
    if bytes > of.budget:
        raise ValueError(f"{bytes} bytes find no room")
    return of.budget - bytes

Память модели мала, но слова те же самые. 記憶は小さい。言葉は同じです。Le café coûte très cher à Zürich; où est la mémoire?\r\n
THE WEIGHTS WEREN'T THERE, IT'S SAID. WE'LL SEE...   and   see   \t and see!!! ((a + b) * (a - b)) == a * a - b * b;\n\n\n
"""


def learn(texts, count):
    """Joins the commonest pair of neighbours in all texts, lists of symbols, `count` times. Returns the pairs."""
    merges = []
    for _ in range(count):
        pairs = collections.Counter(pair for text in texts for pair in zip(text, text[1:]))
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        for text in texts:
            for at in range(len(text) - 2, -1, -1):
                if tuple(text[at:at + 2]) == best:
                    text[at:at + 2] = ["".join(best)]
    return merges


class Words:
    """`kind` as in `tokenizer.ggml.pre`. Has merges inside of words, and behind them some that reach from one word into the next:
    these change the ids of a text only where it is split into words in another way.
    """

    def __init__(self, kind, controls_first):
        split = reference.splitter(kind)
        words = [list(word) for word, _place in split.pre_tokenize_str(TEXT)]
        pairs = learn(words, LEARNT)
        borders = collections.Counter((left[-1], right[0]) for left, right in zip(words, words[1:]))
        pairs += [pair for pair, _count in borders.most_common(BORDERS)]
        self.merges = [" ".join(pair) for pair in pairs]
        plain = list(dict.fromkeys(sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet()) + ["".join(pair) for pair in pairs]))
        whole = CONTROL_NAMES + ADDED_NAMES
        self.tokens = whole + plain if controls_first else plain + whole
        kinds = dict.fromkeys(CONTROL_NAMES, reference.CONTROL) | dict.fromkeys(ADDED_NAMES, reference.USER_DEFINED)
        self.types = [kinds.get(token, NORMAL) for token in self.tokens]
