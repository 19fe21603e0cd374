"""Texts in forms that nothing here reads: refused before a run, each with what makes a form of it that is read.

The readers themselves (`runners.subjects.documents`, `runners.subjects.text_rows`) refuse them too, later and without
that word.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from runners.places import config_error
from runners.subjects.documents import rows_of_hub
from runners.subjects.plan import OwnLabelledPlan, OwnShiftedPlan, TextPlan
from runners.subjects.text_rows import READERS

_Fault = tuple[str, str]
"""Message and remedy."""

_PACKED = "is packed, and nothing here unpacks it"
_TABLE = "is a table that texts are not read from"
_TORCH = "is what torch wrote, which may run code when it is read"
_UNREAD: dict[str, tuple[str, str]] = {
    ".gz": (_PACKED, "gunzip --keep {file}"),
    ".zst": (_PACKED, "zstd --decompress {file}"),
    ".bz2": (_PACKED, "bunzip2 --keep {file}"),
    ".xz": (_PACKED, "unxz --keep {file}"),
    ".zip": (_PACKED, "unzip {file}"),
    ".json": (
        "may be one JSON value or one a line",
        "rename it to {jsonl} where each line is an object, or: jq -c '.[]' {file} > {jsonl}",
    ),
    ".csv": (
        _TABLE,
        'python -c "import pandas, sys; pandas.read_csv(sys.argv[1], dtype=str, keep_default_na=False)'
        '.to_parquet(sys.argv[2])" {file} {parquet}',
    ),
    ".tsv": (
        _TABLE,
        "python -c \"import pandas, sys; pandas.read_csv(sys.argv[1], sep='\\t', dtype=str, keep_default_na=False)"
        '.to_parquet(sys.argv[2])" {file} {parquet}',
    ),
    ".arrow": (
        "is one file of a dataset",
        "name the folder that datasets.save_to_disk wrote, with 'source: folder'",
    ),
    ".npz": (
        "holds several arrays",
        'python -c "import numpy, sys; a, = numpy.load(sys.argv[1]).values(); numpy.save(sys.argv[2], a)" {file} {npy}',
    ),
    ".pt": (_TORCH, "write the ids by numpy.save where the tensor is made"),
    ".bin": ("does not say of what type its numbers are", "write the ids by numpy.save, whose files do"),
}
"""End of a file's name -> what is the matter with it, and what to do."""

_TORCH_LIKE = ("numpy", "torch")
"""Formats of a dataset that leave texts as they are."""


def refuse_unread_forms(config: Any) -> None:
    """Refuse a configuration whose texts, or labelled texts, are in a form that is not read.

    Args:
        config: of a stage.

    Raises:
        GatekitError: `texts.form`: a form of file; a dataset that was saved with a format; a column within another;
            a dataset of the hub that has several configurations.
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
            yield f"{key}.path", _unread_file(each.path, READERS)
            if isinstance(each, OwnShiftedPlan) and each.shifted_path is not None:
                yield f"{key}.shifted_path", _unread_file(each.shifted_path, READERS)
            for name, column in (("text", each.text), ("label", each.label)):
                yield f"{key}.{name}", _inner_column(column, partial(_first_of_file, each.path))


def _faults_of_texts(plan: TextPlan) -> Iterator[tuple[str, _Fault | None]]:
    paths = plan.paths or ()
    if plan.source == "files":
        for place, path in enumerate(paths):
            yield f"texts.paths[{place}]", _unread_file(path)
    elif plan.source == "folder" and paths:
        yield "texts.paths[0]", _kept_format(plan, paths[0])
    elif plan.source == "hub" and plan.name and plan.revision:
        yield "texts.name", _several_configurations(plan)
    yield "texts.column", _inner_column(plan.text_column, partial(_first_of, plan))
    for place, each in enumerate(plan.filter or ()):
        yield f"texts.filter[{place}].column", _inner_column(each.column, partial(_first_of, plan))


def _unread_file(path: str, read: Collection[str] = ()) -> _Fault | None:
    """Return what is the matter with a file by the end of its name, unless it is one of those that are read."""
    file, suffix = Path(path).name, Path(path).suffix.lower()
    if suffix not in _UNREAD or suffix in read:
        return None
    matter, remedy = _UNREAD[suffix]
    names = {"file": file, **{form: f"{Path(file).stem}.{form}" for form in ("jsonl", "parquet", "npy")}}
    return f"'{file}' {matter}", remedy.format(**{form: shlex.quote(name) for form, name in names.items()})


def _kept_format(plan: TextPlan, folder: str) -> _Fault | None:
    """Return what is the matter with a dataset on disk whose rows are given out as something else than JSON's values.

    What is no such folder is refused where it is read.
    """
    with suppress(Exception):
        stored = _saved(folder, plan.split)
        kind, shown = stored.format["type"], stored.format["columns"]
        left_out = plan.text_column in stored.column_names and plan.text_column not in shown
        as_json = kind in (None, "python") or (kind in _TORCH_LIKE and not plan.of_token_ids)
        if left_out or not as_json:
            what = f"leaves out the column '{plan.text_column}'" if left_out else f"is '{kind}'"
            remedy = "save it again, to another folder: load_from_disk(...).with_format(None).save_to_disk(...)"
            return f"'{Path(folder).name}' was saved with a format that {what}", remedy
    return None


def _several_configurations(plan: TextPlan) -> _Fault | None:
    """Return what is the matter with a dataset of the hub of which a configuration would have to be named.

    What cannot be fetched is refused where it is read.
    """
    import datasets

    with suppress(Exception):
        names = datasets.get_dataset_config_names(str(plan.name), revision=plan.revision)
        if len(names) > 1 and not datasets.get_dataset_default_config_name(str(plan.name), revision=plan.revision):
            listed = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
            message = f"'{plan.name}' has {len(names)} configurations, of which none can be named here: {listed}"
            wanted = f"'{plan.name}', CONFIGURATION, revision='{plan.revision}', split='{plan.split or 'train'}'"
            return message, f"load_dataset({wanted}).save_to_disk(FOLDER), and 'source: folder'"
    return None


def _inner_column(column: str, first: Callable[[], dict[str, Any]]) -> _Fault | None:
    """Return what is the matter with a column by its path, `data.text`, where rows have `data` with a `text` within.

    What cannot be read is refused where it is read.
    """
    outer, _, inner = column.partition(".")
    if not inner:
        return None
    with suppress(Exception):
        row = first()
        if column not in row and isinstance(row.get(outer), dict):
            message = f"'{column}' is a column within '{outer}', and only those at the top of a row are read"
            remedy = "flatten it, after which the column has this name: Dataset.from_json(...).flatten().to_json(...)"
            return message, remedy
    return None


def _first_of(plan: TextPlan) -> dict[str, Any]:
    """Return the first row of one's own texts."""
    if plan.source == "hub":
        return dict(next(rows_of_hub(str(plan.name), plan.revision, plan.split or "train")).values)
    path = (plan.paths or ("",))[0]
    return dict(_saved(path, plan.split)[0]) if plan.source == "folder" else _first_of_file(path)


def _first_of_file(path: str) -> dict[str, Any]:
    return dict(next(READERS[Path(path).suffix.lower()](Path(path))).values)


def _saved(folder: str, split: str | None) -> Any:
    import datasets

    found = datasets.load_from_disk(folder)
    return found[split] if isinstance(found, datasets.DatasetDict) else found
