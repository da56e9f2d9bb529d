"""The definitions in the .cpp files of the library and of its tools, found without a compiler.

A definition is a function with its body, or a declaration that ends with a semicolon (a constant). It is named as the
source spells it, after the classes that it stands in; namespaces do not count. What is read is a list of tokens:
comments, blanks and preprocessor lines are left out.
"""
import dataclasses
import os
import re

FOLDERS = ("core", "host", "cuda", "tools", "bench")
CLOSING = {"(": ")", "[": "]", "{": "}"}
NOT_NAMES = {"alignas", "decltype", "explicit", "noexcept", "requires"}  # what may stand before a parenthesis in a head
TOKEN = re.compile(r"""
    (?P<skipped> \s+ | //[^\n]* | /\*.*?\*/ | ^[ \t]*\#(?:\\\n|[^\n])* )
  | (?:u8|[uUL])?R"(?P<mark>[^()\s\\]*)\(.*?\)(?P=mark)"
  | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'
  | \.?\d(?:'?[\w.]|[eEpP][+-])*
  | \$?[A-Za-z_]\w*
  | <=> | <<=? | :: | -> | \.\.\. | && | \|\| | \+\+ | -- | [-+*/%&|^!=<>]= | .
""", re.VERBOSE | re.DOTALL | re.MULTILINE)


def tokens_of(text):
    """The tokens of a text and where each begins."""
    found = [match for match in TOKEN.finditer(text) if match.lastgroup != "skipped"]
    return [match.group() for match in found], [match.start() for match in found]


@dataclasses.dataclass
class Definition:
    name: str
    source: "Source"
    first: int         # token
    end: int           # the token after its last
    body: int | None   # the token that opens the body of a function

    def returns_nothing(self):
        scope, _, name = self.name.rpartition("::")
        before_parameters = self.source.slice(self.first, self.body).partition("(")[0]
        return re.search(r"\bvoid\s+\w", before_parameters) is not None or name.strip("~") == scope.rpartition("::")[2]


class Source:
    """One file: its text, its tokens, and the bracket that closes each one opened."""

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.tokens, self.begins = tokens_of(text)
        self.closing = {}
        opened = []
        for at, token in enumerate(self.tokens):
            if token in CLOSING:
                opened.append(at)
            elif opened and token == CLOSING[self.tokens[opened[-1]]]:
                self.closing[opened.pop()] = at

    def end_of(self, at):
        return self.begins[at] + len(self.tokens[at])

    def slice(self, first, end):
        """The text of the tokens from first up to end."""
        return self.text[self.begins[first]:self.end_of(end - 1)] if first < end else ""

    def definitions(self):
        tokens, scopes, head, at = self.tokens, [], 0, 0
        while at < len(tokens):
            token, after = tokens[at], at + 1
            if token in ("(", "["):
                after = self.closing.get(at, at) + 1
            elif token == ";":
                if name := declared_name(tokens[head:after]):
                    yield Definition(qualified(scopes, name), self, head, after, None)
                head = after
            elif token == "}":
                scopes = scopes[:-1]
                head = after
            elif token == ":" and tokens[at - 1] in ("public", "protected", "private"):
                head = after
            elif token == "{":
                kind, name = self.opened_by(head, at)
                if kind == "scope":
                    scopes = scopes + [name]
                    head = after
                else:
                    after = self.closing.get(at, at) + 1
                    if kind == "function":
                        yield Definition(qualified(scopes, name), self, head, after, at)
                        head = after
            at = after

    def opened_by(self, head, brace):
        """What a brace opens whose declaration begins at head, a scope, a function or a value; and the name of that."""
        tokens, at, angles = self.tokens, head, 0
        while at < brace:
            token = tokens[at]
            if token == "namespace" or (token == "extern" and at + 2 == brace):
                return "scope", ""
            if token in ("class", "struct", "union") and angles == 0:
                return "scope", self.name_from(at + 1, brace)
            if token in ("enum", "=") and angles == 0:
                break
            if token == "operator" or (token == "(" and angles == 0 and tokens[at - 1] not in NOT_NAMES):
                return self.function_at(at, brace)
            angles += (token == "<") - (token == ">")
            at = self.closing.get(at, at) + 1
        return "value", ""

    def function_at(self, at, brace):
        """Its name ends before at, or begins there with `operator`. A brace may begin a value of a member, too."""
        tokens, name = self.tokens, []
        if tokens[at] == "operator":
            first = at
            at += 3 if tokens[at + 1] == "(" else 1
            while tokens[at] != "(":
                at += 1
            name = ["".join(tokens[first:at])]
            back = first - 1
        else:
            back = at - 1
            if tokens[back] == ">":
                back = self.before_angles(back)
            name = [tokens[back]]
            back -= 1
            if tokens[back] == "~":
                name = ["~" + name[0]]
                back -= 1
        while tokens[back] == "::":
            back = self.before_angles(back - 1) if tokens[back - 1] == ">" else back - 1
            name.insert(0, tokens[back])
            back -= 1
        after = self.closing[at] + 1
        initialises = ":" in tokens[after:brace]
        if initialises and tokens[brace - 1] not in (")", "}"):
            return "value", ""
        return "function", "::".join(name)

    def before_angles(self, at):
        depth = 0
        while True:
            depth += (self.tokens[at] == ">") - (self.tokens[at] == "<")
            at -= 1
            if depth == 0:
                return at

    def name_from(self, at, brace):
        name = ""
        while at < brace and self.tokens[at] not in ("final", ":", "<"):
            if self.tokens[at] not in ("[", "alignas", "("):
                name += self.tokens[at]
            at = self.closing.get(at, at) + 1
        return name


