"""Texts in forms that nothing here reads: refused before a run, each with what makes a form of it that is read.

Which forms are read, `runners.subjects.text_forms.registry` says.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from runners.places import config_error
from runners.subjects.plan import OwnLabelledPlan, OwnShiftedPlan, TextPlan
from runners.subjects.text_forms.registry import suffix_of

_Fault = tuple[str, str]
"""Message and remedy."""

_PACKED = "is packed, and nothing here unpacks it"
_TORCH = "is what torch wrote, which may run code when it is read"
_UNREAD: dict[str, tuple[str, str]] = {
    ".gz": (_PACKED, "gunzip --keep {file}"),
    ".zst": (_PACKED, "zstd --decompress {file}"),
    ".bz2": (_PACKED, "bunzip2 --keep {file}"),
    ".xz": (_PACKED, "unxz --keep {file}"),
    ".zip": (_PACKED, "unzip {file}"),
    ".npz": (
        "holds several arrays",
        'python -c "import numpy, sys; a, = numpy.load(sys.argv[1]).values(); numpy.save(sys.argv[2], a)" {file} {npy}',
    ),
    ".pt": (_TORCH, "write the ids by numpy.save where the tensor is made"),
    ".bin": ("does not say of what type its numbers are", "write the ids by numpy.save, whose files do"),
}
"""End of a file's name -> what is the matter with it, and what to do."""


def refuse_unread_forms(config: Any) -> None:
    """Refuse a configuration whose texts, or labelled texts, are in a form that is not read.

    Args:
        config: of a stage.

    Raises:
        GatekitError: `texts.form`: a form of file, or a dataset of the hub of whose configurations one must be named.
    """
    for key, fault in _faults(config):
        if fault is not None:
            message, remedy = fault
            raise config_error(config, key, message, remedy, error_id="texts.form")


def _faults(config: Any) -> Iterator[tuple[str, _Fault | None]]:
    """Yield what may be the matter with each value, one after another, since some are read for it."""
    plan = getattr(config, "texts", None)
    if isinstance(plan, TextPlan) and plan.own:
        yield from _faults_of_texts(plan)
    for block in ("probing", "shift"):
        sets: Sequence[OwnLabelledPlan | OwnShiftedPlan] = getattr(getattr(config, block, None), "own", None) or ()
        for place, each in enumerate(sets):
            key = f"{block}.own[{place}]"
            yield f"{key}.path", _unread_file(each.path)
            if isinstance(each, OwnShiftedPlan) and each.shifted_path is not None:
                yield f"{key}.shifted_path", _unread_file(each.shifted_path)


def _faults_of_texts(plan: TextPlan) -> Iterator[tuple[str, _Fault | None]]:
    if plan.source == "files":
        for place, path in enumerate(plan.paths or ()):
            yield f"texts.paths[{place}]", _unread_file(path)
    elif plan.source == "hub" and plan.name and plan.revision:
        yield "texts.configuration" if plan.configuration else "texts.name", _unclear_configuration(plan)


def _unread_file(path: str) -> _Fault | None:
    """Return what is the matter with a file by the end of its name, unless it is one of those that are read."""
    file, suffix = Path(path).name, Path(path).suffix.lower()
    if suffix not in _UNREAD or suffix_of(path) is not None:
        return None
    matter, remedy = _UNREAD[suffix]
    return f"'{file}' {matter}", remedy.format(file=shlex.quote(file), npy=shlex.quote(f"{Path(file).stem}.npy"))


def _unclear_configuration(plan: TextPlan) -> _Fault | None:
    """Return what is the matter where a dataset of the hub has several configurations, and none of them is named.

    What cannot be fetched is refused where it is read.
    """
    import datasets

    with suppress(Exception):
        names = datasets.get_dataset_config_names(str(plan.name), revision=plan.revision)
        listed = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
        if plan.configuration is not None:
            message = f"'{plan.name}' has no configuration '{plan.configuration}'"
            return None if plan.configuration in names else (message, f"it has: {listed}")
        if len(names) > 1 and not datasets.get_dataset_default_config_name(str(plan.name), revision=plan.revision):
            return f"'{plan.name}' has {len(names)} configurations: {listed}", f"say which: configuration: {names[0]}"
    return None
