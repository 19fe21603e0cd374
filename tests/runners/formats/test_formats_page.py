"""docs/formats.md names every format that is read, and its description is one that is read."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest
import torch

from runners.saes.formats.any_format import read_sae
from runners.saes.formats.own_formats import OWN
from runners.saes.topk import TopK

pytestmark = pytest.mark.runners

PAGE = (Path(__file__).parents[3] / "docs" / "formats.md").read_text("utf-8")


def test_the_table_names_every_format_that_is_read_and_no_other():
    section = PAGE.split("## What is read")[1].split("Latents and")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [own.name for own in OWN]


def test_every_format_has_its_measured_difference():
    section = PAGE.split("| format | compared with |")[1].split("## A plain")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == {own.name for own in OWN} - {"gatekit"}


def test_the_description_on_the_page_is_read(weights, tmp_path):
    text = textwrap.dedent(PAGE.split("## A plain state dict\n")[1].split("`.T` turns")[0])
    (tmp_path / "sae.yaml").write_text(text)
    shapes = {"encoder.weight": (40, 12), "encoder.bias": (40,), "decoder.weight": (12, 40), "bias": (12,)}
    torch.save(weights(**shapes), tmp_path / "sae.pt")
    assert read_sae(tmp_path).architecture == TopK(12, 40, 32, 0)
