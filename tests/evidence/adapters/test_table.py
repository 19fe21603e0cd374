"""`gatekit import table`: rows in, a sound summary out, every fault with its place."""

from __future__ import annotations

import csv
import io
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gatekit.errors import GatekitError, UsageError
from gatekit.evidence import Summary, read_summary
from gatekit.evidence.adapters import ImportOptions, import_summaries
from gatekit.evidence.adapters.table.csv_table import parse_csv
from gatekit.evidence.adapters.table.json_lines import parse_json_lines

SUBJECT = """\
model: {name: tiny, digest: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}
hook: blocks.1.hook_resid_post
d_model: 32
architecture: topk
d_sae: 64
k: 8
checkpoints:
  - {seed: 0, sha256: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde0}
  - {seed: 1, sha256: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde1}
  - {seed: 2, sha256: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde2}
finished: "2026-03-01T11:30:00Z"
"""
PROTOCOL = "protocol: {rows: 100}\n"
PROBES = """\
protocol:
  baseline: dense_probe
  rows: 100
  datasets:
    - {name: imdb, sha256: 1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef, rows: 10}
    - {name: news, sha256: 2123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef, rows: 20}
"""


def imported(
    folder: Path, text: str | bytes, kind: str = "random_model", about: str = SUBJECT + PROTOCOL, **options: Any
) -> Summary:
    """Import one table, written as CSV unless `name` says otherwise, and read the summary back."""
    table = folder / options.pop("name", "t.csv")
    table.write_bytes(text.encode() if isinstance(text, str) else text)
    (folder / "subject.yaml").write_text(about)
    given = ImportOptions(subject=str(folder / "subject.yaml"), kind=kind, **options)
    ((name, data),) = import_summaries("table", [str(table)], given).items()
    (folder / name).write_bytes(data)
    return read_summary(str(folder / name))


def refused(folder: Path, text: str | bytes, **options: Any) -> str:
    """Return what an import says that is refused, without the folder; nothing may have been made."""
    with pytest.raises(GatekitError) as caught:
        imported(folder, text, **options)
    return str(caught.value).replace(f"{folder}/", "")


R2 = "seed,measure,value\n0,r2,0.5\n1,r2,0.6\n2,r2,0.7\n"


def test_every_row_becomes_an_observation(tmp_path: Path) -> None:
    read = imported(tmp_path, R2)
    assert (read.measurements["r2"].keys, read.measurements["r2"].candidate) == (((0,), (1,), (2,)), (0.5, 0.6, 0.7))
    assert (read.kind, read.protocol.rows, read.finished.isoformat()) == (
        "random_model",
        100,
        "2026-03-01T11:30:00+00:00",
    )
    document = json.loads(Path(read.path).read_text())
    assert document["producer"]["command"] == ["gatekit", "import", "table", "t.csv"]
    assert [item["name"] for item in document["producer"]["inputs"]] == ["t.csv"]


def test_a_table_of_one_measure_names_it_once(tmp_path: Path) -> None:
    assert imported(tmp_path, "seed,value\n0,0.5\n1,0.6\n2,0.7\n", measure="r2").measurements["r2"].estimate == 0.6
    assert refused(tmp_path, R2, measure="r2").startswith("t.csv:1:1: there is a column 'measure'; leave --measure out")
    assert "add one, or name it with --measure" in refused(tmp_path, "seed,value\n0,0.5\n")
    said = refused(tmp_path, "seed,value\n0,0.5\n", measure="rr2")
    assert said.startswith("--measure: unknown measure 'rr2' of random_model; did you mean 'r2'?")


def test_a_column_per_measure_is_read_too_with_its_control_beside_it(tmp_path: Path) -> None:
    text = "seed,r2,r2_above_control,r2_above_control_baseline\n0,0.5,0.5,0.1\n1,0.6,0.6,0.2\n2,0.7,0.7,0.1\n"
    read = imported(tmp_path, text)
    assert read.measurements["r2"].candidate == (0.5, 0.6, 0.7)
    assert read.measurements["r2_above_control"].baseline == (0.1, 0.2, 0.1)


