"""What the parts of one project are called, so that two projects of a repository do not take each other's.

The project at the top has the plain names. A name below it ends in the folder's; where another folder could end alike,
with some digits of a digest.
"""

from __future__ import annotations

import hashlib
import re

_LONGEST = 40


def ending(root: str) -> str:
    """Return what stands behind the plain name of a file, an artifact or a comment: `-packages-sae`, or ""."""
    if not root:
        return ""
    plain = re.sub("[^a-z0-9]+", "-", root.lower()).strip("-")[:_LONGEST].strip("-")
    if root == plain.replace("-", "/"):
        return f"-{plain}"
    digits = hashlib.sha256(root.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"-{plain}-{digits}" if plain else f"-{digits}"
