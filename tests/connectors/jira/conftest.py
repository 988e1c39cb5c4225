"""Fixtures of the Jira connector's tests."""

import pytest
import responses


@pytest.fixture(autouse=True)
def _named_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every mocked response name the account that called, as Jira's own do."""
    headers_of = responses.BaseResponse.get_headers

    def with_account(response: responses.BaseResponse) -> object:
        headers = headers_of(response)
        headers["X-AACCOUNTID"] = "5b10a2844c20165700ede21g"
        return headers

    monkeypatch.setattr(responses.BaseResponse, "get_headers", with_account)
