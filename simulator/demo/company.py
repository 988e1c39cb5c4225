"""The example company: its teams, people, connections, objectives and rules, and its configuration files."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import yaml

from simulator.demo.expectations import Cycle, KeyResult, TrackedIssue
from simulator.github import GitHub
from simulator.jira import Jira

ANA, BRUNO, CHEN, DANA = "ana@example.com", "bruno@example.com", "chen@example.com", "dana@example.com"

PEOPLE = (
    {"email": ANA, "name": "Ana Ruiz", "team": "checkout", "role": "admin", "timezone": "Europe/Madrid"},
    {"email": BRUNO, "name": "Bruno Costa", "team": "checkout"},
    {"email": CHEN, "name": "Chen Wei", "team": "returns"},
    {"email": DANA, "name": "Dana Novak", "team": "returns"},
)
TEAMS = ({"slug": "checkout", "name": "Checkout"}, {"slug": "returns", "name": "Returns"})
OBJECTIVES = (
    ("fast-checkout", "Paying is effortless", "checkout", ANA),
    ("smooth-returns", "Sending something back is painless", "returns", CHEN),
    ("loved-shop", "Customers recommend the shop", "checkout", ANA),
)

CHECKOUT, PAYMENTS = "acme/checkout", "acme/payments"


def _in_checkout(work: TrackedIssue) -> bool:
    return work.scope == CHECKOUT and "checkout" in work.labels


def _payment_bug(work: TrackedIssue) -> bool:
    return work.scope == PAYMENTS and work.type == "Bug"


def _speed_up(work: TrackedIssue) -> bool:
    return "okr:KR-3" in work.labels


def speed_up_by_rule(work: TrackedIssue) -> bool:
    """Count by label, and by the rule that the scenario adds later."""
    return _speed_up(work) or (work.scope == CHECKOUT and "speed" in work.labels)


def _return_work(work: TrackedIssue) -> bool:
    return work.scope == "SHOP" and work.type in ("Story", "Bug")


def _refund_bug(work: TrackedIssue) -> bool:
    return work.scope == "PAY" and work.type == "Bug"


def _carrier(work: TrackedIssue) -> bool:
    return work.scope == "SHOP" and "carrier" in work.labels


def _all(*conditions: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"all": list(conditions)}


KEY_RESULTS = (
    KeyResult(
        slug="KR-1",
        title="Ship the new checkout",
        objective="fast-checkout",
        owner=ANA,
        measure={"kind": "done-share"},
        counts=_in_checkout,
        connection="acme-github",
        when=_all({"field": "scope", "is": CHECKOUT}, {"field": "labels", "has": "checkout"}),
    ),
    KeyResult(
        slug="KR-2",
        title="Open payment bugs down from 6 to 1",
        objective="fast-checkout",
        owner=BRUNO,
        measure={"kind": "open-count"},
        counts=_payment_bug,
        start=6,
        target=1,
        unit="bugs",
        connection="acme-github",
        when=_all({"field": "scope", "is": PAYMENTS}, {"field": "type", "is": "Bug"}),
    ),
    KeyResult(
        slug="KR-3",
        title="Make checkout faster in five places",
        objective="fast-checkout",
        owner=BRUNO,
        measure={"kind": "done-count"},
        counts=_speed_up,
        target=5,
        unit="",
    ),
    KeyResult(
        slug="KR-4",
        title="Ship self-service returns",
        objective="smooth-returns",
        owner=CHEN,
        measure={"kind": "done-share", "weight": "points", "unestimated": 1},
        counts=_return_work,
        connection="acme-jira",
        when=_all({"field": "scope", "is": "SHOP"}, {"field": "type", "in": ["Story", "Bug"]}),
    ),
    KeyResult(
        slug="KR-5",
        title="Open refund bugs down from 5 to 1",
        objective="smooth-returns",
        owner=DANA,
        measure={"kind": "open-count"},
        counts=_refund_bug,
        start=5,
        target=1,
        unit="bugs",
        connection="acme-jira",
        when=_all({"field": "scope", "is": "PAY"}, {"field": "type", "is": "Bug"}),
    ),
    KeyResult(
        slug="KR-6",
        title="Connect four carriers",
        objective="smooth-returns",
        owner=CHEN,
        measure={"kind": "done-count"},
        counts=_carrier,
        target=4,
        unit="",
        connection="acme-jira",
        when=_all({"field": "scope", "is": "SHOP"}, {"field": "labels", "has": "carrier"}),
    ),
    KeyResult(
        slug="KR-7",
        title="Raise the recommendation score from 32 to 45",
        objective="loved-shop",
        owner=DANA,
        measure={"kind": "manual"},
        start=32,
        target=45,
        unit="points",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """The webhook secrets that the trackers and the product share."""

    github: str
    jira: str

    def environment(self) -> Mapping[str, str]:
        """Return the settings for the product's process."""
        return {"GITHUB_WEBHOOK_SECRET": self.github, "JIRA_WEBHOOK_SECRET": self.jira}


