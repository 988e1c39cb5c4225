"""Render mails as text and HTML."""

import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from sync_service.domain.measures.status import DEFAULT_THRESHOLDS, Status
from sync_service.domain.people.notices import Change, KeyResultState
from sync_service.domain.trackers.causes import Cause
from sync_service.notify import render
from sync_service.notify.mime import Content
from sync_service.notify.notice_text import NoticeItem
from sync_service.store.views.connection_alert import ConnectionAlert, GoneScope, StaleKeyResult
from tests.notify.services import AT_RISK, BASE_URL, COMPLETED, NOW, ON_TRACK, closed

REOPENED = Cause(
    what="reopened, no longer linked by rule checkout",
    issue="acme/checkout#12",
    title="Pay by card",
    url="https://github.com/acme/checkout/issues/12",
    delivery="d",
    actor="ana",
    reopened=True,
)
FELL_BACK = Change(COMPLETED, KeyResultState(Status.AT_RISK, 62.0, 0.62), (REOPENED,))
KR_1 = NoticeItem(
    slug="KR-1",
    title="Ship the new checkout",
    objective="Paying is effortless",
    unit="%",
    stay=None,
    target=100.0,
    owned=True,
    change=FELL_BACK,
    thresholds=DEFAULT_THRESHOLDS,
    expected=0.745,
)
KR_2 = replace(KR_1, slug="KR-2", title="Bugs", unit="bugs", target=5.0, change=Change(ON_TRACK, AT_RISK, (closed(4),)))
KR_3 = replace(KR_1, slug="KR-3", title="Refunds", change=Change(ON_TRACK, COMPLETED, (closed(5),)))


class Reader(HTMLParser):
    """Parse a page as a person reads it: visible words, links and element names."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.elements: list[str] = []
        self._hidden = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record an element and its link."""
        self.elements.append(tag)
        self._hidden = tag in ("style", "title")
        self.links += [value for name, value in attrs if name == "href" and value]

    def handle_endtag(self, tag: str) -> None:
        """Leave an element."""
        self._hidden = self._hidden and tag not in ("style", "title")

    def handle_data(self, data: str) -> None:
        """Record visible words."""
        if not self._hidden:
            self.words.append(data)

    @property
    def text(self) -> str:
        """Return all visible words on one line."""
        return " ".join(" ".join(self.words).split())


def notice(*items: NoticeItem) -> Content:
    """Render a mail."""
    return render.notice(items, base_url=BASE_URL)


def item(before: KeyResultState, after: KeyResultState, *causes: Cause) -> NoticeItem:
    """Return one more change of KR-1."""
    return replace(KR_1, change=Change(before, after, causes))


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        (KR_1, "KR-1 fell back to 62 %: Ship the new checkout"),
        (KR_2, "KR-2 is now at risk: Bugs"),
        (KR_3, "KR-3 completed: Refunds"),
        (item(AT_RISK, ON_TRACK), "KR-1 is back on track: Ship the new checkout"),
        (item(replace(AT_RISK, status=Status.BEHIND), AT_RISK), "KR-1 improved to at risk: Ship the new checkout"),
        (item(AT_RISK, replace(AT_RISK, status=Status.BEHIND)), "KR-1 is now behind: Ship the new checkout"),
        (
            item(AT_RISK, KeyResultState(Status.NO_DATA, None, None)),
            "KR-1 has no data any more: Ship the new checkout",
        ),
        (item(ON_TRACK, replace(ON_TRACK, value=60.0)), "KR-1 moved to 60 %: Ship the new checkout"),
    ],
)
def test_the_subject_names_the_most_important_change(change: NoticeItem, subject: str) -> None:
    """Each kind of change has its own words."""
    assert notice(change).subject == subject


