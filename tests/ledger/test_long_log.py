"""A longer log, made by accounts that trade at random: audited whole, spoilt at random places, in little memory."""

import random
import resource

import pytest

from benchmarks.audit import write
from zkmargin.errors import DivergenceError
from zkmargin.ledger import audit
from zkmargin.ledger.log import lines

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("log") / "long.log"
    return path, write(path, accounts=40, entries=800)


def test_a_random_log_is_accepted_and_leads_to_the_venue_s_own_state(made):
    path, venue = made
    report = audit.audit(path)
    assert report.records > 700
    assert report.state.digest() == venue.state.digest()
    assert all(not epoch.uncovered for epoch in report.epochs[:-1])
    plain = {}
    for book in venue.books.values():
        for label, lots in book.quantities.items():
            plain[label] = plain.get(label, 0) + lots
    # What has settled stands in the pot, worth nothing: 100 ticks a lot against the lots themselves.
    assert plain["BTC-PERP"] == 0
    settled = -plain["BTC-DEC"]
    assert plain["USD"] == report.state.net["USD"] + settled * report.state.finals["BTC-DEC"]


def test_a_flipped_bit_at_a_random_place_is_named(made, tmp_path):
    path, _ = made
    data, places = path.read_bytes(), list(lines(path))
    draw = random.Random(5)
    for _ in range(12):
        place, bit = draw.randrange(16, len(data)), draw.randrange(8)
        changed = bytearray(data)
        changed[place] ^= 1 << bit
        spoilt = tmp_path / "spoilt.log"
        spoilt.write_bytes(changed)
        with pytest.raises(DivergenceError, match="is damaged") as caught:
            audit.audit(spoilt)
        (expected,) = (line.number for line in places if line.offset <= place < line.end)
        assert caught.value.record == expected


def test_reading_a_log_needs_memory_for_a_record_not_for_the_log(made):
    path, _ = made
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    total = sum(len(line.payload) for _ in range(5) for line in lines(path))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert total > 50 * 2**20
    assert (after - before) * 1_024 < total // 5
