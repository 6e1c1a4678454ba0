"""A class with an Arm host: a seat on a GPU host sends it what it has compiled, as the lab on
deployment does; everybody has a key of her own, and turns go by seat.

Real hosts (namespaces), real SSH, real apt-get for the linker, TVM at both ends. The Arm host's
Python, TVM and what it is sent are programs for Arm, run by an emulator.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from hub_config.hub_host.packages import ARM_LAB
from hub_config.rehearsal.kernel_channel import KernelChannel
from hub_config.rehearsal.robot import Robot
from tests.cloud.cloud import Cloud
from tests.cloud.machines.arm_image import arm_image
from tests.cloud.machines.namespaces import NamespaceMachines
from tests.cloud.machines.package_mirror import package_mirror
from tests.e2e.fleet.arm_environment import deploy_environment
from tests.e2e.fleet.class_environments import ClassEnvironments, class_environments
from tests.e2e.fleet.class_on_hosts import COURSE, ClassOnHosts, write_class

#: As many as can take all turns of the machine, two sessions each, and one who waits.
TAKERS = -(-len(os.sched_getaffinity(0)) // 2)
ATTENDEES = ("ada", "alan", *(f"guest{number}" for number in range(TAKERS - 1)))
#: What is on it, the lab decides.
ARM_HOST = "  arm: {count: 1, types: [c7g.large]}\n"

#: The lab's own steps: compile for a Cortex-A72, link, send, run there.
TWICE = """
import os, subprocess
import numpy, tvm
from tvm import te

def link(path, files, options=None):
    subprocess.run(["aarch64-linux-gnu-ld", "-shared", "-o", path, *files], check=True)

given = te.placeholder((4,), "float32", name="given")
twice = te.compute((4,), lambda place: given[place] * 2, name="twice")
module = tvm.IRModule({"main": te.create_prim_func([given, twice])})
target = {"kind": "llvm", "mtriple": "aarch64-linux-gnu", "mcpu": "cortex-a72"}
tvm.compile(module, target=tvm.target.Target(target)).export_library("twice.so", fcompile=link)
host, _, port = os.environ["WORKSHOP_ARM_RPC"].rpartition(":")
key = os.environ["WORKSHOP_ARM_KEY"]
session = tvm.rpc.connect(host, int(port), key=key, session_timeout=100)
session.upload("twice.so")
code, device = session.load_module("twice.so"), session.cpu(0)
answer = tvm.runtime.tensor(numpy.zeros(4, "float32"), device)
code["main"](tvm.runtime.tensor(numpy.arange(4, dtype="float32"), device), answer)
print(answer.numpy().tolist(), open("twice.so", "rb").read(20)[18])
"""
#: e_machine of ELF: what ran was a program for Arm.
AARCH64 = 183
#: TVM's handshake, word for word, without waiting for the answer.
COME = """
import os, socket, struct
def come(key=os.environ["WORKSHOP_ARM_KEY"]):
    host, _, port = os.environ["WORKSHOP_ARM_RPC"].rpartition(":")
    line = socket.create_connection((host, int(port)), timeout=60)
    word = f"client:{key}".encode()
    line.sendall(struct.pack("<ii", 0xFF271, len(word)) + word)
    return line

def answer(line, seconds=60):
    line.settimeout(seconds)
    try:
        return struct.unpack("<i", line.recv(4))[0] - 0xFF271
    except TimeoutError:
        return "waits"

