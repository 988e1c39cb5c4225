"""Custom fields in conditions: what a rule names, its connection must name, also one that no file is about."""

from collections.abc import Iterable, Mapping
from typing import Any

from sync_service.config_file.plan.diff import Change
from sync_service.config_file.read.cross_checks import name_of
from sync_service.config_file.read.errors import FileError, format_path
from sync_service.config_file.read.parse import Document
from sync_service.config_file.read.state import State
from sync_service.domain.rules.conditions import RuleError, compile_condition
from sync_service.domain.rules.field_tests.context import RuleContext
from sync_service.domain.trackers.fields.custom_fields import custom_fields_of


def context_of(document: Document, stored: State, connection: object) -> RuleContext | None:
    """Return the context of a rule of a connection, as files or the database have it; None where it has mistakes."""
    for part in document.items["connections"]:
        if name_of(part) == connection:
            return None if part.form is None else _context(getattr(part.form, "fields", None) or {})
    known = stored["connections"].get(connection) if isinstance(connection, str) else None
    return None if known is None else RuleContext(custom_fields_of(known["options"]))


def _context(fields: Mapping[str, Any]) -> RuleContext:
    return RuleContext(custom_fields_of({"fields": {name: one.model_dump() for name, one in fields.items()}}))


def rules_without_fields(document: Document, changes: Iterable[Change], after: State) -> Iterable[FileError]:
    """Yield the rules outside the files that name custom fields which their connection would no longer have so."""
    written = {name_of(part) for part in document.items["rules"]}
    changed = {change.key for change in changes if change.section == "connections" and change.differs("options")}
    for part in document.items["connections"]:
        slug = str(name_of(part))
        others = ((str(key), one) for key, one in after["rules"].items() if key not in written)
        for rule, fields in others if slug in changed else ():
            if fields["connection"] == slug and fields["when"]:
                try:
                    compile_condition(
                        fields["when"], (), RuleContext(custom_fields_of(after["connections"][slug]["options"]))
                    )
                except RuleError as error:
                    found = f"a field that rule {rule} needs ({format_path(error.path)}: {error.found!r}) missing"
                    yield part.error_at(("fields",), found, f"{error.allowed}; or change the rule first")