def company_file(hub: GitHub, jira: Jira, cycle: Cycle) -> str:
    """Write people, teams, the cycle and the connections."""
    common = {"owner": ANA, "earlier": "import"}
    return _yaml(
        teams=TEAMS,
        people=[_person(jira, one) for one in PEOPLE],
        cycles=[{"slug": cycle.slug, "name": cycle.name, "starts": cycle.starts, "ends": cycle.ends}],
        connections=[
            {
                "slug": "acme-github",
                "kind": "github",
                "site": hub.url,
                "webhook_secrets": ["env:GITHUB_WEBHOOK_SECRET"],
                "token": hub.token,
                "scopes": [CHECKOUT, PAYMENTS],
                **common,
            },
            {
                "slug": "acme-jira",
                "kind": "jira",
                "site": jira.url,
                "webhook_secrets": ["env:JIRA_WEBHOOK_SECRET"],
                "email": jira.email,
                "token": jira.token,
                "scopes": ["SHOP", "PAY"],
                "dropped_resolutions": ["Won't Do", "Duplicate"],
                "points_field": jira.points_field_id,
                **common,
            },
        ],
    )


def okrs_file(cycle: Cycle, *, targets: Mapping[str, float] = MappingProxyType({})) -> str:
    """Write the objectives with their key results, and the rules that link issues to them.

    `targets` are those of key results that had another one.
    """
    key_results = [replace(one, target=targets.get(one.slug, one.target)) for one in KEY_RESULTS]
    objectives = [
        {
            "slug": slug,
            "title": title,
            "cycle": cycle.slug,
            "team": team,
            "owner": owner,
            "key_results": [_key_result(key_result) for key_result in key_results if key_result.objective == slug],
        }
        for slug, title, team, owner in OBJECTIVES
    ]
    return _yaml(objectives=objectives, rules=[_rule(key_result) for key_result in key_results if key_result.when])


def added_rule_file() -> str:
    """Write the one rule that the scenario adds."""
    rule = {
        "slug": "speed",
        "owner": BRUNO,
        "connection": "acme-github",
        "key_result": "KR-3",
        "when": dict(_all({"field": "scope", "is": CHECKOUT}, {"field": "labels", "has": "speed"})),
    }
    return _yaml(rules=[rule])


def _person(jira: Jira, person: Mapping[str, str]) -> Mapping[str, Any]:
    name = person["email"].partition("@")[0]
    return {**person, "accounts": {"github": name, "jira": jira.user(name).account_id}}


def _key_result(key_result: KeyResult) -> Mapping[str, Any]:
    written: dict[str, Any] = {
        "slug": key_result.slug,
        "title": key_result.title,
        "owner": key_result.owner,
        "measure": dict(key_result.measure),
    }
    if key_result.unit != "%":
        written |= {"start": key_result.start, "target": key_result.target, "unit": key_result.unit}
    return written


def _rule(key_result: KeyResult) -> Mapping[str, Any]:
    slug = f"{key_result.slug.lower()}-work"
    return {
        "slug": slug,
        "owner": key_result.owner,
        "connection": key_result.connection,
        "key_result": key_result.slug,
        "when": dict(key_result.when or {}),
    }


def _yaml(**sections: Iterable[Mapping[str, Any]]) -> str:
    lists = {name: [dict(one) for one in entries] for name, entries in sections.items()}
    written: str = yaml.safe_dump(lists, sort_keys=False, allow_unicode=True, width=120)
    return written
