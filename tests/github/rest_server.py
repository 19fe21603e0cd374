"""A loopback server that speaks the REST calls of `gatekit comment` and `gatekit pr` and keeps a record of them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

BOT = "github-actions[bot]"


@dataclass
class State:
    """What the server holds and how it misbehaves."""

    comments: list[dict[str, Any]] = field(default_factory=list)
    pulls: list[dict[str, Any]] = field(default_factory=list)
    reviews: list[dict[str, Any]] = field(default_factory=list)
    checks: list[dict[str, Any]] = field(default_factory=list)
    login: str = BOT
    page_size: int = 100
    failures: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """Answers to the next requests, before any is served."""
    lose_answers_of: set[str] = field(default_factory=set)
    """Methods whose next request is carried out, but answered with 502."""
    drop: int = 0
    """Connections to close without an answer."""
    requests: list[tuple[str, str, dict[str, Any] | None]] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)
    prefix: str = ""
    """What every path starts with: `/api/v3` on GitHub Enterprise Server. Recorded paths are without it."""
    astray: list[str] = field(default_factory=list)
    """Paths of requests that did not start so; they are answered with 404."""
    url: str = ""

    def said(self, method: str) -> list[dict[str, Any] | None]:
        return [data for verb, _, data in self.requests if verb == method]

    def add(self, body: str, login: str = BOT) -> dict[str, Any]:
        made = {"id": len(self.comments) + 1, "body": body, "user": {"login": login}}
        self.comments.append(made)
        return made


@contextmanager
def serving(state: State) -> Iterator[State]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer("GET")

        def do_POST(self) -> None:
            self.answer("POST")

        def do_PATCH(self) -> None:
            self.answer("PATCH")

        def log_message(self, *_: Any) -> None:
            pass

        def answer(self, method: str) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            data = json.loads(self.rfile.read(size)) if size else None
            if not self.path.startswith(f"{state.prefix}/"):
                state.astray.append(self.path)
                self.reply(404, {"message": "Not Found"}, {})
                return
            self.path = self.path.removeprefix(state.prefix)
            state.requests.append((method, self.path, data))
            state.tokens.add(self.headers.get("Authorization"))
            if state.drop:
                state.drop -= 1
                self.close_connection = True
                return
            if state.failures:
                status, headers = state.failures.pop(0)
                self.reply(status, {"message": "no"}, headers)
                return
            status, value, headers = self.served(method, data)
            if method in state.lose_answers_of:
                state.lose_answers_of.discard(method)
                status, value = 502, {}
            self.reply(status, value, headers)

        def served(self, method: str, data: Any) -> tuple[int, Any, dict[str, str]]:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            if method == "GET":
                items = state.comments
                if parts.path.endswith("/pulls"):
                    items = [pull for pull in state.pulls if pull["label"] == query["head"]]
                if parts.path.endswith("/reviews"):
                    items = state.reviews
                size, page = min(state.page_size, int(query["per_page"])), int(query["page"])
                more = page * size < len(items)
                link = {"Link": f'<{state.url}/elsewhere?page={page + 1}>; rel="next"'} if more else {}
                return 200, items[(page - 1) * size : page * size], link
            if "/check-runs" in parts.path:
                return self.check_run(method, parts.path, data)
            if method == "POST":
                return 201, state.add(data["body"], state.login), {}
            found = next(c for c in state.comments if str(c["id"]) == parts.path.rpartition("/")[2])
            found["body"] = data["body"]
            return 200, found, {}

        def check_run(self, method: str, path: str, data: Any) -> tuple[int, Any, dict[str, str]]:
            if method == "POST":
                state.checks.append(data | {"id": len(state.checks) + 1})
                return 201, state.checks[-1], {}
            made = state.checks[int(path.rpartition("/")[2]) - 1]
            # GitHub adds annotations to those that are there.
            before = made["output"]["annotations"]
            made["output"] = data["output"] | {"annotations": [*before, *data["output"]["annotations"]]}
            return 200, made, {}

        def reply(self, status: int, value: Any, headers: dict[str, str]) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            for name, text in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}{state.prefix}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
