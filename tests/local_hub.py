"""A hub on this machine: the addresses of Hugging Face's that its own client libraries ask for, served from folders.

It answers as the hub does, as far as these libraries look: which commit a branch stands for, the tree of a commit page
by page, files whole or in part, those of LFS behind a redirect, and each refusal by its status and `X-Error-Code`. What
goes wrong on the way is asked for by name: a connection that breaks off, a file that is another one at the second
request, a server that is down.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

PAGE = 3
"""Entries of a tree that one answer holds: few, so that small folders have several pages."""


@dataclass
class LocalHub:
    """What is served, and what was asked for."""

    address: str = ""
    folders: dict[str, Path] = field(default_factory=dict)
    """`owner/name` of a model, or `datasets/owner/name` -> its files."""
    branches: dict[str, str] = field(default_factory=dict)
    """`owner/name` -> name that stands for the commit, beside `main`."""
    older: dict[str, dict[str, Path]] = field(default_factory=dict)
    """`owner/name` -> branch or commit -> files of it, where that is not what the repository is at now."""
    gated: set[str] = field(default_factory=set)
    """Repositories that are there, and that nobody may read."""
    private: set[str] = field(default_factory=set)
    """Repositories of which the hub does not say whether they are there."""
    lfs: tuple[str, ...] = ()
    """Ends of names of files that stand behind a redirect."""
    cut_off: dict[str, int] = field(default_factory=dict)
    """End of a file's name -> bytes after which the connection breaks off, at every request."""
    changing: set[str] = field(default_factory=set)
    """Ends of names of files whose content at a commit is another one when it is sent than when it was told of."""
    down: int | None = None
    """Status of every answer, where the hub is down."""
    fetched: list[str] = field(default_factory=list)
    """`owner/name@COMMIT/path` of every file whose content was sent."""
    asked: list[str] = field(default_factory=list)
    """`METHOD /path` of every request."""
    ranges: int = 0
    """Answers with a part of a file."""

    def commit(self, repository: str, revision: str = "main") -> str:
        """Return the commit that a branch of a repository is at: a digest of its files."""
        folder = self.files(repository, revision)
        if folder is None:
            raise KeyError(revision)
        named = (f"{path.relative_to(folder)} {_sha(path)}" for path in _files(folder))
        return hashlib.sha1("\n".join(named).encode()).hexdigest()  # the hub's commits are of this length

    def files(self, repository: str, revision: str) -> Path | None:
        """Return the folder of a revision; None where there is no such revision."""
        folder = self.folders[repository]
        if revision in ("main", self.branches.get(repository)):
            return folder
        others = self.older.get(repository, {})
        if revision in others:
            return others[revision]
        known = {self.commit(repository): folder, **{self.commit(repository, each): others[each] for each in others}}
        return known.get(revision)


