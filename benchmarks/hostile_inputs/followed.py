"""What a workflow runs, what a document brings, and files without a suffix: followed and looked at in commits."""

from __future__ import annotations

from pathlib import Path

from gatekit.claims import typeset_code
from gatekit.pull_request import measured_otherwise, run_by_workflows, said_unread
from hostile_inputs.cases import CLAIMS, case
from hostile_inputs.commits import BASE, commit, repository
from hostile_inputs.histories import summary

WORKFLOW = "on: pull_request\njobs:\n  gate:\n    runs-on: x\n    steps:\n      - run: |\n          gatekit pr\n"
CHANGED = {"ci/other.sh": b"x", "y.md": b"x"}


def workflow(folder: Path, lines: str, files: dict[str, bytes]) -> list[str]:
    """A gate's workflow with more lines in its script, and files beside it; a change touches a script."""
    own = {".github/workflows/gate.yml": (WORKFLOW + lines).encode()}
    return repository(folder, commit("main", BASE | files | own) + commit("feature", CHANGED, "main"))


@case("git: a workflow runs as many scripts as are followed, as large as one may be")
def _(folder: Path) -> list[str]:
    text = b"echo a_long_word and/another-one.txt # and a comment\n"
    whole = text * ((run_by_workflows.LARGEST - 200) // len(text))
    names = [f"ci/s{i}.sh" for i in range(run_by_workflows.MOST_FILES)]
    return workflow(folder, "".join(f"          sh {name}\n" for name in names), dict.fromkeys(names, whole))


@case("git: a workflow names as many files as are followed")
def _(folder: Path) -> list[str]:
    names = [f"ci/{i:x}.sh" for i in range(run_by_workflows.MOST_NAMES)]
    lines = "".join(f"          ./{name}\n" for name in names)
    return workflow(folder, lines[: run_by_workflows.LARGEST - 500].rpartition("\n")[0] + "\n", {})


@case("git: a workflow of as many folders and words as are looked up")
def _(folder: Path) -> list[str]:
    count = int((run_by_workflows.MOST_LOOKED_UP / 3) ** 0.5) - 20
    lines = "".join(f"          cd a{i:x}\n          b{i:x}\n" for i in range(count))
    return workflow(folder, lines, {})


@case("git: a workflow of as many folders and words as its bytes hold")
def _(folder: Path) -> list[str]:
    line = "          cd a{0:x}\n          b{0:x}\n"
    return workflow(folder, "".join(map(line.format, range(run_by_workflows.LARGEST // 40))), {})


@case("git: jobs that run one script, again and again")
def _(folder: Path) -> list[str]:
    script = b"echo a_long_word and/another-one.txt # and a comment\n" * 4500
    jobs = "".join(f"  j{i}:\n    steps: [{{run: sh ci/s.sh}}]\n" for i in range(4000))
    return workflow(folder, jobs, {"ci/s.sh": script})


@case("git: as many summaries, measured otherwise, as are judged")
def _(folder: Path) -> list[str]:
    supported = (CLAIMS % "x.md").replace("pending", "supported").encode()
    count = measured_otherwise.MOST_JUDGED
    there = {f"evidence/m{i}.json": summary("pythia-70m", 20_000, trained=f"again {i}") for i in range(count)}
    after = {name: data.replace(b'"rows": ', b'"rows": 1') for name, data in there.items()}
    main = commit("main", BASE | there | {"claims.yaml": supported})
    return repository(folder, main + commit("feature", after, "main"))


@case("documents: LaTeX that brings as many files as may be brought, and as many bytes")
def _(folder: Path) -> list[str]:
    count = typeset_code.MOST_FILES - 1
    text = b"\\section{a} \\emph{b} $x$ \\input{c}\n"
    whole = text * (typeset_code.MOST_BYTES // typeset_code.MOST_FILES // len(text))
    brought = {f"p{i}.tex": whole for i in range(count)}
    named = "".join(f"\\input{{p{i}}}\n" for i in range(count)).encode()
    main = BASE | brought | {"claims.yaml": (CLAIMS % "x.tex").encode(), "x.tex": named}
    return repository(folder, commit("main", main) + commit("feature", {"p0.tex": whole + b"x"}, "main"))


@case("documents: LaTeX that brings a file as large as is looked through for code")
def _(folder: Path) -> list[str]:
    whole = b"\\a{" * (typeset_code.LONGEST_JUDGED // 3 - 2)
    main = BASE | {"claims.yaml": (CLAIMS % "x.tex").encode(), "x.tex": b"\\input{p}\n", "p.tex": whole}
    return repository(folder, commit("main", main) + commit("feature", {"p.tex": whole + b"x"}, "main"))


@case("unread: as many bytes of files without a suffix as are asked whether they are data")
def _(folder: Path) -> list[str]:
    one = said_unread.LARGEST + 1000
    count = said_unread.LARGEST_LOOKED_AT // one
    names = [f"data/f{i}" for i in range(count)]
    before = {name: b"\0" + b"%d" % i + b"x" * (one - 10) for i, name in enumerate(names)}
    after = {name: data + b"y" for name, data in before.items()}
    return repository(folder, commit("main", BASE | before) + commit("feature", after, "main"))
