"""The rules of gpu-evidence.yml, for invariants.py: who may ask, what runs on the machine, and what a success means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

LIMITS = re.compile(r"timeout --preserve-status --signal=TERM --kill-after=(\d+)m (\d+)m ")
COLLECTING = 15
"""Minutes that a job needs after its driver has ended, to hand over what there is."""


def cycle_rules(text: str, document: Mapping[str, Any]) -> dict[str, bool]:
    """Return name of the rule -> whether it holds; `text` is the workflow's YAML, `document` the same parsed."""
    jobs = document["jobs"]
    request, cycle, attest, propose = (jobs[name] for name in ("request", "cycle", "attest", "propose"))
    check = request["steps"][0]
    scripts = {step["name"]: step["run"] for step in cycle["steps"] if "run" in step}
    run = scripts.get("run the cycle", "")
    limits = LIMITS.search(run)
    download = [step["with"] for step in attest["steps"] if "download-artifact@" in step.get("uses", "")]
    uploads = [step for step in cycle["steps"] if "upload-artifact@" in step.get("uses", "")]
    return {
        "cycle: only by hand": set(document["on"]) == {"workflow_dispatch", "workflow_call"}
        and '"$GITHUB_EVENT_NAME" != workflow_dispatch' in check["run"],
        "cycle: one at a time": document.get("concurrency") == {"group": "gpu-evidence", "cancel-in-progress": False},
        "cycle: only from main": '"$GITHUB_REF" != refs/heads/main' in check["run"],
        "cycle: inputs are checked before anything else": cycle["needs"] == "request"
        and set(check["env"].values()) == {"${{ inputs.cycle }}", "${{ inputs.nonce }}"}
        and check["run"].startswith("LC_ALL=C\n")
        and '"$CYCLE" =~ ^[a-z][a-z0-9-]{0,63}$' in check["run"]
        and '"$NONCE" =~ ^[0-9a-f]{16,64}$' in check["run"]
        # The labels of a caller's machine, which no script sees; empty where nobody calls.
        and text.count("inputs.") - text.count("inputs.labels == ''") == 3,
        "cycle: the machine": cycle["runs-on"] == '${{ fromJSON(inputs.labels || \'["self-hosted", "gpu", "b200"]\') }}'
        and document["on"]["workflow_call"]["inputs"]["labels"]["default"] == '["self-hosted", "gpu"]'
        and not any("self-hosted" in str(job["runs-on"]) for name, job in jobs.items() if name != "cycle"),
        "cycle: people say yes": cycle.get("environment") == "gpu-evidence",
        "cycle: it only reads and holds no secret": cycle["permissions"] == {"contents": "read"}
        and request["permissions"] == {}
        and not re.search(r"secrets\.|github\.token", f"{request}{cycle}"),
        "cycle: only main's code and plans": [
            step["with"] | {"persist-credentials": 0} for step in cycle["steps"] if "checkout@" in step.get("uses", "")
        ]
        == [{"path": "harness", "ref": "${{ github.sha }}", "persist-credentials": 0}]
        and all('cd -- "$GITHUB_WORKSPACE/harness"' in script for script in scripts.values()),
        "cycle: what is asked for is checked before it is measured": 0
        <= run.find('"${python[@]}" -m runners.request --cycle "cycles/$CYCLE.yaml" .\n')
        < run.find("-m gatekit cycle run"),
        "cycle: nothing outside the harness is imported": 'python=("$RUNNERS_PYTHON" -E -s)' in run
        and all(script.count('"$RUNNERS_PYTHON" -E -s') == 1 for script in scripts.values())
        and all(script.count("$RUNNERS_PYTHON") == 1 for script in scripts.values())
        and {key: cycle["env"].get(key) for key in ("PYTHONPATH", "PYTHONHOME", "PYTHONNOUSERSITE")}
        == {"PYTHONPATH": "", "PYTHONHOME": "", "PYTHONNOUSERSITE": "1"},
        "cycle: the next job finds what this one leaves": cycle["env"].get("GATEKIT_RUNS_DIR")
        == "${{ vars.GATEKIT_RUNS_DIR }}"
        and cycle["env"].get("GATEKIT_CACHE_DIR") == "${{ vars.GATEKIT_CACHE_DIR }}"
        and '--runs "$GATEKIT_RUNS_DIR" --cache "$GATEKIT_CACHE_DIR"' in run
        and '"$folder/" == "$RUNNER_TEMP"/*' in run,
        "cycle: the driver ends before the job does": limits is not None
        and sum(int(part) for part in limits.groups()) + COLLECTING <= cycle["timeout-minutes"],
        "cycle: success only where it is finished": run.rstrip().endswith('exit "$code"')
        and '"$standing" == finished && "$recorded" == "$code" && "$code" =~ ^[023]$' in run
        and run.count("code=0\n") == 2
        and not any("continue-on-error" in part for part in [cycle, *cycle["steps"]])
        and not re.search(r"\|\| *(true|:)|set \+e|\bexit 0\b", "\n".join(scripts.values())),
        "cycle: what there is is always handed over": [step.get("if") for step in cycle["steps"]]
        == [None, None, "always()", "always()"]
        and cycle["steps"][-1:] == uploads
        and uploads[0]["with"]["if-no-files-found"] == "error",
        "cycle: no link is handed over": " -type f " in scripts.get("collect what there is", ""),
        "cycle: signing runs nothing that was measured": attest["runs-on"] == "ubuntu-24.04"
        and attest.get("environment") == "gpu-evidence-signing"
        and attest["permissions"] == {"contents": "read"}
        and [one["artifact-ids"] for one in download] == ["${{ needs.cycle.outputs.artifact }}"]
        and download[0]["path"] == "${{ runner.temp }}/measured"
        and [
            step["with"] | {"persist-credentials": 0} for step in attest["steps"] if "checkout@" in step.get("uses", "")
        ]
        == [
            {
                "path": "gate",
                "repository": "${{ job.workflow_repository || github.repository }}",
                "ref": "${{ job.workflow_sha || github.sha }}",
                "persist-credentials": 0,
            },
            {"path": "main", "ref": "${{ github.sha }}", "persist-credentials": 0},
        ]
        and "-m gatekit" not in str(attest)
        and 'bin/python" -I "' in str(attest),
        "cycle: a caller's own files are not taken for the gate": "exit 64" in attest["steps"][0]["run"]
        and attest["steps"][0]["env"]
        == {
            "REPOSITORY": "${{ job.workflow_repository || (inputs.labels == '' && github.repository) }}",
            "COMMIT": "${{ job.workflow_sha || (inputs.labels == '' && github.sha) }}",
        }
        and not any("main/" in step.get("run", "").replace("WORKSPACE/main/", "") for step in attest["steps"])
        and "bash main/" not in str(attest),
        "cycle: no force": not re.search(r"--force|push -f|\+HEAD", text),
        "cycle: proposing has no secret": "secrets." not in str(propose)
        and propose["needs"] == ["request", "attest"]
        and "GATEKIT_RUNNERS_PYTHON" not in str(propose),
        # A cycle that goes on is signed when it is finished.
        "cycle: only what is finished is signed": attest["needs"] == ["request", "cycle"]
        and not any("if" in part for part in [attest, *attest["steps"]]),
    }
