"""What a summary calls one's own texts, before anything of them is read."""

from __future__ import annotations

import re

from runners.digests import text_sha256
from runners.subjects.plan import TextPlan


def named(name: str) -> str:
    """Return a name as summaries have names: printable ASCII without spaces, at most 60 characters."""
    plain = re.sub(r"[^A-Za-z0-9_.:/+@=-]+", "-", name).strip("-.")[:60]
    return plain or f"file-{text_sha256(name)[:8]}"


def label_of(plan: TextPlan) -> str:
    """Return what the texts are called before anything is read."""
    first = plan.name if plan.source == "hub" else re.split(r"[/\\]", (plan.paths or ("",))[0].rstrip("/\\"))[-1]
    more = len(plan.paths or ()) - 1
    return named(str(first)) + (f"+{more}" if more > 0 else "")


def text_settings(plan: TextPlan) -> dict[str, str]:
    """Return what a protocol's settings say of one's own texts; nothing of sae-probes' texts."""
    if not plan.own:
        return {}
    filters = " and ".join(f"{each.column} = {each.equals}" for each in plan.filter or ())
    return {
        "texts": label_of(plan),
        **({"text_configuration": plan.configuration} if plan.configuration is not None else {}),
        "text_column": plan.text_column,
        "text_filter": filters if len(filters) <= 1000 else f"sha256 {text_sha256(filters)}",
        "text_packing": "texts one after another" if plan.packing == "context" else "one text a row",
        "text_separator": repr(plan.separator) if plan.separator is not None else "none",
    }


def stream_settings(plan: TextPlan) -> dict[str, str | int]:
    """Return what a protocol's settings say of rows in shards; nothing of a whole store's."""
    if plan.stream is None:
        return {}
    orders = {"per_seed": "of each seed's own", "shared": "one for all seeds, which differ in initial weights alone"}
    return {
        "row_shard_tokens": plan.stream.shard_tokens,
        "row_buffer_shards": plan.stream.buffer_shards,
        "row_order": orders[plan.stream.order],
    }


def given_rows_settings(plan: TextPlan) -> dict[str, str]:
    """Return what a protocol's settings say otherwise of rows that were given and not computed."""
    if plan.source != "activations":
        return {}
    said = "as the given activations have it"
    return {"rows_from": "activations that were given", "special_tokens": said, "activation_precision": said}
