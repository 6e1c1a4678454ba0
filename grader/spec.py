"""What course.yaml says, parsed once. Needs pydantic only: any environment of ours can."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

#: nbgrader uses these as folder names and as parts of "+"-separated keys.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]


class LabSpec(BaseModel):
    """One lab: a folder with `lab.py` (percent format) and, if it has any, its data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    title: str = Field(min_length=1, max_length=120)
    folder: str = Field(min_length=1)
    environment: Name
    minutes: int = Field(default=40, ge=1, le=480)
    #: "in-kernel": the checks run in the attendee's process, which can cheat them.
    judging: Literal["sealed", "in-kernel"] = "sealed"
    #: What the workshop starts for it: "arm" is a machine with an Arm processor, over RPC.
    needs: tuple[Literal["arm"], ...] = ()
    #: How long one cell may run when it is graded.
    cell_seconds: int = Field(default=60, ge=1, le=3600)

    @property
    def sealed(self) -> bool:
        """Whether the checks run where no attendee's code runs."""
        return self.judging == "sealed"

    @model_validator(mode="after")
    def _folder_stays_inside(self) -> Self:
        if self.folder.startswith("/") or ".." in self.folder.split("/"):
            raise ValueError(f"folder {self.folder!r} must be inside the course's folder")
        return self


class CourseSpec(BaseModel):
    """A course: its labs in order, and named selections of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    title: str = Field(min_length=1, max_length=120)
    labs: tuple[LabSpec, ...] = Field(min_length=1)
    tracks: dict[str, tuple[str, ...]] = {}

    @model_validator(mode="after")
    def _names_fit_together(self) -> Self:
        names = [lab.name for lab in self.labs]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"labs: {', '.join(sorted(twice))} is there twice")
        for track, chosen in self.tracks.items():
            if unknown := [name for name in chosen if name not in names]:
                raise ValueError(f"tracks.{track}: no lab is called {', '.join(unknown)}")
        return self

    def lab(self, name: str) -> LabSpec | None:
        return next((lab for lab in self.labs if lab.name == name), None)

    def chosen(self, track: str | None) -> tuple[LabSpec, ...]:
        """The labs of a track, in its order; all labs without one."""
        if track is None:
            return self.labs
        by_name = {lab.name: lab for lab in self.labs}
        return tuple(by_name[name] for name in self.tracks[track])
