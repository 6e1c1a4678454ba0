"""The walls around one process: what it can see, who it is, what it may ask of the kernel.

Two callers build them. `warden` calls `separate` and forks; the fork calls `enter`. As root,
the mounts are made by root and the process then becomes an account of its own inside a user
namespace of its own; as an ordinary user, the user namespace comes first, because it is what
gives the right to mount.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.sealed import limits, seccomp, syscalls

#: Where everything happens inside the jail.
WORK = "/desk"
DATA = "/data"
_INSIDE_ID = 1000

#: All walls. A test takes one away to show that it holds something.
LAYERS = frozenset({"mount", "pid", "net", "ipc", "uts", "user", "uid"})
LAYERS |= {"no_new_privs", "seccomp", "rlimits"}

_NAMESPACES = {
    "pid": syscalls.CLONE_NEWPID,
    "net": syscalls.CLONE_NEWNET,
    "ipc": syscalls.CLONE_NEWIPC,
    "uts": syscalls.CLONE_NEWUTS,
    "mount": syscalls.CLONE_NEWNS,
}
_DEVICES = ("null", "zero", "full", "random", "urandom")
_SYSTEM_FOLDERS = ("/lib", "/lib64", "/lib32", "/bin", "/sbin")
_ETC_FILES = ("ld.so.cache", "localtime", "timezone", "mime.types", "fonts", "alternatives")


@dataclass(frozen=True)
class Jail:
    """What one jailed process gets. `account` is the user id it becomes when we are root."""

    limits: limits.Limits
    read_only: tuple[str, ...]
    data_folder: str | None = None
    account: int = 0
    layers: frozenset[str] = LAYERS

    def as_json(self) -> dict[str, Any]:
        return {
            "limits": self.limits.as_json(),
            "read_only": list(self.read_only),
            "data_folder": self.data_folder,
            "account": self.account,
            "layers": sorted(self.layers),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Jail:
        return cls(
            limits=limits.Limits(**data["limits"]),
            read_only=tuple(data["read_only"]),
            data_folder=data["data_folder"],
            account=data["account"],
            layers=frozenset(data["layers"]),
        )


def separate(jail: Jail) -> None:
    """Leave the machine's namespaces. The next fork is the first process of the new ones."""
    flags = sum(flag for name, flag in _NAMESPACES.items() if name in jail.layers)
    if os.geteuid() == 0:
        syscalls.unshare(flags)
        return
    user, group = os.geteuid(), os.getegid()
    syscalls.unshare(flags | syscalls.CLONE_NEWUSER)
    _map_identity(user, group)


def enter(jail: Jail) -> None:
    """Close the walls around this process, from inside, for good."""
    if "uts" in jail.layers:
        syscalls.set_hostname(b"sealed")
    if "mount" in jail.layers:
        _build_file_system(jail)
    if "rlimits" in jail.layers:
        limits.impose(jail.limits)
    _become_nobody(jail)
    # A change of user resets this, and the filter forbids it.
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
    if "no_new_privs" in jail.layers:
        syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    if "seccomp" in jail.layers:
        seccomp.refuse_other_system_calls()


def _become_nobody(jail: Jail) -> None:
    if os.geteuid() == 0 and "uid" in jail.layers:
        os.setgroups([])
        os.setresgid(jail.account, jail.account, jail.account)
        os.setresuid(jail.account, jail.account, jail.account)
        # Changing the user hides /proc/self from it; the identity map is written there.
        syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1)
        if "user" in jail.layers:
            syscalls.unshare(syscalls.CLONE_NEWUSER)
            _map_identity(jail.account, jail.account)
    if "uid" in jail.layers:
        syscalls.drop_capabilities()


def _map_identity(user: int, group: int) -> None:
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{_INSIDE_ID} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{_INSIDE_ID} {group} 1")


def _build_file_system(jail: Jail) -> None:
    """A small file system in memory that shows the environment and nothing else."""
    root = "/tmp"  # noqa: S108 - only a place to mount on; nothing of it is used
    # A source below /tmp would disappear under the new root: remember it open.
    sources = {path: os.open(path, os.O_PATH) for path in _sources(jail)}
    syscalls.mount("none", "/", flags=syscalls.MS_REC | syscalls.MS_PRIVATE)
    size = jail.limits.disk_megabytes
    options = f"size={size}m,nr_inodes=16384,mode=755"
    syscalls.mount("tmpfs", root, "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, options)
    for path, source in sources.items():
        target = root + (DATA if path == jail.data_folder else path)
        _show(source, target)
        os.close(source)
    _add_devices(root)
    _add_proc(root)
    _add_small_files(root, jail)
    os.chdir(root)
    syscalls.pivot_root_here()
    os.chdir(WORK)


def _sources(jail: Jail) -> list[str]:
    paths = [path for path in ("/usr", *jail.read_only) if Path(path).exists()]
    paths += [f"/etc/{name}" for name in _ETC_FILES if Path(f"/etc/{name}").exists()]
    # On a machine without merged /usr these are folders; else links, copied below.
    paths += [p for p in _SYSTEM_FOLDERS if Path(p).is_dir() and not Path(p).is_symlink()]
    return [*paths, jail.data_folder] if jail.data_folder else paths


def _show(source: int, target: str) -> None:
    """Bind what is open as `source` at `target`, read-only."""
    here = f"/proc/self/fd/{source}"
    if Path(here).is_dir():
        Path(target).mkdir(parents=True, exist_ok=True)
    else:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        Path(target).touch()
    syscalls.mount(here, target, flags=syscalls.MS_BIND | syscalls.MS_REC)
    syscalls.make_read_only(target)


def _add_devices(root: str) -> None:
    shared = Path(root, "dev", "shm")
    shared.mkdir(parents=True)
    shared.chmod(0o1777)
    for name in _DEVICES:
        Path(f"{root}/dev/{name}").touch()
        syscalls.mount(f"/dev/{name}", f"{root}/dev/{name}", flags=syscalls.MS_BIND)
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0")):
        Path(f"{root}/dev/{name}").symlink_to(target)


def _add_proc(root: str) -> None:
    Path(f"{root}/proc").mkdir()
    flags = syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC
    syscalls.mount("proc", f"{root}/proc", "proc", flags)


def _add_small_files(root: str, jail: Jail) -> None:
    for path in _SYSTEM_FOLDERS:
        if Path(path).is_symlink() and not Path(root + path).exists():
            Path(root + path).symlink_to(Path(path).readlink())
    etc = Path(root, "etc")
    etc.mkdir(exist_ok=True)
    etc.joinpath("passwd").write_text(
        f"student:x:{_INSIDE_ID}:{_INSIDE_ID}::{WORK}:/bin/sh\n"
        f"student:x:{jail.account}:{jail.account}::{WORK}:/bin/sh\n"
    )
    etc.joinpath("group").write_text(f"student:x:{_INSIDE_ID}:\n")
    etc.joinpath("hosts").write_text("127.0.0.1 localhost\n")
    etc.joinpath("nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\n")
    for name in ("tmp", "var/tmp", WORK.strip("/")):
        folder = Path(root, name)
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o1777)
