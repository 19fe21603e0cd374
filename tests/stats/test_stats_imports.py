from __future__ import annotations

import subprocess
import sys


def test_the_bounds_load_neither_numpy_nor_scipy():
    code = "import sys, gatekit.stats; sys.exit(any(name in sys.modules for name in ('numpy', 'scipy', 'statistics')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
