"""Which countries a calendar may name: by default those of ISO 3166, as the time zone database lists them."""

from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files

from sync_service.config_file.read.errors import did_you_mean

CheckCountry = Callable[[str, str | None], None]
"""Checks a country and a subdivision of it (None: the whole country). Raises `UnknownPlace`."""


class UnknownPlace(ValueError):
    """A country or subdivision that a calendar can't have. `field` names which of the two."""

    def __init__(self, field: str, found: str, allowed: str) -> None:
        self.field, self.found, self.allowed = field, found, allowed
        super().__init__(f"calendar.{field}: found {found!r}, allowed is {allowed}")


def known_country(country: str, subdivision: str | None) -> None:  # noqa: ARG001 - ISO 3166-1 has no subdivisions
    """Raise `UnknownPlace` unless the country is a code of ISO 3166."""
    names = country_names()
    if country not in names:
        near = _nearest(country, names)
        raise UnknownPlace("country", country, f"a code of two letters of ISO 3166, like ES{near}")


def _nearest(country: str, names: Mapping[str, str]) -> str:
    if country.upper() in names:
        return f"; did you mean {country.upper()}?"
    named = did_you_mean(country, names.values()).removeprefix("; did you mean ").removesuffix("?")
    code = next((code for code, name in names.items() if name == named), None)
    return f"; did you mean {code} ({named})?" if code else did_you_mean(country, names)


@cache
def country_names() -> Mapping[str, str]:
    """Return the English names of countries by their codes."""
    table = files("tzdata.zoneinfo").joinpath("iso3166.tab").read_text(encoding="utf-8")
    lines = (line.split("\t", 1) for line in table.splitlines() if line and not line.startswith("#"))
    return dict(lines)
