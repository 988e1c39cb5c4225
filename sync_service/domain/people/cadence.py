"""How often the owner of a key result is asked for a check-in, as written in the configuration file."""

import re
from dataclasses import dataclass

FORMS = "weekly, every 2 weeks (or another whole number from 2 to 26), monthly or none"
"""What may be written."""

LONGEST = 26
"""The most weeks between two check-ins."""

_WEEKS = re.compile(r"every ([1-9][0-9]?) weeks", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cadence:
    """Whole weeks, or months, from one check-in to the next; both zero: nobody is asked."""

    weeks: int = 0
    months: int = 0


NEVER = Cadence()


def parse_cadence(written: str) -> Cadence:
    """Return a cadence from its text: `weekly`, `every 2 weeks`, `monthly` or `none`. Raise `ValueError`."""
    known = {"weekly": Cadence(weeks=1), "monthly": Cadence(months=1), "none": NEVER}
    if written in known:
        return known[written]
    found = _WEEKS.fullmatch(written)
    if found and 2 <= int(found[1]) <= LONGEST:
        return Cadence(weeks=int(found[1]))
    raise ValueError(f"no cadence; allowed: {FORMS}")
