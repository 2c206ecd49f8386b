"""Order on the board: between any two ranks there is a third."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsq.errors import InvalidInput
from wsq.rules import ranks


@given(st.lists(st.floats(0, 1), max_size=200))
def test_ranks_keep_the_order_of_any_inserts_as_plain_bytes(places):
    lane: list[str] = []

    for place in places:
        at = round(place * len(lane))
        before = lane[at - 1] if at else None
        after = lane[at] if at < len(lane) else None
        lane.insert(at, ranks.between(before, after))

    as_bytes = [rank.encode("ascii") for rank in lane]
    assert as_bytes == sorted(set(as_bytes))


@pytest.mark.parametrize("grow", ["begin", "end"])
def test_a_lane_that_grows_at_one_end_keeps_short_ranks(grow):
    rank = ranks.between(None, None)
    for _ in range(10_000):
        further = ranks.last(rank) if grow == "end" else ranks.between(None, rank)
        assert (rank < further) == (grow == "end")
        rank = further

    assert len(rank) <= 5


@pytest.mark.parametrize("beside", ["before the last", "behind the first"])
def test_ten_thousand_tasks_can_be_put_beside_the_same_one(beside):
    low, high = "a0", "a1"
    for _ in range(10_000):
        rank = ranks.between(low, high)
        assert low < rank < high
        if beside == "before the last":
            low = rank
        else:
            high = rank


@given(st.data())
def test_between_long_ranks_there_is_room_as_well(data):
    digits = st.text("0Vz", min_size=150, max_size=400)
    low, high = sorted("a0" + data.draw(digits) + tail for tail in ("1", "2"))
    if low != high:
        assert low < ranks.between(low, high) < high


@pytest.mark.parametrize(("before", "after"), [("a1", "a0"), ("a0", "a0"), ("a1" * 150, "a0"), ("?", None), ("", None)])
def test_there_is_no_rank_between_what_is_not_in_order(before, after):
    with pytest.raises(InvalidInput, match=r"^There is no rank between"):
        ranks.between(before, after)
