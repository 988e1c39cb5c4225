"""Read, show and check the mails in the local mailbox after the scenario."""

from collections.abc import Sequence

from simulator.demo.browser_session import Mail
from simulator.demo.harness import ExpectedMail, Harness

HEADLINES = {
    "completed": ("completed",),
    "fell back": ("fell back to",),
    "changed": ("is now", "improved to", "is back on track", "has no data", "moved to"),
}
SIGN_IN = "Your sign-in link"


def show_and_check(harness: Harness) -> None:
    """Show the mails about key results; record what is missing, unexpected or wrong."""
    mails = [mail for mail in harness.browser.mails()[harness.earlier_mails :] if not mail.subject.startswith(SIGN_IN)]
    for mail in mails:
        harness.terminal.mail(mail)
    harness.check(
        f"expected {len(harness.mails)} mails, one for each cause; found {[mail.subject for mail in mails]}",
        holds=len(mails) == len(harness.mails),
    )
    ids = {mail.message_id for mail in mails}
    harness.check("two mails have the same Message-ID", holds=len(ids) == len(mails))
    for expected, mail in zip(harness.mails, mails, strict=False):
        for mistake in mail_errors(expected, mail):
            harness.check(f"mail “{mail.subject}”: {mistake}", holds=False)


def mail_errors(expected: ExpectedMail, mail: Mail) -> Sequence[str]:
    """List what is wrong with a mail."""
    text, reason = " ".join(mail.text.split()), expected.reason
    happened = reason.what.partition(", ")[0] + (f" by {reason.actor}" if reason.actor else "")
    checks = {
        f"it goes to {mail.to}, expected {expected.to}": mail.to == expected.to,
        f"expected {expected.slug} in its subject": mail.subject.startswith(f"{expected.slug} "),
        f"expected “{expected.kind}” in its subject": any(one in mail.subject for one in HEADLINES[expected.kind]),
        f"it does not name {reason.issue}": reason.issue is None or reason.issue in text,
        f"it does not say “{happened}”": happened in text,
    }
    return [mistake for mistake, holds in checks.items() if not holds]
