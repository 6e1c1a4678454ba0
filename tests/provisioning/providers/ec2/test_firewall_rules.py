from hypothesis import given
from hypothesis import strategies as st

from provisioning.providers.ec2.firewall_rules import Doors, Rule, permissions, read_rules

DOORS = Doors(("203.0.113.7/32", "198.51.100.0/24"), 8000, "sg-hub", "sg-hosts")


def test_the_hub_opens_ssh_and_itself_to_people_and_the_relay_to_hosts() -> None:
    assert DOORS.of_hub() == {
        Rule.port(22, "203.0.113.7/32"),
        Rule.port(22, "198.51.100.0/24"),
        Rule.port(8000, "203.0.113.7/32"),
        Rule.port(8000, "198.51.100.0/24"),
        Rule.port(7475, "sg-hosts"),
    }


def test_hosts_open_ssh_to_people_and_otherwise_only_to_the_fleet() -> None:
    assert DOORS.of_hosts() == {
        Rule.port(22, "203.0.113.7/32"),
        Rule.port(22, "198.51.100.0/24"),
        Rule.port(22, "sg-hub"),
        Rule.port(7475, "sg-hub"),
        Rule.port(7475, "sg-hosts"),
    }


rules = st.frozensets(
    st.builds(
        Rule,
        first_port=st.integers(0, 9),
        last_port=st.integers(10, 19),
        source=st.sampled_from(["192.0.2.1/32", "0.0.0.0/0", "2001:db8::/32", "sg-1", "pl-1"]),
        protocol=st.sampled_from(["tcp", "udp"]),
    )
)


@given(rules)
def test_rules_survive_the_way_through_aws_words(wanted: frozenset[Rule]) -> None:
    assert read_rules(permissions(wanted)) == wanted


def test_a_rule_for_all_traffic_can_be_read_and_taken_back() -> None:
    # As AWS describes it: no ports. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html
    told = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    (rule,) = read_rules([told])
    assert permissions([rule]) == [told]
