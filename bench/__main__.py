"""Command line of `make bench`: print a table, write JSON; exit 1 for a figure past twice its bound."""

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click

from bench import apply_updates, forecasts, importing, locks, measures, memory, rules, webhook_latency
from bench.harness import DATABASES, Harness, HarnessFactory, harness_factory
from bench.report import Finding, lines, machine, save
from sync_service.runtime.memory import collect_less_often

Benchmark = Callable[[HarnessFactory, str], Iterator[Finding]]


def in_one_harness(measure: Callable[[Harness], Iterator[Finding]]) -> Benchmark:
    """Return a benchmark that runs `measure` in a harness of its own."""

    def run(factory: HarnessFactory, database: str) -> Iterator[Finding]:
        with factory.harness(database) as harness:
            yield from measure(harness)

    return run


def growth(factory: HarnessFactory, database: str) -> Iterator[Finding]:
    """Run the growth benchmark with a small and a large database."""
    with factory.harness(database) as small, factory.harness(database) as large:
        yield from apply_updates.grow(small, large)


BENCHMARKS: Mapping[str, Benchmark] = {
    "acks": in_one_harness(webhook_latency.measure),
    "applied": in_one_harness(apply_updates.measure),
    "growth": growth,
    "memory": in_one_harness(memory.measure),
    "forecast": forecasts.measure,
    "measures": in_one_harness(measures.measure),
    "rules": in_one_harness(rules.measure),
    "locks": in_one_harness(locks.measure),
    "import": in_one_harness(importing.measure_github),
    "import-jira": in_one_harness(importing.measure_jira),
}

WITHOUT_DATABASE = frozenset({"forecast"})
"""Benchmarks that use none, and so run once."""


@click.command()
@click.option("--only", multiple=True, type=click.Choice(list(BENCHMARKS)), help="Run only these benchmarks.")
@click.option("--on", multiple=True, type=click.Choice(DATABASES), help="Run only on these databases.")
@click.option(
    "--json", "path", type=click.Path(path_type=Path), default=Path("bench.json"), help="Where to write the JSON."
)
def bench(only: tuple[str, ...], on: tuple[str, ...], path: Path) -> None:
    """Run the benchmarks."""
    collect_less_often()
    click.echo(", ".join(f"{name} {value}" for name, value in machine().items()))
    findings: list[Finding] = []
    # In the working directory, not in /tmp, which may be in memory: the benchmarks measure durable writes.
    with (
        tempfile.TemporaryDirectory(prefix=".bench-", dir=Path.cwd()) as directory,
        harness_factory(Path(directory)) as factory,
    ):
        for name in only or BENCHMARKS:
            for database in on or (DATABASES if name not in WITHOUT_DATABASE else DATABASES[:1]):
                click.echo(f"… {name} on {database}", err=True)
                found = list(BENCHMARKS[name](factory, database))
                click.echo("\n".join(lines(found)[1:]), err=True)
                findings += found
    click.echo("\n".join(lines(findings)))
    save(findings, path)
    click.echo(f"written to {path}")
    failed = [f"{one.what} ({one.forgiven:g})" for one in findings if one.fails]
    if failed:
        click.echo(f"worse than so many times the bound: {', '.join(failed)}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    bench()
