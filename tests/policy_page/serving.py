"""`gatekit report --serve` as a process, and one HTTP request to it."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import builders
from acceptance.console_script import SCRIPT, environment

PATIENCE = 30


def _hears_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@dataclass
class Server:
    """A running server."""

    process: subprocess.Popen[str]
    address: str

    @property
    def port(self) -> int:
        found = urlsplit(self.address).port
        assert found is not None
        return found

    @property
    def path(self) -> str:
        return urlsplit(self.address).path

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], str]:
        """Status, headers and body; the host is the server's own unless `host` says otherwise, "" for none."""
        host = headers.pop("host", f"127.0.0.1:{self.port}")
        lines = [f"{method} {path} HTTP/1.1", *([f"Host: {host}"] if host else [])]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return self.raw("\r\n".join([*lines, "Connection: close", "", ""]).encode())

    def raw(self, request: bytes) -> tuple[int, dict[str, str], str]:
        """What it answers to these bytes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as connection:
            connection.sendall(request)
            answer = b""
            while piece := connection.recv(1 << 16):
                answer += piece
        head, _, body = answer.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        named = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return int(status.split()[1]), named, body.decode("utf-8")

    def stop(self) -> int:
        """End it as Ctrl-C does; the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE)


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[Server]:
    process = subprocess.Popen(
        [str(SCRIPT), "report", "--serve", "--history", "0", "--now", builders.NOW, *arguments],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # A shell without a terminal starts what runs in the background deaf to Ctrl-C.
        preexec_fn=_hears_ctrl_c,
    )
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        assert line.startswith("gatekit: http://127.0.0.1:"), line
        yield Server(process, line.split()[1])
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
