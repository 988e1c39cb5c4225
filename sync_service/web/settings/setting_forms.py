"""The forms of cycles, people, teams and the organisation: from an item of a file to the texts of a form, and back."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sync_service.config_file.edit.edit_okrs import Item
from sync_service.config_file.read.errors import InvalidFiles
from sync_service.config_file.read.settings_models import WEEKDAYS
from sync_service.domain.people.check_in import one_line
from sync_service.web.forms.draft import Texts
from sync_service.web.forms.field_texts import number_text, read_numbers, without_none

LONGEST = 10_000
"""Most characters of a field that are read."""

DAY_NAMES: Texts = dict(
    zip(WEEKDAYS, ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"), strict=True)
)
_DAYS = tuple(f"day_{one}" for one in WEEKDAYS)
_SHARED = ("timezone", "at_risk", "behind", "country", "subdivision", *_DAYS, "cadence")
ACCOUNT = "account_"
"""What the field of an account begins with; the kind of tracker follows."""


@dataclass(frozen=True, slots=True)
class SettingForm:
    """The form of one kind of item: the section of the file, the field that names an item, and the form's fields."""

    section: str
    key: str
    names: tuple[str, ...]
    texts: Callable[[Item], dict[str, str]]
    item: Callable[[Texts, Item], Item]


def read_texts(form: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Return the texts of a sent form."""
    return {name: one_line(form.get(name, "")[:LONGEST]) for name in names}


def errors_of(error: InvalidFiles) -> dict[str, str]:
    """Return the errors of an edit by the form's fields, as sentences without file and line."""
    found: dict[str, str] = {}
    for one in error.errors:
        path = [step.partition("[")[0] for step in one.field.split(".")]
        name = {"days": _DAYS[0]}.get(path[-1], path[-1])
        name = f"{ACCOUNT}{name}" if "accounts" in path[:-1] else name
        is_empty = one.found in ("''", "nothing")
        found.setdefault(name, f"{'it is empty' if is_empty else f'found {one.found}'}; allowed: {one.allowed}")
    return found


def _cycle_texts(item: Item) -> dict[str, str]:
    return {name: str(item.get(name) or "") for name in ("name", "starts", "ends")}


def _cycle_item(texts: Texts, before: Item) -> Item:
    return {**before, **{name: texts[name] for name in ("name", "starts", "ends")}}


def _person_texts(item: Item) -> dict[str, str]:
    return {
        **{name: str(item.get(name) or "") for name in ("name", "team", "timezone")},
        "role": str(item.get("role") or "member"),
        **{f"{ACCOUNT}{kind}": str(login) for kind, login in item.get("accounts", {}).items()},
    }


def _person_item(texts: Texts, before: Item) -> Item:
    typed = {name.removeprefix(ACCOUNT): text for name, text in texts.items() if name.startswith(ACCOUNT)}
    accounts = {**before.get("accounts", {}), **typed}
    written = {
        **{name: texts[name] or None for name in ("team", "timezone")},
        "role": texts["role"],
        "accounts": {kind: login for kind, login in accounts.items() if login} or None,
    }
    return without_none({**before, **written, "name": texts["name"]})


def _team_texts(item: Item) -> dict[str, str]:
    return {**{name: str(item.get(name) or "") for name in ("name", "parent")}, **_shared_texts(item)}


def _team_item(texts: Texts, before: Item) -> Item:
    written = {"parent": texts["parent"] or None, **_shared_fields(texts)}
    return without_none({**before, **written, "name": texts["name"]})


def _organisation_texts(item: Item) -> dict[str, str]:
    return {
        "name": str(item.get("name") or ""),
        "week_starts": str(item.get("week_starts", "mon")),
        "grace_days": str(item.get("grace_days", 3)),
        "allowed_domains": ", ".join(item.get("allowed_domains", ())),
        **_shared_texts(item),
    }


def _organisation_item(texts: Texts, before: Item) -> Item:
    days = read_numbers(texts, ("grace_days",))["grace_days"]
    written = {
        "name": texts["name"] or None,
        "week_starts": texts["week_starts"] if texts["week_starts"] != "mon" else None,
        "grace_days": _whole(days) if days != 3 else None,
        "allowed_domains": texts["allowed_domains"].replace(",", " ").split() or None,
        **_shared_fields(texts),
    }
    return without_none({**before, **written})


def _shared_texts(item: Item) -> dict[str, str]:
    """Return the fields of settings that a team and the organisation have."""
    thresholds: Mapping[str, float] = item.get("thresholds") or {}
    calendar: Mapping[str, Any] = item.get("calendar") or {}
    return {
        **{name: str(item.get(name) or "") for name in ("timezone", "cadence")},
        **{name: number_text(thresholds.get(name)) for name in ("at_risk", "behind")},
        **{name: str(calendar.get(name) or "") for name in ("country", "subdivision")},
        **{f"day_{one}": "yes" if one in calendar.get("days", ()) else "" for one in WEEKDAYS},
    }


def _shared_fields(texts: Texts) -> dict[str, Any]:
    numbers = read_numbers(texts, ("at_risk", "behind"))
    days = [one for one in WEEKDAYS if texts[f"day_{one}"]]
    calendar = {"country": texts["country"] or None, "subdivision": texts["subdivision"] or None, "days": days or None}
    return {
        "timezone": texts["timezone"] or None,
        "cadence": texts["cadence"] or None,
        "thresholds": without_none({name: _whole(value) for name, value in numbers.items()}) or None,
        "calendar": without_none(calendar) or None,
    }


def _whole(value: float | None) -> float | int | None:
    return int(value) if value is not None and value.is_integer() else value


FORMS: Mapping[str, SettingForm] = {
    "cycle": SettingForm("cycles", "slug", ("name", "starts", "ends"), _cycle_texts, _cycle_item),
    "person": SettingForm("people", "email", ("name", "team", "role", "timezone"), _person_texts, _person_item),
    "team": SettingForm("teams", "slug", ("name", "parent", *_SHARED), _team_texts, _team_item),
    "organisation": SettingForm(
        "organisation",
        "",
        ("name", "week_starts", "grace_days", "allowed_domains", *_SHARED),
        _organisation_texts,
        _organisation_item,
    ),
}
"""The forms by the word for what they write."""