@pytest.mark.parametrize(("status", "tone"), [(Status.BEHIND, "good"), (Status.ON_TRACK, "warn")])
def test_behind_to_at_risk_is_an_improvement(status: Status, tone: str) -> None:
    """Its headline is green and says so; a mail with worse news begins with that."""
    change = item(replace(AT_RISK, status=status), AT_RISK)
    assert f'<h2 class="headline {tone}"' in notice(change).html.replace("'", '"')
    worse = replace(KR_2, change=Change(ON_TRACK, AT_RISK, ()))
    subject = notice(change, worse).subject
    assert subject.startswith("KR-2 is now at risk" if tone == "good" else "KR-1 is now at risk")


def test_several_key_results_share_a_subject_with_the_most_urgent_first() -> None:
    """A drop comes before a worse status, and both come before good changes."""
    assert notice(KR_3, KR_2, KR_1).subject == "KR-1 fell back to 62 %, and 2 more moved"
    assert notice(KR_3, KR_2).subject == "KR-2 is now at risk, and KR-3 moved"
    better = replace(KR_1, change=Change(AT_RISK, ON_TRACK, ()))
    assert notice(better, KR_3).subject == "KR-3 completed, and KR-1 moved"


@pytest.mark.parametrize("version", ["text", "html"])
def test_both_versions_are_complete(version: str) -> None:
    """They show the change, the reason, the recipient's role and where to read more."""
    content = notice(KR_1, replace(KR_2, owned=False))
    text = " ".join(content.text.split()) if version == "text" else Reader(content.html).text
    for words in (
        "100 % → 62 %",
        "completed → at risk",
        "Paying is effortless",
        "Ship the new checkout",
        "Pay by card",
        "acme/checkout#12",
        "reopened by ana, no longer linked by rule checkout",
        "50 bugs → 30 bugs",
        "target 5 bugs",
        "50 % → 30 %",
        "closed as done by ana",
        "You get this mail because you own KR-1 and the objective of KR-2.",
    ):
        assert words in text, words


def test_both_versions_link_the_issues_and_the_pages() -> None:
    """Each key result links its page, each issue its page in the tracker."""
    content = notice(KR_1)
    expected = {f"{BASE_URL}/key-results/KR-1", f"{BASE_URL}/objectives", "https://github.com/acme/checkout/issues/12"}
    assert set(Reader(content.html).links) == {*expected, f"{BASE_URL}/"}  # the name of the product leads home
    assert set(re.findall(r"https?://\S+", content.text)) == expected


def test_a_slug_is_quoted_in_its_url() -> None:
    """The link works for any characters of the slug."""
    assert f"{BASE_URL}/key-results/KR%201%2F%3F" in notice(replace(KR_1, slug="KR 1/?")).text


def test_ten_reasons_are_shown_and_the_rest_is_counted() -> None:
    """The mail shows the latest ten; the page shows all."""
    content = notice(item(ON_TRACK, COMPLETED, *(closed(number) for number in range(100, 147))))
    for text in (content.text, Reader(content.html).text):
        assert "and 37 more" in text
        assert len(set(re.findall(r"checkout#(\d+)", text))) == 10
        assert "acme/checkout#146" in text


def test_the_events_of_one_issue_are_in_order_without_repeats() -> None:
    """Closed, then reopened is one reason, and repeated events are shown once."""
    first = closed(12)
    content = notice(item(COMPLETED, AT_RISK, first, first, REOPENED))
    assert "closed as done by ana, then reopened by ana, no longer" in " ".join(content.text.split())
    assert content.text.count("closed as done") == 1


def test_after_a_drop_the_reopened_issues_come_first() -> None:
    """They explain the drop."""
    text = notice(item(COMPLETED, AT_RISK, REOPENED, closed(98), closed(99))).text
    assert text.index("checkout#12") < text.index("checkout#99") < text.index("checkout#98")


