"""`gatekit report --serve`: for one person on this machine, read-only, following the files."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import builders
import pytest
from acceptance.console_script import BLOCKED, POLICY, gatekit, workspace
from policy_page.browser import Tab
from policy_page.serving import Server, serving


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    workspace(tmp_path)
    with serving(tmp_path) as found:
        yield found


def test_it_serves_the_page_and_nothing_else(server: Server) -> None:
    status, headers, body = server.ask(server.path)
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "<h1>gatekit: pass</h1>" in body
    assert server.ask(server.path + "version")[::2] == (200, "0")
    secret = server.path.strip("/")
    assert len(secret) >= 24
    for path in (
        "/",
        "/version",
        f"/{secret}",
        f"/{secret[:-1]}x/",
        f"/{secret}/policies/small.yaml",
        f"/{secret}/../policies/small.yaml",
        f"/{secret}/%2e%2e/policies/small.yaml",
        f"/{secret}/version?x",
        f"/{secret}/?page=policies/small.yaml",
        "/policies/small.yaml",
        "//etc/passwd",
        "/../../../../etc/passwd",
        f"/{secret}/\xff\x80",
        f"http://127.0.0.1:{server.port}/{secret}/",
    ):
        assert server.ask(path)[::2] == (404, "there is nothing here\n"), path


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "0.0.0.0:{port}", "localhosts:{port}", ""],
)
def test_another_host_is_not_answered(server: Server, host: str) -> None:
    status, _, body = server.ask(server.path, host=host.format(port=server.port))
    assert (status, body) == (421, "this is not the host that is asked for\n")


def test_two_hosts_are_none(server: Server) -> None:
    own = f"Host: 127.0.0.1:{server.port}\r\n"
    assert server.raw(f"GET {server.path} HTTP/1.1\r\n{own}Host: evil.example\r\n\r\n".encode())[0] == 421


def test_another_site_is_not_answered_and_may_not_show_or_embed_it(server: Server) -> None:
    assert server.ask(server.path, host=f"localhost:{server.port}", Sec_Fetch_Site="same-origin")[0] == 200
    for site in ("cross-site", "same-site"):
        assert server.ask(server.path, Sec_Fetch_Site=site)[0] == 403
    _, headers, _ = server.ask(server.path)
    assert headers["content-security-policy"] == "frame-ancestors 'none'"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_nothing_can_be_sent_to_it(server: Server, method: str) -> None:
    assert server.ask(server.path, method)[0] == 501


def test_a_head_has_no_body(server: Server) -> None:
    status, headers, body = server.ask(server.path, "HEAD")
    assert (status, body) == (200, "")
    assert int(headers["content-length"]) > 10_000


def test_it_listens_on_one_address_of_this_machine(server: Server) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", server.port), timeout=5)


def test_a_request_that_never_ends_keeps_nobody_waiting(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as slow:
        slow.sendall(b"GET / HT")
        assert server.ask(server.path)[0] == 200
        assert server.stop() == 0


def test_ctrl_c_ends_it_with_the_exit_code_of_the_last_verdict(tmp_path: Path) -> None:
    workspace(tmp_path, evidence=BLOCKED)
    with serving(tmp_path) as server:
        assert server.stop() == 2


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    workspace(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = gatekit("report", "--serve", "--history", "0", "--port", str(port), cwd=tmp_path)
    assert done.returncode == 64
    assert f"gatekit: port {port} of 127.0.0.1 cannot be had" in done.stderr


def test_the_open_page_follows_the_files_and_keeps_what_was_moved(tmp_path: Path, tab: Tab) -> None:
    workspace(tmp_path)
    policy = tmp_path / "policies" / "small.yaml"
    with serving(tmp_path) as server:
        tab.open(server.address)
        title = "document.querySelector('h1').textContent"
        assert tab.run(title) == "gatekit: pass"
        tab.run("document.getElementById('number-1-0').focus(); document.getElementById('number-1-0').select()")
        tab.type("0.6")
        builders.write(tmp_path / "evidence", BLOCKED)
        tab.wait(f"{title} === 'gatekit: blocked'")
        tab.wait("document.getElementById('news').textContent !== ''")
        assert tab.run("document.getElementById('number-1-0').value") == "0.6"
        assert tab.run("document.activeElement.id") == "number-1-0"
        policy.write_text(POLICY.replace("at_least: 0.5", "at_least: 0.6"), encoding="utf-8")
        tab.wait("document.getElementById('outcome-1').parentElement.textContent.includes('0.6')")
        assert tab.run("document.getElementById('back-1').disabled"), "the file has it now"
        assert {address.rpartition("/")[0] + "/" for address in tab.asked} == {server.address}
        assert server.stop() == 2
        tab.wait("document.getElementById('news').textContent.includes('has ended')")
    tab.complaints = [one for one in tab.complaints if "ERR_CONNECTION_REFUSED" not in one]


@pytest.mark.slow
def test_files_that_are_broken_or_gone_are_said_on_the_page_which_goes_on_looking(tmp_path: Path, tab: Tab) -> None:
    workspace(tmp_path)
    policy = tmp_path / "policies" / "small.yaml"
    title = "document.querySelector('h1').textContent"
    with serving(tmp_path) as server:
        tab.open(server.address)
        policy.write_text("schema: x\n", encoding="utf-8")
        tab.wait(f"{title} === 'gatekit: refused'")
        policy.rename(tmp_path / "small.yaml")
        policy.parent.rmdir()
        tab.wait(f"{title} === 'gatekit: no page now'")
        policy.parent.mkdir()
        policy.write_text(POLICY.replace("control, at_least: 0.0", "control, at_least: -0.5"), encoding="utf-8")
        tab.wait(f"{title} === 'gatekit: pass'")
        policy.write_text("schema: x\n", encoding="utf-8")
        tab.wait(f"{title} === 'gatekit: refused'")
        assert server.stop() == 4


def test_a_page_that_does_not_follow_stays(tmp_path: Path, tab: Tab) -> None:
    workspace(tmp_path)
    with serving(tmp_path) as server:
        tab.open(server.address)
        tab.run("document.getElementById('follow').click()")
        builders.write(tmp_path / "evidence", BLOCKED)
        while server.ask(server.path + "version")[2] == "0":
            pass
        tab.run("new Promise((done) => setTimeout(done, 1500))")
        assert tab.run("document.querySelector('h1').textContent") == "gatekit: pass"
