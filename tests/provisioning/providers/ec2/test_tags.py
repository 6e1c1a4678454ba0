from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.fleet import ROLES
from provisioning.providers.ec2.tags import Mark, as_list, read, specifications, tags

DEADLINE = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
GPU_03 = Mark("nlp", "5e3c", DEADLINE, host="gpu-03", role="gpu", attempt=2, spare=True)


def test_a_host_says_whose_it_is_and_where_it_belongs() -> None:
    assert tags(GPU_03) == {
        "workshop:name": "nlp",
        "workshop:spec": "5e3c",
        "workshop:deadline": "2026-11-22T05:00:00Z",
        "workshop:host": "gpu-03",
        "workshop:role": "gpu",
        "workshop:attempt": "2",
        "workshop:spare": "yes",
        "Name": "workshop nlp gpu-03",
    }


def test_a_shared_thing_has_a_title_and_no_host() -> None:
    shared = tags(Mark("nlp", "5e3c", DEADLINE), title="key pair")
    assert shared["Name"] == "workshop nlp key pair"
    assert not {"workshop:host", "workshop:role", "workshop:attempt"} & shared.keys()


names = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=30)


@given(
    st.builds(
        Mark,
        workshop=names,
        spec=names,
        deadline=st.datetimes(
            datetime(2020, 1, 1), timezones=st.sampled_from([UTC, timezone(timedelta(hours=2))])
        ).map(lambda moment: moment.replace(microsecond=0)),
        host=names,
        role=st.sampled_from(ROLES),
        attempt=st.integers(1, 10**6),
        spare=st.booleans(),
        extendable_minutes=st.integers(0, 24 * 60),
    )
)
def test_what_was_tagged_is_read_back(mark: Mark) -> None:
    assert read(as_list(tags(mark))) == mark


def test_things_of_others_have_no_mark() -> None:
    assert read([]) is None
    assert read([{"Key": "Name", "Value": "workshop nlp gpu-03"}]) is None
    assert read([{"Key": "workshop:name", "Value": ""}]) is None


@pytest.mark.parametrize("nonsense", ["", "many", "-1", "٣", "1.5"])
def test_tags_that_somebody_edited_count_as_absent(nonsense: str) -> None:
    edited = tags(GPU_03) | {
        "workshop:attempt": nonsense,
        "workshop:role": nonsense,
        "workshop:deadline": nonsense,
        "workshop:extendable": nonsense,
    }
    assert read(as_list(edited)) == Mark("nlp", "5e3c", None, host="gpu-03", spare=True)


def test_every_kind_of_a_create_call_gets_all_tags() -> None:
    wanted = specifications(["instance", "volume"], {"workshop:name": "nlp"})
    pairs = [{"Key": "workshop:name", "Value": "nlp"}]
    assert wanted == [
        {"ResourceType": "instance", "Tags": pairs},
        {"ResourceType": "volume", "Tags": pairs},
    ]
