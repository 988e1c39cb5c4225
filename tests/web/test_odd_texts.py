"""Texts and numbers that no database can store are rejected before any query."""

import pytest

from tests.web.session_client import SessionClient

ADDRESSES = [
    "/key-results/a%00b",
    "/rules/a%00b",
    "/deliveries?connection=a%00b",
    "/deliveries?before=99999999999999999999999",
    "/key-results/KR-1?older=99999999999999999999999",
    "/mailbox/99999999999999999999999",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_that_no_database_can_store_answers_400(ana: SessionClient, address: str) -> None:
    """It must never answer 500."""
    assert ana.open(address).status_code == 400
