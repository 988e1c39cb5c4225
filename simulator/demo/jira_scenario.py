"""The scenario in Jira: each change that can happen to an issue, and each fault that can happen to a webhook."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from simulator.demo.harness import Harness
from simulator.jira import Jira
from simulator.jira.admin_webhooks import Hook, cloud_request
from simulator.jira.model.issue import Issue
from simulator.jira.model.project import Project

ESTIMATED = (
    ("Get a return label by mail", 3),
    ("Choose a reason for returning", 5),
    ("Return in a store", 8),
    ("Track the parcel back", 2),
    ("Print the label at home", None),
)
CARRIERS = ("Northbound", "Red Van", "Parcel & Sons", "Bluebird")
REFUNDS = ("Refund is a cent short", "Refund mail is empty", "Refund goes to the old card")


@dataclass(kw_only=True)
class Returns:
    """The issues of Chen's team, by their role in the scenario. `hook` is the webhook, set by `connect`."""

    shop: Project
    pay: Project
    stories: list[Issue] = field(default_factory=list)
    carriers: list[Issue] = field(default_factory=list)
    refunds: list[Issue] = field(default_factory=list)
    hook: Hook = field(init=False)


def found(jira: Jira) -> Returns:
    """Create the team's projects."""
    return Returns(shop=jira.project("SHOP", "Shop"), pay=jira.project("PAY", "Payments"))


def connect(jira: Jira, returns: Returns, url: str, secret: str) -> None:
    """Register the webhook."""
    returns.hook = jira.add_hook(url=url, secret=secret)


def past(jira: Jira, returns: Returns) -> Iterator[float]:
    """Create the team's issues, and work on them for nine weeks; yield the day of the cycle on which it goes on."""
    shop, pay = returns.shop, returns.pay
    yield 0.5
    with jira.acting_as("chen"):
        returns.stories += [shop.create_issue(summary, points=points) for summary, points in ESTIMATED]
        returns.stories.append(shop.create_issue("The return button is missing on phones", type="Bug", points=3))
        returns.refunds += [pay.create_issue(summary, type="Bug") for summary in REFUNDS]
        fixed = [pay.create_issue(summary, type="Bug") for summary in ("Refund is in dollars", "Refund is late")]
    yield 3.4
    with jira.acting_as("dana"):
        returns.carriers += [shop.create_issue(f"Connect {name}", type="Task", labels=["carrier"]) for name in CARRIERS]
        returns.stories[0].start()
    yield 10.6
    with jira.acting_as("dana"):
        returns.stories[0].finish()
        fixed[0].start()
    yield 18.6
    with jira.acting_as("dana"):
        fixed[0].finish()
        returns.carriers[0].start()
    yield 22.4
    with jira.acting_as("chen"):  # scope is added
        faster = shop.create_issue("Pay back within a day", points=3)
        gifts = shop.create_issue("Return a gift", points=5)
    yield 29.5
    with jira.acting_as("dana"):
        faster.start()
    yield 37.6
    with jira.acting_as("chen"):
        faster.finish()
        returns.carriers[0].finish()
    yield 41.5
    with jira.acting_as("chen"):  # dropped, and estimated anew
        gifts.drop()
        returns.stories[2].set_points(13)
    yield 47.5
    with jira.acting_as("chen"):
        returns.stories[2].set_points(8)
    yield 54.6
    with jira.acting_as("dana"):
        fixed[1].finish()


