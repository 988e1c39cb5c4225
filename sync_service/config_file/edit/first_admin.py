"""Store the first admin, who used the link of the first start, as a configuration file would."""

import json

from sqlalchemy.engine import Connection as Transaction

from sync_service.config_file.plan.apply import ConfigApplier, Files, Plan
from sync_service.config_file.plan.export import export_state
from sync_service.config_file.read.state import State
from sync_service.store.people import first_admin

PAGE = "page"
"""Stands for the file name in errors; people see only the fields."""


class LinkOver(Exception):
    """The link was used, a newer one replaced it, or there is an admin already."""


def store_first_admin(applying: ConfigApplier, *, token: str, email: str, name: str) -> Plan:
    """Use up the link and store the admin; a person with that address becomes one and gets this name.

    Raise `InvalidFiles`, then the link still works, or `LinkOver`.
    """

    def use_link(tx: Transaction) -> None:
        if not first_admin.use_link(tx, token):
            raise LinkOver

    def write(stored: State) -> Files:
        alone: State = {**{section: {} for section in stored}, "people": stored["people"]}
        known = {fields["email"]: fields for fields in export_state(alone)["people"]}
        fields = {**known.get(email.lower(), {}), "email": email, "name": name, "role": "admin"}
        return [(PAGE, json.dumps({"people": [fields]}).encode())]

    return applying.edit(write, before=use_link)
