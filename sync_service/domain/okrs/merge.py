"""Merge two edits of one form: what a person changed, and what somebody else saved meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass

Fields = Mapping[str, str]
"""A form: the text of each field."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The merged form. `conflicts` has the fields that both changed differently, with the other person's text."""

    fields: Fields
    conflicts: Fields


def merge(base: Fields, typed: Fields, current: Fields) -> Merged:
    """Merge field by field. `base` is what the person began from; in a conflict, what they typed stays."""
    fields: dict[str, str] = {}
    conflicts: dict[str, str] = {}
    for name, text in typed.items():
        now = current.get(name, "")
        mine = text != base.get(name, "")
        theirs = now != base.get(name, "")
        fields[name] = text if mine else now
        if mine and theirs and text != now:
            conflicts[name] = now
    return Merged(fields, conflicts)
