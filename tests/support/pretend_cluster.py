"""A Slurm of this machine alone, in a folder: real daemons, pretend nodes and GPUs, no systemd, no cgroups, no root.

Everything is below the folder that is given: configuration, key, sockets, state, logs. Nothing in ``/etc`` is read or
written; jobs find the configuration through a small ``srun`` that is first on the path, because the Slurm plugin takes
``SLURM_CONF`` out of the environment of the inner ``srun``.
"""

from __future__ import annotations

import getpass
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

INSTALL = "apt-get install --no-install-recommends slurm-wlm slurmdbd munge mariadb-server"
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol")
PROGRAMS_OF_ACCOUNTING = ("slurmdbd", "mariadbd", "mariadb-install-db", "sacctmgr", "sacct")
NODES = {"cpu-1": "CPUs={cores}", "cpu-2": "CPUs={cores}", "gpu-1": "CPUs=16 Gres=gpu:small:1,gpu:large:1"}
ACCOUNTS, QUALITIES = ("brains", "heads"), ("urgent",)  # of the user, where there is accounting

_CONFIGURATION = """\
ClusterName=pretend
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmctldPort={port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SlurmdParameters=config_overrides
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
SchedulerType=sched/backfill
SchedulerParameters=sched_min_interval=200000,bf_interval=2,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=1000
MinJobAge=7200
KillWait=30
GresTypes=gpu
{nodes}
PartitionName=cpu Nodes=cpu-1,cpu-2 Default=YES MaxTime=1-00:00:00
PartitionName=short Nodes=cpu-1,cpu-2 MaxTime=01:00:00
PartitionName=gpu Nodes=gpu-1 MaxTime=1-00:00:00
{more}
"""
_WITH_ACCOUNTING = """\
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={port}
AccountingStoragePass={folder}/munge.socket
AccountingStorageTRES=gres/gpu
AccountingStorageEnforce=associations,qos
"""
_ACCOUNTING = """\
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
DbdHost={host}
DbdAddr=127.0.0.1
DbdPort={port}
SlurmUser={user}
PidFile={folder}/slurmdbd.pid
LogFile={folder}/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={database}
StorageUser={user}
StorageLoc=accounting
"""
_GPUS = """\
NodeName=gpu-1 Name=gpu Type=small File=/dev/null
NodeName=gpu-1 Name=gpu Type=large File=/dev/zero
"""