def close_issues(harness: Harness, returns: Returns) -> None:
    """Create, finish, cancel, reopen and unlabel."""
    jira, (_, second, third, *_) = harness.jira, returns.stories
    with harness.step(jira, "a story created, 2 points", by="chen") as step:
        created = returns.shop.create_issue("Return without a receipt", points=2)
        step.expect_change("KR-4", created.key, "opened, now linked by rule kr-4-work")
    with harness.step(jira, f"{second.key} done, 5 points", by="dana") as step:
        second.finish()
        step.expect_change("KR-4", second.key, "closed as done")
    with harness.step(jira, f"{third.key} closed as Won't Do: its 8 points leave the count", by="chen") as step:
        third.drop()
        step.expect_change("KR-4", third.key, "closed as won't do, dropped")
    with harness.step(jira, f"{second.key} reopened") as step:
        second.reopen()
        step.expect_change("KR-4", second.key, "reopened")
    carrier = returns.carriers[0]
    with harness.step(jira, f"{carrier.key} unlabelled “carrier”", by="chen") as step:
        carrier.unlabel("carrier")
        step.expect_change("KR-6", carrier.key, "unlabelled carrier, no longer linked by rule kr-6-work")


def webhook_faults(harness: Harness, returns: Returns) -> None:
    """Deliver twice, out of order, forged, and unreadable."""
    jira, (_, second, _, fourth, fifth, _) = harness.jira, returns.stories
    with harness.step(jira, f"{second.key} done again, and its webhook is delivered twice", by="dana") as step:
        jira.webhooks.duplicate_next()
        second.finish()
        step.expect_change("KR-4", second.key, "closed as done")
    with harness.step(jira, f"{fourth.key} done and reopened; the older webhook arrives last"):
        jira.webhooks.hold()
        fourth.finish()
        harness.tick()
        fourth.reopen()
        jira.webhooks.release(order=[1, 0])
    harness.check_delivery(jira.deliveries[-2], state="settled", outcome="something newer is known")
    harness.terminal.unchanged("the newest state of an issue wins, in any order of arrival")
    with harness.step(jira, f"{fifth.key} done, but the webhook's signature is forged", by="chen") as step:
        jira.webhooks.forge_next()
        fifth.finish()
        step.expect_no_effect()
    forged = jira.deliveries[-1]
    harness.check(f"a forged delivery got {forged.status}, expected 401", holds=forged.status == 401)
    harness.check_delivery(forged, state="absent", outcome="")
    harness.terminal.unchanged("refused with 401, nothing stored")
    with harness.step(jira, f"{fifth.key} labelled: the next webhook tells all of the issue", by="chen") as step:
        fifth.label("printed")
        step.expect_change("KR-4", fifth.key, "closed as done, labelled printed")
    with harness.step(jira, "a webhook that nobody can read, but well signed"):
        broken = b'{"webhookEvent": "jira:issue_updated", "issue": {'
        jira.webhooks.send(cloud_request(returns.hook, event="jira:issue_updated", body=broken, flow="Primary"))
    harness.check_delivery(jira.deliveries[-1], state="buried", outcome="can't be read")
    harness.check("the page of buried deliveries does not show it", holds=_shown_buried(harness))
    harness.terminal.unchanged("buried with its reason, shown under Deliveries, ready for a replay")


def move_issues(harness: Harness, returns: Returns) -> None:
    """Move, delete, and finish."""
    jira, bug, carrier, refund = harness.jira, returns.stories[5], returns.carriers[1], returns.refunds[0]
    with harness.step(jira, f"{bug.key} moved to the project PAY") as step:
        bug.move(returns.pay)
        step.expect_change("KR-4", bug.key, "moved from SHOP to PAY, no longer linked by rule kr-4-work")
        step.expect_change("KR-5", bug.key, "moved from SHOP to PAY, now linked by rule kr-5-work")
    with harness.step(jira, f"{refund.key} deleted", by="dana") as step:
        refund.delete()
        step.expect_change("KR-5", refund.key, "deleted")
    with harness.step(jira, f"{carrier.key} done", by="dana") as step:
        carrier.finish()
        step.expect_change("KR-6", carrier.key, "closed as done")


def _shown_buried(harness: Harness) -> bool:
    return "can&#39;t be read" in harness.browser.read("/deliveries?outcome=buried&connection=acme-jira")
