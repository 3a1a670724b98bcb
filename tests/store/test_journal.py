"""What a transaction wrote is there, what it did not is not, and the log only grows."""

import threading

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from verifier_api.store import chain
from verifier_api.store.chain import NO_PREVIOUS, Head
from verifier_api.store.journal import Store, StoredAccount, UnavailableError
from zkmargin.errors import EncodingError, VerificationError

RECORDS = [{"kind": "test", "account": f"account-{number}", "number": number} for number in range(5)]


@pytest.fixture
def store(database):
    opened = Store(database)
    yield opened
    opened.close()


def written(store, records=RECORDS):
    with store.writing() as unit:
        return unit.append("demo", records)


def lines(store, **options):
    with store.reading() as unit:
        return list(unit.log(**options))


def test_records_form_a_chain_in_the_order_in_which_they_were_appended(store):
    first, second = written(store, RECORDS[:2]), written(store, RECORDS[2:])
    entries = list(chain.verify(lines(store)))
    assert entries == first + second
    assert [item.document["previous"] for item in entries] == [NO_PREVIOUS, *[item.hash for item in entries[:-1]]]
    with store.reading() as unit:
        assert unit.head() == Head(5, entries[-1].hash)


def test_an_empty_log_has_an_empty_head(store):
    assert lines(store) == []
    with store.reading() as unit:
        assert unit.head() == Head()


def test_a_log_is_read_in_pages(store, monkeypatch):
    written(store)
    everything = lines(store)
    monkeypatch.setattr("verifier_api.store.journal.PAGE", 2)
    assert lines(store) == everything
    assert lines(store, after=3) == everything[3:]
    assert lines(store, after=1, limit=3) == everything[1:4]


def test_a_transaction_that_raises_leaves_nothing(store):
    def fail():
        with store.writing() as unit:
            unit.append("demo", RECORDS)
            unit.add_account(StoredAccount("alice", "healthy", 5, 0, "{}"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert lines(store) == []
    with store.reading() as unit:
        assert unit.account("alice") is None


@pytest.mark.parametrize("statement", ["UPDATE events SET document = 'x'", "DELETE FROM events"])
def test_the_database_itself_refuses_to_change_the_log(store, statement):
    written(store)
    before = lines(store)
    with pytest.raises(DBAPIError, match="events are final"), store.engine.begin() as connection:
        connection.execute(text(statement))
    assert lines(store) == before


def test_appending_from_many_threads_makes_one_chain(store):
    threads = [threading.Thread(target=written, args=(store, RECORDS)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(list(chain.verify(lines(store)))) == 30


def test_a_reader_sees_one_moment(store):
    written(store, RECORDS[:1])
    with store.reading() as unit:
        head = unit.head()
        written(store, RECORDS[1:])
        assert unit.head() == head
        assert len(list(unit.log())) == 1


def test_accounts_that_are_due_come_earliest_first_and_no_others(store):
    rows = [
        StoredAccount(name, "healthy", due, 0, "{}") for name, due in (("a", 30), ("b", 10), ("c", None), ("d", 31))
    ]
    with store.writing() as unit:
        for row in rows:
            unit.add_account(row)
    with store.writing() as unit:
        assert [row.account for row in unit.lock_due(30, 10)] == ["b", "a"]
        assert [row.account for row in unit.lock_due(30, 1)] == ["b"]
    with store.reading() as unit:
        assert [row.account for row in unit.accounts()] == ["a", "b", "c", "d"]


def test_what_somebody_else_is_working_on_is_not_due_for_us(postgresql_database):
    store = Store(postgresql_database)
    with store.writing() as unit:
        for name in ("skip-a", "skip-b"):
            unit.add_account(StoredAccount(name, "healthy", 1, 0, "{}"))
    with store.writing() as first:
        assert [row.account for row in first.lock_due(1, 1)] == ["skip-a"]
        with store.writing() as second:
            assert [row.account for row in second.lock_due(1, 5)] == ["skip-b"]
    store.close()


def test_a_fact_is_replaced(store):
    for document in ("one", "two"):
        with store.writing() as unit:
            unit.put_fact("committee", document)
    with store.reading() as unit:
        assert (unit.fact("committee"), unit.fact("other")) == ("two", None)


def test_a_database_that_is_gone_is_said_to_be_unavailable(tmp_path):
    store = Store(str(tmp_path / "venue.db"))
    assert store.is_there()
    store.close()
    (tmp_path / "venue.db").unlink()
    (tmp_path / "venue.db").mkdir()
    assert not store.is_there()
    with pytest.raises(UnavailableError, match="the database does not answer"), store.reading() as unit:
        unit.head()


# ---- The chain, as somebody else may have written it -----------------------------------------------------------------


@pytest.fixture
def log():
    return [item.text for item in chain.extend("demo", Head(), RECORDS)]


def test_a_chain_is_accepted(log):
    assert [item.sequence for item in chain.verify(log)] == [1, 2, 3, 4, 5]


def replaced(log, position, old, new):
    assert old in log[position]
    return [*log[:position], log[position].replace(old, new), *log[position + 1 :]]


@pytest.mark.parametrize(
    "change, place",
    [
        (lambda log: log[1:], "record 1: sequence"),
        (lambda log: [*log[:2], *log[3:]], "record 3: sequence"),
        (lambda log: [log[0], log[2], log[1], *log[3:]], "record 2: sequence"),
        (lambda log: [*log, log[-1]], "record 6: sequence"),
        (lambda log: replaced(log, 1, '"number":1', '"number":9'), "record 3: previous"),
        (lambda log: replaced(log, 2, '"sequence":3', '"sequence":4'), "record 3: sequence"),
        (lambda log: replaced(log, 2, '"sequence":3', '"sequence":true'), "record 3: sequence"),
        (lambda log: replaced(log, 3, '"venue":"demo"', '"venue":"fake"'), "record 4: venue"),
    ],
)
def test_a_chain_that_was_touched_is_refused_where_it_breaks(log, change, place):
    with pytest.raises(VerificationError, match=place) as refused:
        list(chain.verify(change(log)))
    assert refused.value.failed == "chain"


@pytest.mark.parametrize(
    "change",
    [
        lambda log: replaced(log, 0, '"number":0', '"number": 0'),
        lambda log: replaced(log, 0, "zkmargin/event/1", "zkmargin/event/2"),
        lambda log: replaced(log, 0, '"previous"', '"previously"'),
        lambda log: ["[]", *log],
    ],
)
def test_a_line_that_is_no_canonical_record_is_refused(log, change):
    with pytest.raises(EncodingError, match="record 1"):
        list(chain.verify(change(log)))
