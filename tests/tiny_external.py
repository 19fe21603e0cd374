"""The smallest configurations of the runners `cebench` and `ood`."""

from __future__ import annotations

from tiny_stage import SAES

PAIRS = "{source: labelled, rows: 6, seed: 1, datasets: [66_living-room, 87_glue_cola]}"
CEBENCH = (
    SAES
    + f"""\
scoring:
  formula: paper
  pairs: {PAIRS}
  baseline: {{kind: random_model, random_model_seed: 0, l0_band: 1.25}}
  network: false
"""
)
OOD = (
    SAES
    + """\
shift:
  shifted: [5_hist_fig_ismale]
  longer: [96_spam_is]
  least_dense_auc: 0.5
  rows: 40
  test_fraction: 0.4
  max_tokens: 16
  pooling: mean
  ks: [1, 3]
  penalty: l2
  seed: 2
"""
)
