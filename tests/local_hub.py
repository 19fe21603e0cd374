"""A hub on this machine: the few addresses of Hugging Face's that a download asks for, served from folders."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass
class LocalHub:
    """What is served, and what was asked for."""

    address: str = ""
    folders: dict[str, Path] = field(default_factory=dict)
    """`owner/name` of a model, or `datasets/owner/name` -> its files."""
    branches: dict[str, str] = field(default_factory=dict)
    """`owner/name` -> name that stands for the commit, beside `main`."""
    fetched: list[str] = field(default_factory=list)
    """`owner/name@COMMIT/path` of every file whose content was sent."""

    def commit(self, repository: str) -> str:
        """Return the commit that a repository is at: a digest of its files."""
        folder = self.folders[repository]
        named = (f"{path.relative_to(folder)} {_sha(path)}" for path in _files(folder))
        return hashlib.sha1("\n".join(named).encode()).hexdigest()  # the hub's commits are of this length


@contextmanager
def serving() -> Iterator[LocalHub]:
    """Serve a hub, empty at first, on a port of this machine."""
    hub = LocalHub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

        def _answer(self, body: bool) -> None:
            address = urlsplit(self.path)
            parts = unquote(address.path).strip("/").split("/")
            if parts[0] == "api":
                self._tell(parts[1:], "recursive=true" in address.query.lower(), body)
            else:
                self._send_file(parts, body)

        def _tell(self, parts: list[str], recursive: bool, body: bool) -> None:
            repository = "/".join(parts[1:3]) if parts[0] == "models" else "/".join(parts[:3])
            what, revision = (parts[3], parts[4]) if len(parts) > 4 else ("revision", "main")
            if not self._known(repository, revision):
                return
            folder, commit = hub.folders[repository], hub.commit(repository)
            if what == "tree":
                inside = folder.joinpath(*parts[5:])
                told: object = [
                    _entry(folder, path) for path in sorted(inside.rglob("*") if recursive else inside.glob("*"))
                ]
            else:
                names = [{"rfilename": str(path.relative_to(folder))} for path in _files(folder)]
                told = {"id": repository.removeprefix("datasets/"), "sha": commit, "siblings": names, "private": False}
            self._send(200, json.dumps(told).encode(), {"Content-Type": "application/json"}, body)

        def _send_file(self, parts: list[str], body: bool) -> None:
            at = parts.index("resolve") if "resolve" in parts else len(parts)
            repository, rest = "/".join(parts[:at]), parts[at + 1 :]
            if not rest or not self._known(repository, rest[0]):
                return
            path = hub.folders[repository].joinpath(*rest[1:])
            commit = hub.commit(repository)
            if not path.is_file():
                self._send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit}, body)
                return
            if body:
                hub.fetched.append(f"{repository}@{commit}/{'/'.join(rest[1:])}")
            self._send(200, path.read_bytes(), {"X-Repo-Commit": commit, "ETag": f'"{_sha(path)}"'}, body)

        def _known(self, repository: str, revision: str) -> bool:
            if repository not in hub.folders:
                self._send(404, b"", {"X-Error-Code": "RepoNotFound"}, True)
                return False
            if revision not in ("main", hub.branches.get(repository), hub.commit(repository)):
                self._send(404, b"", {"X-Error-Code": "RevisionNotFound"}, True)
                return False
            return True

        def _send(self, code: int, content: bytes, headers: dict[str, str], body: bool) -> None:
            self.send_response(code)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if body and self.command == "GET":
                self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _entry(folder: Path, path: Path) -> dict[str, object]:
    name = str(path.relative_to(folder))
    if path.is_dir():
        return {"type": "directory", "path": name, "size": 0, "oid": hashlib.sha256(name.encode()).hexdigest()}
    return {"type": "file", "path": name, "size": path.stat().st_size, "oid": _sha(path)}


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