def test_pairs_datasets_rows_and_control_groups_have_columns_of_their_own(tmp_path: Path) -> None:
    pairs = "measure,seed_a,seed_b,value,baseline\n" + "".join(
        f"pw_mcc_above_control,{a},{b},0.6,0.{a + b}\n" for a, b in itertools.combinations(range(3), 2)
    )
    assert imported(tmp_path, pairs).measurements["pw_mcc_above_control"].baseline == (0.1, 0.2, 0.3)
    groups = "measure,seed,group,value\n" + "".join(
        f"r2_above_control,{seed},{group},0.{seed}\n" for seed in range(3) for group in ("candidate", "control")
    )
    assert imported(tmp_path, groups).measurements["r2_above_control"].baseline_values == (0.0, 0.1, 0.2)
    probes = "measure,seed,dataset,value,baseline\n" + "".join(
        f"auc_delta,{seed},{name},0.7,0.6\n" for seed in range(3) for name in ("imdb", "news")
    )
    assert len(imported(tmp_path, probes, "saebench", SUBJECT + PROBES).measurements["auc_delta"].keys) == 6
    rows = "measure,seed,row,value\n" + "".join(
        f"interpretability,{seed},{row},{row}\n" for seed in range(3) for row in (5, 7)
    )
    about = SUBJECT + "protocol: {baseline: none, datasets: []}\n"
    assert imported(tmp_path, rows, "cebench", about).measurements["interpretability"].candidate == (5, 7) * 3


def test_one_table_may_hold_measures_of_several_designs_with_cells_empty_where_they_mean_nothing(
    tmp_path: Path,
) -> None:
    text = "measure,seed,seed_a,seed_b,value\n" + "".join(f"r2,{seed},,,0.5\n" for seed in range(3))
    text += "".join(f"pw_mcc,,{a},{b},0.5\n" for a, b in itertools.combinations(range(3), 2))
    assert set(imported(tmp_path, text).measurements) == {"r2", "pw_mcc"}


def test_a_missing_seed_is_named_with_every_measure_that_lacks_it(tmp_path: Path) -> None:
    said = refused(tmp_path, R2.replace("2,r2,0.7\n", "0,l0,8\n1,l0,8\n"))
    assert said == (
        "t.csv: the evidence is incomplete: seed 2 has no value of l0; seed 2 has no value of r2 "
        "[observation.incomplete]"
    )


