"""An example configuration file that uses every section, and a function that replaces text in it."""

EXAMPLE = """\
teams:
  - {slug: checkout, name: Checkout}
people:
  - {email: ana@example.com, name: Ana Ruiz, team: checkout, role: admin, timezone: Europe/Madrid,
     accounts: {github: anaruiz, jira: "5b10a2844c20165700ede21g"}}
cycles:
  - {slug: 2026-q4, name: Q4 2026, starts: 2026-10-01, ends: 2026-12-31}
connections:
  - slug: acme-github
    kind: github
    site: https://api.github.com
    owner: ana@example.com
    webhook_secrets: [env:GITHUB_WEBHOOK_SECRET]
    token: env:GITHUB_TOKEN
    scopes: [acme/checkout]
    earlier: import
  - slug: acme-jira
    kind: jira
    site: https://acme.atlassian.net
    webhook_secrets: [env:JIRA_WEBHOOK_SECRET]
    owner: ana@example.com
    email: okr-bot@example.com
    token: env:JIRA_API_TOKEN
    scopes: [SHOP]
    earlier: import
    dropped_resolutions: ["Won't Do", Duplicate, Declined]
    points_field: Story Points
objectives:
  - slug: fast-checkout
    title: Paying is effortless
    cycle: 2026-q4
    team: checkout
    owner: ana@example.com
    key_results:
      - slug: KR-1
        title: Ship the new checkout
        owner: ana@example.com
        weight: 2
        measure: {kind: done-share, weight: points, unestimated: 1}
      - slug: KR-2
        title: Open payment bugs down from 40 to 5
        start: 40
        target: 5
        measure: {kind: open-count}
rules:
  - slug: checkout-label
    owner: ana@example.com
    connection: acme-github
    key_result: KR-1
    when: {all: [{field: labels, has: checkout}, {field: scope, is: acme/checkout}]}
  - slug: payment-bugs
    owner: ana@example.com
    connection: acme-jira
    key_result: KR-2
    query: project = SHOP AND issuetype = Bug AND component = payments
links:
  - {key_result: KR-1, issue: acme-github:acme/checkout#12, weight: 3}
"""

RICH = """\
teams:
  - {slug: a, name: "Ärzte & 日本 🚀"}
  - {slug: b, name: "yes"}
people:
  - {email: cleo@example.com, name: "No", role: viewer}
  - {email: ben@example.com, name: "010", team: b, timezone: UTC, accounts: {github: "1e5"}}
cycles:
  - {slug: "2026", name: "2026-01-01", starts: 2026-01-01, ends: 2026-01-01}
  - {slug: next, name: Next, starts: 2027-01-01, ends: 2027-03-31}
connections:
  - {slug: quiet, kind: jira, site: "http://jira.example.com/jira/", earlier: ignore}
  - {slug: loud, kind: github, webhook_secrets: [first-one, "two: # 'x'"], scopes: [Acme/One, acme/two],
     earlier: ignore, points_field: Effort}
objectives:
  - {slug: second, title: "Second: it has a colon", cycle: next, team: a}
  - slug: first
    title: First
    cycle: "2026"
    owner: ben@example.com
    key_results:
      - {slug: share, title: Share, measure: {kind: done-share}, unit: ""}
      - {slug: count, title: Count, measure: {kind: done-count, within: ever}, target: 12.5, weight: 0.25}
      - {slug: open, title: Open, measure: {kind: open-count}, start: 10, target: 0, unit: bugs}
      - {slug: score, title: Score, measure: {kind: manual}, start: -1.5, target: 4}
      - {slug: percent, title: Percent, measure: {kind: manual}}
rules:
  - {slug: nested, connection: loud, key_result: count, enabled: false,
     when: {any: [{none: [{field: milestone, is: null}]}, {field: type, in: ["on", "off", "1"]}]}}
  - {slug: jql, connection: quiet, key_result: open, query: "project = X ORDER BY created\\nLIMIT"}
links:
  - {key_result: open, issue: "quiet:SHOP-1"}
  - {key_result: open, issue: "loud:https://github.com/acme/two/pull/7", weight: 0.5}
"""

SECRETS = {
    "GITHUB_WEBHOOK_SECRET": "hook-secret-of-github",
    "GITHUB_TOKEN": "token-of-github",
    "JIRA_WEBHOOK_SECRET": "hook-secret-of-jira",
    "JIRA_API_TOKEN": "token-of-jira",
}


def replace(text: str, *pairs: tuple[str, str]) -> str:
    """Replace texts of a file. Each must occur in it."""
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text
