"""An output of any size takes bounded memory, and says how much of it is missing."""

from hypothesis import given
from hypothesis import strategies as st

from provisioning.ssh.kept_output import KeptOutput


@given(st.lists(st.binary(max_size=50)), st.integers(min_value=2, max_value=200))
def test_head_and_tail_are_kept_however_the_bytes_arrive(chunks: list[bytes], most: int) -> None:
    kept = KeptOutput(most)
    for chunk in chunks:
        kept.add(chunk)
    whole = b"".join(chunks)

    if len(whole) <= most:
        assert kept.content() == whole
        assert kept.cut == 0
    else:
        head, tail = whole[: most - most // 2], whole[len(whole) - most // 2 :]
        note = f"\n[... {len(whole) - most} of {len(whole)} bytes left out ...]\n".encode()
        assert kept.content() == head + note + tail
        assert kept.cut == len(whole) - most


def test_memory_is_bounded() -> None:
    kept = KeptOutput(1000)
    for _ in range(1000):
        kept.add(b"x" * 10_000)
    assert len(kept._head) + len(kept._tail) < 100_000