def test_facts_that_no_table_holds_are_asked_for_together(tmp_path: Path) -> None:
    about = "".join(line for line in SUBJECT.splitlines(True) if not line.startswith(("finished", "hook", "model")))
    said = refused(tmp_path, R2, about=about)
    assert "missing subject.model, subject.hook, protocol.rows; when the measurement was done: finished:" in said
    about = SUBJECT.replace("finished", "started") + PROTOCOL
    assert imported(tmp_path, R2, about=about, finished="2026-03-01T12:00:00Z").started.hour == 11


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed,measure,value\n0,r2,0.5\n0,r2,0.5\n", "t.csv:3:1: r2 of seed 0 is there twice"),
        ("seed,measure,value\n0,r2,0.5\n1,r2,\n", "t.csv:3:6: the cell of value is empty"),
        ("seed,measure,value\n0,,0.5\n", "t.csv:2:3: the cell of measure is empty"),
        ("seed,measure,value\n,r2,0.5\n", "t.csv:2:1: r2 has one value per seed: there is no seed"),
        ("seed,measure,value\n0,r2,high\n", "t.csv:2:6: value: 'high' is not a number"),
        ("seed,measure,value\n0,r2,NaN\n", "t.csv:2:6: value: 'NaN' is not a number"),
        ("seed,measure,value\n0,r2,=1+1\n", "t.csv:2:6: value: '=1+1' is not a number"),
        ("seed,measure,value\n0,r2,@SUM(A1)\n", "t.csv:2:6: value: '@SUM(A1)' is not a number"),
        ("seed,measure,value\n0,r2,1e400\n", "t.csv:2:6: value: '1e400' is larger than any double"),
        ("seed,measure,value\n0,r2,1e-400\n", "t.csv:2:6: value: '1e-400' is not zero but reads as zero"),
        ("seed,measure,value\n0,r2, 0.5\n", "t.csv:2:6: value: ' 0.5' is not a number"),
        ("seed,measure,value\n0,r2,0x1\n", "t.csv:2:6: value: '0x1' is not a number"),
        ("seed,measure,value\n0,r2,1_0\n", "t.csv:2:6: value: '1_0' is not a number"),
        ("seed,measure,value\n0,r2,٣\n", "t.csv:2:6: value: '٣' is not a number"),
        ("seed,measure,value\n0,r2,true\n", "t.csv:2:6: value: 'true' is not a number"),
        (
            f"seed,measure,value\n0,r2,{'9' * 70}\n",
            "t.csv:2:6: value: '9999999999999999999999999999999999999...' is not",
        ),
        ("seed,measure,value\n0,r2,1.5\n", "t.csv:2:6: 1.5 cannot be r2, which lies in [-1e+06, 1]"),
        ("seed,measure,value\n0.0,r2,0.5\n", "t.csv:2:1: the seed 0.0 is not an integer"),
        ("seed,measure,value\n99999999999999999999,r2,0.5\n", "t.csv:2:1: the seed 99999999999999999999 is outside"),
        ("seed,measure,value\n7,r2,0.5\n", "t.csv:2:1: seed 7 has no checkpoint in the subject"),
        ("seed,measure,value\n0,r22,0.5\n", "t.csv:2:3: unknown measure 'r22' of random_model; did you mean 'r2'?"),
        ("seed,measure,value\n0,r2,0.5,\n", "t.csv:2:1: this row has 4 cells, the header 3"),
        ("seed,measure,value\n0,r2\n", "t.csv:2:1: this row has 2 cells, the header 3"),
        ("seed,measure,value,valeu\n0,r2,0.5,1\n", "t.csv:1:1: unknown column 'valeu'; did you mean 'value'?"),
        ("sead,measure,value\n0,r2,0.5\n", "t.csv:1:1: unknown column 'sead'; did you mean 'seed'?"),
        ("seed,measure,value,seed\n0,r2,0.5,0\n", "t.csv:1:1: the column 'seed' is there twice"),
        ("seed,measure,,value\n0,r2,,0.5\n", "t.csv:1:1: column 3 has no name"),
        ("seed, measure,value\n0,r2,0.5\n", "t.csv:1:1: the column ' measure' has spaces around its name"),
        ("seed;measure;value\n0;r2;0.5\n", "t.csv:1:1: the cells are separated by semicolons"),
        ("seed\tmeasure\tvalue\n", "t.csv:1:1: the cells are separated by tabs"),
        ("seed,measure\n0,r2\n", "t.csv:1:1: there is no column 'value'"),
        ("seed,dataset\n0,x\n", "t.csv:1:1: there are no columns 'measure' and 'value'; add them, or name the measure"),
        ("measure,value\nr2,0.5\n", "t.csv:1:1: there is no column 'seed'; r2 has one value per seed"),
        ("seed,pw_mcc\n0,0.5\n", "t.csv:1:1: there are no columns 'seed_a' and 'seed_b'; pw_mcc has one value per"),
        ("", "t.csv: the file has no content"),
        ("\n\n", "t.csv: the file has no content"),
        ("seed,measure,value\n", "t.csv: the evidence is incomplete: there is no observation"),
        ('seed,measure,value\n0,r2,"0.5\n', "t.csv:2:1: not CSV: unexpected end of data"),
        ('seed,measure,value\n0,r2,"0.5"x\n', "t.csv:2:1: not CSV:"),
        (
            'seed,measure,value\n0,"r\n2",0.5\n',
            "t.csv:2:1: unknown measure 'r\\n2' of random_model; did you mean 'r2'?",
        ),
        ("seed,measure,value\n0,r2,0.5\0\n", "t.csv:2:9: invisible or control character U+0000"),
        ("seed,measure,value\n0,r2\u202e,0.5\n", "t.csv:2:3: unknown measure"),
        (b"seed,measure,value\n0,r2,\xff\n", "t.csv:2:6: the file is not UTF-8"),
        ("seed,measure,value\n0,r2,0.5\n".encode("utf-16"), "t.csv: the file is UTF-16"),
        (f"seed,measure,value\n0,r2,{'x' * 1001}\n", "t.csv:2:6: a cell has more than 1000 characters"),
        (f"seed,measure,value\n0,r2,{'x' * 200_000}\n", "t.csv:2:1: not CSV: field larger than field limit"),
        (",".join(f"c{i}" for i in range(201)) + "\n", "t.csv:1:1: the table has more than 200 columns"),
        ("seed,measure,value,baseline\n0,r2,0.5,0.4\n", "t.csv:2:10: r2 is not compared with a baseline"),
        ("seed,measure,value,group\n0,r2,0.5,test\n", "t.csv:2:10: the group is candidate or control, not 'test'"),
        ("seed,dataset,measure,value\n0,imdb,r2,0.5\n", "t.csv:2:3: r2 has one value per seed, not per dataset"),
    ],
)
def test_a_fault_is_one_line_with_its_place(tmp_path: Path, text: str | bytes, said: str) -> None:
    got = refused(tmp_path, text)
    assert got.startswith(said)
    assert "\n" not in got


