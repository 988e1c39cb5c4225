"""What happens in GitHub: each thing that can befall an issue, and each thing that can befall a webhook."""

import uuid
from dataclasses import dataclass

from simulator.demo.stage import Stage
from simulator.github import GitHub
from simulator.github.hooks import Hook, parcel
from simulator.github.issue import Issue
from simulator.github.repository import Repository

LABELLED = ["checkout"]


@dataclass(kw_only=True)
class Checkout:
    """The issues of Ana's team, by what the story does with them."""

    repository: Repository
    payments: Repository
    hook: Hook
    issues: list[Issue]
    bugs: list[Issue]

    def issue(self, number: int) -> Issue:
        """Give the issue of that number."""
        return self.issues[number - 1]


def furnish(hub: GitHub, url: str, secret: str) -> Checkout:
    """Register the webhook and open the team's issues."""
    repository, payments = hub.repository("checkout"), hub.repository("payments")
    hook = hub.add_hook(url=url, secret=secret)
    titles = (
        "Pay by card",
        "Pay by invoice",
        "Remember the card",
        "Pay with a voucher",
        "One page instead of four",
        "Show the delivery date",
        "Check out as a guest",
        "Pay with a wallet",
    )
    issues = [repository.create_issue(title, labels=LABELLED, type="Feature") for title in titles]
    issues += [
        repository.create_issue("Total is wrong for split orders", labels=LABELLED, type="Bug"),
        repository.create_issue("Cache the price list", labels=["speed"]),
        repository.create_issue("Load the map late", labels=["speed"]),
        repository.create_issue("Shrink the images", labels=["okr:KR-3"]),
    ]
    bug_titles = ("Charged twice", "Card number is shown", "Voucher is lost on return", "Bank page times out")
    bugs = [payments.create_issue(title, type="Bug") for title in bug_titles]
    return Checkout(repository=repository, payments=payments, hook=hook, issues=issues, bugs=bugs)


def finish_some(checkout: Checkout) -> None:
    """Close what was done before the story begins."""
    for number in (1, 2, 10, 11, 12):
        checkout.issue(number).close()


def work_closes(stage: Stage, checkout: Checkout) -> None:
    """Close, cancel, reopen and unlabel."""
    hub, third, fourth, fifth = stage.hub, *(checkout.issue(number) for number in (3, 4, 5))
    with stage.act(hub, f"{key(third)} closed", by="bruno") as act:
        third.close()
        act.because("KR-1", key(third), "closed as done")
    with stage.act(hub, f"{key(fourth)} closed as not planned: it leaves the count") as act:
        fourth.close(reason="not_planned")
        act.because("KR-1", key(fourth), "closed as not planned, dropped")
    with stage.act(hub, f"{key(third)} reopened", by="chen") as act:
        third.reopen()
        act.because("KR-1", key(third), "reopened")
    with stage.act(hub, f"{key(third)} closed again", by="bruno") as act:
        third.close()
        act.because("KR-1", key(third), "closed as done")
    with stage.act(hub, f"{key(fifth)} unlabelled “checkout”") as act:
        fifth.unlabel("checkout")
        act.because("KR-1", key(fifth), "unlabelled checkout, no longer linked by rule kr-1-work")
    with stage.act(hub, f"{key(third)} labelled “okr:KR-3”", by="bruno") as act:
        third.label("okr:KR-3")
        act.because("KR-3", key(third), "labelled okr:KR-3, now linked by its label")


def letters_go_wrong(stage: Stage, checkout: Checkout) -> None:
    """Deliver twice, out of order, forged, and unreadable."""
    hub, sixth, seventh, eighth = stage.hub, *(checkout.issue(number) for number in (6, 7, 8))
    with stage.act(hub, f"{key(sixth)} closed, and its webhook is delivered twice", by="bruno") as act:
        hub.webhooks.duplicate_next()
        sixth.close()
        act.because("KR-1", key(sixth), "closed as done")
    with stage.act(hub, f"{key(seventh)} closed and reopened; the older webhook arrives last"):
        hub.webhooks.hold()
        seventh.close()
        stage.tick()
        seventh.reopen()
        hub.webhooks.release(order=[1, 0])
    stage.check_delivery(hub.deliveries[-2], state="settled", said="something newer is known")
    stage.voice.stayed("the newest word on an issue wins, in whatever order it comes")
    with stage.act(hub, f"{key(eighth)} closed, but the webhook's signature is forged", by="dana") as act:
        hub.webhooks.forge_next()
        eighth.close()
        act.is_not_heard_of()
    forged = hub.deliveries[-1]
    stage.check(f"a forged delivery got {forged.status}, expected 401", holds=forged.status == 401)
    stage.check_delivery(forged, state="absent", said="")
    stage.voice.stayed("refused with 401, nothing stored")
    with stage.act(hub, "the same webhook redelivered, well signed", by="dana") as act:
        hub.redeliver(forged)
        act.because("KR-1", key(eighth), "closed as done")
    with stage.act(hub, "a webhook that nobody can read, but well signed"):
        broken = '{"action": "closed", "issue": {"number": '
        hub.webhooks.take(
            parcel(checkout.hook, event="issues", guid=str(uuid.uuid4()), text=broken, message={"action": "broken"})
        )
    stage.check_delivery(hub.deliveries[-1], state="buried", said="can't be read")
    stage.check("the page of buried deliveries does not show it", holds=_shown_buried(stage))
    stage.voice.stayed("buried with its reason, shown under Deliveries, ready for a replay")


def work_moves(stage: Stage, checkout: Checkout) -> None:
    """Open, transfer, delete, and complete a key result that then falls back."""
    hub, bug, seventh, sixth = stage.hub, *(checkout.issue(number) for number in (9, 7, 6))
    with stage.act(hub, "a bug opened in acme/payments", by="dana") as act:
        found = checkout.payments.create_issue("Receipt has no tax number", type="Bug")
        act.because("KR-2", key(found), "opened, now linked by rule kr-2-work")
    with stage.act(hub, f"{key(found)} closed", by="bruno") as act:
        found.close()
        act.because("KR-2", key(found), "closed as done")
    with stage.act(hub, f"{key(bug)} transferred to acme/payments") as act:
        former = key(bug)
        moved = bug.transfer(checkout.payments, opened_first=False)
        act.because("KR-1", former, f"moved to {key(moved)}")
        act.because("KR-2", key(moved), "opened, now linked by rule kr-2-work")
    with stage.act(hub, f"{key(seventh)} deleted; nothing is left to do") as act:
        seventh.delete()
        act.because("KR-1", key(seventh), "deleted")
    with stage.act(hub, f"{key(sixth)} reopened", by="chen") as act:
        sixth.reopen()
        act.because("KR-1", key(sixth), "reopened")


def key(issue: Issue) -> str:
    """Give the name that people know an issue by."""
    return f"{issue.repository.full_name}#{issue.number}"


def _shown_buried(stage: Stage) -> bool:
    return "can&#39;t be read" in stage.visitor.read("/deliveries?outcome=buried&connection=acme-github")
