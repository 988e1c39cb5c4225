"""The demo in the terminal: one line for each thing that moved, in colour where somebody watches."""

import statistics
import sys
import textwrap
from collections.abc import Sequence
from typing import TextIO

from simulator.demo.aims import Aim, Move
from simulator.demo.visiting import Mail

_COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
BAR = 24


def amount(value: float | None, unit: str) -> str:
    """Write a value in its unit."""
    if value is None:
        return "no data"
    return f"{round(value, 1):g} {unit}".rstrip()


class Voice:
    """Speaks to whoever started the demo; a screen that can't show a character gets another one for it."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._colour = out.isatty()

    def say(self, text: str = "", colour: str = "") -> None:
        """Say a line."""
        print(self._painted(text, colour), file=self._out, flush=True)

    def chapter(self, title: str) -> None:
        """Begin another part of the story."""
        self.say()
        self.say(title, "bold")

    def happened(self, who: str, what: str) -> None:
        """Say what somebody does, before its effect is known."""
        self.say(f"  {who:<7} {what}")

    def moved(self, move: Move, seconds: float | None) -> None:
        """Say what moved, and how long after its cause."""
        ways = (move.aim.progress(move.before), move.aim.progress(move.after))
        up = ways[0] is None or (ways[1] is not None and ways[1] >= ways[0])
        values = f"{amount(move.before, move.aim.unit)} → {amount(move.after, move.aim.unit)}"
        took = "" if seconds is None else f"  ({seconds:.2f} s)"
        self.say(f"{'':<10}→ {move.aim.slug} {values}{took}", "green" if up else "yellow")

    def stayed(self, why: str) -> None:
        """Say that nothing moved, and why that is right."""
        self.say(f"{'':<10}= {why}", "dim")

    def wrong(self, what: str) -> None:
        """Say what is not as it must be."""
        self.say(f"{'':<10}✗ {what}", "red")

    def standings(self, aims: Sequence[tuple[Aim, float | None]]) -> None:
        """Show how the key results stand."""
        for aim, value in aims:
            progress = aim.progress(value)
            full = round(BAR * min(max(progress or 0.0, 0.0), 1.0))
            bar = "█" * full + "░" * (BAR - full)
            self.say(f"  {aim.slug}  {bar}  {amount(value, aim.unit):>12}  {aim.title}")

    def times(self, seconds: Sequence[float]) -> None:
        """Sum up how long it took from an accepted webhook to a changed value in the API."""
        median, slowest = statistics.median(seconds), max(seconds)
        text = f"Webhook accepted → value changed in the API: median {median:.2f} s, slowest {slowest:.2f} s"
        self.say(f"{text} ({len(seconds)} measured)", "bold")

    def mail(self, mail: Mail) -> None:
        """Show a mail."""
        self.say()
        self.say(f"  To:      {mail.to}", "cyan")
        self.say(f"  Subject: {mail.subject}", "cyan")
        self.say(textwrap.indent(mail.text, "    "), "dim")

    def _painted(self, text: str, colour: str) -> str:
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if colour and self._colour and text else text


def make_voice() -> Voice:
    """Speak on standard output."""
    out = sys.stdout
    reconfigure = getattr(out, "reconfigure", None)
    if reconfigure is not None:  # a bare machine's terminal may know ASCII only
        reconfigure(errors="replace")
    return Voice(out)