class PretendCluster:
    """A Slurm with two nodes of few cores and a node of two GPUs that are none.

    Args:
        folder: an empty folder for all that the daemons read and write; its path must be short, for sockets.
        accounting: whether there is a slurmdbd, so that `sacct` answers, with the accounts and qualities of service
            above; the first account is the user's own.
        cores: of each of the two nodes.
    """

    def __init__(self, folder: Path, *, accounting: bool = False, cores: int = 1) -> None:
        self.folder = folder
        self._accounting, self._cores = accounting, cores
        self._host, self._user = socket.gethostname().split(".")[0], getpass.getuser()
        self._daemons: dict[str, subprocess.Popen] = {}
        self.environment = os.environ | {
            "PATH": os.pathsep.join([str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]),
            "SLURM_CONF": str(folder / "slurm.conf"),
        }

    def start(self) -> None:
        """Start munge, the controller and the nodes; return when every node waits for jobs.

        Raises:
            RuntimeError: when a program is not installed, or a daemon does not come up within 60 s.
        """
        if missing := not_installed(accounting=self._accounting):
            raise RuntimeError(missing)
        self._write_files()
        self._start_munge()
        if self._accounting:
            self._start_accounting()
        self._daemon("slurmctld", "-D", "-i")
        self._wait("slurmctld", lambda: "UP" in self.ask("scontrol", "ping"))
        for node in NODES:
            self.start_node(node)
        self._wait("slurmd", lambda: set(self.ask("sinfo", "-hN", "-o", "%T").split()) == {"idle"})

    def stop(self) -> None:
        """Cancel all jobs and end the daemons, which are children of this process."""
        if "slurmctld" in self._daemons:
            self.ask("scancel", "--user", self._user)
            self._wait("jobs", lambda: not self.ask("squeue", "-h", "-t", "running,completing"))
        for daemon in reversed(self._daemons.values()):
            daemon.terminate()
        for daemon in self._daemons.values():
            try:
                daemon.wait(timeout=20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        self._daemons.clear()

    def start_node(self, node: str) -> None:
        """Start the daemon of a node."""
        self._daemon(f"slurmd-{node}", "-D", "-N", node)

    def stop_controller(self) -> None:
        """End the controller: nothing answers until it is started again, and running jobs go on."""
        daemon = self._daemons.pop("slurmctld")
        daemon.terminate()
        daemon.wait(timeout=20)

    def start_controller(self) -> None:
        """Start the controller again, with the jobs that it knew."""
        self._daemon("slurmctld", "-D")
        self._wait("slurmctld", lambda: "UP" in self.ask("scontrol", "ping"))

    def ask(self, *command: str) -> str:
        """Run a Slurm command and return what it printed; empty when it failed."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60)
        return done.stdout.strip() if done.returncode == 0 else ""

    def order(self, *command: str) -> None:
        """Run a command that must succeed, or have nothing to do.

        Raises:
            RuntimeError: when it failed.
        """
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60)
        said = done.stdout + done.stderr
        if done.returncode and not re.search("Nothing new added|Nothing modified|already exists", said):
            message = f"{' '.join(command)}: {said.strip()}"
            raise RuntimeError(message)

    def jobs(self) -> list[dict[str, str]]:
        """Return every job that the controller knows, as `scontrol show job` describes it; a value may hold spaces."""
        text = self.ask("scontrol", "--oneliner", "show", "job")
        pairs = [re.findall(r"([A-Za-z:/]+)=(.*?)(?= [A-Za-z:/]+=|$)", line) for line in text.splitlines()]
        jobs = [{key: value.strip() for key, value in found} for found in pairs if found]
        return sorted(jobs, key=lambda job: int(job["JobId"]))

    def _write_files(self) -> None:
        for name in ("bin", "state", *(f"spool-{node}" for node in NODES)):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        shim = self.folder / "bin" / "srun"
        conf = self.environment["SLURM_CONF"]
        shim.write_text(f'#!/bin/sh\nSLURM_CONF="{conf}" exec "{shutil.which("srun")}" "$@"\n')
        shim.chmod(0o755)
        port, accounting, database, *ports = _free_ports(3 + len(NODES))
        nodes = [
            f"NodeName={node} NodeHostname={self._host} NodeAddr=127.0.0.1 Port={port} RealMemory=256000 {what.format(cores=self._cores)}"
            for (node, what), port in zip(NODES.items(), ports, strict=True)
        ]
        more = _WITH_ACCOUNTING.format(port=accounting, folder=self.folder) if self._accounting else ""
        common = {"host": self._host, "user": self._user, "folder": self.folder}
        files = {
            "slurm.conf": _CONFIGURATION.format(port=port, nodes="\n".join(nodes), more=more, **common),
            "slurmdbd.conf": _ACCOUNTING.format(port=accounting, database=database, **common),
            "gres.conf": _GPUS,
        }
        for name, text in files.items():
            (self.folder / name).write_text(text)
        (self.folder / "slurmdbd.conf").chmod(0o600)
        self._database = database

    def _start_munge(self) -> None:
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(128))
        files = {"key-file": key} | {f"{name}-file": self.folder / f"munge.{name}" for name in ("pid", "log", "seed")}
        options = [f"--{name}={path}" for name, path in files.items()]
        self._daemon("munged", "--foreground", "--force", f"--socket={self._socket}", *options)
        self._wait("munged", lambda: bool(self.ask("munge", "-n", f"--socket={self._socket}")))

    def _start_accounting(self) -> None:
        data, sock = self.folder / "database", self.folder / "database.socket"
        user = f"--user={self._user}"
        self.order("mariadb-install-db", "--no-defaults", f"--datadir={data}", user, "--skip-test-db")
        options = ["--no-defaults", "--skip-grant-tables", "--bind-address=127.0.0.1", user]
        self._daemon("mariadbd", *options, f"--port={self._database}", f"--datadir={data}", f"--socket={sock}")
        self._wait("mariadbd", sock.exists)
        self._daemon("slurmdbd", "-D")
        self._wait("slurmdbd", lambda: "Cluster" in self.ask("sacctmgr", "show", "cluster"))
        self.order("sacctmgr", "-i", "add", "cluster", "pretend")
        for name in QUALITIES:
            self.order("sacctmgr", "-i", "add", "qos", name)
        for name in ACCOUNTS:
            self.order("sacctmgr", "-i", "add", "account", name, "cluster=pretend")
            self.order("sacctmgr", "-i", "add", "user", self._user, f"account={name}")
        self.order("sacctmgr", "-i", "modify", "user", self._user, "set", f"qos+={','.join(QUALITIES)}")
        self.order("sacctmgr", "-i", "modify", "user", self._user, "set", f"defaultaccount={ACCOUNTS[0]}")

    @property
    def _socket(self) -> Path:
        return self.folder / "munge.socket"

    def _daemon(self, name: str, *options: str) -> None:
        program = _program(name.split("-")[0])
        with (self.folder / f"{name}.output").open("ab") as output:
            self._daemons[name] = subprocess.Popen(
                [str(program), *options],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def _wait(self, what: str, ready: Callable[[], bool]) -> None:
        until = time.monotonic() + 60
        while not ready():
            if time.monotonic() > until:
                logs = "\n".join(path.read_text()[-1500:] for path in sorted(self.folder.glob("*.output")))
                message = f"{what} did not come up within 60 s; the end of the logs in {self.folder}:\n{logs}"
                raise RuntimeError(message)
            time.sleep(0.1)


def not_installed(*, accounting: bool = False) -> str:
    """Return the sentence that says what of Slurm is missing, empty when all is there."""
    wanted = (*PROGRAMS, *(PROGRAMS_OF_ACCOUNTING if accounting else ()))
    missing = [name for name in wanted if _program(name) is None]
    return f"Slurm is not installed: found no {', '.join(missing)}; run `{INSTALL}` as root." if missing else ""


def _program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/local/sbin")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
