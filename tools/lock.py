"""Write the lock files from `pyproject.toml` and `package.json`: each version pinned, each file with its hash.

No lock file names a registry: an installation uses the registry that its machine is configured for.
Pinned versions are raised to the newest; with `--keep` they stay, and only what is missing is added.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLAIN = ("--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-header", "--quiet")
FOR_ALL = ("--python-version", "3.11", "--universal")


def main(*options: str) -> None:
    """Lock the runtime, then the development packages, then the temporary Node, then the front end."""
    with tempfile.TemporaryDirectory(prefix="okr-sync-lock-") as directory:
        run(sys.executable, "-m", "venv", directory)
        run(f"{directory}/bin/pip", "install", "--quiet", "--disable-pip-version-check", "uv")
        newest = () if "--keep" in options else ("--upgrade",)
        uv = (f"{directory}/bin/uv", "pip", "compile", *newest, *PLAIN, *FOR_ALL)
        run(*uv, "--group", "build", "pyproject.toml", "-o", "requirements.lock")
        with_dev = ("--group", "build", "--group", "dev", "-c", "requirements.lock")
        run(*uv, *with_dev, "pyproject.toml", "-o", "requirements-dev.lock")
        run(*uv, "--group", "node", "-o", "requirements-node.lock")
    run(sys.executable, "tools/frontend.py", "lock")


def run(*command: str) -> None:
    """Run a command in the root directory; stop when it fails."""
    subprocess.run(command, cwd=ROOT, check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
