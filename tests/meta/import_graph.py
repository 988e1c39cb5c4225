"""Our modules and their imports: every import counts, also under `TYPE_CHECKING` and inside functions."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]

Graph = Mapping[str, frozenset[str]]
"""Node → the nodes that it leads to."""


@cache
def modules(*tops: str) -> Mapping[str, Path]:
    """Return the modules below these folders of the project: dotted name → file."""
    return {
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
        for top in tops
        for file in sorted((ROOT / top).rglob("*.py"))
    }


@cache
def imports(file: Path) -> frozenset[str]:
    """Return the dotted names that a file imports: modules, and names in modules."""
    return frozenset(_imports(file))


def _imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def import_graph(files: Mapping[str, Path]) -> Graph:
    """Return which modules each module imports, as far as they are among `files`."""
    return {
        name: frozenset(found for dotted in imports(file) if (found := _module(dotted, files)) and found != name)
        for name, file in files.items()
    }


def _module(dotted: str, files: Mapping[str, Path]) -> str | None:
    """Return the module that a dotted name is, or the one that it is in; None for a library."""
    around = dotted.rpartition(".")[0]
    return dotted if dotted in files else around if around in files else None


def circles(graph: Graph) -> list[list[str]]:
    """Return the strongly connected components of more than one node, each sorted (Tarjan's algorithm)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in order:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == order[node]:
            at = stack.index(node)
            component = sorted(stack[at:])
            del stack[at:]
            if len(component) > 1:
                found.append(component)

    for node in sorted(graph):
        if node not in order:
            visit(node)
    return found
