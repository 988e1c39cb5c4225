"""The lock files pin everything, and leave the choice of registry to the machine."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON_LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-node.lock")


@pytest.mark.parametrize("name", PYTHON_LOCKS)
def test_every_python_package_is_pinned_with_hashes_and_no_address(name: str) -> None:
    """What is installed is what was chosen, from wherever the machine gets its packages."""
    text = (ROOT / name).read_text()
    entries = re.split(r"\n(?=\S)", text.strip())
    packages = [entry for entry in entries if not entry.startswith("#")]
    assert packages
    assert [
        entry for entry in packages if not re.match(r"[a-z0-9.\[\],-]+==\S+", entry) or "sha256:" not in entry
    ] == []
    assert re.findall(r"https?://|--index|--find-links", text) == []


def test_the_development_lock_agrees_with_the_runtime_lock() -> None:
    """Tests run against the versions that users get."""
    pins = [
        dict(re.findall(r"^([a-z0-9.-]+)(?:\[[^\]]*\])?==(\S+)", (ROOT / name).read_text(), re.MULTILINE))
        for name in PYTHON_LOCKS[:2]
    ]
    assert pins[0].items() <= pins[1].items()


def test_every_front_end_package_is_pinned_with_a_hash_and_no_address() -> None:
    """`resolved` would name the registry of whoever wrote the file."""
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    wanted = json.loads((ROOT / "package.json").read_text())
    assert [name for name, found in packages.items() if name and "integrity" not in found] == []
    assert [name for name, found in packages.items() if "resolved" in found] == []
    assert all(re.fullmatch(r"[0-9.]+", pin) for pin in (wanted["dependencies"] | wanted["devDependencies"]).values())


def test_the_procfile_names_the_parts_as_the_command_line_does() -> None:
    """A platform starts what `okr-sync up` starts."""
    lines = (ROOT / "Procfile").read_text().splitlines()
    assert dict(line.split(": ") for line in lines) == {
        "release": "okr-sync migrate",
        "web": "okr-sync web",
        "worker": "okr-sync worker",
        "clock": "okr-sync clock",
    }
