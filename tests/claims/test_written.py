"""gatekit-values.tex: written from registry and evidence, compared byte for byte, and found wherever it is not ours."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import builders
import pytest
from acceptance.console_script import gatekit
from claims.registered import FILE, PAPER, PAPER_REGISTRY, evidence, registry, summaries, write

from gatekit.claims import tex_values
from gatekit.claims.entries import named_entries

VALUES = "paper/gatekit-values.tex"


def claims(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    timed = ("--now", builders.NOW) if arguments[0] in ("check", "list") else ()
    return gatekit("claims", *arguments, *timed, cwd=cwd)


def repository(folder: Path, **files: str | bytes) -> Path:
    """A repository with a paper whose values are written."""
    write(folder, {"claims.yaml": PAPER_REGISTRY, "paper/p.tex": PAPER, **files})
    assert claims("sync", cwd=folder).returncode == 0
    return folder


def test_sync_writes_each_entry_on_a_line_and_check_then_passes(tmp_path: Path) -> None:
    repository(tmp_path)
    lines = (tmp_path / VALUES).read_text().splitlines()
    assert lines[0].startswith("% Written by `gatekit claims sync`")
    assert lines[-2:] == [
        r"\gatekitset{claim-agree}{Five SAEs agree more than their control, by {\ensuremath{+}0.2100} on average.}",
        r"\gatekitset{value-r2}{{0.83}}",
    ]
    done = claims("check", cwd=tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (
        0,
        "claims: pass (exit 0): 1 claim and 5 bound numbers in 3 documents, carried by the evidence",
    )
    assert "paper/p.tex:4" in claims("list", cwd=tmp_path).stdout
    assert claims("sync", "--dry-run", cwd=tmp_path).returncode == 0


def test_a_dry_run_writes_no_file_and_exits_2(tmp_path: Path) -> None:
    write(tmp_path, {"claims.yaml": PAPER_REGISTRY, "paper/p.tex": PAPER})
    done = claims("sync", "--dry-run", cwd=tmp_path)
    assert (done.returncode, (tmp_path / VALUES).exists()) == (2, False)
    assert f"{VALUES}: would be written" in done.stdout


@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ("{0.83}", "{0.84}", 2, ":24: says 0.84, evidence says 0.83"),
        ("{0.83}", "{}", 4, "is empty, evidence says 0.83"),
        (r"\ensuremath{+}0.2100", r"\ensuremath{-}0.2100", 2, "says -0.2100, evidence says +0.2100"),
        ("{0.83}", "{ 0.83}", 4, "the line is not what"),
        ("{0.83}", "{0.83}%", 4, "the line is not what"),
        ("more than", "less than", 4, "the line is not what"),
        ("gatekit: #1", "x", 4, f"{VALUES}:6:1: the line is not what"),
        (r"\gatekitset{value-r2}", "\\gatekitset{value-x}{{9}}\n\\gatekitset{value-r2}", 4, "the line is not what"),
        (r"\gatekitset{value-r2}{{0.83}}" + "\n", "", 4, "the line is not what"),
        ("{{0.83}}\n", "{{0.83}}", 4, "the line is not what"),
        ("{{0.83}}\n", "{{0.83}}\n\\def\\gatekitvalue#1{9}\n", 4, "the line is not what"),
        ("\n", "\r\n", 4, "a line feed alone"),
    ],
)
def test_any_other_byte_is_found_with_its_line(tmp_path: Path, old: str, new: str, code: int, said: str) -> None:
    path = repository(tmp_path) / VALUES
    text = path.read_bytes().decode()
    path.write_bytes((text.replace(old, new) if old == "\n" else text.replace(old, new, 1)).encode())
    done = claims("check", cwd=tmp_path)
    assert done.returncode == code
    assert said in done.stdout
    assert claims("sync", cwd=tmp_path).returncode == 0
    assert path.read_bytes().decode() == text


def test_bytes_that_are_no_text_are_found_too(tmp_path: Path) -> None:
    path = repository(tmp_path) / VALUES
    path.write_bytes(path.read_bytes().replace(b"average.", b"average\xff"))
    assert claims("check", cwd=tmp_path).returncode == 4


def test_numbers_follow_the_evidence(tmp_path: Path) -> None:
    repository(tmp_path)
    (tmp_path / FILE).write_text(json.dumps(evidence(r2=builders.around(0.91, 0.01, 5))))
    readme = tmp_path / "README.md"
    readme.write_text(readme.read_text().replace("0.83", "0.91"))
    done = claims("check", cwd=tmp_path)
    assert (done.returncode, "says 0.83, evidence says 0.91" in done.stdout) == (2, True)


def test_a_file_that_is_missing_a_link_or_a_folder_is_refused(tmp_path: Path) -> None:
    path = repository(tmp_path) / VALUES
    data = path.read_bytes()
    path.unlink()
    missing = claims("check", cwd=tmp_path)
    assert (missing.returncode, f"{VALUES}: the file with the values" in missing.stdout) == (4, True)
    (tmp_path / "other.tex").write_bytes(data)
    path.symlink_to(tmp_path / "other.tex")
    assert claims("check", cwd=tmp_path).returncode == 4
    path.unlink()
    path.mkdir()
    assert claims("check", cwd=tmp_path).returncode == 4


@pytest.mark.parametrize("name", ["gatekit-values.tex", "docs/gatekit-values.tex", "paper/Gatekit-Values.tex"])
def test_a_file_of_that_name_where_no_document_uses_it_is_refused(tmp_path: Path, name: str) -> None:
    repository(tmp_path)
    (tmp_path / name).write_bytes((tmp_path / VALUES).read_bytes())
    done = claims("check", cwd=tmp_path)
    assert (done.returncode, f"{name}: a file of this name" in done.stdout) == (4, True)


def test_each_folder_with_documents_has_its_own_file(tmp_path: Path) -> None:
    rules = PAPER_REGISTRY.replace('"paper/*.tex"', '"paper/**/*.tex"')
    repository(tmp_path, **{"claims.yaml": rules, "paper/parts/a.tex": PAPER})
    assert (tmp_path / "paper/parts/gatekit-values.tex").read_bytes() == (tmp_path / VALUES).read_bytes()
    assert claims("check", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (r"\gatekitclaim{agre}", "claim 'agre' is not registered; did you mean 'agree'?"),
        (r"\gatekitvalue{agree}", "value 'agree' is not registered; register it under `values` in claims.yaml"),
    ],
)
def test_a_name_that_is_not_registered_is_an_error(tmp_path: Path, use: str, said: str) -> None:
    repository(tmp_path)
    (tmp_path / "paper/p.tex").write_text(PAPER.replace(r"\gatekitvalue{r2}", use))
    done = claims("check", cwd=tmp_path)
    assert (done.returncode, said in done.stdout) == (4, True)


def test_a_claim_whose_numbers_are_not_fixed_is_written_nowhere(tmp_path: Path) -> None:
    for text in (PAPER_REGISTRY.replace(", format: +.4f", ""), re.sub(r"    slots:\n.*\n", "", PAPER_REGISTRY)):
        write(tmp_path, {"claims.yaml": text, "paper/p.tex": PAPER})
        done = claims("sync", cwd=tmp_path)
        assert done.returncode == 4
        assert "paper/p.tex:4:1: claim 'agree' cannot be shown: the registry does not fix every number" in done.stdout
        assert "claim-agree" not in (tmp_path / VALUES).read_text()
        write(tmp_path, {"paper/p.tex": PAPER.replace(r"\gatekitclaim{agree}", ""), "claims.yaml": text})
        assert claims("check", cwd=tmp_path).returncode == 0


def test_a_number_that_the_evidence_does_not_hold_is_inconclusive_where_it_is_shown(tmp_path: Path) -> None:
    text = PAPER_REGISTRY.replace("{name: r2, file: evidence/random", "{name: r2, file: evidence/no")
    write(tmp_path, {"claims.yaml": text, "paper/p.tex": PAPER})
    done = claims("sync", cwd=tmp_path)
    assert done.returncode == 3
    assert "paper/p.tex:5:13: value 'r2' cannot be shown: no evidence at 'evidence/no_model.json'" in done.stdout


def test_a_value_of_the_registry_needs_a_name_of_its_own_and_a_format() -> None:
    line = PAPER_REGISTRY[PAPER_REGISTRY.index("  - {name: r2") :]
    for text, said in (
        (PAPER_REGISTRY + line, "value 'r2' is listed twice"),
        (PAPER_REGISTRY.replace(", format: .2f", ""), "format"),
        (PAPER_REGISTRY.replace("name: r2", "name: R2"), "R2"),
        (PAPER_REGISTRY.replace("estimate, format: .2f", "mean, format: .2f"), "unknown statistic 'mean'"),
    ):
        with pytest.raises(Exception, match=re.escape(said)):
            registry(text)


def test_a_claim_that_is_not_supported_is_written_with_its_status() -> None:
    for status, badge in (
        ("pending", "Not yet supported by evidence: "),
        ("not_supported", "Not supported by the evidence: "),
        ("supported", ""),
    ):
        text = PAPER_REGISTRY.replace("status: supported", f"status: {status}")
        lines = tex_values.lines(named_entries(registry(text), summaries()).values())
        assert rf"{{claim-agree}}{{{badge}Five SAEs" in lines[-2].text


def test_the_words_of_a_sentence_are_no_commands_of_tex() -> None:
    sentence = r"'Five `d_sae` \x ~ # & $5 ^ 100 % <b> | -- more than {{a}}, by {} on average.'"
    text = re.sub("sentence: .*", lambda _: f"sentence: {sentence}", PAPER_REGISTRY)
    line = tex_values.lines(named_entries(registry(text), summaries()).values())[-2].text
    assert line == (
        r"\gatekitset{claim-agree}{Five d\_sae \textbackslash{}x \textasciitilde{} \# \& \$5 \textasciicircum{} 100 \% "
        r"\textless{}b\textgreater{} \textbar{} -{}-{} more than \{\{a\}\}, by {\ensuremath{+}0.2100} on average.}"
    )


def test_a_sentence_that_shows_a_number_as_part_of_another_is_not_written(tmp_path: Path) -> None:
    text = PAPER_REGISTRY.replace("by {} on", "by 9{} on")
    write(tmp_path, {"claims.yaml": text, "paper/p.tex": PAPER})
    done = claims("sync", cwd=tmp_path)
    assert (done.returncode, "the sentence shows number 1 together with '9' before it" in done.stdout) == (4, True)


def test_scan_names_what_an_unread_file_brings(tmp_path: Path) -> None:
    repository(tmp_path, **{"paper/p.tex": PAPER.replace("It explains", "\\input{methods} It explains")})
    done = claims("scan", cwd=tmp_path)
    assert done.returncode == 0
    assert "paper/p.tex:5:1: warning: the document brings text from 'methods'" in done.stdout


def test_where_no_document_shows_values_a_file_of_that_name_is_nobodys(tmp_path: Path) -> None:
    write(tmp_path, {"gatekit-values.tex": "x", "docs/gatekit-values.typ": "x"})
    assert claims("check", cwd=tmp_path).returncode == 0
