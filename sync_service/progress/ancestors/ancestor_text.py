"""Ancestors in words: through which issues an issue is under another one, and where the chain of its ancestors ends."""

import re
from collections.abc import Mapping
from typing import Any

from sync_service.domain.rules.conditions import Subject, compile_condition
from sync_service.domain.text import folded, listed
from sync_service.progress.ancestors.chains import DEEPEST, Ancestor, Chain, End
from sync_service.store.okrs.ruleset import Ruleset


def scope_name(key: str) -> str:
    """Return the name of the scope in a key: `SHOP` of `SHOP-7`, `acme/app` of `acme/app#7`."""
    return re.sub(r"[#-]\d+$", "", key)


def is_watched(ruleset: Ruleset, connection_id: int, scope: str) -> bool:
    """Return whether any connection to a connection's site watches the scope with a name."""
    site, name = ruleset.same_site(connection_id), folded(scope)
    watched = (one for one in ruleset.scopes if one.connection_id in site)
    return any(name in (folded(one.name), folded(one.current_name or "")) for one in watched)


def describe(key: str, chain: Chain, test: Mapping[str, Any], ruleset: Ruleset, connection_id: int) -> str:
    """Return by which ancestor a test of `under` holds for an issue, if it does, and where the chain ends."""
    end = _end(key, chain, ruleset, connection_id)
    number = _found_at(chain, test)
    if number is None:
        above = [one.key for one in chain.ancestors]
        return f"{key} is under {listed(above)}; {end}" if above else end
    through = [one.key for one in chain.ancestors[:number]]
    found = f"{key} is under {_named(chain.ancestors[number], test)}"
    return f"{found} through {listed(through)}; {end}" if through else f"{found}; {end}"


def _found_at(chain: Chain, test: Mapping[str, Any]) -> int | None:
    """Return the number of the first ancestor for which a test holds; None where none does, or none is asked for."""
    holds = compile_condition(test)
    each = (Subject(scope="", kind="", state="", under=one.keys) for one in chain.ancestors)
    return next((number for number, subject in enumerate(each) if holds(subject)), None)


def _named(one: Ancestor, test: Mapping[str, Any]) -> str:
    """Return an ancestor's key, and the one by which it was found where that is another one."""
    values = test.get("in") or [test.get("is") or ""]
    asked = [value.strip() for value in values if folded(value.strip()) in one.keys]
    return one.key if not asked or one.key.lower() in map(folded, asked) else f"{one.key} ({asked[0]})"


def _end(key: str, chain: Chain, ruleset: Ruleset, connection_id: int) -> str:
    """Return in words why a chain goes no further."""
    last = chain.ancestors[-1].key if chain.ancestors else key
    scope = scope_name(last)
    if chain.end is End.UNKNOWN and is_watched(ruleset, connection_id, scope):
        return f"{last} is not known yet, so what it is under is not followed"
    return {
        End.TOP: f"{last} has no parent",
        End.UNKNOWN: f"{scope} is not watched, so what {last} is under is not followed",
        End.PARENT_UNKNOWN: f"whether {last} has a parent is not known",
        End.DELETED: f"{last} was deleted, so it is under nothing",
        End.CIRCLE: f"{last} is under one of these itself",
        End.DEEP: f"more than {DEEPEST} are not followed",
    }[chain.end]
