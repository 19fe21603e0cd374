"""A registration that is sound, as text and as plain data."""

from __future__ import annotations

from gatekit.registration.model import Registration
from gatekit.registration.reading import parse_registration

DIGEST = "ab" * 32

REGISTRATION = f"""\
schema: gatekit.registration/1
id: agreement
claim: agree
measurements:
  - kind: random_model
    config_without_seeds: {DIGEST}
  - kind: ood
    protocol: shifted/1
seeds: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
looks: [5, 10]
spending: equal
"""


def registration(text: str = REGISTRATION, path: str = "registrations/a.yaml") -> Registration:
    return parse_registration(text.encode(), path)