def test_what_spreadsheets_write_is_read(tmp_path: Path) -> None:
    lines = ["\ufeffseed,measure,value", '"0","r2","0.5"', "", "1,r2,6E-1", "2,r2,-0", ""]
    for end in ("\r\n", "\r", "\n"):
        assert imported(tmp_path, end.join(lines)).measurements["r2"].candidate == (0.5, 0.6, 0.0)


def test_a_table_larger_than_a_summary_may_be_is_not_read(tmp_path: Path) -> None:
    assert refused(tmp_path, b"x" * ((16 << 20) + 1)).startswith("t.csv: the file is larger than")


def test_json_lines_are_read_as_strictly_as_other_json(tmp_path: Path) -> None:
    good = '{"seed": 0, "measure": "r2", "value": 0.5}\n{"seed": 1, "measure": "r2", "value": 1}\n\n'
    read = imported(tmp_path, good + '{"seed": 2, "measure": "r2", "value": 5e-1, "dataset": null}', name="t.jsonl")
    assert read.measurements["r2"].candidate == (0.5, 1.0, 0.5)
    for line, said in (
        ('{"seed": 2, "measure": "r2", "value": "0.5"}', "t.jsonl:4:30: '0.5' is not a number"),
        ('{"seed": 2, "measure": "r2", "value": true}', "t.jsonl:4:30: True is not a number"),
        ('{"seed": 2, "measure": "r2", "value": NaN}', "t.jsonl:4:"),
        ('{"seed": 2, "measure": "r2", "value": 1e400}', "t.jsonl:4:"),
        ('{"seed": 2, "seed": 1, "measure": "r2", "value": 1}', "t.jsonl:4:"),
        ('{"seed": 2, "measure": "r2", "value": [0.5]}', "t.jsonl:4:1: 'value' holds a list"),
        ('{"seed": 2, "measure": "r2", "valeu": 0.5}', "t.jsonl:1:1: unknown column 'valeu'"),
        ('{"seed": 2, "measure": 5, "value": 0.5}', "t.jsonl:4:13: unknown measure '5' of random_model"),
        ('{"seed": 2, "measure": "r2"}', "t.jsonl:4:1: the cell of value is empty"),
        ("[2, 0.5]", "t.jsonl:4:1: this line is not a JSON object"),
        ("not json", "t.jsonl:4:1: "),
    ):
        assert refused(tmp_path, good + line, name="t.jsonl").startswith(said), line


def test_without_pyarrow_a_parquet_table_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    assert refused(tmp_path, b"PAR1", name="t.parquet") == (
        "t.parquet: parquet needs the package pyarrow; pip install pyarrow, or save the table as CSV "
        "[table.pyarrow_missing]"
    )


