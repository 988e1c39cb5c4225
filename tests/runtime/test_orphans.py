"""Process 1 reaps what it inherits, and steals no exit code of its own children."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sync_service.runtime.orphans import inherits_orphans
from tests.support.skip_guard import NOT_LINUX

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason=NOT_LINUX)

# A subreaper inherits as process 1 does, without a container.
BECOME_SUBREAPER = """
import ctypes, os, subprocess, sys, time
from pathlib import Path
from sync_service.runtime import orphans
assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0
"""

WITH_ONE_OF_OUR_OWN = """
class WithoutLists(type(Path())):
    def glob(self, pattern):
        return [] if pattern.endswith("children") else super().glob(pattern)

if sys.argv[1] == "stat":
    orphans.PROCESSES = WithoutLists("/proc")
own = subprocess.Popen(["sh", "-c", "exit 7"])
os.waitid(os.P_PID, own.pid, os.WEXITED | os.WNOWAIT)
parent = subprocess.Popen(["sh", "-c", "sleep 0 & echo $!; exec sleep 600"], stdout=subprocess.PIPE, text=True)
orphan = int(parent.stdout.readline())
parent.kill()
parent.wait()
reaped = []
while not reaped:
    reaped += orphans.reap_orphans({own.pid})
assert (reaped, orphans.reap_orphans({own.pid})) == ([orphan], [])
assert not Path(f"/proc/{orphan}").exists()
print(orphans.inherits_orphans(), own.wait())
"""

SUPERVISE = """
import signal
from sync_service.runtime.supervisor import ProcessSpec, RestartPolicy, supervise

groups = []

def zombies():
    # Return how many ended processes of earlier runs wait for us; those of the last run may be ending just now.
    stats = (file.read_text().rpartition(")")[2].split() for file in Path("/proc").glob("[0-9]*/stat"))
    ours = (int(group) for state, parent, group, *_ in stats if state == "Z" and int(parent) == os.getpid())
    return sum(group in groups[:-1] for group in ours)

def changed(statuses):
    if statuses[0].pid:
        groups.append(statuses[0].pid)
    if statuses[0].deaths == 2 and not statuses[0].pid:
        os.kill(os.getpid(), signal.SIGTERM)
        print(statuses[0].code, len(groups), zombies())

# Each run leaves children behind: ended ones, and one that ends when its group is killed.
command = ["sh", "-c", "(sleep 0 & sleep 0 &); sleep 600 & sleep 0.2; exit 5"]
supervise([ProcessSpec(name="it", command=command)], policy=RestartPolicy(first_restart=0.3), changed=changed)
"""


def output_of(program: str, *words: str) -> str:
    """Run a program as a subreaper, and return what it prints."""
    command = [sys.executable, "-c", BECOME_SUBREAPER + program, *words]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("source", ["children", "stat"])
def test_an_orphan_is_reaped_and_a_child_of_our_own_keeps_its_exit_code(source: str) -> None:
    """Also while our own has ended and nobody has waited for it yet, and where the kernel lists no children."""
    assert output_of(WITH_ONE_OF_OUR_OWN, source) == "True 7\n"


@pytest.mark.slow
def test_the_supervisor_reaps_orphans_and_knows_how_its_processes_ended() -> None:
    """What the first run left behind is gone when the second one has ended."""
    assert "5 2 0" in output_of(SUPERVISE).splitlines()


def test_an_ordinary_process_inherits_nothing() -> None:
    """Then the supervisor reaps only what it started."""
    assert not inherits_orphans()
