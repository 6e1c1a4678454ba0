"""One place gets one machine: ask, understand the answer, ask elsewhere, never ask twice.

The order is in the journal before AWS hears of it, with the client token that AWS will know it
by. Whatever is lost then, the answer or this process, the token finds the machine again.
https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeGuard

from provisioning.errors import WorkshopError
from provisioning.fleet_state import FleetState
from provisioning.journal import Journal
from provisioning.providers.ec2 import tags
from provisioning.providers.ec2.calls import Calls
from provisioning.providers.ec2.errors import (
    AnswerLost,
    AwsError,
    NoCapacity,
    NoCredentials,
    NoMachine,
    NotAllowed,
    NotOffered,
    NotThere,
    QuotaExceeded,
    Throttled,
    TokenMismatch,
)
from provisioning.providers.ec2.history import LAUNCH, VISIBLE_AFTER, Open
from provisioning.providers.ec2.launch_request import LaunchRequest, run_parameters
from provisioning.providers.ec2.observe import Instance, instances_matching, with_token
from provisioning.providers.ec2.placement import Candidate
from provisioning.providers.ec2.user_data import FirstBoot, user_data

#: A lost answer's machine is mostly seen this soon; if not, the same token asks again.
_LOOK_SECONDS = 4
#: AWS lets through two RunInstances a second once a small bucket is empty; we allow for one.
#: https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
_SECONDS_A_PLACE = 1
#: An order that a killed process left is not sent again for a host that ends so soon.
_LEAST_LIFE = timedelta(minutes=10)

#: What an order needs that may be too new for AWS to see.
_MADE_BEFORE = frozenset({"InvalidKeyPair.NotFound", "InvalidGroup.NotFound"})

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Launcher:
    """Launches for one workshop in one region. Used from many threads."""

    calls: Calls
    state: FleetState
    journal: Journal
    clock: Callable[[], datetime]
    #: How many places are filled at the same time: the more, the longer AWS makes them wait.
    places: int = 1

    def launch(self, requests: Iterable[LaunchRequest], tell: Tell) -> str:
        """The id of the machine that the first accepted request made.

        Raises: NoMachine when all are refused; NotAllowed, NoCredentials, Throttled, AnswerLost
        (then the order stays open in the journal, and the next run looks for it).
        """
        refusals: list[tuple[Candidate, AwsError]] = []
        host = region = ""
        for request in requests:
            host, region = request.host, request.region
            if hopeless(request.candidate, refusals):
                continue
            tell(f"asking for {request.candidate}")
            try:
                return self.order(request)
            except (NotAllowed, Throttled):
                raise
            except AwsError as refusal:
                refusals.append((request.candidate, refusal))
            if found := self._in_place(request):
                return found.id
        raise no_machine(host, region, refusals)

    def order(self, request: LaunchRequest) -> str:
        """Write the order down, send it, and return the machine's id. Raises: see `launch`."""
        parameters = self._parameters(request)
        self.journal.write("intent", LAUNCH, **request.facts())
        return self._send(request, parameters)

    def settle(self, opened: Open, *, still_wanted: bool) -> str | None:
        """What became of an order that a killed process left: a live machine's id, or None.

        If it is still wanted it is simply sent again: under its token AWS makes no second one.
        """
        request = opened.request
        if found := with_token(self.calls, request.token):
            self._write_done(request, found.id)
            return found.id if found.live else None
        if still_wanted and request.deadline_at > self.clock() + _LEAST_LIFE:
            try:
                return self._send(request, self._parameters(request))
            except (NotAllowed, Throttled):
                raise
            except AwsError:
                return None
        return self._await_late(opened)

    def _await_late(self, opened: Open) -> str | None:
        """Wait until listings are sure to show it; then it is there or was never made."""
        request = opened.request
        seconds = max(0.0, (opened.at + VISIBLE_AFTER - self.clock()).total_seconds())
        for _ in self.calls.pace.tries(first=2, most=10, seconds=seconds):
            if found := with_token(self.calls, request.token):
                self._write_done(request, found.id)
                return found.id if found.live else None
        facts = _answer(request)
        self.journal.write("failed", LAUNCH, **facts, code="NeverMade", why="no such machine")
        return None

    def _send(self, request: LaunchRequest, parameters: dict[str, Any]) -> str:
        """Until AWS says yes or no. Raises its no, or why there was no answer to be had."""
        seconds = self.calls.pace.patience_seconds + self.places * _SECONDS_A_PLACE
        lost: AnswerLost | None = None
        passing: AwsError | None = None
        for _ in self.calls.pace.tries(first=1, most=15, seconds=seconds):
            try:
                answer = self.calls.create_once("run_instances", **parameters)
            except AnswerLost as error:
                lost = error
                if found := self._seen(request.token):
                    return self._write_done(request, found.id)
            except (AwsError, NoCredentials) as error:
                if not _passes(error):
                    return self._refused(request, error)
                passing = error
            else:
                return self._write_done(request, answer["Instances"][0]["InstanceId"])
        if lost:  # it may exist, so the order stays open
            raise lost
        assert passing is not None  # noqa: S101 - there was at least one try
        return self._refused(request, passing)

    def _refused(self, request: LaunchRequest, refusal: AwsError | NoCredentials) -> str:
        """Write a refusal down and raise it; a token that was used before may have a machine."""
        if isinstance(refusal, TokenMismatch) and (found := self._seen(request.token)):
            return self._write_done(request, found.id)
        code = refusal.code if isinstance(refusal, AwsError) else "NoCredentials"
        why = refusal.said if isinstance(refusal, AwsError) else refusal.message
        facts = _answer(request)
        self.journal.write("failed", LAUNCH, **facts, code=code, why=why)
        raise refusal

    def _seen(self, token: str) -> Instance | None:
        """The live machine of a token, if a listing shows it within seconds."""
        for _ in self.calls.pace.tries(first=0.5, most=2, seconds=_LOOK_SECONDS):
            found = with_token(self.calls, token)
            if found:
                return found if found.live else None
        return None

    def _in_place(self, request: LaunchRequest) -> Instance | None:
        """A live machine of this attempt, whoever asked for it: look by tag before going on."""
        filters = [
            tags.of_workshop(request.workshop),
            {"Name": f"tag:{tags.HOST}", "Values": [request.host]},
            {"Name": f"tag:{tags.ATTEMPT}", "Values": [str(request.attempt)]},
        ]
        return next((one for one in instances_matching(self.calls, filters) if one.live), None)

    def _parameters(self, request: LaunchRequest) -> dict[str, Any]:
        key = self.state.ensure_bootstrap(request.host, request.attempt)
        facts = FirstBoot(request.host, key.private, key.public, request.deadline_at)
        return run_parameters(request, user_data(facts))

    def _write_done(self, request: LaunchRequest, id_: str) -> str:
        self.journal.write("done", LAUNCH, **_answer(request), id=id_)
        return id_


