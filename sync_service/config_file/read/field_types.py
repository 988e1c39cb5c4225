"""Types of fields in the configuration file, and the base of its models."""

import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from sync_service.config_file.read.errors import Path
from sync_service.domain.people.cadence import parse_cadence
from sync_service.domain.people.mail_address import smtp_address

_EMAIL = re.compile(r"[^@\s<>,;\"']+@[^@\s<>,;\"']+")
_DATE = re.compile(r"2[01][0-9]{2}-[0-9]{2}-[0-9]{2}", re.ASCII)
_NO_CHARACTERS = ("\ufffe", "\uffff")

SLUG = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"


def _email(written: str) -> str:
    if not _EMAIL.fullmatch(written):
        raise ValueError("not an e-mail address")
    smtp_address(written)  # report an invalid address when the file is read, not when a mail is sent
    return written.lower()


def _text(written: str) -> str:
    if not written.strip() or any(
        unicodedata.category(one) in ("Cc", "Cs") or one in _NO_CHARACTERS for one in written
    ):
        raise ValueError("not a line of text")
    return written.strip()


def _date(written: object) -> date:
    if not isinstance(written, str) or not _DATE.fullmatch(written):
        raise ValueError("not a date")
    return date.fromisoformat(written)


zones = cache(available_timezones)  # it reads a directory of files


def _zone(written: str) -> str:
    if written not in zones():
        raise ValueError("not a time zone")
    return written


def _cadence(written: str) -> str:
    parse_cadence(written)
    return written


def _app_id(written: object) -> object:
    return str(written) if isinstance(written, int) and not isinstance(written, bool) else written


Slug = Annotated[str, StringConstraints(pattern=SLUG, max_length=100)]
Email = Annotated[str, StringConstraints(max_length=320), AfterValidator(_email)]
Text = Annotated[str, StringConstraints(max_length=500), AfterValidator(_text)]
Day = Annotated[date, BeforeValidator(_date)]
Zone = Annotated[str, AfterValidator(_zone)]
CadenceText = Annotated[str, AfterValidator(_cadence)]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=65536)]
AppId = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100),
    BeforeValidator(_app_id),
    WithJsonSchema({"type": ["string", "integer"]}),
]
Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e15, le=1e15)]
Weight = Annotated[float, Field(allow_inf_nan=False, gt=0, le=1e6)]
Texts = Annotated[tuple[Text, ...], Field(strict=False)]

A_SLUG = "a short name for files and addresses: letters, digits, '.', '_' and '-', 100 at most"
A_TEXT = "text of one line, 500 characters at most"
A_PERSON = "the e-mail address of one of the people"
A_WEIGHT = "a number above 0"
A_ZONE = "a time zone by its IANA name, like Europe/Madrid"


Contradiction = tuple[Path, str, str]
"""The path to a field, what was found, and what is allowed."""


class Form(BaseModel):
    """A part of the file: no other fields, no type conversion."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    def contradictions(self) -> Iterator[Contradiction]:
        """Yield fields that are valid alone, but not together."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, Form):
                yield from (((name, *path), found, allowed) for path, found, allowed in value.contradictions())
