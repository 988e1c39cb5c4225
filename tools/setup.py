"""Set up a machine: the virtual environment, the project in it, the front end, a browser for the tests.

It runs on the system's Python before anything is installed, so it uses the standard library only.
Each step stores a hash of its inputs and is skipped while that has not changed.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
PROXIES = ("nginx", "haproxy", "pgbouncer")
SBIN = "/usr/sbin:/usr/local/sbin"  # not on everybody's PATH
POLICY = Path("/usr/sbin/policy-rc.d")  # https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def main(stage: str) -> None:
    """Set up for `stage`: "runtime" for demo and up, "dev" also for tests and checks."""
    make_environment()
    install_lock("runtime", ROOT / "requirements.lock")
    install_project()
    run_tool("tools/frontend.py", "build")
    if stage == "dev":
        install_lock("dev", ROOT / "requirements-dev.lock")
        need_browser()
        need_browser_driver()
        need_proxies()


def make_environment() -> None:
    """Create `.venv` if it is missing, or if a lock file or the Python version changed."""
    made_from = digest(ROOT / "requirements.lock", ROOT / "requirements-dev.lock", salt=sys.version)
    if stamp("environment", made_from):
        return
    say("Setting up .venv (about a minute the first time)")
    if importlib.util.find_spec("ensurepip") is None:
        install_package("python3-venv", why="Python's venv module")
    run(sys.executable, "-m", "venv", "--clear", str(VENV))
    put_stamp("environment", made_from)


def install_lock(stage: str, lock: Path) -> None:
    """Install the packages of `lock`, each file checked against its hash."""
    made_from = digest(lock)
    if stamp(stage, made_from):
        return
    say(f"Installing {lock.name}")
    pip("--require-hashes", "-r", str(lock))
    put_stamp(stage, made_from)


def install_project() -> None:
    """Install the project as editable, with the `okr-sync` command."""
    made_from = digest(ROOT / "pyproject.toml", salt=str(ROOT))
    if stamp("project", made_from):
        return
    pip("--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    put_stamp("project", made_from)


def need_browser() -> None:
    """Install Chromium unless there is one: the tests use a real browser."""
    chosen = os.environ.get("CHROMIUM")
    if chosen or any(shutil.which(name) for name in BROWSERS):
        return
    install_package("chromium", why="a Chromium for the tests (or set CHROMIUM to one)")


def need_browser_driver() -> None:
    """Install libatomic unless Playwright's driver starts: its Node needs this library, which a bare Debian lacks."""
    driver = [str(VENV / "bin" / "playwright"), "--version"]
    if subprocess.run(driver, check=False, capture_output=True).returncode != 0:
        install_package("libatomic1", why="libatomic, which Playwright's driver needs")


def need_proxies() -> None:
    """Install nginx, HAProxy and PgBouncer for the tests; where they can't be had, those tests are skipped."""
    for name in PROXIES:
        if shutil.which(name, path=f"{os.environ.get('PATH', '')}:{SBIN}") is None and can_install():
            with services_stay_stopped():
                try_to_install(name)


@contextmanager
def services_stay_stopped() -> Iterator[None]:
    """Keep Debian from starting the service of a package that is installed meanwhile."""
    absent = not POLICY.exists()
    if absent:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        yield
    finally:
        if absent:
            POLICY.unlink()


def can_install() -> bool:
    """Return whether we may install Debian packages."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install_package(package: str, *, why: str) -> None:
    """Install a Debian package as root; otherwise exit and say what to install."""
    if not can_install():
        sys.exit(f"Missing: {why}. On Debian or Ubuntu: sudo apt-get install {package}")
    if not try_to_install(package):
        sys.exit(f"The package {package} could not be installed; try: apt-get update && apt-get install {package}")


def try_to_install(package: str) -> bool:
    """Install a Debian package as root; return whether that worked, and show what apt says if it did not."""
    say(f"Installing the Debian package {package}")
    install = ["apt-get", "install", "--yes", "-qq", "--no-install-recommends", package]
    # A new machine has no package lists, an old one may have stale ones.
    return apt(install) or (apt(["apt-get", "update", "-qq"]) and apt(install, show=True))


def apt(command: list[str], *, show: bool = False) -> bool:
    """Run apt without questions and return whether it succeeded; `show` its output when it failed."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    if show and done.returncode != 0:
        say(done.stdout + done.stderr)
    return done.returncode == 0


def pip(*arguments: str) -> None:
    """Install with the environment's pip."""
    run(str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments)


def run_tool(*command: str) -> None:
    """Run a tool with the environment's Python."""
    run(str(PYTHON), *command)


def run(*command: str) -> None:
    """Run a command in the root directory, showing its output; exit with its name when it fails."""
    done = subprocess.run(command, cwd=ROOT, check=False)
    if done.returncode != 0:
        sys.exit(f"Setting up stopped: {' '.join(command)} ended with {done.returncode}")


def digest(*files: Path, salt: str = "") -> str:
    """Return the SHA-256 of the files' contents and of `salt`, in hex."""
    content = b"\0".join([salt.encode(), *(file.read_bytes() for file in files)])
    return hashlib.sha256(content).hexdigest()


def stamp(stage: str, made_from: str) -> bool:
    """Return whether `stage` was finished with exactly these inputs."""
    file = VENV / f"{stage}.stamp"
    return file.exists() and file.read_text() == made_from


def put_stamp(stage: str, made_from: str) -> None:
    """Store that `stage` is finished."""
    (VENV / f"{stage}.stamp").write_text(made_from)


def say(line: str) -> None:
    """Print what is going on."""
    print(line, flush=True)  # noqa: T201  # this is a command


if __name__ == "__main__":
    main(sys.argv[1])
