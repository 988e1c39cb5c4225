"""Measure the mutation score of `sync_service/domain/`: which changes of its code make a test fail.

mutmut makes the mutants and runs the tests. Of all mutants a seeded sample is tested. A mutant's place in the sample
follows from the shape of its function alone, so renames of files, functions and variables leave the sample as it is.
"""

import argparse
import ast
import difflib
import hashlib
import shutil
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mutmut.mutation.file_mutation import MutatedFile, mutate_file_contents
from mutmut.utils.format_utils import get_mutant_name

ROOT = Path(__file__).resolve().parent.parent
DOMAIN = Path("sync_service/domain")
MUTMUT = Path(sys.executable).with_name("mutmut")
CAUGHT = ("killed", "timeout")
PLACE = 12
"""Characters of a place that a list shows."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one function: mutmut's name of it, its place in the order of all mutants, and the changed lines."""

    name: str
    place: str
    change: str


def main() -> None:
    """Choose the mutants, test them and print the score and the survivors."""
    parser = argparse.ArgumentParser(description="Measure the mutation score of sync_service/domain/.")
    parser.add_argument("--most", type=int, default=400, help="the number of mutants to test at most (400)")
    parser.add_argument("--seed", default="0", help="the seed of the sample (0)")
    parser.add_argument("--list", action="store_true", help="only list the chosen mutants")
    parser.add_argument("--only", type=Path, help="a file of --list: test its mutants and no others")
    options = parser.parse_args()
    everything = sorted(mutants(options.seed), key=lambda one: one.place)
    if options.only:
        places = {line.split()[0] for line in options.only.read_text(encoding="utf-8").splitlines()}
        everything = [one for one in everything if one.place[:PLACE] in places]
    chosen = everything[: options.most]
    if options.list:
        say(*(f"{one.place[:PLACE]} {one.name}  {one.change}" for one in chosen))
        return
    results = test(chosen)
    counts = Counter(results.values())
    caught = sum(counts[result] for result in CAUGHT)
    say(
        f"seed {options.seed}: {len(chosen)} of {len(everything)} mutants",
        *(f"{result}: {count}" for result, count in sorted(counts.items())),
        f"score: {caught / len(chosen):.1%}",
        *(f"{results[one.name]}: {one.name}  {one.change}" for one in chosen if results[one.name] not in CAUGHT),
    )


def mutants(seed: str) -> Iterator[Mutant]:
    """Yield all mutants of the domain."""
    seen: Counter[str] = Counter()
    for file in sorted((ROOT / DOMAIN).rglob("*.py")):
        relative = file.relative_to(ROOT)
        made = mutate_file_contents(str(relative), file.read_text(encoding="utf-8"))
        for name in made.mutant_names:
            before = source(made, f"{name.partition('__mutmut_')[0]}__mutmut_orig")
            after = source(made, name)
            shapes = f"{seed} {shape(before)} {shape(after)}"
            # Functions or changes that look alike are told apart by their number.
            seen[shapes] += 1
            place = hashlib.sha256(f"{shapes} {seen[shapes]}".encode()).hexdigest()
            yield Mutant(get_mutant_name(relative, name), place, change(before, after))


def source(made: MutatedFile, name: str) -> str:
    """Return the source of a generated function."""
    span = made.line_span_by_function_name[name]
    return textwrap.dedent("\n".join(made.code.splitlines()[span.start - 1 : span.end]))


def shape(function: str) -> str:
    """Return a function's syntax tree without what a rename or another wording changes."""
    (tree,) = ast.parse(function).body
    assert isinstance(tree, ast.FunctionDef)
    if ast.get_docstring(tree) is not None:
        del tree.body[0]
    for node in ast.walk(tree):
        for field, value in ast.iter_fields(node):
            if isinstance(value, str):
                setattr(node, field, form(value) if isinstance(node, ast.Constant) else "name")
    return ast.dump(tree)


def form(text: str) -> str:
    """Return how mutmut may have changed a text, in place of the text."""
    if text.startswith("XX") and text.endswith("XX"):
        return "marked"
    return "upper" if text.isupper() else "text"


def change(before: str, after: str) -> str:
    """Return the changed lines in one line: the old ones after `-`, the new ones after `+`."""
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""))
    own_names = ("__mutmut_", "@@ ")
    return " ".join(f"{line[0]} {line[1:].strip()}" for line in lines[2:] if not any(one in line for one in own_names))


def test(chosen: list[Mutant]) -> dict[str, str]:
    """Run the tests that pyproject.toml names on each mutant; return the result of each, by name."""
    shutil.rmtree(ROOT / "mutants", ignore_errors=True)
    names = {one.name for one in chosen}
    subprocess.run([MUTMUT, "run", "--max-children", "1", *sorted(names)], cwd=ROOT, check=True)
    printed = subprocess.run([MUTMUT, "results", "--all", "1"], cwd=ROOT, check=True, capture_output=True, text=True)
    pairs = (line.strip().rpartition(": ") for line in printed.stdout.splitlines())
    return {name: result for name, _, result in pairs if name in names}


def say(*lines: str) -> None:
    """Print the lines."""
    print(*lines, sep="\n", flush=True)  # noqa: T201  # this is a command; standard output is its face


if __name__ == "__main__":
    main()
