"""The list of mutants: what it says, and how each changes the sources. Its format is at the top of mutants.txt."""
import dataclasses
import os
import re

from sources import Definition, matches, tokens_of

KEYS = {"promise": "promise", "in": "definition", "tests": "tests"}
VARIABLE = re.compile(r"\$[A-Za-z_]\w*")
NUMBER = "tierpager_number_of_mutant"


class Unusable(Exception):
    """The mutant or the build cannot be used; the text says why."""


@dataclasses.dataclass
class Mutant:
    name: str
    promise: str = ""
    definition: str = ""
    tests: str = ""        # the target that holds the tests
    gtest_filter: str = "*"
    arguments: tuple = ()  # of the test binary's own
    pattern: str = ""
    replacement: str = ""


def read_list(path):
    mutants = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip("\n")
            where = f"{os.path.basename(path)}:{number}"
            if not line.strip() or line.startswith("#"):
                continue
            if found := re.fullmatch(r"\[([a-z][a-z0-9_]*)\]", line):
                mutants.append(Mutant(found.group(1)))
            elif not mutants:
                raise Unusable(f"{where}: a [name] comes first")
            elif line[0] == "-":
                mutants[-1].pattern += line[1:] + "\n"
            elif line[0] == "+":
                mutants[-1].replacement += line[1:] + "\n"
            elif (found := re.fullmatch(r"(\w+): (.+)", line)) and found.group(1) in KEYS:
                setattr(mutants[-1], KEYS[found.group(1)], found.group(2).strip())
            else:
                raise Unusable(f"{where}: expected [name], promise:, in:, tests:, -pattern or +replacement")
    for mutant in mutants:
        words = mutant.tests.split()
        mutant.arguments = tuple(word for word in words if word.startswith("--"))
        mutant.tests, mutant.gtest_filter = ([word for word in words if not word.startswith("--")] + ["", "*"])[:2]
        mutant.gtest_filter = mutant.gtest_filter or "*"
        if not (mutant.promise and mutant.definition and mutant.tests and mutant.pattern.strip()):
            raise Unusable(f"{mutant.name}: needs a promise, in: a definition, tests and a pattern")
        unbound = set(VARIABLE.findall(mutant.replacement)) - set(VARIABLE.findall(mutant.pattern))
        if unbound or mutant.replacement.count("...") > mutant.pattern.count("..."):
            raise Unusable(f"{mutant.name}: its replacement has what its pattern has not: {', '.join(sorted(unbound)) or '...'}")
    names = [mutant.name for mutant in mutants]
    if len(names) != len(set(names)):
        raise Unusable("a name is used twice: " + ", ".join(sorted({name for name in names if names.count(name) > 1})))
    return mutants


@dataclasses.dataclass
class Change:
    definition: Definition
    begin: int  # of the text to replace
    end: int
    replacement: str

    def path(self):
        return self.definition.source.path

    def apply(self, begin=0, end=None):
        """The changed text, or a part of it that the change lies in."""
        text = self.definition.source.text
        return text[begin:self.begin] + self.replacement + text[self.end:end]

    def body(self):
        """Where the body of the function begins and ends if the change lies in there."""
        if self.definition.body is None or self.definition.source.begins[self.definition.body] > self.begin:
            return None
        return self.definition.source.end_of(self.definition.body), self.definition.source.begins[self.definition.end - 1]


def change_of(mutant, sources):
    pattern = tokens_of(mutant.pattern)[0]
    definitions = sources.named(mutant.definition)
    if not definitions:
        raise Unusable(f"there is no definition {mutant.definition}")
    found = [(one, *place) for one in definitions for place in matches(one, pattern)]
    if len(found) != 1:
        raise Unusable(f"its pattern occurs {len(found)} times in {mutant.definition}, not once")
    (definition, first, end, words, stretches), = found
    rest = iter(stretches)
    replacement = VARIABLE.sub(lambda name: words[name.group()], mutant.replacement.strip())
    replacement = re.sub(r"\.\.\.", lambda _: next(rest), replacement)
    source = definition.source
    if tokens_of(replacement)[0] == source.tokens[first:end]:
        raise Unusable("it changes nothing")
    return Change(definition, source.begins[first], source.end_of(end - 1), replacement)


def why_unusable(mutant, sources):
    """Why the mutant no longer applies; None where it does."""
    try:
        change_of(mutant, sources)
    except Unusable as error:
        return str(error)
    return None


def apply_in_turn(changes):
    """The text of one program with all these changes of one file, each in the body of a function. It has the change whose
    number, from 1 on, is in the environment: each body begins with its own changed copies."""
    text = changes[0].definition.source.text
    copies = {}
    for number, change in enumerate(changes, 1):
        begin, end = change.body()
        leave = "return;" if change.definition.returns_nothing() else ""
        copies[begin] = copies.get(begin, "") + f" if ({NUMBER} == {number}) {{{change.apply(begin, end)}\n{leave} }}\n"
    for begin in sorted(copies, reverse=True):
        text = text[:begin] + copies[begin] + text[begin:]
    return f"""#include <cstdlib>
namespace {{ int const {NUMBER} = std::getenv("{NUMBER}") != nullptr ? std::atoi(std::getenv("{NUMBER}")) : 0; }}
{text}"""
