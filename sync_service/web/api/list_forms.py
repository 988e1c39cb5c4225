"""Serialise the items of the plain lists to JSON; `list_models.py` has their schemas."""

from typing import Any

from sync_service.domain.people.notices import KeyResultState
from sync_service.store.views.as_json import Json, cause_form, instant
from sync_service.store.views.lists import (
    ConnectionView,
    CycleView,
    DeliveryView,
    NoticeView,
    ObjectiveView,
    RuleView,
)


def objective_form(view: ObjectiveView) -> Json:
    """Return the JSON of an objective."""
    return {
        "slug": view.slug,
        "title": view.title,
        "cycle": view.cycle,
        "team": view.team,
        "owner": view.owner,
        "progress": view.progress,
        "without_data": view.without_data,
        "key_results": list(view.key_results),
    }


def cycle_form(view: CycleView) -> Json:
    """Return the JSON of a cycle."""
    return {
        "slug": view.slug,
        "name": view.name,
        "starts": view.starts.isoformat(),
        "ends": view.ends.isoformat(),
        "closed": view.closed,
    }


def rule_form(view: RuleView) -> Json:
    """Return the JSON of a mapping rule."""
    return {
        "slug": view.slug,
        "owner": view.owner,
        "connection": view.connection,
        "key_result": view.key_result,
        "when": None if view.when is None else dict(view.when),
        "query": view.query,
        "enabled": view.enabled,
    }


def connection_form(view: ConnectionView) -> Json:
    """Return the JSON of a connection."""
    return {
        "slug": view.slug,
        "kind": view.kind,
        "site": view.site,
        "owner": view.owner,
        "earlier": view.earlier,
        "stale": {"since": instant(view.stale.since), "reason": view.stale.reason} if view.stale else None,
        "scopes": [
            {
                "name": scope.name,
                "covered_at": instant(scope.covered_at) if scope.covered_at else None,
                "gone": scope.gone,
            }
            for scope in view.scopes
        ],
    }


def delivery_form(view: DeliveryView) -> Json:
    """Return the JSON of a delivery."""
    return {
        "delivery": view.delivery,
        "connection": view.connection,
        "name": view.name,
        "received_at": instant(view.received_at),
        "state": view.state,
        "outcome": view.outcome,
        "attempts": view.attempts,
        "due_at": instant(view.due_at) if view.due_at else None,
    }


def notice_form(view: NoticeView) -> Json:
    """Return the JSON of a notice."""
    return {
        "at": instant(view.created_at),
        "person": view.person,
        "key_result": view.key_result,
        "from": _state(view.change.before),
        "to": _state(view.change.after),
        "causes": [cause_form(cause) for cause in view.change.causes],
        "state": view.state,
        "outcome": view.outcome,
        "due_at": instant(view.due_at) if view.due_at else None,
    }


def _state(state: KeyResultState) -> dict[str, Any]:
    return {"status": state.status.value, "value": state.value, "progress": state.progress}
