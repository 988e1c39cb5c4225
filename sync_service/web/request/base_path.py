"""The path of the base URL: all our addresses are below it, whether or not a proxy removes it from a request."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

FORWARDED_PREFIX = "HTTP_X_FORWARDED_PREFIX"
"""The header in which a proxy says which path it removed."""


class BasePath:
    """Serve an application below a path; empty for none. Requests without it are served too, as of a health check.

    The path comes from the settings and never from a header. `taken`: one of the application's own addresses begins
    like it. Then only the header tells whether a proxy has removed it.
    """

    def __init__(self, app: "WSGIApplication", path: str, *, taken: bool) -> None:
        self._app = app
        self._path = path
        self._taken = taken

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Handle a WSGI request."""
        environ["SCRIPT_NAME"] = self._path
        if self._path and self._has_path(environ):
            environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix(self._path) or "/"
        return self._app(environ, start_response)

    def _has_path(self, environ: "WSGIEnvironment") -> bool:
        if self._taken and FORWARDED_PREFIX in environ:
            return False
        return f"{environ['PATH_INFO']}/".startswith(f"{self._path}/")
