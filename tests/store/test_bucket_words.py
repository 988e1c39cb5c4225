"""Rate limit buckets in words."""

import pytest

from sync_service.store.queue.rate_limits import bucket_words


@pytest.mark.parametrize(
    ("bucket", "words"),
    [
        ("", "all calls"),
        ("token", "all calls of the token"),
        ("token/core", "calls of the token"),
        ("installation 7/search", "searches of installation 7"),
        ("installation 7/core/writes", "writes of installation 7"),
        ("token/core/writes/501#1", "writes on issue 501#1 of the token"),
        ("token/code_search", "code search calls of the token"),
        ("reading", "reading calls"),
        ("writing", "writes"),
        ("writing/20012", "writes on issue 20012"),
    ],
)
def test_people_read_no_bucket_names(bucket: str, words: str) -> None:
    """They read which calls must wait."""
    assert bucket_words(bucket) == words