def test_causes_without_an_issue_are_shown_too() -> None:
    """For example a changed rule, a new day, or an issue that was only seen."""
    changed = Cause(what="rule checkout changed", actor="ana@example.com")
    passed = Cause(what="another day of the cycle passed")
    seen = Cause(what="first seen, already done", issue="SHOP-1", actor="bo")
    content = notice(item(ON_TRACK, AT_RISK, changed, passed, seen))
    for text in (content.text, Reader(content.html).text):
        assert "rule checkout changed by ana@example.com" in text
        assert "another day of the cycle passed" in text
        assert "SHOP-1" in text
        assert "first seen, already done" in text
        assert "by bo" not in text


def test_no_data_is_written_in_words() -> None:
    """Nothing linked is not 0 %."""
    content = notice(item(AT_RISK, KeyResultState(Status.NO_DATA, None, None)))
    for text in (content.text, Reader(content.html).text):
        assert "30 % → no data" in text.replace("\u202f", " ")
        assert "at risk → no data" in text


@pytest.mark.parametrize(
    ("status", "clause"),
    [
        (Status.ON_TRACK, "(at most 10 points below the expected 74 %)"),
        (Status.AT_RISK, "(more than 10 points below the expected 74 %)"),
        (Status.BEHIND, "(more than 25 points below the expected 74 %)"),
        (Status.NO_DATA, None),
    ],
)
def test_a_status_is_said_with_the_threshold_that_decided_it(status: Status, clause: str | None) -> None:
    """In both versions; a range has none, nor has a target that is reached."""
    after = replace(AT_RISK, status=status)
    content = notice(item(ON_TRACK, after))
    for text in (content.text, Reader(content.html).text):
        words = " ".join(text.replace("\u202f", " ").split())
        assert clause in words if clause else "expected" not in words
    in_range = notice(replace(item(ON_TRACK, after), stay={"above": 1.0}, target=None))
    reached = notice(item(after, replace(after, progress=1.0)))
    assert "expected" not in in_range.text + in_range.html + reached.text + reached.html


def test_an_unchanged_value_is_shown_as_unchanged() -> None:
    """A new day alone may change the status."""
    content = notice(item(ON_TRACK, replace(ON_TRACK, status=Status.AT_RISK)))
    fell = notice(item(ON_TRACK, KeyResultState(Status.ON_TRACK, 45.0, 0.45), REOPENED))
    for text, other in (
        (content.text, fell.text),
        (Reader(content.html).text, Reader(fell.html).text),
    ):
        assert "still 50 %" in text.replace("\u202f", " ")
        assert "still on track" in other


def test_markup_in_titles_is_escaped() -> None:
    """The same holds for names of issues, people and objectives."""
    evil = '<script>alert(1)</script><img src=x onerror="x">'
    cause = replace(REOPENED, what=evil, title=evil, actor=evil, issue=evil)
    content = notice(
        replace(KR_1, title=evil, objective=evil, slug="<b>", unit=evil, change=replace(FELL_BACK, causes=(cause,)))
    )
    reader = Reader(content.html)
    assert "script" not in reader.elements
    assert "img" not in reader.elements
    assert reader.text.count("<script>alert(1)</script>") >= 5
    assert "<script>alert(1)</script>" in content.text


def test_only_web_addresses_become_links() -> None:
    """A tracker's response must not put a script into a link."""
    content = notice(item(ON_TRACK, COMPLETED, replace(REOPENED, url="javascript:alert(1)")))
    assert "javascript:" not in content.html + content.text


def test_line_breaks_in_titles_and_names_are_removed() -> None:
    """The subject stays one line, whatever people type."""
    torn = replace(KR_1, slug="KR-1\nX", title="Ship\r\nBcc: everybody@example.com")
    assert notice(torn).subject == "KR-1 X fell back to 62 %: Ship Bcc: everybody@example.com"


def test_very_long_titles_are_clipped() -> None:
    """The subject stays readable, and the mail small."""
    content = notice(replace(KR_1, title="x" * 5000))
    assert len(content.subject) < 150
    assert "x" * 299 + "…" in content.html
    assert "x" * 300 not in content.html