@contextmanager
def serving() -> Iterator[LocalHub]:
    """Serve a hub, empty at first, on a port of this machine."""
    hub = LocalHub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(b"")

        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

        def _answer(self, sent: bytes) -> None:
            address = urlsplit(self.path)
            parts = unquote(address.path).strip("/").split("/")
            hub.asked.append(f"{self.command} {address.path}")
            if hub.down is not None:
                self._send(hub.down, b"", {})
            elif parts[0] == "api":
                self._tell(parts[1:], address.query.lower(), sent)
            elif parts[0] == "behind":
                self._send_file(parts[1:], behind=True)
            else:
                self._send_file(parts)

        def _tell(self, parts: list[str], query: str, sent: bytes) -> None:
            repository = "/".join(parts[1:3]) if parts[0] == "models" else "/".join(parts[:3])
            what, revision = (parts[3], parts[4]) if len(parts) > 4 else ("revision", "main")
            if not self._known(repository, revision):
                return
            folder, commit = hub.files(repository, revision), hub.commit(repository, revision)
            headers = {"Content-Type": "application/json"}
            if what == "tree":
                inside = folder.joinpath(*parts[5:])
                if not inside.exists():
                    self._refuse("EntryNotFound")
                    return
                found = sorted(inside.rglob("*") if "recursive=true" in query else inside.glob("*"))
                at = int(re.search(r"cursor=(\d+)", query)[1]) if "cursor=" in query else 0
                told: object = [self._entry(folder, path) for path in found[at : at + PAGE]]
                if at + PAGE < len(found):
                    kept = "&".join(part for part in query.split("&") if part and "cursor=" not in part)
                    following = f"{hub.address}{urlsplit(self.path).path}?{kept}&cursor={at + PAGE}"
                    headers["Link"] = f'<{following}>; rel="next"'
            elif what == "paths-info":
                asked = json.loads(sent)["paths"]
                told = [self._entry(folder, folder / name) for name in asked if (folder / name).exists()]
            else:
                names = [{"rfilename": str(path.relative_to(folder))} for path in _files(folder)]
                told = {"id": repository.removeprefix("datasets/"), "sha": commit, "siblings": names, "private": False}
            self._send(200, json.dumps(told).encode(), headers)

        def _entry(self, folder: Path, path: Path) -> dict[str, object]:
            name = str(path.relative_to(folder))
            if path.is_dir():
                return {"type": "directory", "path": name, "size": 0, "oid": hashlib.sha256(name.encode()).hexdigest()}
            size = path.stat().st_size
            entry: dict[str, object] = {"type": "file", "path": name, "size": size, "oid": _sha(path)}
            if name.endswith(hub.lfs or ("\0",)):
                entry["lfs"] = {"oid": _sha(path), "size": size, "pointerSize": 134}
            return entry

        def _send_file(self, parts: list[str], behind: bool = False) -> None:
            at = parts.index("resolve") if "resolve" in parts else len(parts)
            repository, rest = "/".join(parts[:at]), parts[at + 1 :]
            if not rest or not self._known(repository, rest[0]):
                return
            name, commit = "/".join(rest[1:]), hub.commit(repository, rest[0])
            path = hub.files(repository, rest[0]) / name
            headers = {"X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
            if not path.is_file():
                self._refuse("EntryNotFound", headers)
                return
            whole = path.read_bytes()
            tag = f'"{hashlib.sha256(whole).hexdigest()}"'
            if not behind and name.endswith(hub.lfs or ("\0",)):
                where = f"{hub.address}/behind/{repository}/resolve/{commit}/{name}"
                linked = {"X-Linked-Etag": tag, "X-Linked-Size": str(len(whole)), "Location": where}
                self._send(302, b"", {**headers, **linked})
                return
            headers["ETag"] = tag
            if self.command == "GET":
                hub.fetched.append(f"{repository}@{commit}/{name}")
                if name.endswith(tuple(hub.changing) or ("\0",)):
                    whole = b"another file, written meanwhile\n"
                    headers["ETag"] = f'"{hashlib.sha256(whole).hexdigest()}"'
            self._send_part(whole, headers, next((hub.cut_off[end] for end in hub.cut_off if name.endswith(end)), None))

        def _send_part(self, whole: bytes, headers: dict[str, str], most: int | None) -> None:
            asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
            if asked is None:
                self._send(200, whole, headers, most)
                return
            first, last = int(asked[1]), min(int(asked[2] or len(whole) - 1), len(whole) - 1)
            if first > last:
                self._send(416, b"", {**headers, "Content-Range": f"bytes */{len(whole)}"})
                return
            hub.ranges += 1
            headers["Content-Range"] = f"bytes {first}-{last}/{len(whole)}"
            self._send(206, whole[first : last + 1], headers, None if most is None else max(0, most - first))

        def _known(self, repository: str, revision: str) -> bool:
            if repository in hub.gated:
                self._refuse("GatedRepo", status=403)
            elif repository in hub.private:
                # What the hub answers whom it does not know, also where there is no such repository.
                self._refuse("RepoNotFound", status=401)
            elif repository not in hub.folders:
                self._refuse("RepoNotFound")
            elif hub.files(repository, revision) is None:
                self._refuse("RevisionNotFound")
            else:
                return True
            return False

        def _refuse(self, code: str, headers: dict[str, str] | None = None, status: int = 404) -> None:
            self._send(status, b"", {"X-Error-Code": code, **(headers or {})})

        def _send(self, code: int, content: bytes, headers: dict[str, str], most: int | None = None) -> None:
            self.send_response(code)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "HEAD":
                return
            self.wfile.write(content if most is None else content[:most])
            if most is not None and most < len(content):
                self.wfile.flush()
                self.close_connection = True

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


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
