"""Call py-rattler in a process of its own: `python -I worker.py < request > answers`.

py-rattler may abort the interpreter when it exits, after its work is done. So this program
ends by os._exit, and its caller (worker_process.py) goes by the answers, not by the exit status.
It imports nothing of ours, and it is the only importer of rattler.

The request is one JSON object with `do`: "solve" or "install". Answers are JSON objects, one a
line: `progress`, and last either `done` or `failed`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from rattler import (
    BuildString,
    Channel,
    Config,
    Gateway,
    GenericVirtualPackage,
    MatchSpec,
    PackageCache,
    PackageName,
    PackageRecord,
    RepoDataRecord,
    Subdir,
    ValidationMode,
    Version,
)
from rattler.exceptions import GatewayError, InvalidMatchSpecError, SolverError
from rattler.install import InstallerReporter, install
from rattler.solver import solve

#: What a record must have so that it can be installed without asking the channel again.
FACTS = (
    "name", "version", "build", "build_number", "subdir", "fn", "sha256", "md5", "size",
    "depends", "constrains", "noarch", "python_site_packages_path",
)  # fmt: skip

# Copies: a link would share its bytes with a cache that others may own. (Links that are
# part of a package stay links.)
COPIES = "allow-hard-links = false\nallow-ref-links = true\nallow-symbolic-links = true\n"


def main() -> None:
    """Answer the request on standard input."""
    answers = Answers()
    try:
        request = json.load(sys.stdin)
        work = _solve(request) if request["do"] == "solve" else _install(request, answers)
        answers.say(done=asyncio.run(work))
    except SolverError as error:
        answers.say(failed="unsatisfiable", said=str(error))
    except InvalidMatchSpecError as error:
        answers.say(failed="bad spec", said=str(error))
    except GatewayError as error:
        answers.say(failed="channel", said=str(error))
    except Exception as error:
        answers.say(failed="other", said=f"{error}" or type(error).__name__)
    os._exit(0)


class Answers:
    """Lines on what was standard output; nothing else can write there any more."""

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        self._saying = threading.Lock()

    def say(self, **answer: Any) -> None:
        with self._saying:
            self._out.write(json.dumps(answer) + "\n")
            self._out.flush()


async def _solve(request: dict[str, Any]) -> Any:
    """The facts of every package of the solution, and the channel's address."""
    specs = []
    for spec in request["specs"]:
        try:
            specs.append(MatchSpec(spec))
        except Exception as error:  # several unrelated classes, by what is wrong
            raise InvalidMatchSpecError(f"{spec}: {error}") from error
    gateway = Gateway(cache_dir=Path(request["cache"], "repodata"))
    channels = [Channel(url) for url in request["channels"]]
    platforms = [Subdir(request["subdir"]), Subdir("noarch")]
    preferred = [_record(facts) for facts in request["preferred"]]
    records = await solve(
        channels,
        specs,
        gateway=gateway,
        platforms=platforms,
        locked_packages=await _still_offered(preferred, gateway, channels, platforms),
        virtual_packages=[
            GenericVirtualPackage(PackageName(name), Version(version), BuildString(build))
            for name, version, build in request["virtual_packages"]
        ],
        # Exactly the channels that the file names, whatever a channel would like to add.
        channel_relations="disabled",
    )
    return [_facts(record) for record in records]


async def _still_offered(
    records: list[RepoDataRecord],
    gateway: Gateway,
    channels: list[Channel],
    platforms: list[Subdir],
) -> list[RepoDataRecord]:
    """Those that the channels still have, with the same bytes: the solver doesn't ask."""
    if not records:
        return []
    names = [record.name.normalized for record in records]
    found = await gateway.query(
        channels, platforms, names, recursive=False, channel_relations="disabled"
    )
    offered = {(record.url, record.sha256) for part in found for record in part}
    return [record for record in records if (record.url, record.sha256) in offered]


def _facts(record: RepoDataRecord) -> dict[str, Any]:
    said = json.loads(record.to_json())
    return {key: said[key] for key in FACTS if said.get(key) is not None} | {
        "channel": record.channel
    }


async def _install(request: dict[str, Any], answers: Answers) -> Any:
    """Download, check and link; the number of packages."""
    packages = Path(request["cache"], "packages")
    records = [_record(facts) for facts in request["packages"]]
    await install(
        records,
        request["folder"],
        # Every cached file against its hash: a disk that was full may have cut some off.
        package_cache=PackageCache.new_layered([packages], validation_mode=ValidationMode.full()),
        installed_packages=[],
        platform=Subdir(request["subdir"]),
        execute_link_scripts=False,
        alternative_target_prefix=request["prefix"],
        # Its base class has defaults for the rest, which mypy takes for abstract methods.
        reporter=Reporter(answers, len(records)),  # type: ignore[abstract]
        config=Config.from_toml(COPIES),
    )
    return len(records)


class Reporter(InstallerReporter):
    """Tells which package is fetched or linked; called from rattler's threads."""

    def __init__(self, answers: Answers, total: int) -> None:
        self._answers = answers
        self._total = total
        self._linked = 0

    def on_populate_cache_start(self, operation: int, package_name: str) -> int:
        self._answers.say(progress=[self._linked, self._total, f"fetching {package_name}"])
        return operation

    def on_link_start(self, operation: int, package_name: str) -> int:
        self._linked += 1
        self._answers.say(progress=[self._linked, self._total, f"linking {package_name}"])
        return operation


def _record(facts: dict[str, Any]) -> RepoDataRecord:
    record = PackageRecord(
        facts["name"],
        facts["version"],
        BuildString(facts["build"]),
        facts["build_number"],
        facts["subdir"],
        noarch=facts.get("noarch"),
        depends=facts.get("depends", []),
        constrains=facts.get("constrains", []),
        sha256=bytes.fromhex(facts["sha256"]),
        md5=bytes.fromhex(facts["md5"]) if facts.get("md5") else None,
        size=facts.get("size"),
        python_site_packages_path=facts.get("python_site_packages_path"),
    )
    return RepoDataRecord(record, facts["fn"], facts["url"], facts["channel"])


if __name__ == "__main__":
    main()
