"""Packages that exist nowhere else: for conflicts, for machines with a GPU, for prefixes."""

from __future__ import annotations

from tests.channel.package import PLACEHOLDER, Entry, Package

SITE = "lib/python3.11/site-packages"


def accelerator(subdir: str, kind: str) -> Package:
    """A library in two builds, as frameworks are: solvers prefer the one for a GPU."""
    module = f'KIND = "{kind}"\n'
    return Package(
        "accelerator",
        "1.0",
        subdir,
        {
            f"{SITE}/accelerator.py": Entry(module.encode()),
            **_metadata("accelerator", "1.0", "accelerator"),
        },
        depends=("python >=3.11,<3.12.0a0", *(("__cuda >=12",) if kind == "cuda" else ())),
        number=200 if kind == "cuda" else 100,
        build=f"{kind}_0",
    )


def made() -> list[Package]:
    return [
        *(accelerator(subdir, "cpu") for subdir in ("linux-64", "linux-aarch64")),
        accelerator("linux-64", "cuda"),
        _plain("wants-old-six", "1.0", depends=("six <1.17",)),
        _plain("wants-new-six", "1.0", depends=("six >=1.17",)),
        # Only a system newer than any that there is can run the newer one.
        _plain("modern", "1.0"),
        _plain("modern", "2.0", depends=("__glibc >=2.99",)),
        Package("only-x86", "1.0", "linux-64", {"share/only-x86": Entry(b"x86\n")}),
        _located(),
        # Owns a module that six has, too.
        _module("clash", "six", "taken = True\n"),
        # A kernel by its name alone: the real one brings 10 000 files along.
        _module("ipykernel", "ipykernel", ""),
        # Needs a library that the system lacks, in the words of the loader.
        _module("lacking", "lacking", f"raise ImportError({_NO_LIBRARY!r})\n"),
        _module("broken", "broken", "raise ValueError('never works')\n"),
    ]


_NO_LIBRARY = "libgfortran.so.5: cannot open shared object file: No such file or directory"


def _module(name: str, module: str, text: str) -> Package:
    files = {f"{SITE}/{module}.py": Entry(text.encode()), **_metadata(name, "1.0", module)}
    return Package(name, "1.0", "linux-64", files, depends=("python >=3.11,<3.12.0a0",))


def _plain(name: str, version: str, depends: tuple[str, ...] = ()) -> Package:
    files = {f"share/{name}": Entry(f"{version}\n".encode())}
    return Package(name, version, "noarch", files, depends, facts={"noarch": "generic"})


def _located() -> Package:
    """Files that hold the prefix: as text, and as a C string in a binary."""
    binary = b"\x7fELF\0" + PLACEHOLDER.encode() + b"/share/located\0after\0"
    return Package(
        "located",
        "1.0",
        "noarch",
        {
            "share/located.txt": Entry(f"in {PLACEHOLDER}/share\n".encode(), prefix="text"),
            "share/located.bin": Entry(binary, prefix="binary"),
        },
        facts={"noarch": "generic"},
        old_form=True,
    )


def _metadata(name: str, version: str, module: str) -> dict[str, Entry]:
    info = f"{SITE}/{name}-{version}.dist-info"
    text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    record = f"{module}.py,,\n{name}-{version}.dist-info/METADATA,,\n"
    return {
        f"{info}/METADATA": Entry(text.encode()),
        f"{info}/RECORD": Entry(record.encode()),
        f"{info}/INSTALLER": Entry(b"conda\n"),
    }
