"""What is registered is looked up once, and again as soon as something is installed or removed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from acceptance.plugins import package

from gatekit import plugins

GROUP = "gatekit.adapters"


def test_what_is_installed_or_removed_meanwhile_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    os.utime(folder, (0, 0))
    monkeypatch.syspath_prepend(folder)
    before = plugins.registered(GROUP, "adapter")
    package(folder, {"labtool": ""}, f"[{GROUP}]\nlab = labtool\n")
    assert set(plugins.registered(GROUP, "adapter")) - set(before) == {"lab"}
    shutil.rmtree(folder / "labtool-1.0.dist-info")
    os.utime(folder, (1, 1))
    assert plugins.registered(GROUP, "adapter") == before


def test_the_metadata_of_packages_is_read_once_for_many_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    real = plugins._points
    monkeypatch.setattr(plugins, "_points", lambda group: asked.append(group) or real(group))
    names = [set(plugins.registered(GROUP, "adapter")) for _ in range(5)]
    assert asked == [GROUP]
    assert names == [names[0]] * 5
