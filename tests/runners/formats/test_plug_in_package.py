"""A package that is installed brings the format of its own SAEs, as `gatekit.sae_formats` in its metadata says."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from gatekit.errors import GatekitError
from runners.saes.formats.any_format import format_names, read_sae
from runners.saes.topk import TopK

pytestmark = pytest.mark.runners

PACKAGE = Path(__file__).parents[2] / "plugin_package"
D, F, K = 12, 40, 4
SHAPES = {"W_enc": (D, F), "b_enc": (F,), "W_dec": (F, D), "b_dec": (D,)}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install the package as pip does an editable one: its metadata on the path, and the way to its code."""
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    metadata = tmp_path / "site" / f"{project['name']}-{project['version']}.dist-info"
    metadata.mkdir(parents=True)
    about = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (metadata / "METADATA").write_text(about)
    points = (
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        for group, entries in project["entry-points"].items()
    )
    (metadata / "entry_points.txt").write_text("\n".join(points))
    monkeypatch.syspath_prepend(str(PACKAGE))
    monkeypatch.syspath_prepend(str(metadata.parent))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "labprobe"]:
        del sys.modules[name]


def saved(folder: Path, weights: Callable[..., dict[str, torch.Tensor]], **changed: object) -> Path:
    folder.mkdir()
    stored = {name: value.tolist() for name, value in weights(**SHAPES).items()}
    place = {"model": "gpt2", "hook": "blocks.3.hook_resid_post", "k": K}
    (folder / "labprobe.json").write_text(json.dumps({**stored, **place, **changed}))
    return folder


@pytest.mark.usefixtures("installed")
def test_its_format_is_recognised_and_computes_what_the_file_says(
    weights: Callable[..., dict[str, torch.Tensor]], rows: torch.Tensor, tmp_path: Path
):
    sae = read_sae(saved(tmp_path / "sae", weights))
    assert sae.architecture == TopK(D, F, K, 0)
    assert (sae.stated.format, sae.stated.model, sae.stated.d_in, sae.stated.d_sae) == ("labprobe", "gpt2", D, F)
    w = weights(**SHAPES)
    pre = ((rows - w["b_dec"]) @ w["W_enc"] + w["b_enc"]).clamp_min(0)
    latents = pre * (pre >= pre.sort(dim=1, descending=True).values[:, K - 1 : K])
    torch.testing.assert_close(sae.encode(rows), latents, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(sae.reconstruct(rows)[0], latents @ w["W_dec"] + w["b_dec"], rtol=1e-5, atol=1e-5)
    assert "labprobe" in format_names()


@pytest.mark.usefixtures("installed")
def test_what_it_returns_is_checked_as_our_own_readers_are(
    weights: Callable[..., dict[str, torch.Tensor]], tmp_path: Path
):
    with pytest.raises(GatekitError, match=r"'b_dec' of shape \(3,\) where the configuration says \(12,\)"):
        read_sae(saved(tmp_path / "sae", weights, b_dec=[0.0, 0.0, 0.0]))


def test_without_the_package_nothing_knows_its_files(weights: Callable[..., dict[str, torch.Tensor]], tmp_path: Path):
    with pytest.raises(GatekitError, match="which no SAE format keeps"):
        read_sae(saved(tmp_path / "sae", weights))
