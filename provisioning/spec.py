"""The slice of workshop.yaml about hosts and what is on them."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from provisioning.spec_types import FilePath, Size, SpecModel, absolute

_ENVIRONMENT = "the path of a conda environment file, such as environments/{}.yml"


class EnvironmentsSpec(SpecModel):
    """Environment files to use instead of those that come with workshop."""

    hub: FilePath | None = Field(None, description=_ENVIRONMENT.format("hub"))
    nlp: FilePath | None = Field(None, description=_ENVIRONMENT.format("nlp-cpu"))

    def resolve(self, base: Path) -> EnvironmentsSpec:
        paths = {"hub": absolute(base, self.hub), "nlp": absolute(base, self.nlp)}
        return self.model_copy(update=paths)


class SeatLimitsSpec(SpecModel):
    """What one seat may use."""

    memory: Size = Field(
        2 * 2**30, ge=256 * 2**20, le=2**40, description="a size from 256M to 1T, such as 2G"
    )
    cpus: float = Field(
        1.0, ge=0.1, le=256, description="a number of cores from 0.1 to 256, such as 1.5"
    )