def test_other_scripts_stay_as_they_are() -> None:
    """Right-to-left text is isolated, so that it does not reverse the text beside it."""
    content = notice(replace(KR_1, title="שלום 👩\u200d💻"))
    assert "<bdi>שלום 👩\u200d💻</bdi>" in content.html
    assert content.subject.endswith(": שלום 👩\u200d💻")


def test_the_text_version_is_wrapped_but_links_are_whole() -> None:
    """No line is wider than 72 columns, except URLs."""
    long = item(ON_TRACK, COMPLETED, replace(REOPENED, title="word " * 40))
    lines = notice(replace(long, title="many words " * 20)).text.splitlines()
    assert max(len(line) for line in lines if "://" not in line) <= 72


def test_the_html_version_loads_nothing_and_says_its_language() -> None:
    """No images and no external style sheets; colours for dark mode; styles on the elements themselves."""
    html = notice(KR_1).html
    assert re.search(r'<html[^>]* lang="en"', html)
    assert "@media (prefers-color-scheme: dark)" in html
    assert 'name="color-scheme" content="light dark"' in html
    assert re.search(r'<h2[^>]* style="[^"]*font-size', html)
    assert not re.search(r"<(img|link|script|iframe)|url\(|@import", html)


def test_the_preview_adds_to_the_subject() -> None:
    """Mail programs show the first words of a mail, so these are the change and its first reason."""
    words = Reader(notice(KR_1).html).text
    assert words.startswith("100 % → 62 %: acme/checkout#12 “Pay by card” reopened by ana")


@pytest.mark.parametrize("version", ["text", "html"])
def test_a_mail_shows_no_target_before_it_is_reached(version: str) -> None:
    """Falling to 5 bugs, and 99.9996 % of 100 %."""
    before = KeyResultState(Status.ON_TRACK, 40.0, 0.0)
    bugs = item(before, KeyResultState(Status.BEHIND, 5.001, 0.999971))
    share = item(before, KeyResultState(Status.BEHIND, 99.9996, 0.999996))
    content = notice(replace(bugs, unit="bugs", target=5.0), replace(share, slug="KR-9"))
    words = " ".join(content.text.split()) if version == "text" else Reader(content.html).text
    for shown in ("40 bugs → 5.01 bugs", "0 % → 99 %", "40 % → 99.99 %"):
        assert shown in words
    assert "100 %" not in words.replace("target 100 %", "")


@pytest.mark.parametrize(
    ("before", "after", "widths"),
    [
        (0.0, 0.001, {"gained": 1, "missing": 99}),
        (0.5, 0.999, {"stayed": 50, "gained": 49, "missing": 1}),
        (1.0, 0.62, {"stayed": 62, "lost": 38}),
        (0.25, 1.4, {"stayed": 25, "gained": 75}),
        (-0.2, -0.1, {"missing": 100}),
    ],
)
def test_the_bar_is_full_only_when_everything_is_done(before: float, after: float, widths: dict[str, int]) -> None:
    """The segments add up to 100 %, empty ones are left out, and a small one is still visible."""
    html = notice(item(KeyResultState(Status.BEHIND, 1.0, before), KeyResultState(Status.AT_RISK, 2.0, after))).html
    found = dict(re.findall(r'<td class="(stayed|gained|lost|missing)[^>]*width="(\d+)%"', html))
    assert {kind: int(width) for kind, width in found.items()} == widths


def test_a_mail_about_very_many_key_results_stays_small() -> None:
    """The most urgent changes are shown in full, the others by name and link."""
    many = [replace(KR_3, slug=f"KR-{number}", title=f"Title {number}") for number in range(1, 31)]
    content = notice(*many)
    assert len(content.html.encode()) < 100_000
    for text in (content.text, content.html):
        assert all(f"{BASE_URL}/key-results/KR-{number}" in text for number in range(1, 31))
        assert "Also moved" in text


