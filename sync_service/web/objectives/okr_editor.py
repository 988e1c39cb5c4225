"""The editor of objectives and key results that acts for the caller, and the state that its pages show."""

from collections.abc import Callable

from flask import abort

from sync_service.config_file.edit.edit_okrs import Item, NoItem, OkrEditor, Writer
from sync_service.config_file.plan.apply import ConfigApplier
from sync_service.config_file.read.state import State, read_state
from sync_service.domain.okrs.hints import key_result_hints
from sync_service.domain.text import sentence
from sync_service.store.engine.database import reading
from sync_service.web.forms.draft import Texts
from sync_service.web.request.audit_log import actor
from sync_service.web.request.context import services
from sync_service.web.request.guards import current_caller

AUDIT_TEXT = "changed on the page Objectives"


def writer() -> Writer:
    """Return the caller as a writer of objectives and key results."""
    caller = current_caller()
    return Writer(caller.role.value, caller.email) if caller else Writer("viewer", None)


def editor() -> OkrEditor:
    """Return the editor of the caller."""
    return OkrEditor(ConfigApplier.of(services(), actor=actor(), audit_text=AUDIT_TEXT), writer())


def state() -> State:
    """Return everything that files and pages configure. It has secrets: never show it whole."""
    with reading(services().engine) as tx:
        return read_state(tx, services().sealer)


def found_in(read: Callable[[State, str], Item], stored: State, slug: str) -> Item:
    """Return an item of the state, or abort with 404."""
    try:
        return read(stored, slug)
    except NoItem as error:
        abort(404, sentence(str(error)))


def hints_on(texts: Texts) -> list[str]:
    """Return hints on the key result that is typed."""
    return list(key_result_hints(texts.get("title", ""), counts_itself=texts.get("kind") == "steps"))
