"""The scenario in GitHub: each change that can happen to an issue, and each fault that can happen to a webhook."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from simulator.demo.harness import Harness
from simulator.github import GitHub
from simulator.github.model.hooks import Hook, webhook_request
from simulator.github.model.issue import Issue
from simulator.github.model.repository import Repository

LABELLED = ["checkout"]


TITLES = (
    "Pay by card",
    "Pay by invoice",
    "Remember the card",
    "Pay with a voucher",
    "One page instead of four",
    "Show the delivery date",
    "Check out as a guest",
    "Pay with a wallet",
)
BUGS = ("Charged twice", "Card number is shown", "Voucher is lost on return", "Bank page times out")


@dataclass(kw_only=True)
class Checkout:
    """The issues of Ana's team, by their role in the scenario. `hook` is the webhook, set by `connect`."""

    repository: Repository
    payments: Repository
    issues: list[Issue] = field(default_factory=list)
    bugs: list[Issue] = field(default_factory=list)
    hook: Hook = field(init=False)

    def issue(self, number: int) -> Issue:
        """Return the issue of that number."""
        return self.issues[number - 1]


def found(hub: GitHub) -> Checkout:
    """Create the team's repositories."""
    return Checkout(repository=hub.repository("checkout"), payments=hub.repository("payments"))


def connect(hub: GitHub, checkout: Checkout, url: str, secret: str) -> None:
    """Register the webhook."""
    checkout.hook = hub.add_hook(url=url, secret=secret)


def past(hub: GitHub, checkout: Checkout) -> Iterator[float]:
    """Open the team's issues, and work on them for nine weeks; yield the day of the cycle on which it goes on."""
    repository, payments, issue = checkout.repository, checkout.payments, checkout.issue
    yield 0.4
    with hub.acting_as("ana"):
        checkout.issues += [repository.create_issue(title, labels=LABELLED, type="Feature") for title in TITLES]
        checkout.bugs += [payments.create_issue(title, type="Bug") for title in BUGS]
        fixed = [payments.create_issue(title, type="Bug") for title in ("IBAN is cut", "Total shows no cents")]
    yield 2.5
    with hub.acting_as("bruno"):
        checkout.issues += [
            repository.create_issue("Total is wrong for split orders", labels=LABELLED, type="Bug"),
            repository.create_issue("Cache the price list", labels=["speed"]),
            repository.create_issue("Load the map late", labels=["speed"]),
            repository.create_issue("Shrink the images", labels=["okr:KR-3"]),
        ]
    yield 9.6
    with hub.acting_as("bruno"):
        issue(1).close()
        fixed[0].close()
    yield 16.5
    with hub.acting_as("chen"):
        issue(10).close()
        issue(12).close()
    yield 21.4
    with hub.acting_as("ana"):  # scope is added
        instalments = repository.create_issue("Pay in instalments", labels=LABELLED, type="Feature")
        gift = repository.create_issue("Pay with a gift card", labels=LABELLED, type="Feature")
    yield 26.6
    with hub.acting_as("bruno"):
        issue(2).close()
        fixed[1].close()
    yield 33.6
    with hub.acting_as("dana"):
        instalments.close()
    yield 35.4
    with hub.acting_as("dana"):
        instalments.reopen()
        issue(11).close()
    yield 38.5
    with hub.acting_as("ana"):  # and dropped
        gift.close(reason="not_planned")
    yield 43.6
    with hub.acting_as("dana"):
        instalments.close()
    yield 50.6
    with hub.acting_as("chen"):
        late = payments.create_issue("Refund is shown as a charge", type="Bug")
    yield 57.6
    with hub.acting_as("bruno"):
        late.close()


def close_issues(harness: Harness, checkout: Checkout) -> None:
    """Close, cancel, reopen and unlabel."""
    hub, third, fourth, fifth = harness.hub, *(checkout.issue(number) for number in (3, 4, 5))
    with harness.step(hub, f"{key(third)} closed", by="bruno") as step:
        third.close()
        step.expect_change("KR-1", key(third), "closed as done")
    with harness.step(hub, f"{key(fourth)} closed as not planned: it leaves the count") as step:
        fourth.close(reason="not_planned")
        step.expect_change("KR-1", key(fourth), "closed as not planned, dropped")
    with harness.step(hub, f"{key(third)} reopened", by="chen") as step:
        third.reopen()
        step.expect_change("KR-1", key(third), "reopened")
    with harness.step(hub, f"{key(third)} closed again", by="bruno") as step:
        third.close()
        step.expect_change("KR-1", key(third), "closed as done")
    with harness.step(hub, f"{key(fifth)} unlabelled “checkout”") as step:
        fifth.unlabel("checkout")
        step.expect_change("KR-1", key(fifth), "unlabelled checkout, no longer linked by rule kr-1-work")
    with harness.step(hub, f"{key(third)} labelled “okr:KR-3”", by="bruno") as step:
        third.label("okr:KR-3")
        step.expect_change("KR-3", key(third), "labelled okr:KR-3, now linked by its label")


