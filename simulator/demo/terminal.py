"""Terminal output of the demo: one line for each change, in colour on a terminal."""

import statistics
import sys
import textwrap
from collections.abc import Sequence
from typing import TextIO

from simulator.demo.browser_session import Mail
from simulator.demo.expectations import KeyResult, ValueChange

_COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
BAR = 24


def amount(value: float | None, unit: str) -> str:
    """Write a value in its unit."""
    if value is None:
        return "no data"
    return f"{round(value, 1):g} {unit}".rstrip()


class Terminal:
    """Writes to the terminal that started the demo."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._colour = out.isatty()

    def write(self, text: str = "", colour: str = "") -> None:
        """Write a line."""
        print(self._painted(text, colour), file=self._out, flush=True)

    def heading(self, title: str) -> None:
        """Write the heading of another part of the scenario."""
        self.write()
        self.write(title, "bold")

    def happened(self, who: str, what: str) -> None:
        """Write what somebody does, before its effect is known."""
        self.write(f"  {who:<7} {what}")

    def moved(self, move: ValueChange, seconds: float | None) -> None:
        """Write which value changed, and how long after its cause."""
        progress = (move.key_result.progress(move.before), move.key_result.progress(move.after))
        up = progress[0] is None or (progress[1] is not None and progress[1] >= progress[0])
        values = f"{amount(move.before, move.key_result.unit)} → {amount(move.after, move.key_result.unit)}"
        took = "" if seconds is None else f"  ({seconds:.2f} s)"
        self.write(f"{'':<10}→ {move.key_result.slug} {values}{took}", "green" if up else "yellow")

    def unchanged(self, why: str) -> None:
        """Write that nothing changed, and why that is right."""
        self.write(f"{'':<10}= {why}", "dim")

    def problem(self, what: str) -> None:
        """Write what is not as expected."""
        self.write(f"{'':<10}✗ {what}", "red")

    def show_key_results(self, key_results: Sequence[tuple[KeyResult, float | None]]) -> None:
        """Show the values of the key results."""
        for key_result, value in key_results:
            progress = key_result.progress(value)
            full = round(BAR * min(max(progress or 0.0, 0.0), 1.0))
            bar = "█" * full + "░" * (BAR - full)
            self.write(f"  {key_result.slug}  {bar}  {amount(value, key_result.unit):>12}  {key_result.title}")

    def times(self, seconds: Sequence[float]) -> None:
        """Sum up how long it took from an accepted webhook to a changed value in the API."""
        median, slowest = statistics.median(seconds), max(seconds)
        text = f"Webhook accepted → value changed in the API: median {median:.2f} s, slowest {slowest:.2f} s"
        self.write(f"{text} ({len(seconds)} measured)", "bold")

    def mail(self, mail: Mail) -> None:
        """Show a mail."""
        self.write()
        self.write(f"  To:      {mail.to}", "cyan")
        self.write(f"  Subject: {mail.subject}", "cyan")
        self.write(textwrap.indent(mail.text, "    "), "dim")

    def _painted(self, text: str, colour: str) -> str:
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if colour and self._colour and text else text


def make_terminal() -> Terminal:
    """Return a terminal on standard output."""
    out = sys.stdout
    reconfigure = getattr(out, "reconfigure", None)
    if reconfigure is not None:  # a minimal machine's terminal may know ASCII only
        reconfigure(errors="replace")
    return Terminal(out)
