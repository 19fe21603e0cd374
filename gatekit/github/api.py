"""The few REST calls that we make, over urllib: no redirects, no other host, bounded answers, and one kind of failure.

Nothing here retries: a call that creates something may have worked although its answer was lost, so only the caller
knows what may be done again.
"""

from __future__ import annotations

import http.client
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from gatekit.errors import GatekitError, UsageError
from gatekit.evidence.strict_json import JsonLimits, parse_plain_json

TIMEOUT = 20.0
"""Seconds for a connection, and for each read of an answer."""
MAX_ANSWER = 32 << 20
"""Bytes; a page of 100 comments of full length can have 26 MB."""
ANSWER_LIMITS = JsonLimits(size=MAX_ANSWER, values=1_000_000)
LARGEST_LIST = 64 << 20
"""Bytes of all pages of a list; whoever may comment decides how long comments are."""
PER_PAGE = 100
MAX_PAGES = 100
"""GitHub itself stops well before 10,000 items."""
LONGEST_WAIT = 60.0
"""Seconds; a rate limit that asks for more is given up on."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_NEXT = re.compile(r'<[^>]*>\s*;[^,]*\brel="?next"?')


class ApiError(Exception):
    """A call that did not work.

    Args:
        message: one line.
        status: HTTP status, 0 when there was no answer.
        wait: seconds after which it may work; None when it will not.
    """

    def __init__(self, message: str, status: int = 0, wait: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.wait = wait


@dataclass(frozen=True)
class Api:
    """Where to call, and as whom."""

    url: str
    """Without a slash at the end; https, or http to this machine."""
    token: str
    timeout: float = TIMEOUT

    def pages(self, path: str, **query: str) -> Iterator[list[dict[str, Any]]]:
        """Yield a list page by page.

        Raises:
            ApiError: also when the list does not end.
        """
        left = LARGEST_LIST
        for number in range(1, MAX_PAGES + 1):
            found, headers, size = self._call("GET", path, query | {"per_page": str(PER_PAGE), "page": str(number)})
            if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
                raise ApiError(f"GET {path} gave no list")
            left -= size
            if left < 0:
                raise ApiError(f"GET {path} gave more than {LARGEST_LIST} bytes on {number} pages")
            yield found
            # A server in between may give fewer items than asked for, so a short page alone is not the last.
            if not _NEXT.search(headers.get("Link", "")) and len(found) < PER_PAGE:
                return
        raise ApiError(f"GET {path} did not end after {MAX_PAGES} pages")

    def send(self, method: str, path: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """Create or change something and return what it became.

        Raises:
            ApiError: it may have worked all the same where the status is 0 or 5xx.
        """
        found, _, _ = self._call(method, path, {}, json.dumps(data).encode())
        if not isinstance(found, dict):
            raise ApiError(f"{method} {path} gave no object")
        return found

    def _call(
        self, method: str, path: str, query: Mapping[str, str], data: bytes | None = None
    ) -> tuple[Any, Mapping[str, str], int]:
        address = f"{self.url}{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self.token}",
            "X-GitHub-Api-Version": "2022-11-28",
            "User-Agent": "gatekit",
        }
        if data is not None:
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(address, data, headers, method=method)
        try:
            with _opener().open(request, timeout=self.timeout) as answer:
                body = answer.read(MAX_ANSWER + 1)
                if len(body) > MAX_ANSWER:
                    raise ApiError(f"{method} {path} gave more than {MAX_ANSWER} bytes")
                return parse_plain_json(body, path, ANSWER_LIMITS), answer.headers, len(body)
        except urllib.error.HTTPError as error:
            with error:
                raise _refused(method, path, error) from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise ApiError(f"{method} {path} got no answer: {reason}", wait=1.0) from None
        except GatekitError:
            raise ApiError(f"{method} {path} gave no JSON", wait=1.0) from None


def api(environment: Mapping[str, str]) -> Api:
    """Return the server and token that the environment names.

    Raises:
        UsageError: there is no token, or it would travel in the clear.
    """
    url = (environment.get("GITHUB_API_URL") or "https://api.github.com").rstrip("/")
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise UsageError(f"GITHUB_API_URL is '{url}'", "the token is sent over https only")
    token = environment.get("GITHUB_TOKEN") or environment.get("GH_TOKEN") or ""
    if not token or not token.isascii() or not token.isprintable():
        raise UsageError("GITHUB_TOKEN holds no token", "set it to ${{ github.token }} in the step's env")
    return Api(url, token)


def segment(text: str) -> str:
    """Return text as one segment of a path."""
    return quote(text, safe="")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Following a redirect would send the token to wherever it points."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_NoRedirect)


def _refused(method: str, path: str, error: urllib.error.HTTPError) -> ApiError:
    status, headers = error.code, {name.lower(): value for name, value in error.headers.items()}
    try:
        said = json.loads(error.read(1 << 16)).get("message", "")
    except (OSError, ValueError, AttributeError, http.client.HTTPException):
        said = ""
    message = f"{method} {path} was answered with {status}" + (f" ({str(said)[:200]})" if said else "")
    if status >= 500:
        return ApiError(message, status, wait=1.0)
    limited = headers.get("x-ratelimit-remaining") == "0" or headers.get("retry-after") is not None
    if status == 429 or (status == 403 and limited):
        wait = _seconds(headers)
        return ApiError(f"{message}: rate limit", status, wait=wait if wait <= LONGEST_WAIT else None)
    return ApiError(message, status)


def _seconds(headers: Mapping[str, str]) -> float:
    """Seconds until the rate limit ends, as GitHub's two headers say it; a minute where neither can be read."""
    try:
        if headers.get("retry-after") is not None:
            return max(0.0, float(headers["retry-after"]))
        return max(0.0, float(headers["x-ratelimit-reset"]) - time.time())
    except (KeyError, ValueError, TypeError):
        return 60.0