def qualified(scopes, name):
    return "::".join([each for each in scopes if each] + [name])


def declared_name(tokens):
    """The word before the value of a declaration; None where there is none, as before parameters."""
    for at, token in enumerate(tokens):
        if token in ("=", "{", "[", ";") and at > 0:
            return tokens[at - 1] if re.fullmatch(r"[A-Za-z_]\w*", tokens[at - 1]) else None
    return None


class Sources:
    """Every definition under a root, by the last part of its name."""

    def __init__(self, root):
        self.found = {}
        for folder in FOLDERS:
            for parent, _, names in os.walk(os.path.join(root, folder)):
                for name in names:
                    if name.endswith(".cpp"):
                        self.read(root, os.path.join(parent, name))

    def read(self, root, path):
        with open(path, encoding="utf-8") as file:
            source = Source(os.path.relpath(path, root), file.read())
        for definition in source.definitions():
            self.found.setdefault(definition.name.rpartition("::")[2], []).append(definition)

    def named(self, name):
        """Each definition with this name, or with a longer one that ends like it."""
        return [definition for definition in self.found.get(name.rpartition("::")[2], [])
                if definition.name == name or definition.name.endswith("::" + name)]


def match(source, at, end, pattern):
    """Where the pattern's match that begins at this token ends, the words of its $names and the stretches of its `...`;
    None where it does not match. A stretch is the shortest that will do; it stays in its statement and its brackets."""
    words, stretches = {}, []
    for done, wanted in enumerate(pattern):
        if wanted == "...":
            return match_stretch(source, at, end, [words.get(each, each) for each in pattern[done + 1:]], words, stretches)
        if at >= end:
            return None
        token = source.tokens[at]
        if wanted[0] == "$" and wanted not in words:
            if not re.match(r"[A-Za-z_]", token):
                return None
            words[wanted] = token
        elif token != words.get(wanted, wanted):
            return None
        at += 1
    return at, words, stretches


def match_stretch(source, at, end, rest, words, stretches):
    stop = at
    while True:
        if found := match(source, stop, end, rest):
            return found[0], words | found[1], stretches + [source.slice(at, stop)] + found[2]
        if stop >= end or source.tokens[stop] in (")", "]", "}", ";"):
            return None
        stop = source.closing.get(stop, stop) + 1


def matches(definition, pattern):
    """Of each place in a definition where the pattern matches: where it begins, and what match() says of it."""
    for at in range(definition.first, definition.end):
        if found := match(definition.source, at, definition.end, pattern):
            yield at, *found
