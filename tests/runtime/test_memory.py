"""The garbage collector while modules are imported."""

import gc

from sync_service.runtime.memory import collect_nothing


def test_nothing_is_collected_during_an_import_and_what_it_made_is_passed_over_afterwards() -> None:
    """Then the collector runs as before: it stays off where it was off."""
    try:
        for on in (True, False):
            (gc.enable if on else gc.disable)()
            with collect_nothing():
                assert not gc.isenabled()
                made: list[list[int]] = [[]]
            assert gc.isenabled() is on
            assert not any(one is made for one in gc.get_objects())
    finally:
        gc.enable()
