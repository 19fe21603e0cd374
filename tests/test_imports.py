"""Imports point one way, and `gatekit check` imports little: both keep the gate light and its trust small."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import builders

ROOT = Path(__file__).parents[1]

# Package of gatekit -> packages of gatekit that it may import. `errors` and `exit_codes` are everybody's. So is
# `plugins`, which knows entry points and nothing of what they name: adapters, kinds and runners are found by one rule.
ALLOWED = {
    "errors": {"exit_codes"},
    "exit_codes": set(),
    "plugins": {"errors"},
    "source_commit": {"errors", "plugins", "repo"},
    # Apart from `cli`, because `python -m runners` is this module too, and runners must not import the command line.
    "streams": set(),
    # How steps are done, whatever they do.
    "second_process": set(),
    "python_version": set(),
    "runner_command": {"errors", "exit_codes", "plugins", "streams", "python_version"},
    "kinds": {"errors", "exit_codes", "plugins"},
    "evidence": {"errors", "exit_codes", "plugins", "kinds", "second_process"},
    "stats": {"errors"},
    "policy": {"errors", "exit_codes", "kinds", "evidence", "plugins"},
    "repo": {"errors", "exit_codes"},
    # `policy` for its typed access to YAML, which it shares.
    "registration": {"errors", "exit_codes", "kinds", "evidence", "policy", "stats", "repo"},
    "gates": {"errors", "exit_codes", "kinds", "evidence", "policy", "stats", "registration"},
    "claims": {
        *("errors", "exit_codes", "kinds", "evidence", "policy", "stats", "repo", "gates", "registration"),
        "plugins",
    },
    "candidates": {
        *("errors", "exit_codes", "kinds", "evidence", "policy", "stats", "gates", "registration", "second_process"),
    },
    "report": {
        *("errors", "exit_codes", "kinds", "evidence", "policy", "stats", "gates", "claims", "pull_request"),
        *("candidates", "registration", "history"),
    },
    "history": {
        *("errors", "exit_codes", "kinds", "evidence", "gates", "repo", "pull_request", "registration"),
    },
    "pull_request": {
        *("errors", "exit_codes", "kinds", "evidence", "policy", "stats", "gates", "repo", "claims", "signing"),
        *("candidates", "registration", "plugins"),
    },
    "signing": {"errors", "exit_codes", "kinds", "evidence", "policy", "gates"},
    "dossier": {
        *("errors", "exit_codes", "kinds", "evidence", "policy", "stats", "gates", "candidates", "report", "signing"),
        "registration",
    },
    "cycles": {
        *("errors", "exit_codes", "kinds", "evidence", "policy", "gates", "candidates", "report", "runner_command"),
        "registration",
    },
    "github": {"errors", "exit_codes", "kinds", "evidence", "repo", "gates", "report", "pull_request"},
    # Of the runners' cache: names, manifests and digests on disk, and in an object store as `evidence` reads it.
    "cache": {"errors", "exit_codes", "evidence"},
    "cli": {
        "cache",
        *("errors", "exit_codes", "evidence", "policy", "stats", "repo", "gates", "claims", "candidates", "report"),
        *("pull_request", "signing", "github", "dossier", "plugins", "kinds", "runner_command", "cycles", "streams"),
        *("registration", "source_commit", "history", "python_version"),
    },
}


def imported(path: Path) -> set[str]:
    """Dotted names of every import statement, also those inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_inside_gatekit_imports_point_one_way() -> None:
    wrong = []
    for path in sorted((ROOT / "gatekit").rglob("*.py")):
        parts = path.relative_to(ROOT / "gatekit").with_suffix("").parts
        package = parts[0]
        if package in ("__init__", "__main__"):
            continue
        for name in imported(path):
            if name.startswith("gatekit.") and name != "gatekit.__version__":
                target = name.split(".")[1]
                if target != package and target not in ALLOWED[package]:
                    wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert wrong == []


def test_gatekit_never_imports_the_plug_ins_that_come_with_it() -> None:
    for path in sorted((ROOT / "gatekit").rglob("*.py")):
        assert "gatekit_husai" not in {name.split(".")[0] for name in imported(path)}, path


def test_gatekit_never_imports_runners_or_torch() -> None:
    for path in sorted((ROOT / "gatekit").rglob("*.py")):
        roots = {name.split(".")[0] for name in imported(path)}
        assert not roots & {"runners", "torch", "transformer_lens", "sae_lens", "sae_bench", "sae_probes"}, path


# `runner_command` is for `runners.__main__` alone: `python -m runners` is `gatekit run`, by the same code.
RUNNERS_MAY_IMPORT = ("kinds", "evidence", "errors", "exit_codes", "__version__")


def test_runners_import_only_kinds_evidence_and_errors_of_gatekit() -> None:
    for path in sorted((ROOT / "runners").rglob("*.py")):
        for name in imported(path):
            if name.split(".")[0] == "gatekit":
                is_command = path == ROOT / "runners" / "__main__.py" and name.startswith("gatekit.runner_command.")
                assert name.split(".")[1] in RUNNERS_MAY_IMPORT or is_command, f"{path}: {name}"


CHECK = """
import sys
sys.argv = ["gatekit", "check", "--policy", sys.argv[1], "--evidence", sys.argv[2], "--now", sys.argv[3]]
import os, sysconfig
def report(code):
    site = {os.path.realpath(sysconfig.get_path(key)) for key in ("purelib", "platlib")}
    # An environment laid over another one finds packages in the other's folder too.
    site |= {os.path.realpath(folder) for folder in sys.path if os.path.basename(folder) == "site-packages"}
    roots = set()
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and any(os.path.realpath(file).startswith(folder + os.sep) for folder in site):
            roots.add(name.split(".")[0])
    sys.stderr.write("MODULES " + " ".join(sorted(roots)) + "\\n")
    sys.stderr.flush()
os_exit = os._exit
os._exit = lambda code: (report(code), os_exit(code))
from gatekit.cli import main
main()
"""


def test_check_imports_exactly_these_third_party_modules(tmp_path: Path) -> None:
    evidence = builders.write(tmp_path / "evidence", builders.release_evidence())
    done = subprocess.run(
        [sys.executable, "-I", "-c", CHECK, str(ROOT / "policies" / "exploratory.yaml"), str(evidence), builders.NOW],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    line = next(line for line in done.stderr.splitlines() if line.startswith("MODULES "))
    modules = set(line.split()[1:])
    # What installers put in every process of an environment is not ours.
    modules = {name for name in modules if not name.startswith(("__editable__", "_virtualenv", "_distutils_hack"))}
    assert modules - {"gatekit"} == {"click", "jsonschema_rs", "rich_click", "ruamel"}
