from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock

import pytest

if TYPE_CHECKING:
    import torch

# The gate's environment has no torch, and none of these tests can be collected there.
collect_ignore_glob = [] if find_spec("torch") else ["test_*.py"]

if find_spec("torch"):
    import torch
    from safetensors.torch import load_file


@pytest.fixture
def weights() -> Callable[..., dict[str, torch.Tensor]]:
    """Return a function that draws tensors of these shapes; thresholds are positive, and a bias has a mean."""

    def draw(**shapes: tuple[int, ...]) -> dict[str, torch.Tensor]:
        generator = torch.Generator().manual_seed(7)
        drawn = {name: 0.5 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}
        return {
            name: value.abs() if "threshold" in name else value + 0.4 if value.ndim == 1 else value
            for name, value in drawn.items()
        }

    return draw


@pytest.fixture
def rows() -> torch.Tensor:
    """Return 64 inputs of width 12, float32, off centre, of different size."""
    generator = torch.Generator().manual_seed(9)
    return (torch.randn((64, 12), generator=generator) + 0.5) * torch.linspace(0.5, 3.0, 64).unsqueeze(1)


@pytest.fixture
def peer() -> Callable[[str], Any]:
    """Return a function that imports a module of the library that owns a format, or skips where it is not installed.

    A package's own `__init__` is not run: it imports what training needs, and the environment lacks that.
    """

    def load(module: str) -> Any:
        package = module.partition(".")[0]
        if package not in sys.modules:
            spec = find_spec(package)
            if spec is None or spec.submodule_search_locations is None:
                pytest.skip(f"{package} is not installed")
            stand_in = ModuleType(package)
            stand_in.__path__, stand_in.__spec__ = list(spec.submodule_search_locations), spec
            sys.modules[package] = stand_in
        return import_module(module)

    return load


@pytest.fixture
def sae_lens_reads(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a function that reads a repository's files, lying in a folder here, as SAELens reads them from the Hub."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import sae_lens
        from sae_lens.loading import pretrained_sae_loaders as loaders

    def read(loader: str, repository: Path, repo_id: str, folder: str, **overrides: Any) -> Any:
        def local(repo_id: str = "", filename: str = "", subfolder: str | None = None, **others: Any) -> str:
            path = repository / (subfolder or "") / filename
            if not path.is_file():
                response = MagicMock(status_code=404)
                raise loaders.EntryNotFoundError(str(path), response)
            return str(path)

        monkeypatch.setattr(loaders, "hf_hub_download", local)
        monkeypatch.setattr(
            loaders,
            "get_safetensors_tensor_shapes",
            lambda _, name: {key: list(value.shape) for key, value in load_file(repository / name).items()},
        )
        config, tensors, _ = getattr(loaders, loader)(repo_id, folder, "cpu", False, overrides)
        config = loaders.handle_config_defaulting(config)
        config["dtype"] = "float32"
        config_class = sae_lens.SAE.get_sae_config_class_for_architecture(config["architecture"])
        settings = config_class.from_dict(config)
        sae = sae_lens.SAE.get_sae_class_for_architecture(settings.architecture())(settings)
        sae.load_state_dict(tensors)
        return sae

    return read