def webhook_faults(harness: Harness, checkout: Checkout) -> None:
    """Deliver twice, out of order, forged, and unreadable."""
    hub, sixth, seventh, eighth = harness.hub, *(checkout.issue(number) for number in (6, 7, 8))
    with harness.step(hub, f"{key(sixth)} closed, and its webhook is delivered twice", by="bruno") as step:
        hub.webhooks.duplicate_next()
        sixth.close()
        step.expect_change("KR-1", key(sixth), "closed as done")
    with harness.step(hub, f"{key(seventh)} closed and reopened; the older webhook arrives last"):
        hub.webhooks.hold()
        seventh.close()
        harness.tick()
        seventh.reopen()
        hub.webhooks.release(order=[1, 0])
    harness.check_delivery(hub.deliveries[-2], state="settled", outcome="something newer is known")
    harness.terminal.unchanged("the newest state of an issue wins, in any order of arrival")
    with harness.step(hub, f"{key(eighth)} closed, but the webhook's signature is forged", by="dana") as step:
        hub.webhooks.forge_next()
        eighth.close()
        step.expect_no_effect()
    forged = hub.deliveries[-1]
    harness.check(f"a forged delivery got {forged.status}, expected 401", holds=forged.status == 401)
    harness.check_delivery(forged, state="absent", outcome="")
    harness.terminal.unchanged("refused with 401, nothing stored")
    with harness.step(hub, "the same webhook redelivered, well signed", by="dana") as step:
        hub.redeliver(forged)
        step.expect_change("KR-1", key(eighth), "closed as done")
    with harness.step(hub, "a webhook that nobody can read, but well signed"):
        broken = '{"action": "closed", "issue": {"number": '
        hub.webhooks.send(
            webhook_request(
                checkout.hook, event="issues", guid=str(uuid.uuid4()), text=broken, message={"action": "broken"}
            )
        )
    harness.check_delivery(hub.deliveries[-1], state="buried", outcome="can't be read")
    harness.check("the page of buried deliveries does not show it", holds=_shown_buried(harness))
    harness.terminal.unchanged("buried with its reason, shown under Deliveries, ready for a replay")


def move_issues(harness: Harness, checkout: Checkout) -> None:
    """Open, transfer, delete, and complete a key result that then falls back."""
    hub, bug, seventh, sixth = harness.hub, *(checkout.issue(number) for number in (9, 7, 6))
    with harness.step(hub, "a bug opened in acme/payments", by="dana") as step:
        found = checkout.payments.create_issue("Receipt has no tax number", type="Bug")
        step.expect_change("KR-2", key(found), "opened, now linked by rule kr-2-work")
    with harness.step(hub, f"{key(found)} closed", by="bruno") as step:
        found.close()
        step.expect_change("KR-2", key(found), "closed as done")
    with harness.step(hub, f"{key(bug)} transferred to acme/payments") as step:
        former = key(bug)
        moved = bug.transfer(checkout.payments, opened_first=False)
        step.expect_change("KR-1", former, f"moved to {key(moved)}")
        step.expect_change("KR-2", key(moved), "opened, now linked by rule kr-2-work")
    with harness.step(hub, f"{key(seventh)} deleted; nothing is left to do") as step:
        seventh.delete()
        step.expect_change("KR-1", key(seventh), "deleted")
    with harness.step(hub, f"{key(sixth)} reopened", by="chen") as step:
        sixth.reopen()
        step.expect_change("KR-1", key(sixth), "reopened")


def key(issue: Issue) -> str:
    """Return the key of an issue, as in `acme/checkout#7`."""
    return f"{issue.repository.full_name}#{issue.number}"


def _shown_buried(harness: Harness) -> bool:
    return "can&#39;t be read" in harness.browser.read("/deliveries?outcome=buried&connection=acme-github")