def _passes(refusal: AwsError | NoCredentials) -> TypeGuard[AwsError]:
    """Whether waiting helps: AWS is busy, or doesn't know yet what was made a moment ago."""
    young = isinstance(refusal, NotThere) and refusal.code in _MADE_BEFORE
    return isinstance(refusal, Throttled) or young


def hopeless(candidate: Candidate, refusals: Iterable[tuple[Candidate, AwsError]]) -> bool:
    """Whether an earlier refusal answers this candidate, too.

    No capacity, or not offered: that was about one zone. A quota holds in every zone, for one
    market. What else AWS dislikes is about the type.
    """
    for refused, why in refusals:
        match why:
            case NoCapacity() | NotOffered() | TokenMismatch():
                answers = refused == candidate
            case QuotaExceeded():
                answers = (refused.type, refused.market) == (candidate.type, candidate.market)
            case _:
                answers = refused.type == candidate.type
        if answers:
            return True
    return False


def no_machine(host: str, region: str, refusals: list[tuple[Candidate, AwsError]]) -> WorkshopError:
    """All refusals in one sentence, and what to do about the one that matters most."""
    if not refusals:
        return NoMachine(
            f"No machine for {host}: none of its types is offered in these zones of {region}",
            next_step="add types or zones under `hosts:` in workshop.yaml; "
            "`workshop plan` shows what is offered where",
        )
    said = "; ".join(f"{candidate}: {why.said} ({why.code})" for candidate, why in refusals)
    return NoMachine(f"No machine for {host}: {said}", next_step=_next_step(refusals))


def _next_step(refusals: list[tuple[Candidate, AwsError]]) -> str:
    if all(isinstance(why, QuotaExceeded) for _, why in refusals):
        return "run `workshop plan`: it says which quota is too low and what to send to AWS"
    if any(isinstance(why, NoCapacity) for _, why in refusals):
        return (
            "repeat `workshop up` in some minutes, or add types or zones under `hosts:` "
            "in workshop.yaml"
        )
    return "change the types or zones under `hosts:` in workshop.yaml, then repeat `workshop up`"


def _answer(request: LaunchRequest) -> dict[str, Any]:
    return {
        "host": request.host,
        "attempt": request.attempt,
        "token": request.token,
        "region": request.region,
    }
