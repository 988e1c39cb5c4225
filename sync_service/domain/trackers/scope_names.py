"""Names of scopes: the optional protocol by which a connector reads what a person wrote for a scope."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class NamesScopes(Protocol):
    """Knows how the tracker names its scopes. Makes no calls."""

    def normalize_scope(self, written: str, *, site: str) -> str:
        """Return a scope's name, from the name or from its address at `site`, the connection's site.

        Raise `ValueError` with what is allowed, as the end of a sentence, when this can't be one scope of that site.
        """
        ...


def read_scope(connector: object, written: str, *, site: str) -> str:
    """Return a scope's name as its connector reads it, or the text itself. Raise `ValueError` with what is allowed."""
    return connector.normalize_scope(written, site=site) if isinstance(connector, NamesScopes) else written
