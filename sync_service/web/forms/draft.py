"""A form that is saved as a file is applied: its texts, what is wrong with them, and the merge of two edits."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from flask import abort, flash, request

from sync_service.config_file.edit.edit_okrs import NoItem, NotAllowed
from sync_service.config_file.plan.apply import Plan
from sync_service.config_file.read.errors import InvalidFiles
from sync_service.domain.okrs.merge import merge
from sync_service.domain.text import sentence

Texts = Mapping[str, str]
"""A form: the text of each field; `yes` or nothing for a box to tick."""


class FormError(ValueError):
    """Fields that can't be read, each with why."""

    def __init__(self, fields: Texts) -> None:
        self.fields = fields
        super().__init__("; ".join(f"{name}: {why}" for name, why in fields.items()))


class EditConflict(Exception):
    """Somebody else changed the same fields meanwhile. `current` is the form as they saved it."""

    def __init__(self, merged: Texts, conflicts: Texts, current: Texts) -> None:
        self.merged, self.conflicts, self.current = merged, conflicts, current
        super().__init__("somebody else changed the same fields")


@dataclass(frozen=True, slots=True)
class Draft:
    """A form as it is shown: its texts, what the person began from, errors and conflicts by field."""

    texts: Texts
    base: Texts
    errors: Texts = field(default_factory=dict)
    conflicts: Texts = field(default_factory=dict)


def sent_base(names: tuple[str, ...]) -> dict[str, str]:
    """Return the texts that the person began from, as the form was sent with them; what is no such form is empty."""
    try:
        found = json.loads(request.form.get("base", ""))
    except ValueError:
        return {}
    return {name: str(found.get(name, "")) for name in names} if isinstance(found, dict) else {}


def merged(base: Texts, typed: Texts, current: Texts) -> Texts:
    """Return the form with what somebody else saved meanwhile in other fields. Raise `EditConflict`."""
    found = merge(base, typed, current)
    if found.conflicts:
        raise EditConflict(found.fields, found.conflicts, current)
    return found.fields


def try_to_save(
    save: Callable[[], Plan], texts: Texts, base: Texts, errors_of: Callable[[InvalidFiles], Texts]
) -> Plan | tuple[Draft, int]:
    """Save and return what changed; else the form with what was typed, and the status of the answer.

    Abort with 404 what is not there, and with 403 what the person may not do.
    """
    try:
        return save()
    except NoItem as error:
        abort(404, sentence(str(error)))
    except NotAllowed as error:
        abort(403, sentence(str(error)))
    except FormError as error:
        return Draft(texts, base, errors=error.fields), 422
    except InvalidFiles as error:
        return Draft(texts, base, errors=errors_of(error)), 422
    except EditConflict as conflict:
        return Draft(conflict.merged, conflict.current, conflicts=conflict.conflicts), 409


def flash_saved(plan: Plan, changed: list[str]) -> None:
    """Say that it was saved, with the warnings about what changed; the browser forgets what was typed."""
    for warning in plan.warnings:
        if any(one in warning for one in changed):
            flash(sentence(warning), "warning")
    flash("Saved." if plan.changes else "Nothing to change.", "success")
    flash(request.path, "saved")
