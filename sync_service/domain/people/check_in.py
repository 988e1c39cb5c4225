"""Check-ins: what people enter about a key result, who may enter what, and which values must be confirmed."""

import math
from dataclasses import dataclass
from enum import StrEnum

from sync_service.domain.text import amount, number, sentence

LARGEST = 1e12
LONGEST_TEXT = 500
MOST_CONFIDENCE = 10

UNLIKELY = 10
"""A value this many times the distance from start to target away must be confirmed."""

CONFIDENCE = (
    "The target will be missed.",
    "Almost certainly missed: nothing that is planned reaches it.",
    "Very unlikely: most of it would have to change.",
    "Unlikely: the plan does not reach it any more.",
    "Rather not: more speaks against it than for it.",
    "As likely as not.",
    "Rather yes: more speaks for it than against it.",
    "Likely: there are open questions, and a plan for each.",
    "Very likely: only small things are open.",
    "Almost certain: only a surprise could prevent it.",
    "Certain: it is reached, or nothing can prevent it.",
)
"""What each confidence means: tenths of the chance to reach the target."""


class Right(StrEnum):
    """What a person may check in."""

    NOTHING = "nothing"
    CONFIDENCE = "confidence"  # not the owner: no value
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class Author:
    """Who checks in: a person, an API token by its name, or the account that runs a command.

    `role`: viewer, member or admin.
    """

    name: str
    role: str
    person_id: int | None = None
    email: str | None = None
    through: str = ""  # the account that runs a command as this person

    @property
    def actor(self) -> str:
        """Their name in the audit log."""
        name = self.email or self.name
        return f"{name} ({self.through})" if self.through else name

    def right(self, owner: str | None) -> Right:
        """Return what they may check in on a key result of this owner, an e-mail address."""
        if self.role == "admin":
            return Right.WHOLE
        if self.role != "member":
            return Right.NOTHING
        return Right.WHOLE if owner is not None and owner == self.email else Right.CONFIDENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckIn:
    """What a person says about a key result: at least one of the four. `confidence` is 0 to 10; `value` in its unit."""

    confidence: int | None = None
    value: float | None = None
    note: str = ""
    blockers: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The key result that a check-in is about. `kind` is its measure's."""

    slug: str
    kind: str
    owner: str | None
    closed: bool
    start: float | None
    target: float | None
    unit: str


class CheckInRefused(ValueError):
    """A check-in that is refused; the message tells its author why. `field` None: no single field is wrong."""

    def __init__(self, message: str, field: str | None = None) -> None:
        self.field = field
        super().__init__(message)


class NotAllowed(CheckInRefused):
    """The author may not do this."""


class Unlikely(CheckInRefused):
    """A value that is stored once its author confirms it; the message is the question."""


def require_allowed(entered: CheckIn, subject: Subject, author: Author, *, confirmed: bool) -> None:
    """Raise `CheckInRefused` unless this author may check this in."""
    require_right(subject, author)
    _require_valid(entered)
    if entered.value is not None:
        _require_value_allowed(subject, author)
    elif entered.confidence is None and author.right(subject.owner) is Right.CONFIDENCE:
        raise CheckInRefused(f"Choose a confidence from 0 to {MOST_CONFIDENCE}.", "confidence")
    if entered == CheckIn():
        raise CheckInRefused("Enter a confidence, a value, a note or blockers: at least one of them.")
    question = None if confirmed or entered.value is None else question_about(entered.value, subject)
    if question:
        raise Unlikely(question, "value")


def require_right(subject: Subject, author: Author) -> None:
    """Raise `NotAllowed` unless this author may check anything in, now."""
    if subject.closed:
        raise NotAllowed(f"The numbers of {subject.slug} are final: nobody can check in any more.")
    if author.right(subject.owner) is Right.NOTHING:
        raise NotAllowed("Viewers cannot check in: members can, with a confidence, and the owner or an admin.")


def _require_valid(entered: CheckIn) -> None:
    if entered.confidence is not None and not 0 <= entered.confidence <= MOST_CONFIDENCE:
        raise CheckInRefused(f"Confidence is a whole number from 0 to {MOST_CONFIDENCE}.", "confidence")
    if entered.value is not None and not (math.isfinite(entered.value) and abs(entered.value) <= LARGEST):
        raise CheckInRefused("That number is too large.", "value")
    for field, text in (("note", entered.note), ("blockers", entered.blockers)):
        if len(text) > LONGEST_TEXT:
            raise CheckInRefused(f"{field.capitalize()}: longer than {LONGEST_TEXT} characters.", field)


def _require_value_allowed(subject: Subject, author: Author) -> None:
    if author.right(subject.owner) is not Right.WHOLE:
        raise NotAllowed(
            "Only the owner or an admin can check in a value; other members can with a confidence.", "value"
        )
    if subject.kind != "manual":
        raise CheckInRefused(
            f"{subject.slug} is computed ({subject.kind}), so a check-in cannot set its value. "
            "To set it by hand, override it.",
            "value",
        )


def question_about(value: float, subject: Subject) -> str | None:
    """Return the question about an unlikely value: ten times the distance to the target, in either direction."""
    if subject.start is None or subject.target is None:
        return None
    times = (value - subject.start) / (subject.target - subject.start)
    if abs(times) < UNLIKELY:
        return None
    shown, start, target = (amount(one, subject.unit, subject.target) for one in (value, subject.start, subject.target))
    where = "past the target" if times > 0 else "away from the target"
    return f"Is {shown} right? It is far {where}: {number(abs(times))} times the way from {start} to {target}."


def read_number(typed: str) -> float | None:
    """Return a typed number, also with a decimal comma; None for nothing. Raise `CheckInRefused` for anything else."""
    if not typed.strip():
        return None
    try:
        return float("".join(typed.split()).replace(",", "."))
    except ValueError:
        raise CheckInRefused(f"“{typed.strip()[:40]}” is not a number. Write it like 1250 or 37.5.", "value") from None


def read_confidence(typed: str) -> int | None:
    """Return a typed confidence; None for nothing. Raise `CheckInRefused` for anything but 0 to 10."""
    digits = typed.strip()
    if not digits:
        return None
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 2 and int(digits) <= MOST_CONFIDENCE):
        raise CheckInRefused(f"Confidence is a whole number from 0 to {MOST_CONFIDENCE}.", "confidence")
    return int(digits)


def one_line(typed: str) -> str:
    """Return a text with single spaces, without characters that cannot be shown or stored."""
    return " ".join("".join(one if one.isprintable() else " " for one in typed).split())


def confidence_words(confidence: int) -> str:
    """Return a confidence in words: `7 of 10. Likely: …`."""
    return f"{confidence} of {MOST_CONFIDENCE}. {sentence(CONFIDENCE[confidence])}"


def confidence_score(confidence: int, *, achieved: bool) -> float:
    """Return the score of a confidence, once the outcome is known: 0 is best, 1 is worst (Brier).

    https://doi.org/10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2
    """
    return (confidence / MOST_CONFIDENCE - achieved) ** 2
