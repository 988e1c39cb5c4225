"""What happens in Jira: each thing that can befall an issue, and each thing that can befall a webhook."""

from dataclasses import dataclass

from simulator.demo.stage import Stage
from simulator.jira import Jira
from simulator.jira.hooks import Hook, cloud_parcel
from simulator.jira.issue import Issue
from simulator.jira.project import Project


@dataclass(kw_only=True)
class Returns:
    """The issues of Chen's team, by what the story does with them."""

    shop: Project
    pay: Project
    hook: Hook
    stories: list[Issue]
    carriers: list[Issue]
    refunds: list[Issue]


def furnish(jira: Jira, url: str, secret: str) -> Returns:
    """Register the webhook and create the team's issues."""
    shop, pay = jira.project("SHOP", "Shop"), jira.project("PAY", "Payments")
    hook = jira.add_hook(url=url, secret=secret)
    estimated = (
        ("Get a return label by mail", 3),
        ("Choose a reason for returning", 5),
        ("Return in a store", 8),
        ("Track the parcel back", 2),
        ("Print the label at home", None),
    )
    stories = [shop.create_issue(summary, points=points) for summary, points in estimated]
    stories.append(shop.create_issue("The return button is missing on phones", type="Bug", points=3))
    names = ("Northbound", "Red Van", "Parcel & Sons", "Bluebird")
    carriers = [shop.create_issue(f"Connect {name}", type="Task", labels=["carrier"]) for name in names]
    bugs = ("Refund is a cent short", "Refund mail is empty", "Refund goes to the old card")
    refunds = [pay.create_issue(summary, type="Bug") for summary in bugs]
    return Returns(shop=shop, pay=pay, hook=hook, stories=stories, carriers=carriers, refunds=refunds)


def finish_some(returns: Returns) -> None:
    """Finish what was done before the story begins."""
    returns.stories[0].finish()
    returns.carriers[0].finish()


def work_closes(stage: Stage, returns: Returns) -> None:
    """Create, finish, cancel, reopen and unlabel."""
    jira, (_, second, third, *_) = stage.jira, returns.stories
    with stage.act(jira, "a story created, 2 points", by="chen") as act:
        created = returns.shop.create_issue("Return without a receipt", points=2)
        act.because("KR-4", created.key, "opened, now linked by rule kr-4-work")
    with stage.act(jira, f"{second.key} done, 5 points", by="dana") as act:
        second.finish()
        act.because("KR-4", second.key, "closed as done")
    with stage.act(jira, f"{third.key} closed as Won't Do: its 8 points leave the count", by="chen") as act:
        third.drop()
        act.because("KR-4", third.key, "closed as won't do, dropped")
    with stage.act(jira, f"{second.key} reopened") as act:
        second.reopen()
        act.because("KR-4", second.key, "reopened")
    carrier = returns.carriers[0]
    with stage.act(jira, f"{carrier.key} unlabelled “carrier”", by="chen") as act:
        carrier.unlabel("carrier")
        act.because("KR-6", carrier.key, "unlabelled carrier, no longer linked by rule kr-6-work")


def letters_go_wrong(stage: Stage, returns: Returns) -> None:
    """Deliver twice, out of order, forged, and unreadable."""
    jira, (_, second, _, fourth, fifth, _) = stage.jira, returns.stories
    with stage.act(jira, f"{second.key} done again, and its webhook is delivered twice", by="dana") as act:
        jira.webhooks.duplicate_next()
        second.finish()
        act.because("KR-4", second.key, "closed as done")
    with stage.act(jira, f"{fourth.key} done and reopened; the older webhook arrives last"):
        jira.webhooks.hold()
        fourth.finish()
        stage.tick()
        fourth.reopen()
        jira.webhooks.release(order=[1, 0])
    stage.check_delivery(jira.deliveries[-2], state="settled", said="something newer is known")
    stage.voice.stayed("the newest word on an issue wins, in whatever order it comes")
    with stage.act(jira, f"{fifth.key} done, but the webhook's signature is forged", by="chen") as act:
        jira.webhooks.forge_next()
        fifth.finish()
        act.is_not_heard_of()
    forged = jira.deliveries[-1]
    stage.check(f"a forged delivery got {forged.status}, expected 401", holds=forged.status == 401)
    stage.check_delivery(forged, state="absent", said="")
    stage.voice.stayed("refused with 401, nothing stored")
    with stage.act(jira, f"{fifth.key} labelled: the next webhook tells all of the issue", by="chen") as act:
        fifth.label("printed")
        act.because("KR-4", fifth.key, "closed as done, labelled printed")
    with stage.act(jira, "a webhook that nobody can read, but well signed"):
        broken = b'{"webhookEvent": "jira:issue_updated", "issue": {'
        jira.webhooks.take(cloud_parcel(returns.hook, event="jira:issue_updated", body=broken, flow="Primary"))
    stage.check_delivery(jira.deliveries[-1], state="buried", said="can't be read")
    stage.check("the page of buried deliveries does not show it", holds=_shown_buried(stage))
    stage.voice.stayed("buried with its reason, shown under Deliveries, ready for a replay")


def work_moves(stage: Stage, returns: Returns) -> None:
    """Move, delete, and finish."""
    jira, bug, carrier, refund = stage.jira, returns.stories[5], returns.carriers[1], returns.refunds[0]
    with stage.act(jira, f"{bug.key} moved to the project PAY") as act:
        bug.move(returns.pay)
        act.because("KR-4", bug.key, "moved from SHOP to PAY, no longer linked by rule kr-4-work")
        act.because("KR-5", bug.key, "moved from SHOP to PAY, now linked by rule kr-5-work")
    with stage.act(jira, f"{refund.key} deleted", by="dana") as act:
        refund.delete()
        act.because("KR-5", refund.key, "deleted")
    with stage.act(jira, f"{carrier.key} done", by="dana") as act:
        carrier.finish()
        act.because("KR-6", carrier.key, "closed as done")


def _shown_buried(stage: Stage) -> bool:
    return "can&#39;t be read" in stage.visitor.read("/deliveries?outcome=buried&connection=acme-jira")
