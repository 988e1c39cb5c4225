"""The order in which the workers of a run import its modules."""

from tests.support.shared_compilation import own_first


def test_each_worker_begins_with_its_own_share_and_imports_all() -> None:
    """Shares do not overlap; with more workers than modules some begin alike."""
    names = ["a", "b", "c", "d", "e"]
    orders = [own_first(names, worker, 2) for worker in range(2)]
    assert orders == [names, ["c", "d", "e", "a", "b"]]
    assert all(sorted(own_first(names, worker, 8)) == names for worker in range(8))
