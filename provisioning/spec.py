"""The slice of workshop.yaml about hosts and what is on them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from provisioning.spec_types import FilePath, Size, SpecModel

#: The file of each environment that shall not be the one that comes with workshop.
EnvironmentFiles = dict[
    Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")],
    FilePath,
]


class SeatLimitsSpec(SpecModel):
    """What one seat may use."""

    memory: Size = Field(
        2 * 2**30, ge=256 * 2**20, le=2**40, description="a size from 256M to 1T, such as 2G"
    )
    cpus: float = Field(
        1.0, ge=0.1, le=256, description="a number of cores from 0.1 to 256, such as 1.5"
    )
    gpu: Literal["whole", "shared"] = Field(
        "whole",
        description="whole: a GPU for each seat; shared: seats of a host use its GPUs together,"
        " and nothing keeps one from taking all of it",
    )
