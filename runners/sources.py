"""Which code can change a number, and why: what a summary names as its sources, and what a cached result is keyed by.

Evidence goes stale when one of its sources changes, and measuring again costs hours; so what cannot move an observation
is left out. In doubt a module counts. An entry is a module, or a package with all below it (`.*`); the more specific
one holds. A test fails for a module that neither list covers; at run time it counts.

Code of `gatekit` is in neither. The runners take from it the form of a summary (names, units, ranges), its digests and
its errors; a summary holds raw observations, which `gatekit` checks but does not compute, and every bound is computed
anew by whoever judges.
"""

from __future__ import annotations

from pathlib import PurePosixPath

COUNTED = {
    "runners": "the package itself: what stands in it would run before everything",
    "runners.arms.*": "which SAEs and controls there are, and what is computed from them for every stage",
    "runners.benchmarks.*": "probes and scores",
    "runners.code_digest": "names cached results: one that is found by a wrong name is a wrong number",
    "runners.determinism": "threads, flags and environment that decide how sums are rounded",
    "runners.digests": "which texts are the same text, and what inputs are called",
    "runners.metrics.*": "what is measured",
    "runners.saes.*": "architectures, their training and what is read of checkpoints; each run imports only its own",
    "runners.seeding": "every random draw",
    "runners.stage": "the package itself",
    "runners.stage.chance_plan": "how many random dictionaries chance is estimated on",
    "runners.stage.removal_protocol": "which settings a run of SCR or TPP states",
    "runners.stage.removal_measuring": "which observations SCR and TPP write",
    "runners.stage.removal_stage": "what a run of SCR or TPP shrinks to and measures",
    "runners.stage.sae_stage": "what a run on trained SAEs shrinks to and measures",
    "runners.stage.sae_subject": "which subject a configuration is about",
    "runners.stage.selection": "how many candidates the subject was chosen from, which a bound pays for",
    "runners.stages.*": "what is compared with what, on which rows, and which observations are written",
    "runners.subjects.*": "models, texts and activations",
    "runners.summary_writing": "observations on their way into the file",
}

LEFT_OUT = {
    "runners.arrays": "names types of arrays, which nothing computes with",
    "runners.costs.*": "says what a run would take; nothing runs",
    "runners.__main__": "finds a runner by its name",
    "runners.config": "reads configurations; what it read stands in the summary and in the key of every cache",
    "runners.config_text": "reads the text of a configuration; the values stand in the summary",
    "runners.config_values": "reads the values of a configuration, which stand in the summary",
    "runners.places": "tells where in its file a value of a configuration stands; the values stand in the summary",
    "runners.progress": "tells how far a run is",
    "runners.provenance": "tells who measured, when, and with what code",
    "runners.settings": "reads values of a configuration from the command line; the values stand in the summary",
    "runners.request": "refuses a configuration before anything is run, or lets it be",
    "runners.saes.architecture_options": "declares what a configuration may say; the values stand in the summary",
    "runners.saes.registry": "finds an architecture, and the name of its price, by its name; the module found counts",
    "runners.saes.given_plan": "names SAEs from files; which were read stands in the summary by digest",
    "runners.saes.formats.use": "refuses an SAE that belongs elsewhere, or lets it be",
    "runners.saes.stated_facts": "keeps what a checkpoint says of itself, which nothing computes with",
    "runners.sources": "this list",
    "runners.subjects.own_set_faults": "refuses a configuration before anything is read, or lets it be",
    "runners.subjects.text_forms.registry": "finds a reader by the end of a file's name; the module found counts",
    "runners.subjects.text_plan_faults": "refuses a configuration before anything is read, or lets it be",
    "runners.subjects.unread_forms": "refuses texts in a form that is not read, or lets them be",
    "runners.stage.judging": "asks gatekit about a summary that is already written",
    "runners.claims": "says who computes an entry of the cache, so that nobody else does; entries are known by digest",
    "runners.object_cache": "brings entries of the cache from elsewhere, which are known by digest",
    "runners.whole_files": "puts whole files and folders in their places, whatever is in them",
    "runners.cache_use": "tells which files of the cache were used",
    "runners.stage.planned_pieces": "names what may be computed ahead; a run computes whatever it does not find",
    "runners.stage.planned_steps": "names what may be computed ahead; a run computes whatever it does not find",
    "runners.stage.step_making": "computes ahead by the functions of a run, which finds it by what determines it",
    "runners.stage.unit_command": "lists and starts what is computed ahead",
    "runners.stage.unit_making": "computes ahead by the functions of a run, which finds it by what determines it",
    "runners.stage.units": "names what is computed ahead; a run finds results by other names",
    "runners.stage.lifecycle": "parses the command line and decides what becomes of a run that fails",
    "runners.stage.interruption": "ends a run that a signal asks to end, which then writes no observations",
    "runners.stage.supervision": "waits for a run, and says when it died; one that died writes no observations",
    "runners.stage.run_environment": "names the folders and the device of a run; the device stands in every key",
    "runners.stage.lost_entries": "has a run begun anew whose cache lost what it used; the new one measures for itself",
    "runners.stage.machine_faults": "says what the machine lacks",
    "runners.stage.parts_faults": "refuses a configuration before anything is run, or lets it be",
    "runners.stage.control_positions": "refuses a configuration before anything is run, or lets it be",
    "runners.stage.hub_commits": "names commits of the hub; what was measured of them is known by digest",
    "runners.stage.hub_faults": "says what the hub did not give",
    "runners.stage.stage": "says what a runner consists of; each part is counted where it is written",
    "runners.sae_paths": "finds the SAEs that a user names; which were read stands in the summary by digest",
    "runners.starter": "writes a first configuration, whose values stand in the summary",
    "runners.tracking": "copies the curves of training to a tracking service",
}


def counts(name: str) -> bool:
    """Say whether a module can change a number.

    Args:
        name: in full, such as `runners.saes.topk`; one that no list covers counts, other packages' modules too.
    """
    return _most_specific(name) not in LEFT_OUT


def is_listed(name: str) -> bool:
    """Say whether a module of `runners` is covered by one of the lists."""
    return _most_specific(name) is not None


def module_name(path: str) -> str:
    """Return the full name of the module in a file of a repository, such as `runners/saes/topk.py`."""
    parts = PurePosixPath(path).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _most_specific(name: str) -> str | None:
    """Return the entry that covers a module: the module itself, or the nearest package with all below it."""
    if name in COUNTED or name in LEFT_OUT:
        return name
    parts = name.split(".")
    patterns = (".".join([*parts[:end], "*"]) for end in range(len(parts), 0, -1))
    return next((pattern for pattern in patterns if pattern in COUNTED or pattern in LEFT_OUT), None)
