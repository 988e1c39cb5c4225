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
    "/deliveries?before=-99999999999999999999999",
    "/deliveries?before=%2B99999999999999999999999",
    "/mailbox?before=9_999_999_999_999_999_999_999",
    "/key-results/KR-1?correct=-99999999999999999999999",
    "/key-results/KR-1?q=a&q=b%00",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_that_no_database_can_store_answers_400(ana: SessionClient, address: str) -> None:
    """It must never answer 500."""
    assert ana.open(address).status_code == 400


def test_a_nul_in_any_value_of_a_field_is_refused(ana: SessionClient) -> None:
    """A field may be sent several times, as the chosen scopes of a connection are."""
    fields = {"csrf_token": ana.token("/rules/new"), "row-0-field": "labels", "row-0-value": ["a", "b\x00"]}
    assert ana.client.post("/rules/preview", data=fields).status_code == 400
