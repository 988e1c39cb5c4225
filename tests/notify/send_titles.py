"""Send a mail for each title to an SMTP server, on any Python; the test runs this with each that it finds.

On standard input: JSON with the server's `port` and the `titles`, which are subjects and sender names at once.
"""

import json
import sys
from datetime import UTC, datetime

from sync_service.notify.mime import Content, build
from sync_service.notify.smtp import Server, SmtpSession


def main() -> None:
    """Send the titles in their order."""
    given = json.load(sys.stdin)
    now = datetime.now(UTC)
    with SmtpSession(Server(host="127.0.0.1", port=given["port"], security="plain")) as session:
        for title in given["titles"]:
            quoted = title.replace("\\", "\\\\").replace('"', '\\"')
            content = Content(title, f"{title}\n", f"<p>{title}</p>\n")
            session.send(
                build(
                    content,
                    sender=f'"{quoted}" <okr@example.com>',
                    recipient="ana@example.com",
                    message_id="<1@example.com>",
                    created_at=now,
                )
            )


if __name__ == "__main__":
    main()
