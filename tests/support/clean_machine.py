"""A clean machine: no network, no GPU, an empty home, and an environment full of secrets that nobody may write down."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

SECRETS = {
    "PLANTED_TOKEN": "planted-token-5f0c2d",
    "HF_TOKEN": "hf_plantedplantedplanted",
    "WANDB_API_KEY": "planted-api-key-81b7",
    "AWS_ACCESS_KEY_ID": "AKIAPLANTEDPLANTED00",
    "AWS_SECRET_ACCESS_KEY": "planted/aws+secret/Zk3",
    "DATABASE_URL": "postgres://planted:planted-pw-1@db.invalid/x",
    "HTTPS_PROXY": "http://planted:planted-pw-2@proxy.invalid:3128",
    "SSH_PASSPHRASE": "planted passphrase 77",
}
"""Variables as they stand in people's shells; ``planted`` is in every value, in any case."""

_NO_NETWORK = '''"""No network: sockets reach this machine alone."""
import socket

_connect = socket.socket.connect


def connect(self, address):
    if self.family != socket.AF_UNIX and not str(address[0]).startswith(("127.", "localhost", "::1")):
        raise OSError(101, f"no network in this test: {address}")
    return _connect(self, address)


def getaddrinfo(host, *rest, _found=socket.getaddrinfo, **more):
    if host not in (None, "", "localhost", "127.0.0.1", "::1"):
        raise socket.gaierror(-3, f"no network in this test: {host}")
    return _found(host, *rest, **more)


socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo = connect, connect, getaddrinfo
'''


def without_network(scratch: Path) -> tuple[list[str], dict[str, str], str]:
    """Return words before a command that take the network from it, variables that do, and how in words.

    A network namespace of its own (``unshare -n``) where this user may make one; else Python's sockets are blocked by
    a ``sitecustomize``, which programs that are not Python do not see.

    Args:
        scratch: an empty folder.
    """
    for words in (["unshare", "-n"], ["unshare", "-rn"]):
        if (
            shutil.which("unshare")
            and subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0
        ):
            return words, {}, " ".join(words)
    (scratch / "sitecustomize.py").write_text(_NO_NETWORK)
    return [], {"PYTHONPATH": str(scratch)}, "sitecustomize"


def planted_in(folder: Path, words: list[str]) -> dict[str, list[str]]:
    """Return the files below a folder that hold one of the words, by word; compressed content is not looked into."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        content = path.read_bytes()
        for word in words:
            if word.encode() in content or word in path.name:
                found.setdefault(word, []).append(path.relative_to(folder).as_posix())
    return found
