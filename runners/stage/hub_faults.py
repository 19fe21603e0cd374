"""What the hub did not give, in one line: no such repository or revision, a gate, no network, half a file.

Its client libraries say it in several lines, of which the first is a status and an id of the request.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from gatekit.errors import GatekitError

_LOG_IN = "log in (`hf auth login`, or HF_TOKEN)"
_FAULTS = {
    "GatedRepoError": (
        "the repository is gated, and its files are not given to you",
        f"ask for access on its page, and {_LOG_IN}",
    ),
    "RepositoryNotFoundError": (
        "the hub has no such repository, or shows it to its members only",
        f"check the name; where it is private, {_LOG_IN}",
    ),
    "DisabledRepoError": ("the hub has closed the repository", None),
    "RevisionNotFoundError": ("the repository has no such revision", "name a commit of it in full, or a tag"),
    "OfflineModeIsEnabled": (
        "it is not among what was fetched before, and HF_HUB_OFFLINE forbids to ask the hub",
        "take HF_HUB_OFFLINE out of the environment, or fetch it first",
    ),
    "ConnectError": ("the hub does not answer", "is there a network, and is HF_ENDPOINT right?"),
    "ConnectTimeout": ("the hub does not answer", "is there a network, and is HF_ENDPOINT right?"),
    "ProxyError": ("the proxy does not let the hub be reached", "see HTTPS_PROXY"),
}
"""Name of an error of the client libraries -> what is wrong, and what to do; the more specific ones first."""
_BROKE_OFF = "the connection to the hub broke off"
_AGAIN = "run again: what was fetched whole stays"
_CLIENTS = ("huggingface_hub", "httpx2", "httpx", "httpcore2", "httpcore", "aiohttp")
"""Packages by which the hub is asked."""
_BEYOND_THE_END = 416
_CANNOT = " cannot be fetched: "


def hub_fault(error: BaseException) -> GatekitError | None:
    """Return the error that a fault of the hub, or of the way there, is told by; None for one of another sort.

    Args:
        error: as raised; of a `GatekitError`, made where something could not be fetched, message and remedy become
            clearer and the rest stays.
    """
    if not (_CANNOT in error.message if isinstance(error, GatekitError) else _is_of_a_client(error)):
        return None
    told = _told(error)
    if told is None:
        return None
    message, remedy = told
    if not isinstance(error, GatekitError):
        return GatekitError("runner.hub", message, remedy=remedy)
    error.message, error.remedy = error.message.partition(_CANNOT)[0] + _CANNOT + message, remedy
    return error


def _told(error: BaseException) -> tuple[str, str | None] | None:
    """Return message and remedy for the first error behind this one that is known."""
    chain = list(_behind(error))
    for name, told in _FAULTS.items():
        if any(name in {kind.__name__ for kind in type(each).__mro__} for each in chain):
            return told
    for each in filter(_is_of_a_client, chain):
        status = getattr(getattr(each, "response", None), "status_code", None) or getattr(each, "status", None)
        if status == _BEYOND_THE_END:
            return "a file is shorter than the hub said before: it is another one by now", _AGAIN
        if isinstance(status, int) and status >= 400:
            return f"the hub answered {status}", _AGAIN if status == 429 or status >= 500 else None
    broken = next((each for each in chain if _is_of_a_client(each) and not isinstance(each, ValueError)), None)
    return None if broken is None else (f"{_BROKE_OFF}{_at(broken)}", _AGAIN)


def _at(error: BaseException) -> str:
    """Return which file was asked for, where the error knows it."""
    with suppress(RuntimeError):  # an error that knows no request says so by raising another one
        path = getattr(getattr(getattr(error, "request", None), "url", None), "path", None)
        return f" at {path.lstrip('/')}" if isinstance(path, str) else ""
    return ""


def _behind(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that it came from, also where its text leaves them out."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop(0)
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [each.__cause__, each.__context__]


def _is_of_a_client(error: BaseException) -> bool:
    return any(kind.__module__.partition(".")[0] in _CLIENTS for kind in type(error).__mro__)
