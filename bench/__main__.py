"""`make bench`: runs the benchmarks, prints a table, writes JSON; exits 1 where a figure is past twice its bound."""

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click

from bench import acks, applying, importing, memory
from bench.findings import FORGIVEN, Finding, lines, machine, save
from bench.stage import DATABASES, Stage, Theatre, theatre

Benchmark = Callable[[Theatre, str], Iterator[Finding]]


def on_one_stage(measure: Callable[[Stage], Iterator[Finding]]) -> Benchmark:
    """Let a benchmark play on a stage of its own."""

    def play(place: Theatre, database: str) -> Iterator[Finding]:
        with place.stage(database) as stage:
            yield from measure(stage)

    return play


def growth(place: Theatre, database: str) -> Iterator[Finding]:
    """Let the benchmark of growth play on a small and a large stage."""
    with place.stage(database) as small, place.stage(database) as large:
        yield from applying.grow(small, large)


BENCHMARKS: Mapping[str, Benchmark] = {
    "acks": on_one_stage(acks.measure),
    "applied": on_one_stage(applying.measure),
    "growth": growth,
    "memory": on_one_stage(memory.measure),
    "import": on_one_stage(importing.measure_github),
    "import-jira": on_one_stage(importing.measure_jira),
}


@click.command()
@click.option("--only", multiple=True, type=click.Choice(list(BENCHMARKS)), help="Run these alone.")
@click.option("--on", multiple=True, type=click.Choice(DATABASES), help="Run on these databases alone.")
@click.option("--json", "path", type=click.Path(path_type=Path), default=Path("bench.json"), help="Where JSON goes.")
def bench(only: tuple[str, ...], on: tuple[str, ...], path: Path) -> None:
    """Run the benchmarks."""
    click.echo(", ".join(f"{name} {value}" for name, value in machine().items()))
    findings: list[Finding] = []
    # In the working directory and not in /tmp, which may be memory: durability is what is measured.
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=Path.cwd()) as directory, theatre(Path(directory)) as place:
        for name in only or BENCHMARKS:
            for database in on or DATABASES:
                click.echo(f"… {name} on {database}", err=True)
                found = list(BENCHMARKS[name](place, database))
                click.echo("\n".join(lines(found)[1:]), err=True)
                findings += found
    click.echo("\n".join(lines(findings)))
    save(findings, path)
    click.echo(f"written to {path}")
    failed = [one.what for one in findings if one.times_past > FORGIVEN]
    if failed:
        click.echo(f"past {FORGIVEN:g} times the bound: {', '.join(failed)}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    bench()
