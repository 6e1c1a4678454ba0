"""A first workshop.yaml and roster, commented, for `workshop init`."""

from __future__ import annotations

from pathlib import Path

from provisioning.errors import AlreadyTaken

SPEC = """\
# A workshop, as an instructor decides it. Take "# " away from a line to use it;
# docs/instructor.md explains every key.

name: {name}
course: {course}          # a folder with course.yaml
track: first-look         # some of its labs; course.yaml lists the tracks, no track is all labs
# date: 2027-01-30        # the day of the class; may not be past

roster: roster.csv        # or, for people whose names you don't know:  seats: 30

hub:
  port: 8000
  # bind: 0.0.0.0                     # let laptops in; say then what they type:
  # address: http://192.0.2.7:8000
  # tls: {{certificate: cert.pem, key: key.pem}}
  # idle_minutes: 60                  # an unused seat is stopped, its work stays

# seat: {{memory: 2G, cpus: 1}}         # limits of one seat
# submissions: {{max_megabytes: 20, max_files: 200}}
# grading: {{on_submit: false}}          # grade only when you run `workshop grade`

# Machines in the cloud, instead of this one; docs/first-workshop-on-ec2.md. `workshop plan` says
# what they cost before anything is created.
# hosts:
#   provider: ec2
#   region: us-east-1
#   hours: 8                            # then every host ends itself
#   gpu: {{count: 8, types: [g4dn.xlarge, g5.xlarge]}}
"""

ROSTER = """\
name,email,role
Grace Hopper,grace@example.org,instructor
Ada Lovelace,ada@example.org,attendee
Alan Turing,alan@example.org,attendee
"""


def write_first_files(folder: Path, name: str, course: Path) -> tuple[Path, Path]:
    """workshop.yaml and roster.csv. Nothing that exists is overwritten."""
    spec, roster = folder / "workshop.yaml", folder / "roster.csv"
    for path in (spec, roster):
        if path.exists():
            raise AlreadyTaken(
                f"{path} exists; nothing was written",
                next_step=f"edit it and run `workshop check`, or remove {path.name} first",
            )
    folder.mkdir(parents=True, exist_ok=True)
    inside = course.relative_to(folder) if course.is_relative_to(folder) else course
    spec.write_text(SPEC.format(name=name, course=inside))
    roster.write_text(ROSTER)
    return spec, roster
