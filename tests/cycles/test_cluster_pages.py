"""What the page on cycles shows for clusters: files that parse, and commands whose options there are."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from acceptance.console_script import gatekit

from gatekit.cycles.reading import parse_cycle
from gatekit.evidence.strict_yaml import parse_yaml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "cycles.md").read_text(encoding="utf-8")
YAML = re.findall(r"^```yaml\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
SHELL = re.findall(r"^```sh\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)


def rayjob() -> dict[str, Any]:
    plain: dict[str, Any] = parse_yaml(YAML[1].encode(), "docs/cycles.md").plain()
    return plain


def test_the_first_block_of_the_page_is_a_cycle_and_the_other_a_rayjob() -> None:
    assert len(YAML) == 2
    assert parse_cycle(YAML[0].encode(), "cycles/alignment.yaml").id == "alignment"
    assert rayjob()["kind"] == "RayJob"


def test_the_rayjob_is_one_that_kueue_admits_and_every_node_sees_the_cache() -> None:
    job = rayjob()
    assert "kueue.x-k8s.io/queue-name" in job["metadata"]["labels"]
    assert job["spec"]["shutdownAfterJobFinishes"] is True
    cluster = job["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        pod = group["template"]["spec"]
        (container,) = pod["containers"]
        assert [one["name"] for one in container["volumeMounts"]] == [one["name"] for one in pod["volumes"]]
        assert container["volumeMounts"][0]["mountPath"] == "/shared"
    assert "--cache /shared/" in job["spec"]["entrypoint"]


def test_the_batch_script_is_shell_and_puts_itself_back_before_its_limit() -> None:
    (script,) = [one for one in SHELL if "#SBATCH" in one]
    done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--signal=B:TERM" in script
    assert "trap 'scontrol requeue" in script
    assert "&\nwait $!\n" in script, "a trap is run only while the shell waits"


@pytest.mark.parametrize("text", ["slurm", "kubernetes"])
def test_the_commands_have_options_that_there_are(text: str) -> None:
    shown = rayjob()["spec"]["entrypoint"] if text == "kubernetes" else "".join(SHELL).replace("\\\n", " ")
    (line,) = re.findall(r"gatekit cycle run [^&\n]*", shown)
    help_page = gatekit("cycle", "run", "--help", cwd=ROOT).stdout
    options = [word for word in shlex.split(line) if word.startswith("--")]
    assert len(options) == 3
    assert [option for option in options if option not in help_page] == []
