"""All files of a dossier, made in memory: nothing is written before everything is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from hashlib import sha256

from gatekit.candidates import Robustness, SelectionResult
from gatekit.dossier.evidence_figures import evidence_figures
from gatekit.dossier.folder import MANIFEST, SCHEMA, SUMS, sums
from gatekit.dossier.gathering import BASE, CANDIDATE, EVIDENCE, POLICIES
from gatekit.dossier.judging import JudgedInputs
from gatekit.dossier.pages import Dossier, Plot, forest_name, index, readme
from gatekit.evidence.summary import Measurement, Summary
from gatekit.gates.verdict import PolicyResult, ThresholdResult, thresholds_in
from gatekit.kinds import FOLDER as KINDS
from gatekit.report import render
from gatekit.report.forest_plot import svg as forest_svg
from gatekit.report.json_values import text, time, tool, written

NOT_INSTALLED = "matplotlib is not installed; `pip install 'gatekit-sae[plots]'` brings it"
PNG_ROWS = 300
"""Thresholds of all policies whose forest plots are PNG too: each takes a hundredth of a second or two."""
TOO_MANY = f"the PNG files show {PNG_ROWS} thresholds of all policies at most; the SVG files show all"


def contents(judged: JudgedInputs) -> dict[str, bytes]:
    """Return content by path, SHA256SUMS and manifest.json included."""
    files = dict(judged.gathered.files)
    what = {name: _what(name) for name in files}
    for name, format in (("report.md", "markdown"), ("report.html", "html"), ("report.json", "json")):
        files[name] = render(format, judged.verdict).encode()
        what[name] = f"The gate report: every number of the verdict, as {format}"
    if judged.selected is not None and judged.robustness is not None:
        files |= _selection(judged.selected, judged.robustness)
        what["selection/selection.md"] = "Why this candidate was selected, and how far the choice stands"
        what["selection/pareto.md"] = "All candidates that were compared"
    plots, missing = _plots(judged)
    for plot in plots:
        for ending, data in (("svg", plot.svg), ("png", plot.png)):
            if data is not None:
                files[f"plots/{plot.name}.{ending}"] = data
                what[f"plots/{plot.name}.{ending}"] = plot.title
    what[MANIFEST] = "What went in and what came out, with the digests of both"
    what[SUMS] = "The digest of every file here"
    baselines = {summary.sha256: summary.protocol.baseline_kind for summary in judged.summaries}
    dossier = Dossier(judged.verdict, plots, missing, dict(sorted(what.items())), baselines, _rerun(judged))
    files["README.md"] = readme(dossier).encode()
    files["index.html"] = index(dossier).encode()
    files[MANIFEST] = _manifest(judged, files, missing).encode()
    return files | {SUMS: sums(files)}


def _what(name: str) -> str:
    if name == CANDIDATE:
        return "What was selected, as `gatekit select` wrote it"
    if ".dsse." in name or ".sigstore." in name:
        return "A signature over the summary of the same name"
    folder = name.partition("/")[0]
    words = {
        KINDS: "What can be measured under one name",
        POLICIES: "A policy",
        EVIDENCE: "A summary",
        BASE: "A summary of the base that was compared with",
    }
    return f"{words[folder]}, byte for byte as it was judged"


def _rerun(judged: JudgedInputs) -> str:
    command = f"gatekit check --policy {POLICIES} --evidence {EVIDENCE}"
    if judged.gathered.base is not None:
        command += f" --base-evidence {BASE}"
    if judged.gathered.candidate is not None:
        command += f" --candidate {CANDIDATE}"
    if any(policy.signed_by is not None for policy in judged.gathered.policies):
        command += " --keys YOUR_KEYS"  # whose signatures count is for the reader to say, not for the dossier
    return f"{command} --now {time(judged.verdict.now)}"


def _selection(selected: SelectionResult, robustness: Robustness) -> dict[str, bytes]:
    from gatekit.report.selection.markdown import pareto, rationale

    assert selected.winner is not None
    return {
        "selection/selection.md": rationale(selected, selected.winner, robustness).encode(),
        "selection/pareto.md": pareto(selected).encode(),
    }


def _plots(judged: JudgedInputs) -> tuple[tuple[Plot, ...], str | None]:
    """Return the pictures, and in one line which are missing and why."""
    plots: list[Plot] = []
    left_out: list[str] = []
    beyond: list[str] = []
    draw_png = _matplotlib()
    left = PNG_ROWS
    for policy in judged.verdict.policies:
        if not policy.gates:
            continue
        name = forest_name(policy)
        title = f"Every estimate and bound of policy {policy.id} against its threshold"
        alone = forest_svg(policy, name, alone=True).encode() + b"\n"
        left -= sum(len(list(thresholds_in(gate.result))) for gate in policy.gates)
        # What the first policy has is drawn as far as a picture goes.
        png = draw_png(policy) if draw_png is not None and (left >= 0 or not plots) else None
        plots.append(Plot(name, title, alone, png))
        if png is None:
            (left_out if draw_png is None else beyond).append(f"plots/{name}.png")
    for name, title, rule, measurement in _datasets(judged):
        if draw_png is None:
            left_out.append(f"plots/{name}")
            continue
        from gatekit.dossier import figures

        draw = partial(figures.per_dataset, rule, measurement)
        plots.append(Plot(name, title, figures.svg(draw), figures.png(draw)))
    for figure in evidence_figures(judged.summaries):
        if draw_png is None:
            left_out.append(f"plots/{figure.name}")
            continue
        from gatekit.dossier import figures

        plots.append(Plot(figure.name, figure.title, figures.svg(figure.draw), figures.png(figure.draw)))
    if judged.selected is not None:
        if draw_png is None:
            left_out.append("plots/pareto")
        else:
            from gatekit.dossier.figures import settled
            from gatekit.report.selection.plot import draw as draw_pareto

            with settled():
                drawn = draw_pareto(judged.selected)
            plots.append(Plot("pareto", "The candidates that were compared", drawn["pareto.svg"], drawn["pareto.png"]))
    missing = f"Not drawn: {', '.join(left_out)}: {NOT_INSTALLED}." if left_out else None
    if beyond:
        missing = f"Not drawn: {', '.join(beyond)}: {TOO_MANY}."
    return tuple(plots), missing


def _matplotlib() -> Callable[[PolicyResult], bytes] | None:
    """Return what draws a forest plot as PNG, None where there is no matplotlib."""
    try:
        from gatekit.dossier import figures
    except ImportError:
        return None
    return lambda policy: figures.png(partial(figures.forest, policy))


def _datasets(judged: JudgedInputs) -> list[tuple[str, str, ThresholdResult, Measurement]]:
    """Return (name, title, threshold, measurement) for every judged measurement per dataset, each once."""
    by_digest = {summary.sha256: summary for summary in judged.summaries}
    found: dict[str, tuple[str, str, ThresholdResult, Measurement]] = {}
    for policy in judged.verdict.policies:
        for rule in (rule for gate in policy.gates for rule in thresholds_in(gate.result)):
            summary = None if rule.evidence is None else by_digest.get(rule.evidence.sha256)
            measurement = None if summary is None else summary.measurements.get(rule.effect.measure)
            if measurement is None or measurement.design != "per_seed_dataset" or measurement.reported is not None:
                continue
            name = f"datasets-{rule.effect.kind}-{rule.effect.measure}"
            if name in found and found[name][3] is not measurement:
                name += f"-{rule.evidence.sha256[:12] if rule.evidence else ''}"
            title = f"{rule.effect.measurement} on each dataset: every seed, and the mean over seeds"
            found.setdefault(name, (name, title, rule, measurement))
    return list(found.values())


def _manifest(judged: JudgedInputs, files: Mapping[str, bytes], missing: str | None) -> str:
    verdict, gathered = judged.verdict, judged.gathered
    policies = [{"path": p.path, "id": p.id, "sha256": p.sha256} for p in gathered.policies]
    candidate = None
    if gathered.candidate is not None:
        candidate = {"path": gathered.candidate.path, "sha256": gathered.candidate.sha256}
    entries = [
        {"path": name, "sha256": sha256(data).hexdigest(), "bytes": len(data)} for name, data in sorted(files.items())
    ]
    return written(
        {
            "schema": SCHEMA,
            "tool": tool(verdict.version),
            "now": time(verdict.now),
            "verdict": verdict.word,
            "exit_code": int(verdict.exit_code),
            "policies": policies,
            "candidate": candidate,
            "evidence": list(map(_input, gathered.summaries)),
            "base_evidence": None if gathered.base is None else list(map(_input, gathered.base)),
            "missing_plots": missing,
            "files": entries,
        }
    )


def _input(summary: Summary) -> dict[str, str]:
    return {
        "path": summary.path,
        "sha256": summary.sha256,
        "kind": summary.kind,
        "subject_digest": summary.subject.digest,
        "subject": text(summary.subject.words),
    }