def test_the_sign_in_mail_explains_its_link() -> None:
    """It also says what to do if nobody asked for it. The subject is plain, the link whole, in both versions."""
    link = f"{BASE_URL}/sign-in/" + "a1_-" * 30
    content = render.sign_in(
        name="Ana <b>Ruiz", link=link, base_url=BASE_URL, valid=timedelta(minutes=15), until=NOW + timedelta(minutes=15)
    )
    assert content.subject == "Your sign-in link for OKR Sync"
    assert link in content.text.splitlines()
    reader = Reader(content.html)
    assert reader.links.count(link) == 2
    assert "b" not in reader.elements
    for text in (" ".join(content.text.split()), reader.text):
        for words in ("Ana <b>Ruiz", "works once", "15 minutes: until 12:15 UTC", "If you did not ask for it"):
            assert words in text, words


HOSTILE = "<script>x</script>\u202eb\nSubject: y"
MOMENT = NOW - timedelta(hours=1)


def test_an_alert_mail_escapes_foreign_texts() -> None:
    """Tracker messages and key result titles appear as plain text."""
    alert = ConnectionAlert(
        slug="acme-github",
        kind="github",
        site="https://api.github.com",
        owned=False,
        recipients=("ana@example.com",),
        refused=(MOMENT, HOSTILE),
        gone=tuple(GoneScope(f"acme/{n}", MOMENT, f"{HOSTILE} {n}") for n in range(12)),
        stale=tuple(StaleKeyResult(f"KR-{n}", HOSTILE) for n in range(12)),
        rows=(),
        recently_alerted=(),
        mended=(),
    )
    content = render.broken(alert, base_url=BASE_URL)
    page = Reader(content.html)
    assert "\n" not in content.subject
    assert "script" not in page.elements
    assert "\u202e" not in content.text
    assert content.text.count("- and 2 more") == 2
    assert page.text.count("and 2 more") == 2
    assert f"{BASE_URL}/connections/acme-github" in page.links
    assert "because you are an admin" in " ".join(content.text.split())
    assert all(len(line) <= 80 or "://" in line for line in content.text.splitlines())


def test_an_alert_about_a_connection_without_links_says_so() -> None:
    """Its owner still wants to know."""
    alert = ConnectionAlert(
        slug="acme-github",
        kind="github",
        site="https://api.github.com",
        owned=True,
        recipients=("ana@example.com",),
        refused=None,
        gone=(GoneScope("acme/old", MOMENT, "the repository was deleted"),),
        stale=(),
        rows=(),
        recently_alerted=(),
        mended=(),
    )
    content = render.broken(alert, base_url=BASE_URL)
    assert content.subject == "acme-github broke: acme/old can no longer be watched"
    assert content.text.startswith("acme/old can no longer be watched\n"), "a name keeps its case"
    assert "No key result depends on it" in content.text
    assert "No key result depends on it" in Reader(content.html).text
    assert "Message" not in content.text


def test_a_proposed_value_is_named_first_and_its_owner_is_asked() -> None:
    """Nothing moved: the value that applies is still the same."""
    waiting = replace(KR_1, change=Change(ON_TRACK, ON_TRACK, (replace(closed(4), proposed=True),)), proposed=62.5)
    mail = notice(waiting)
    assert mail.subject == "KR-1 proposes 62.5 %: Ship the new checkout"
    assert "Value     still 50\u202f%" in mail.text
    assert "Proposed  62.5\u202f%, waits for the owner" in mail.text
    assert "closed as done by ana" in mail.text
    words = Reader(mail.html).text
    assert "Proposed 62.5 % waits for the owner" in words
    assert "Proposes 62.5 %" in words
    assert words.startswith("62.5 % is proposed: acme/checkout#4")


def test_a_change_of_status_is_named_before_a_proposed_value() -> None:
    """The proposed value has a line of its own."""
    mail = notice(replace(KR_2, proposed=4.0))
    assert mail.subject.startswith("KR-2 is now at risk")
    assert "Proposed  4\u202fbugs" in mail.text
