"""Results of other tools, at the limits of what is read of them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import builders
import saebench_results

from gatekit.evidence.adapters import stated_families
from gatekit.evidence.adapters.downstream import inspect_archive, inspect_log, lm_eval
from gatekit.evidence.adapters.saebench import recorded_sae, sources
from gatekit.evidence.adapters.table import parquet, rows
from hostile_inputs.cases import PLAIN_JSON, case, write
from hostile_inputs.other_files import table

PEER = PLAIN_JSON.format("r.json")


def imported(folder: Path, tool: str, text: str) -> list[str]:
    """Import one file."""
    write(folder, "s.json", json.dumps(builders.subject()))
    write(folder, "r.json", text)
    return ["import", tool, "--subject", "s.json", "r.json" if tool == "saebench" else "0=r.json"]


def strings(longest: int, size: int) -> str:
    """As many strings as fit, each as long as it may be."""
    count = size // (longest + 4)
    return '{"a": [' + ",".join(['"' + "x" * longest + '"'] * count) + "]}"


@case("import saebench: as many bytes, in strings as long as they may be", codes=(4, 64), peer=PEER)
def _(folder: Path) -> list[str]:
    return imported(folder, "saebench", strings(sources.LIMITS.string, sources.LIMITS.size))


@case("import lm_eval: as many bytes, in strings as long as they may be", codes=(4, 64), peer=PEER)
def _(folder: Path) -> list[str]:
    return imported(folder, "lm_eval", strings(lm_eval.LIMITS.string, lm_eval.LIMITS.size))


@case("import inspect: as many bytes, in strings as long as they may be", codes=(4, 64), peer=PEER)
def _(folder: Path) -> list[str]:
    return imported(folder, "inspect", strings(inspect_log.LIMITS.string, inspect_log.LIMITS.size))


@case("import inspect: as deep as it may be, again and again", codes=(4, 64), peer=PEER)
def _(folder: Path) -> list[str]:
    deep = "[" * (inspect_log.LIMITS.depth - 2) + "]" * (inspect_log.LIMITS.depth - 2)
    return imported(folder, "inspect", '{"a": [' + ",".join([deep] * (inspect_log.LIMITS.values // 64 - 10)) + "]}")


@case("import inspect: as many members as an archive may list", codes=(4, 64))
def _(folder: Path) -> list[str]:
    return archive(folder, {f"x{i}": "" for i in range(inspect_archive.MOST_MEMBERS - 1)})


@case("import inspect: as many samples as an archive may have", codes=(4, 64))
def _(folder: Path) -> list[str]:
    return archive(folder, {f"samples/{i}.json": '{"id": 1}' for i in range(inspect_archive.MOST_SAMPLES)})


@case("import inspect: an archive of 96 MB of spaces, packed", codes=(4, 64))
def _(folder: Path) -> list[str]:
    return archive(folder, {"samples/0.json": "{}".ljust(inspect_log.LIMITS.size - 100)})


def archive(folder: Path, members: dict[str, str]) -> list[str]:
    """Import one archive of Inspect's."""
    write(folder, "s.json", json.dumps(builders.subject()))
    with zipfile.ZipFile(folder / "r.eval", "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("header.json", '{"version": 2, "status": "success"}')
        for name, text in members.items():
            made.writestr(name, text)
    return ["import", "inspect", "--subject", "s.json", "0=r.eval"]


@case("import saebench: metadata as long as it may be", codes=(4, 64))
def _(folder: Path) -> list[str]:
    return metadata(
        folder, "'a': " + "[" * 80 + "0" + "]" * 80 + ", 'b': (" + "0," * (recorded_sae.LONGEST // 2 - 110) + ")"
    )


@case("import saebench: metadata of brackets", codes=(4, 64))
def _(folder: Path) -> list[str]:
    return metadata(folder, "'a': " + "[" * (recorded_sae.LONGEST - 30))


@case("import saebench: metadata of signs", codes=(4, 64))
def _(folder: Path) -> list[str]:
    return metadata(folder, "'a': " + "-" * (recorded_sae.LONGEST - 30) + "1")


def metadata(folder: Path, text: str) -> list[str]:
    """Import a result of SAEBench whose SAE's metadata is this text."""
    result = saebench_results.absorption(0)
    result["sae_cfg_dict"]["metadata"] = f"SAEMetadata({{{text}}})"
    return imported(folder, "saebench", json.dumps(result))


@case("import table: as many rows as there may be, all used", codes=(0, 4, 64))
def _(folder: Path) -> list[str]:
    lines = "".join(f"{i % 5},{i // 5},0.{i % 97:02d}\n" for i in range(rows.MAX_ROWS))
    arguments = table(folder, "t.csv", b"seed,row,candidate\n" + lines.encode())
    return ["cebench" if part == "random_model" else "interpretability" if part == "r2" else part for part in arguments]


@case("import table: as many cells, in as many columns as there may be", codes=(4, 64))
def _(folder: Path) -> list[str]:
    head = ",".join(f"c{i}" for i in range(rows.MAX_COLUMNS))
    line = ",".join(["1"] * rows.MAX_COLUMNS) + "\n"
    return table(folder, "t.csv", (head + "\n" + line * (rows.MOST_CELLS // rows.MAX_COLUMNS)).encode())


@case("import table: cells as long as they may be", codes=(4, 64))
def _(folder: Path) -> list[str]:
    line = "0," + "x" * rows.CELL + "\n"
    return table(folder, "t.csv", b"seed,candidate\n" + line.encode() * 60_000)


@case("import table: a table of families of as many bytes as one may have", codes=(0, 4, 64))
def _(folder: Path) -> list[str]:
    arguments = table(folder, "t.csv", b"seed,candidate\n0,0.5\n1,0.6\n")
    lines = "row,family\n" + "".join(f"{i},f{i}\n" for i in range(stated_families.LARGEST_FILE // 16 - 20))
    write(folder, "families.csv", lines)
    return [*arguments, "--families", "families.csv"]


@case("import table: parquet of as many bytes as its columns may have", codes=(0, 4, 64))
def _(folder: Path) -> list[str]:
    import pyarrow
    from pyarrow import parquet as written

    count = min(rows.MAX_ROWS, rows.MOST_CELLS // 3, parquet.UNPACKED // 52)
    columns = {"seed": list(range(count)), "candidate": [i * 1.1 for i in range(count)], "x": ["y" * 30] * count}
    written.write_table(pyarrow.table(columns), folder / "t.parquet", use_dictionary=False)
    assert (folder / "t.parquet").stat().st_size < parquet.UNPACKED
    return table(folder, "t.parquet", (folder / "t.parquet").read_bytes())
