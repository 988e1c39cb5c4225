"""Fixture: an empty directory and an environment without our settings."""

import os
from pathlib import Path

import pytest

from config.settings import known_names


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Change to an empty directory, unset all settings and return the directory."""
    for name in list(os.environ):
        if name in known_names() or name.startswith("OKR_SYNC_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path
