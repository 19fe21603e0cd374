"""The files that labelled datasets of one's own lie in, as a summary names them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from runners.digests import file_sha256
from runners.subjects.plan import OwnLabelledPlan, OwnShiftedPlan
from runners.summary_writing import Json


def own_set_inputs(sets: Sequence[OwnLabelledPlan | OwnShiftedPlan]) -> list[Json]:
    """Return the files of one's own datasets as a summary's inputs."""
    files = []
    for each in sets:
        shifted = each.shifted_path if isinstance(each, OwnShiftedPlan) else None
        for part, path in (("file", each.path), ("shifted-file", shifted)):
            if path is not None:
                files.append({"name": f"labelled:{each.name}:{part}", "sha256": file_sha256(Path(path)), "rows": 0})
    return files