"""
WELCOME, WRONG_KEY = 0, 2
#: A guess; and her own proof with the name of another seat.
AS_SOMEBODY_ELSE = f"""{COME}
name, _, proof = os.environ["WORKSHOP_ARM_KEY"].rpartition(".")
print([name, *(answer(come(key)) for key in ("guess", "alan." + proof))])
"""
TAKE_TWO = f"{COME}\nlines = [come(), come()]\nprint([answer(line) for line in lines])"
WAIT = f"{COME}\nline = come()\nprint(answer(line, 3))"
GO = "for line in lines: line.close()\nprint('gone')"


@pytest.fixture(scope="module")
def workshop() -> Iterator[ClassOnHosts]:
    deploy = deploy_environment()
    hub, _ = class_environments().made
    with tempfile.TemporaryDirectory(prefix="workshop-arms-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        machines = NamespaceMachines(
            image=(package_mirror(*ARM_LAB.values()), hub.layer, deploy.layer),
            arm_image=(arm_image(), deploy.arm_layer),
        )
        with Cloud(machines=machines) as cloud:
            made = write_class(
                folder, cloud, name="arms", attendees=ATTENDEES, gpus=1, more=ARM_HOST
            )
            ClassEnvironments((deploy,)).lend_to(folder / "state")
            _deploy_in_place_of_the_kernel(made, deploy.file)
            yield made


def _deploy_in_place_of_the_kernel(workshop: ClassOnHosts, file: Path) -> None:
    """A course whose lab runs in `deploy` and asks for an Arm."""
    course = workshop.folder / "course"
    shutil.copytree(COURSE, course)
    told = course / "course.yaml"
    told.write_text(
        told.read_text().replace("environment: nlp-cpu", "environment: deploy, needs: [arm]")
    )
    lab = course / "sums" / "lab.py"
    lab.write_text(lab.read_text().replace("name: nlp-cpu", "name: deploy"))
    spec = workshop.folder / "workshop.yaml"
    kernel = class_environments().file("nlp-cpu")
    text = spec.read_text().replace(f"nlp-cpu: {kernel}", f"deploy: {file}")
    spec.write_text(text.replace(f"course: {COURSE}", f"course: {course}"))


@pytest.mark.thorough
@pytest.mark.timeout(1200)
async def test_seats_use_the_arm_host_in_turn_with_keys_of_their_own(
    workshop: ClassOnHosts,
) -> None:
    said = workshop.up().stdout
    assert "serves no sessions" not in said
    seats = workshop.seat_map()
    assert {seats[name] for name in ATTENDEES} == {"gpu-01"}
    async with AsyncExitStack() as stack:
        opened = await asyncio.gather(*(_sit_down(workshop, stack, name) for name in ATTENDEES))
        lines = dict(zip(ATTENDEES, opened, strict=True))
        answer = await lines["ada"].run(TWICE)
        assert answer.strip() == f"[0.0, 2.0, 4.0, 6.0] {AARCH64}"
        refused = await lines["ada"].run(AS_SOMEBODY_ELSE)
        assert refused.strip() == str(["ada", WRONG_KEY, WRONG_KEY])
        await lines["ada"].run("del code, device, answer, session")
        await _turns(lines)
    _only_its_account_runs_it(workshop)
    workshop.cli("down", "--yes")
    assert workshop.cloud.inventory() == ()


async def _sit_down(workshop: ClassOnHosts, stack: AsyncExitStack, name: str) -> KernelChannel:
    robot: Robot = await stack.enter_async_context(workshop.robot(name))
    kernel = await robot.open_notebook(f"{name}.ipynb", "deploy")
    channel = await robot.connect(kernel)
    stack.push_async_callback(channel.close)
    return channel


async def _turns(lines: dict[str, KernelChannel]) -> None:
    """Some take all places; who comes then is in as soon as one of them goes."""
    *takers, last = ATTENDEES
    places = len(os.sched_getaffinity(0))
    said = [await lines[name].run(TAKE_TWO) for name in takers]
    assert "".join(said).count(str(WELCOME)) >= places
    assert (await lines[last].run(WAIT)).strip() == "waits"
    await lines[takers[0]].run(GO)
    assert (await lines[last].run("print(answer(line))")).strip() == str(WELCOME)


def _only_its_account_runs_it(workshop: ClassOnHosts) -> None:
    look = "ps -eo user:32,args | grep '[p]rovisioning.arm.server' | cut -d ' ' -f 1 | sort -u"
    said = workshop.cli("host", "exec", "--json", "--on", "arm-01", look).json
    assert said["arm-01"]["output"].split() == ["workshop-arm"]
