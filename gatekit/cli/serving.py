"""A page on 127.0.0.1 that changes with the files: read-only, for one person, and no path of it is ever a file's.

Who asks must know the page's random path and must name this machine as its host, so neither another page in the same
browser nor a name that resolves to 127.0.0.1 (DNS rebinding) reads it. Only GET and HEAD are answered.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from gatekit.cli.watching import State, enter_again, state
from gatekit.errors import UsageError

HOST = "127.0.0.1"
PATIENCE = 10
"""Seconds that one request may take to arrive."""
HEADERS = {
    "Cache-Control": "no-store",
    # The page itself says what it may load and run; this is what only a header can say.
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class LivePage:
    """The page as the files are now; it is made again when they have changed and stopped changing."""

    def __init__(self, render: Callable[[str], str], paths: Sequence[str]) -> None:
        """Make the page once.

        Args:
            render: version -> page; it must answer for whatever lies in the files.
            paths: files, folders and patterns that it reads.
        """
        self._render, self._paths, self._folder = render, paths, os.getcwd()
        self._lock = threading.Lock()
        self._number = 0
        self._seen = self._shown = state(paths)
        self._text = render(self._version)

    @property
    def _version(self) -> str:
        return str(self._number)

    def now(self) -> tuple[str, str]:
        """Return the version and the page."""
        with self._lock:
            enter_again(self._folder)
            found = state(self._paths)
            if found != self._shown and found == self._seen:
                self._make(found)
            self._seen = found
            return self._version, self._text

    def _make(self, found: State) -> None:
        self._number += 1
        self._shown = found
        self._text = self._render(self._version)


class PageServer(ThreadingHTTPServer):
    """Serves one page under a path that nobody can guess."""

    daemon_threads = True

    def __init__(self, page: LivePage, port: int) -> None:
        """Listen on 127.0.0.1.

        Args:
            page: what is served.
            port: where; 0 for any free one.

        Raises:
            UsageError: the port cannot be had.
        """
        self.page = page
        self.secret = secrets.token_urlsafe(18)
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            reason = error.strerror or str(error)
            raise UsageError(
                f"port {port} of {HOST} cannot be had: {reason}", "leave --port out for a free one"
            ) from None

    @property
    def address(self) -> str:
        """What a person opens."""
        return f"http://{HOST}:{self.server_address[1]}/{self.secret}/"

    def handle_error(self, *_: object) -> None:
        """Say nothing of a browser that hangs up."""


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    timeout = PATIENCE
    server_version, sys_version = "gatekit", ""

    def do_GET(self) -> None:
        status, kind, content = self._answer()
        data = content.encode("utf-8")
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_HEAD = do_GET

    def _answer(self) -> tuple[HTTPStatus, str, str]:
        """Return status, type and content; nothing in a request ever becomes a path of a file."""
        port = self.server.server_address[1]
        hosts = self.headers.get_all("Host") or []
        if len(hosts) != 1 or hosts[0] not in (f"{HOST}:{port}", f"localhost:{port}"):
            return HTTPStatus.MISDIRECTED_REQUEST, "text/plain", "this is not the host that is asked for\n"
        if self.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            return HTTPStatus.FORBIDDEN, "text/plain", "another site asks\n"
        for path, kind in (("", "text/html"), ("version", "text/plain")):
            wanted = f"/{self.server.secret}/{path}"
            if secrets.compare_digest(self.path.encode("utf-8", "surrogateescape"), wanted.encode()):
                version, page = self.server.page.now()
                return HTTPStatus.OK, kind, version if path else page
        return HTTPStatus.NOT_FOUND, "text/plain", "there is nothing here\n"

    def log_message(self, *_: object) -> None:
        """Keep what is asked for off the terminal."""
