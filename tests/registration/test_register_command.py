"""`gatekit register` writes what `gatekit lint` finds sound, without torch; nothing is overwritten."""

from __future__ import annotations

import json
from pathlib import Path

import builders
import pytest
from acceptance.console_script import gatekit

from gatekit.evidence.config_digest import config_without_seeds_sha256
from gatekit.registration.reading import read_registration

CONFIGS = Path(__file__).parents[2] / "runners" / "configs"
SEEDS = ("--seeds", "0-14", "--looks", "5,10,15")


def test_a_runners_configuration_is_registered_and_sound(tmp_path: Path) -> None:
    config = str(CONFIGS / "random_model" / "demo.yaml")
    done = gatekit("register", "--claim", "agree", "--config", config, *SEEDS, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    # The levels are those of Lan and DeMets' function at one, two and three thirds, computed with scipy.
    assert "look 1 of 3 at 5 seeds: a gate at 0.95 is judged at 0.999313" in done.stdout
    found = read_registration(str(tmp_path / "registrations" / "agree.yaml"))
    assert (found.seeds, found.looks, found.claim) == (tuple(range(15)), (5, 10, 15), "agree")
    checked = gatekit("lint", "registrations", cwd=tmp_path)
    assert "registrations/agree.yaml: sound: registration 'agree' for claim 'agree', 15 seeds, 3 looks" in (
        checked.stdout + checked.stderr
    )


def test_a_sweep_names_its_cells_as_candidates(tmp_path: Path) -> None:
    config = str(CONFIGS / "ablation" / "smoke.yaml")
    done = gatekit("register", "--claim", "agree", "--config", f"ablation={config}", *SEEDS, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = read_registration(str(tmp_path / "registrations" / "agree.yaml"))
    assert len(found.candidates) == len(found.measurements) > 1
    assert f"the best of {len(found.candidates)} paid for" in done.stdout


def test_as_a_pilot_was_measured(tmp_path: Path) -> None:
    document = builders.release_evidence()["ood.json"]
    builders.write(tmp_path, {"ood.json": document})
    done = gatekit("register", "--claim", "agree", "--like", "ood.json", *SEEDS, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (measured,) = read_registration(str(tmp_path / "registrations" / "agree.yaml")).measurements
    assert (measured.kind, measured.config) == ("ood", config_without_seeds_sha256(document["producer"]["config"]))


def test_another_tools_protocol_is_registered_by_its_name(tmp_path: Path) -> None:
    given = ("--protocol", "downstream_score=mmlu 5-shot", "--candidate", "a", "--candidate", "b")
    done = gatekit("register", "--claim", "agree", *given, "--seeds", "3,1,2", "--out", "-", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert 'protocol: "mmlu 5-shot"' in done.stdout and 'candidates: ["a", "b"]' in done.stdout
    assert not (tmp_path / "registrations").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 64, "nothing to register"),
        (("--protocol", "ood=p", "--looks", "5,4"), 4, "must increase"),
        (("--protocol", "ood=p", "--looks", "5,x"), 64, "no list of numbers"),
        (("--protocol", "odd=p"), 4, "did you mean 'ood'?"),
        (("--protocol", "ood"), 64, "KIND=NAME"),
        (("--config", "none.yaml"), 64, "no configuration at 'none.yaml'"),
        (("--like", "none.json"), 4, "none.json"),
    ],
)
def test_what_cannot_be_registered_is_refused(tmp_path: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    done = gatekit("register", "--claim", "agree", "--seeds", "0-4", *arguments, cwd=tmp_path)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert not (tmp_path / "registrations").exists()


def test_a_registration_is_never_overwritten(tmp_path: Path) -> None:
    arguments = ("register", "--claim", "agree", "--protocol", "ood=p", "--seeds", "0-4")
    assert gatekit(*arguments, cwd=tmp_path).returncode == 0
    before = (tmp_path / "registrations" / "agree.yaml").read_bytes()
    done = gatekit(*arguments, "--looks", "4,5", cwd=tmp_path)
    assert (done.returncode, "already a file" in done.stderr) == (64, True)
    assert (tmp_path / "registrations" / "agree.yaml").read_bytes() == before


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "registrations").write_text("A file, where the folder would be.")
    done = gatekit("register", "--claim", "agree", "--protocol", "ood=p", "--seeds", "0-4", cwd=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (64, 1)
    assert done.stderr.startswith("gatekit: registrations: the folder cannot be made: ")


def test_lint_names_a_claim_that_is_not_registered(tmp_path: Path) -> None:
    gatekit("register", "--claim", "agre", "--protocol", "ood=p", "--seeds", "0-4", cwd=tmp_path)
    rules = {"documents": ["a.md"]}
    claim = {"id": "agree", "sentence": "A.", "status": "pending", "policy": "p", "gates": ["g"]}
    (tmp_path / "claims.yaml").write_text(json.dumps({"schema": "gatekit.claims/1", "rules": rules, "claims": [claim]}))
    done = gatekit("lint", "registrations/agre.yaml", cwd=tmp_path)
    assert done.returncode == 4
    assert "claims.yaml has no claim 'agre'; did you mean 'agree'?" in done.stderr