def test_a_parquet_table_is_read_with_its_types(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    def table(**columns: Any) -> bytes:
        stream = io.BytesIO()
        parquet.write_table(pyarrow.table(columns), stream)
        return stream.getvalue()

    names = pyarrow.array(["r2"] * 3).dictionary_encode()
    floats = pyarrow.array([0.5, 0.25, 1.0], pyarrow.float32())
    read = imported(tmp_path, table(seed=[0, 1, 2], measure=names, value=floats), name="t.parquet")
    assert read.measurements["r2"].candidate == (0.5, 0.25, 1.0)
    for data, said in (
        (
            table(seed=[0, 1, 2], measure=names, value=[0.5, None, 1.0]),
            "t.parquet#/1/value: the cell of value is empty",
        ),
        (
            table(seed=[0, 1, 2], measure=names, value=[0.5, float("nan"), 1.0]),
            "t.parquet#/1/value: nan is not a finite",
        ),
        (table(seed=[0, 1, 2], measure=names, value=[True] * 3), "t.parquet: the column 'value' holds bool"),
        (table(seed=[0.0, 1.0, 2.0], measure=names, value=floats), "t.parquet#/0/seed: the seed 0.0 is not an integer"),
        (b"PAR1 and nothing else PAR1", "t.parquet: not parquet that can be read: "),
    ):
        assert refused(tmp_path, data, name="t.parquet").startswith(said)


def test_options_that_a_table_needs_or_cannot_use_are_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(R2)
    table, about = str(tmp_path / "t.csv"), str(tmp_path / "subject.yaml")
    (tmp_path / "subject.yaml").write_text(SUBJECT + PROTOCOL)
    for options, said in (
        (ImportOptions(), "a table needs --kind and --subject"),
        (ImportOptions(kind="random_model"), "a table needs --subject"),
        (ImportOptions(kind="random_model", subject=about, k=5), "a table has no use for --k"),
        (ImportOptions(kind="random_model", subject=about, context=(about,)), "a table has no use for --context"),
        (ImportOptions(kind="ranom_model", subject=about), "no kind 'ranom_model'; did you mean 'random_model'"),
        (ImportOptions(kind="random_model", subject=about, finished="2026-03-02T00:00:00Z"), "say it once"),
    ):
        with pytest.raises(UsageError, match=said):
            import_summaries("table", [table], options)
    with pytest.raises(UsageError, match=r"notes\.txt' is no table that can be read; known formats: \.csv, \.jsonl"):
        import_summaries("table", [str(tmp_path / "notes.txt")], ImportOptions(kind="random_model", subject=about))
    with pytest.raises(UsageError, match="leave --kind and --measure out"):
        import_summaries("saebench", [table], ImportOptions(kind="saebench"))


def test_several_tables_are_one_summary(tmp_path: Path) -> None:
    (tmp_path / "subject.yaml").write_text(SUBJECT + PROTOCOL)
    paths = []
    for seed in range(3):
        path = tmp_path / f"seed{seed}.csv"
        path.write_text(f"seed,r2\n{seed},0.{seed}\n")
        paths.append(str(path))
    options = ImportOptions(subject=str(tmp_path / "subject.yaml"), kind="random_model")
    ((_, data),) = import_summaries("table", paths, options).items()
    assert json.loads(data)["measurements"]["r2"]["columns"]["candidate"] == [0.0, 0.1, 0.2]
    with pytest.raises(GatekitError, match=r"seed0\.csv:2:1: r2 of seed 0 is there twice"):
        import_summaries("table", [*paths, paths[0]], options)


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), values=st.lists(st.floats(-1e6, 1), min_size=3, max_size=3))
def test_every_number_comes_back_as_it_was_written(tmp_path: Path, data: st.DataObject, values: list[float]) -> None:
    seeds = data.draw(st.permutations(range(3)))
    write = data.draw(st.sampled_from([repr, "{:.17g}".format, "{:.20e}".format]))
    quoting = data.draw(st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]))
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, quoting=quoting)
    writer.writerows([("value", "seed", "measure"), *((write(values[seed]), seed, "r2") for seed in seeds)])
    read = imported(tmp_path, stream.getvalue()).measurements["r2"]
    assert read.candidate == tuple(values)
    lines = "\n".join(json.dumps({"value": values[seed], "seed": seed, "measure": "r2"}) for seed in seeds)
    assert imported(tmp_path, lines, name="t.jsonl").measurements["r2"] == read


@settings(deadline=None, max_examples=150)
@given(st.one_of(st.binary(max_size=200), st.text(alphabet='seed,measurvl0.5\n\r"\0;=', max_size=80).map(str.encode)))
def test_any_bytes_are_a_table_or_one_clear_error(data: bytes) -> None:
    for parse in (parse_csv, parse_json_lines):
        try:
            table = parse(data, "t.csv")
        except GatekitError as error:
            assert error.error_id.startswith(("table.", "json.")) and "\n" not in error.message
            assert error.location is not None and error.location.path == "t.csv"
        else:
            assert all(set(row.cells) <= set(table.columns) and row.place(None).line for row in table.rows)
