"""What can be measured: one table per kind, one row per measure; the published schemas are made from them."""

from gatekit.kinds.kind import BASELINES, Baseline, Kind
from gatekit.kinds.lookup import BUILT_IN, FOLDER, INSTALLED, Kinds
from gatekit.kinds.measure_spec import MeasureSpec

__all__ = ["BASELINES", "BUILT_IN", "FOLDER", "INSTALLED", "Baseline", "Kind", "Kinds", "MeasureSpec"]
