"""A real Slurm on this host, for as long as a test needs it: a controller, two nodes with a GPU each, and munge.

The nodes are two slurmd with a port each, their GPUs are device files that lead nowhere, and their memory is what the
configuration says. It wants root and /etc/slurm/slurm.conf, since Snakemake's jobs do not keep SLURM_CONF.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

CONFIG = Path("/etc/slurm/slurm.conf")
NAME = "espalier-test"
NODES = ("one", "two")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo")
SETTINGS = """\
ClusterName={name}
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
SchedulerParameters=batch_sched_delay=0,sched_interval=5
GresTypes=gpu
NodeName=one NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=4 RealMemory=32000 Gres=gpu:1
NodeName=two NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=4 RealMemory=32000 Gres=gpu:1
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
"""


def missing() -> str:
    """Why there can be no Slurm here; empty where there can."""
    if absent := [program for program in PROGRAMS if not program_path(program)]:
        return f"Slurm is not installed (no {', '.join(absent)}); Debian's packages are slurm-wlm and munge"
    if os.getuid() != 0:
        return "a Slurm of one's own needs root"
    # Ours may be left of a test that was killed.
    if CONFIG.exists() and f"ClusterName={NAME}" not in CONFIG.read_text():
        return f"this machine has a Slurm of its own ({CONFIG})"
    return ""


def program_path(program: str) -> str | None:
    return shutil.which(program, path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin{os.pathsep}/sbin")


class Slurm:
    """The cluster. `start` before anything else, and `stop` in the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Come back when both nodes take jobs."""
        self._configure()
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        paths = [f"--{name}-file={self.folder}/munge.{name}" for name in ("key", "pid", "log", "seed")]
        self._run("munged", "--foreground", "--force", f"--socket={self.folder}/munge.socket", *paths)
        wait_for((self.folder / "munge.socket").exists, "munge")
        self._run("slurmctld", "-D", "-c")
        for node in NODES:
            self.start_node(node)

    def stop(self) -> None:
        """Everything that was started, and /etc/slurm as it was."""
        for node in NODES:
            self._kill_jobs(node)
        for process in reversed(self.running.values()):
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for path in (CONFIG, CONFIG.with_name("gres.conf")):
            path.unlink(missing_ok=True)

    def start_node(self, node: str) -> None:
        self._run("slurmd", "-D", "-N", node, name=node)
        wait_for(lambda: self.ask("sinfo", "-h", "-n", node, "-o", "%t").startswith(("idle", "mix")), f"node {node}")

    def lose_node(self, node: str) -> None:
        """The node is gone with everything that ran on it, and the controller has noticed."""
        self.running[node].kill()
        self.running.pop(node).wait()
        self._kill_jobs(node)
        self.ask("scontrol", "update", f"nodename={node}", "state=down", "reason=gone")

    def jobs(self, *options: str, form: str = "%i") -> list[str]:
        """A line for every job that is not over."""
        return self.ask("squeue", "-h", "-o", form, *options).split()

    def shown(self, job: str) -> dict[str, str]:
        """What the controller knows of a job."""
        return dict(re.findall(r"(\S+?)=(\S*)", self.ask("scontrol", "show", "job", "-d", job)))

    @staticmethod
    def ask(*command: str) -> str:
        return subprocess.run(command, text=True, capture_output=True, check=False).stdout.strip()

    def _configure(self) -> None:
        (self.folder / "state").mkdir()
        for number, node in enumerate(NODES):
            (self.folder / node).mkdir()
            os.mknod(self.folder / f"gpu{number}", stat.S_IFCHR | 0o666, Path("/dev/null").stat().st_rdev)
        CONFIG.parent.mkdir(parents=True, exist_ok=True)
        CONFIG.write_text(SETTINGS.format(name=NAME, host=platform.node(), folder=self.folder, ports=free_ports(3)))
        lines = [f"NodeName={node} Name=gpu File={self.folder}/gpu{i}\n" for i, node in enumerate(NODES)]
        CONFIG.with_name("gres.conf").write_text("".join(lines))

    def _run(self, program: str, *arguments: str, name: str = "") -> None:
        path = program_path(program)
        assert path
        with (self.folder / f"{name or program}.log").open("ab") as log:
            process = subprocess.Popen([path, *arguments], stdout=log, stderr=log, start_new_session=True)
        self.running[name or program] = process

    def _kill_jobs(self, node: str) -> None:
        """The processes of a node's jobs: the system, with no cgroups, knows them by their environment alone."""
        steps = {f"[{job}." for job in self.jobs("-w", node)}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_text()
                theirs = f"SLURMD_NODENAME={node}\0".encode() in (folder / "environ").read_bytes()
                if theirs or (words.startswith("slurmstepd") and any(step in words for step in steps)):
                    os.kill(int(folder.name), signal.SIGKILL)
            except OSError:
                continue  # it ended meanwhile


def free_ports(n: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [taken.getsockname()[1] for taken in sockets]
    for taken in sockets:
        taken.close()
    return ports


def wait_for(found: Callable[[], object], what: str, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.05)
