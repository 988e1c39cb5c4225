"""Export the state as a configuration file; applying it changes nothing. Secrets read `kept`."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import yaml

from sync_service.config_file.read.models import SECTIONS
from sync_service.config_file.read.secret_refs import KEPT
from sync_service.config_file.read.state import ORGANISATION, Fields, Key, State
from sync_service.config_file.read.yaml_lines import quote_what_reads_as_number

Exported = dict[str, Any]


def export_state(state: State) -> Exported:
    """Return a state in the form of the file, without empty fields but with empty sections."""
    key_results: dict[str, list[dict[str, Any]]] = {}
    for key, fields in state["key_results"].items():
        own = _without(fields, "objective", "position")
        written = _tidy({"slug": key, **own}, keep=("unit",), defaults={"apply": "apply", "rolls_up": True})
        key_results.setdefault(fields["objective"], []).append(written)
    return _organisation(state) | {
        "teams": [_tidy({"slug": key, **fields}) for key, fields in state["teams"].items()],
        "people": [_tidy({"email": key, **fields}) for key, fields in state["people"].items()],
        "cycles": [_cycle(key, fields) for key, fields in state["cycles"].items()],
        "connections": [_connection(key, fields) for key, fields in state["connections"].items()],
        "objectives": [
            _tidy(
                {"slug": key, **_without(fields, "position"), "key_results": key_results.get(str(key))},
                defaults={"counts": False, "weight": 1, "roll_up": "weighted"},
            )
            for key, fields in state["objectives"].items()
        ],
        "rules": [_rule(key, fields) for key, fields in state["rules"].items()],
        "links": [
            _tidy({"key_result": key[0], "issue": f"{key[1]}:{key[2]}", **fields})
            for key, fields in state["links"].items()
        ],
    }


def _organisation(state: State) -> Exported:
    """Return the section of the organisation, if there is one."""
    defaults = {"week_starts": "mon", "grace_days": 3}
    fields = state["organisation"].get(ORGANISATION)
    return {} if fields is None else {"organisation": _tidy(fields, defaults=defaults)}


def _cycle(key: Key, fields: Fields) -> dict[str, Any]:
    days = {name: fields[name].isoformat() for name in ("starts", "ends")}
    return {"slug": key, "name": fields["name"], **days}


def _connection(key: Key, fields: Fields) -> dict[str, Any]:
    common = {name: fields[name] for name in ("kind", "site", "owner")}
    secrets = {
        "webhook_secrets": [KEPT] if fields["webhook_secrets"] else [],
        "token": KEPT if fields["token"] else None,
        "app": _app(fields["app"]) if fields["app"] else None,
        "oauth": {"client_id": fields["oauth"]["client_id"], "client_secret": KEPT} if fields["oauth"] else None,
    }
    watched = {
        "scopes": list(fields["scopes"]),
        "earlier": fields["earlier"],
        "write_back": fields["write_back"] or None,
    }
    return _tidy({"slug": key, **common, **secrets, **watched, **fields["options"]})


def _app(app: Fields) -> dict[str, Any]:
    written: str = app["id"]
    as_number = written.isascii() and written.isdigit() and str(int(written)) == written
    return {"id": int(written) if as_number else written, "private_key": KEPT}


def _rule(key: Key, fields: Fields) -> dict[str, Any]:
    return _tidy({"slug": key, **fields}, defaults={"state": "active"})


def _without(fields: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {one: value for one, value in fields.items() if one not in names}


def _tidy(
    fields: Mapping[str, Any], *, keep: tuple[str, ...] = (), defaults: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    """Remove empty fields and defaults, and write whole numbers without a decimal point."""
    return {
        name: _whole(value)
        for name, value in fields.items()
        if name in keep or (value not in (None, "", [], {}) and not (name in defaults and value == defaults[name]))
    }


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _whole(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_whole(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def as_yaml(exported_: Exported) -> str:
    """Return the export as YAML."""
    sections = (
        yaml.dump({name: exported_[name]}, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=110)
        for name in SECTIONS
        if name in exported_
    )
    return "\n".join(sections)


def as_json(exported_: Exported) -> str:
    """Return the export as JSON, which `apply` accepts too."""
    return json.dumps(exported_, ensure_ascii=False, indent=2) + "\n"


class _Dumper(yaml.SafeDumper):
    """Indents lists, and repeats a value that is used twice instead of writing an alias."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - PyYAML's signature
        super().increase_indent(flow, indentless=False)


quote_what_reads_as_number(_Dumper)
