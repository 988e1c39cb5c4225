"""E-mail addresses: those that SMTP can be given, quoted where needed; all others are refused."""

import pytest

from sync_service.domain.people.mail_address import host_literal, mailbox, smtp_address


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("ana@example.com", "ana@example.com"),
        ("Ana.Ruiz+okr@Example.COM", "Ana.Ruiz+okr@example.com"),
        ("o'neil/x=y@example.com", "o'neil/x=y@example.com"),
        ("root@localhost", "root@localhost"),
        ("a..b@example.com", '"a..b"@example.com'),
        (".a@example.com", '".a"@example.com'),
        ("a.@example.com", '"a."@example.com'),
        ('"ana"@example.com', "ana@example.com"),
        ('"john doe"@example.com', '"john doe"@example.com'),
        (r'"a\"b\\c"@example.com', r'"a\"b\\c"@example.com'),
        ('"a@b"@example.com', '"a@b"@example.com'),
        ("jörg@example.com", "jörg@example.com"),
        ("ana@bücher.example", "ana@xn--bcher-kva.example"),
        ("ana@faß.example", "ana@xn--fa-hia.example"),
        ("ana@ΒΌΛΟΣ.example", "ana@xn--nxasmm1c.example"),
        ("ana@例え。テスト", "ana@xn--r8jz45g.xn--zckzah"),
        ("ana@[192.0.2.1]", "ana@[192.0.2.1]"),
        ("ana@[IPv6:2001:DB8::1]", "ana@[IPv6:2001:db8::1]"),
    ],
)
def test_an_odd_address_is_written_as_smtp_takes_it(written: str, address: str) -> None:
    """Quotes only where they are needed, and the host in ASCII."""
    assert smtp_address(written) == address
    assert smtp_address(address) == address


@pytest.mark.parametrize(
    "written",
    [
        "",
        "ana",
        "@example.com",
        "ana@",
        "a b@example.com",
        "a@b@example.com",
        "a,b@example.com",
        "(ana)@example.com",
        "<ana@example.com>",
        '"ana@example.com',
        '"a\nb"@example.com',
        '""@example.com',
        "ana@example..com",
        "ana@example.com.",
        "ana@-example.com",
        "ana@exa mple.com",
        "ana@127.0.0.1",
        "ana@::1",
        "ana@[::1]",
        "ana@[999.0.0.1]",
        "ana@example.com\nBcc: b@example.com",
        "x" * 65 + "@example.com",
        "ü" * 33 + "@example.com",
        "ana@" + "x" * 64 + ".com",
        "ana@" + "abcdefg." * 32 + "com",
        "ana\x00@example.com",
        "a\u00a0b@example.com",
    ],
)
def test_what_no_server_can_take_is_not_an_address(written: str) -> None:
    """It is told where it is configured, not when a mail is sent."""
    with pytest.raises(ValueError, match="is not an e-mail address"):
        smtp_address(written)


@pytest.mark.parametrize(
    ("written", "name", "address"),
    [
        ("OKR Sync <okr@example.com>", "OKR Sync", "okr@example.com"),
        ("okr@example.com", "", "okr@example.com"),
        (" <okr@example.com> ", "", "okr@example.com"),
        ("Müller, Jörg <okr@example.com>", "Müller, Jörg", "okr@example.com"),
        ('"Acme \\"OKR\\" <team>" <okr@example.com>', 'Acme "OKR" <team>', "okr@example.com"),
        ("=?utf-8?q?M=C3=BCller?= <okr@example.com>", "Müller", "okr@example.com"),
    ],
)
def test_a_mailbox_has_a_name_and_an_address(written: str, name: str, address: str) -> None:
    """As people write it."""
    assert mailbox(written) == (name, address)


@pytest.mark.parametrize(
    "written", ["a@example.com, b@example.com", "a@x.de, B <b@y.de>", "A <a@x.de> B", "A <>", "A", "A\nB <a@x.de>"]
)
def test_anything_else_is_not_a_mailbox(written: str) -> None:
    """One address, and nothing around it."""
    with pytest.raises(ValueError, match="is not an e-mail address"):
        mailbox(written)


@pytest.mark.parametrize(
    ("host", "literal"),
    [("okr.example.com", "okr.example.com"), ("127.0.0.1", "[127.0.0.1]"), ("::1", "[IPv6:::1]"), ("localhost",) * 2],
)
def test_an_ip_address_after_the_at_sign_has_brackets(host: str, literal: str) -> None:
    """https://www.rfc-editor.org/rfc/rfc5321#section-4.1.3."""
    assert host_literal(host) == literal
    assert smtp_address(f"okr@{host_literal(host)}") == f"okr@{literal}"
