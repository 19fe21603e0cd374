"""SAEBench 0.6: the results of every eval, and sae-probes' own, with the observations behind their means.

One result file is one SAE, and one SAE is one seed: name files as `SEED=FILE` where their `sae_cfg_dict` has no seed.
With `subject` (the model's digest and a checkpoint per seed) the files of one eval become one summary with an
observation per seed, or per seed and dataset; without, each file becomes `reported` numbers of one seed.

What is not taken over: `explained_variance`, which depends on the unit of the activations and exceeds 1;
`explained_variance_legacy`, a mean of ratios; means over datasets, which are recomputed; and -1 where SAEBench had
nothing to write. `mse` is SAEBench's, divided by the tokens of a batch once more than a mean squared error is; it is
comparable only at equal batches, so the batch stands in the protocol. The baseline of a probe is the dense probe of its
own dataset; the mean over datasets that SAEBench prints beside it covers every baseline file in its results folder.

Where sae-bench is installed, files are first checked against the JSON Schemas that it ships (none for sae-probes);
elsewhere only the fields that are read are checked. Either way the same file gives the same summary.

Every member of a file's configuration is a setting of the protocol but those that an eval lists as `read_elsewhere`;
files that differ in one, or in the evaluator's version, are never one summary.
"""

from __future__ import annotations

from gatekit.evidence.adapters.saebench.importing import import_files

__all__ = ["import_files"]
