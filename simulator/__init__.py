"""A GitHub and a Jira on loopback, for the demo, the tests and the benchmarks.

Both hold issues of their own, answer REST calls and send signed webhooks over real HTTP, as the real ones do. They
import nothing of this product.

    from simulator import GitHub, Jira

    with GitHub("acme", token="t") as hub, Jira(email="bot@example.com", token="t") as jira:
        checkout = hub.repository("checkout")
        hub.add_hook(checkout, url="http://127.0.0.1:8080/hooks/acme-github", secret="s")   # pings at once
        issue = checkout.create_issue("Pay by card", labels=["checkout"], type="Feature")
        issue.close()                                  # completed; or reason="not_planned", "duplicate"
        issue.reopen()
        moved = issue.transfer(hub.repository("payments"), opened_first=True)

        shop = jira.project("SHOP", "Shop")
        jira.add_hook(url="http://127.0.0.1:8080/hooks/acme-jira", secret="s", projects=["SHOP"])
        story = shop.create_issue("Pay by card", points=3, parent=shop.create_issue("Checkout", type="Epic"))
        story.start()
        story.finish()                                 # Done; resolution=None leaves it without; drop(): Won't Do
        story.reopen(leave_resolution=True)
        story.move(jira.project("PAY"))
        jira.hide(story)                               # from REST callers; webhooks still carry it
        jira.index.lag = timedelta(minutes=1)          # searches find changes late
        shop.create_issues(100_000)                    # at once, no webhooks

        epic.add_sub_issue(issue, child_first=True)    # also across repositories; issue.set_field("Points", 5)
        checkout.create_pull_request("Add", body="Fixes acme/payments#1").merge()
        hub.project("Roadmap").add(issue).set("Status", "Done")       # only to the organisation's hooks
        checkout.create_issues(100_000, lambda number: BulkIssue(title=f"Step {number}"))    # at once, no webhooks

        app = hub.create_app(permissions={"issues": "write"}, events=["issues"], hook_url=url, hook_secret="s")
        installation = app.install([checkout])         # suspend(), add(), remove(), accept(), delete()
        app.pem, app.client_id                         # what a connection needs; or post a manifest, as a browser does
        hub.add_token("bruno", permissions={"issues": "read"}, repositories=[checkout]).text

The actor: `with hub.acting_as("bruno"):`. `hub.url` and `jira.url` are the sites of connections.

Deliveries run in the background, in order; `hub.flush()` waits for them; `background=False` delivers before each
operation returns. `hub.deliveries` is the log: `delivery.request` (id, name, headers, body), `.status`, `.attempts` and
`.accepted`, the successful attempt, with `.monotonic` and `.at` for measuring. A test can inject faults:

    hub.webhooks.lose_next(), duplicate_next(), truncate_next(), forge_next(), unsign_next()    # each takes a count
    hub.webhooks.delay_next(seconds)                   # later ones overtake it
    hub.webhooks.hold(); ...; hub.webhooks.release(order=[2, 0, 1])               # or seed=7, or neither
    hub.redeliver(delivery)                            # same GUID; GitHub never does so by itself
    jira.webhooks.retry_now()                          # Jira Cloud's retries, by hand; or with by_clock=True:
    clock.step(900); jira.webhooks.send_due()     # with retry_delay=real_retry_delay, the real delays

A hook's `secret` may be changed: what is sent from then on is signed with the new one.

REST calls can fail too: `hub.rest.answer_next(429, times=2, retry_after=1)`, `hub.rest.slow_down(seconds)`,
`hub.token = "another"`, `repository.visible = False`, `app.token_lag = 2`, `installation.suspend()`,
`hub.search_is_incomplete = True`, `jira.endless = EndlessList.EMPTY`. `hub.rest.calls` is the log of calls. Rate limits
are off until `hub.limits.switch_on(Rules(core=50))`; `hub.limits.block(72, writes_only=True)` is a secondary one.

`hub.api_url` and `hub.graphql_url` are where calls go; `GitHub(ghes="3.17")` is an Enterprise Server.

Time: pass `clock=SteppedClock(start)` and move it with `clock.step(seconds)`.
"""

from simulator.clock import SteppedClock
from simulator.github import GitHub
from simulator.jira import Jira

__all__ = ["GitHub", "Jira", "SteppedClock"]
