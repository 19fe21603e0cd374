"""Which keys of `texts:` go together, as far as that shows without reading anything."""

from __future__ import annotations

import re

from runners.subjects.plan import TextPlan
from runners.subjects.text_forms.registry import IDS, PLAIN, SUFFIXES, suffix_of

_OF_HUB = ("name", "revision", "configuration")
_OWN = ("manifest", "paths", *_OF_HUB, "split", "column", "holds", "filter", "packing", "separator")
_COMMIT = re.compile(r"[0-9a-f]{40}")


def text_faults(plan: TextPlan) -> list[tuple[str, str, bool]]:
    """Return (key, message, whether it is so) of every fault that `texts:` may have."""
    given = plan.source == "activations" and plan.stream is not None
    streamed = ("texts.stream", "'stream' is for rows that are computed here, and these are given", given)
    return [*_keys_of_source(plan), *_forms_of_files(plan), streamed]


def _keys_of_source(plan: TextPlan) -> list[tuple[str, str, bool]]:
    given = [key for key in _OWN if getattr(plan, key) is not None]
    wants_paths, from_hub = plan.source in ("files", "folder"), plan.source == "hub"
    own = given[0] if given else "source"
    of_rows = plan.source == "activations"
    surplus = next((key for key in given if (key == "manifest") != of_rows), None)
    return [
        (
            f"texts.{own}",
            f"'{own}' is for texts of your own, and the source is sae-probes",
            plan.source == "sae-probes" and bool(given),
        ),
        ("texts.source", "the source 'activations' needs 'manifest'", of_rows and plan.manifest is None),
        (
            f"texts.{surplus or 'source'}",
            f"'{surplus}' is for texts" if of_rows else "'manifest' is for the source 'activations'",
            surplus is not None and (of_rows or surplus == "manifest"),
        ),
        ("texts.source", f"the source '{plan.source}' needs 'paths'", wants_paths and plan.paths is None),
        ("texts.paths", "'paths' are for files or a folder", from_hub and plan.paths is not None),
        ("texts.paths", "a folder is one path", plan.source == "folder" and len(plan.paths or ()) > 1),
        (
            "texts.source",
            "the source 'hub' needs 'name' and 'revision'",
            from_hub and None in (plan.name, plan.revision),
        ),
        (
            "texts.revision",
            "'revision' is the commit in full, 40 hexadecimal digits",
            from_hub and plan.revision is not None and not _COMMIT.fullmatch(plan.revision),
        ),
        *((f"texts.{key}", f"'{key}' is for the hub", wants_paths and key in given) for key in _OF_HUB),
        ("texts.split", "'split' is for a folder or the hub", plan.source == "files" and plan.split is not None),
        (
            "texts.separator",
            "'separator' stands between packed texts or cuts a plain text file; neither is asked for",
            plan.separator is not None and plan.packing != "context" and PLAIN not in _forms(plan),
        ),
        ("texts.separator", "'separator' is empty", plan.separator == ""),
    ]


def _forms_of_files(plan: TextPlan) -> list[tuple[str, str, bool]]:
    if plan.source != "files":
        return []
    forms, known = _forms(plan), ", ".join(SUFFIXES)
    unknown = next((place for place, form in enumerate(forms) if form is None), None)
    named = "column" if plan.column is not None else "filter"
    return [
        (f"texts.paths[{unknown or 0}]", f"its form is told by the end of its name: {known}", unknown is not None),
        ("texts.paths", "files of one form are read together", len(set(forms)) > 1),
        (
            f"texts.{named}",
            f"{named!r} is for files with columns",
            bool({PLAIN, IDS} & set(forms)) and (plan.column is not None or plan.filter is not None),
        ),
        ("texts.holds", "a .npy file holds token ids", IDS in forms and plan.holds == "text"),
        ("texts.holds", "a .txt file holds text", PLAIN in forms and plan.holds == "token_ids"),
    ]


def _forms(plan: TextPlan) -> list[str | None]:
    return [suffix_of(path) for path in plan.paths or ()] if plan.source == "files" else []
