"""Archives: tar and zip files are unpacked only after every member was found harmless."""

from __future__ import annotations

import errno
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from mrisynth.errors import MrisynthError
from mrisynth.files import atomic
from mrisynth.progress import track

MOST_MEMBERS = 100_000
MOST_BYTES = 64 * 2**30
_FOLDER_ERRORS = frozenset(
    (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST)
)


@dataclass(frozen=True)
class _Member:
    name: str
    size_bytes: int
    kind: str  # "file", "folder", or what else it is
    open: Callable[[], IO[bytes] | None]


def unpack_tar(
    archive: Path, folder: Path, *, most_members: int = MOST_MEMBERS, most_bytes: int = MOST_BYTES
) -> list[Path]:
    """Unpack a tar file (also compressed) into ``folder`` and return the files, in the archive's order.

    Nothing is written unless all members are plain files or folders with distinct relative paths that stay inside
    ``folder`` (no ``..``, absolute path, link or device), and are within the limits. Each file is written beside its
    final path and renamed; it gets the present time, standard permissions and the user's ownership.

    Raises:
        MrisynthError: the archive is missing, broken, or holds a member that is refused; the message names it.
    """
    try:
        with tarfile.open(archive, "r:*") as tar:
            return _unpack(
                (_Member(entry.name, entry.size, _tar_kind(entry), _opener(tar, entry)) for entry in tar),
                archive,
                folder,
                most_members=most_members,
                most_bytes=most_bytes,
            )
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        raise _broken(archive, folder, error) from error


def unpack_zip(
    archive: Path, folder: Path, *, most_members: int = MOST_MEMBERS, most_bytes: int = MOST_BYTES
) -> list[Path]:
    """Unpack a zip file into ``folder`` and return the files; the rules are those of :func:`unpack_tar`."""
    try:
        with zipfile.ZipFile(archive) as zipped:
            members = (
                _Member(entry.filename, entry.file_size, _zip_kind(entry), _zip_opener(zipped, entry))
                for entry in zipped.infolist()
            )
            return _unpack(members, archive, folder, most_members=most_members, most_bytes=most_bytes)
    except (zipfile.BadZipFile, RuntimeError, EOFError, zlib.error, OSError) as error:
        raise _broken(archive, folder, error) from error


def unpack_zip_member(archive: Path, name: str, path: Path, *, most_bytes: int = MOST_BYTES) -> None:
    """Unpack one file of a zip file to ``path``; the rules are those of :func:`unpack_tar`, the others stay packed.

    Raises:
        MrisynthError: the archive is missing or broken, or does not hold ``name`` exactly once as a plain file.
    """
    try:
        with zipfile.ZipFile(archive) as zipped:
            entries = [entry for entry in zipped.infolist() if entry.filename == name]
            if len(entries) != 1:
                raise MrisynthError(f"{archive} holds {name!r} {len(entries)} times; expected it once.")
            member = _Member(path.name, entries[0].file_size, _zip_kind(entries[0]), _zip_opener(zipped, entries[0]))
            _unpack([member], archive, path.parent, most_members=1, most_bytes=most_bytes)
    except (zipfile.BadZipFile, RuntimeError, EOFError, zlib.error, OSError) as error:
        raise _broken(archive, path.parent, error) from error


def _unpack(
    members: Iterable[_Member], archive: Path, folder: Path, *, most_members: int, most_bytes: int
) -> list[Path]:
    accepted: dict[str, _Member] = {}
    total_bytes = 0
    for count, member in enumerate(members, start=1):
        if count > most_members:
            raise MrisynthError(f"{archive} holds more than {most_members} members; it was not unpacked.")
        path = _checked_path(member, archive)
        if member.kind == "folder":
            continue
        if path.lower() in accepted:
            raise MrisynthError(f"{archive} holds {member.name!r} twice; it was not unpacked.")
        accepted[path.lower()] = member
        total_bytes += member.size_bytes
        if total_bytes > most_bytes:
            raise MrisynthError(f"{archive} unpacks to more than {most_bytes} bytes; it was not unpacked.")
    names = {str(parent) for path in accepted for parent in PurePosixPath(path).parents}
    if clash := names & set(accepted):
        raise MrisynthError(
            f"{archive} holds {sorted(clash)[0]!r} both as a file and as a folder; it was not unpacked."
        )
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(folder).free < total_bytes:
        raise MrisynthError(f"{folder} has too little space for the {total_bytes} bytes of {archive}.")
    return [
        _write(member, archive, folder)
        for member in track(accepted.values(), f"unpacking {archive.name}", len(accepted))
    ]


def _checked_path(member: _Member, archive: Path) -> str:
    path = PurePosixPath(member.name)
    reasons = {
        "an absolute path": path.is_absolute() or (len(member.name) > 1 and member.name[1] == ":"),
        "a path that leaves the folder": ".." in path.parts,
        "a path with a backslash or control character": "\\" in member.name or not member.name.isprintable(),
        "no name": not path.parts and member.kind != "folder",
        member.kind: member.kind not in ("file", "folder"),
    }
    if refused := [reason for reason, applies in reasons.items() if applies]:
        raise MrisynthError(f"{archive} holds {member.name!r}, {refused[0]}; nothing was unpacked.")
    return str(path)


def _write(member: _Member, archive: Path, folder: Path) -> Path:
    path = folder / PurePosixPath(member.name)
    parents = [parent for parent in path.parents if parent.is_relative_to(folder) and parent != folder]
    if any(parent.is_symlink() for parent in parents):
        raise MrisynthError(f"{path.parent} is a link, so {member.name!r} of {archive} was not unpacked into it.")
    source = member.open()
    if source is None:
        raise MrisynthError(f"{archive}: {member.name!r} cannot be read.")
    with source, atomic(path) as unfinished, unfinished.open("wb") as stream:
        copied = 0
        while block := source.read(2**20):
            copied += len(block)
            if copied > member.size_bytes:
                break
            stream.write(block)
        if copied != member.size_bytes:
            raise MrisynthError(f"{archive}: {member.name!r} has another size than it states; download it again.")
    return path


def _tar_kind(entry: tarfile.TarInfo) -> str:
    if entry.issym() or entry.islnk():
        return f"a link to {entry.linkname!r}"
    if entry.isdir():
        return "folder"
    return "file" if entry.isreg() else "a device or other special file"


def _zip_kind(entry: zipfile.ZipInfo) -> str:
    mode = entry.external_attr >> 16
    if entry.flag_bits & 0x1:
        return "an encrypted file"
    if stat.S_ISLNK(mode):
        return "a link"
    if entry.is_dir():
        return "folder"
    return "file" if stat.S_IFMT(mode) in (0, stat.S_IFREG) else "a device or other special file"


def _opener(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> Callable[[], IO[bytes] | None]:
    return lambda: tar.extractfile(entry)


def _zip_opener(zipped: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Callable[[], IO[bytes] | None]:
    return lambda: zipped.open(entry)


def _broken(archive: Path, folder: Path, error: Exception) -> MrisynthError:
    if isinstance(error, OSError) and error.errno in _FOLDER_ERRORS:
        return MrisynthError(f"{archive} could not be unpacked into {folder} ({error}); mend this and run again.")
    what = "does not exist" if isinstance(error, FileNotFoundError) else f"could not be unpacked ({error})"
    return MrisynthError(f"{archive} {what}; remove it and download it again.")
