"""The ledger under the state machine: real commitments, proofs and signatures against a plain ledger."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.ledger.wallets import WalletVenue
from zkmargin.commitments import Opening
from zkmargin.errors import EncodingError, StatementError, ZkMarginError
from zkmargin.ledger import duties, steps
from zkmargin.margin.claim import Claim
from zkmargin.testing import strategies
from zkmargin.testing.ledger import LedgerVenue, Memory
from zkmargin.testing.plain import DEPOSIT, SETTLEMENT, TRADE, WITHDRAWAL, Order
from zkmargin.testing.solvency import SolvencyMachine
from zkmargin.testing.venue import SolvencyError

BAND_PPM = 20_000
QUICK = settings(
    max_examples=8,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


class LedgerMachine(SolvencyMachine):
    band_ppm = BAND_PPM

    def start(self, snapshot):
        return LedgerVenue(snapshot, self.initial, self.maintenance, self.band_ppm)


class ScenarioMachine(LedgerMachine):
    initial = Claim("initial", "scenario")
    maintenance = Claim("maintenance", "scenario")


class WalletMachine(LedgerMachine):
    """Every account has a wallet on the disk; in the end all are restored from the log and their seeds."""

    def start(self, snapshot):
        return WalletVenue(snapshot, self.initial, self.maintenance, self.band_ppm)

    def teardown(self):
        if hasattr(self, "venue"):
            self.venue.restore_all()
        super().teardown()


@pytest.mark.parametrize("machine", [LedgerMachine, ScenarioMachine])
def test_the_ledger_survives(machine):
    run_state_machine_as_test(machine, settings=QUICK)


def test_the_ledger_survives_with_wallets_and_every_wallet_is_restored():
    run_state_machine_as_test(WalletMachine, settings=settings(QUICK, max_examples=2))


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_the_ledger_survives_ten_thousand_steps():
    LedgerMachine.steps = 0
    long = settings(QUICK, max_examples=260, stateful_step_count=50, derandomize=False)
    run_state_machine_as_test(LedgerMachine, settings=long)
    assert LedgerMachine.steps >= 10_000


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_wallets_survive_a_thousand_steps_and_are_restored():
    WalletMachine.steps = 0
    run_state_machine_as_test(WalletMachine, settings=settings(QUICK, max_examples=40, derandomize=False))
    assert WalletMachine.steps >= 900


# ---- The adapter can fail --------------------------------------------------------------------------------------------


def test_a_ledger_that_checks_no_margin_is_found_insolvent(monkeypatch):
    """Without the verification of proofs an old proof passes, and the machine sees it."""
    monkeypatch.setattr(duties, "faults", lambda owed: [])
    with pytest.raises(SolvencyError) as found:
        run_state_machine_as_test(LedgerMachine, settings=settings(QUICK, max_examples=60))
    assert found.value.invariant == "solvency"


def test_a_ledger_that_books_one_side_of_a_trade_only_is_found(monkeypatch):
    step = steps.step

    def lossy(state, entry):
        made = step(state, entry)
        if entry.kind != TRADE:
            return made
        last = entry.parties[-1].account
        accounts = made.after.accounts.set(last, state.account(last))
        return steps.replace(made, after=steps.replace(made.after, accounts=accounts))

    monkeypatch.setattr(steps, "step", lossy)
    with pytest.raises(SolvencyError) as found:
        run_state_machine_as_test(LedgerMachine, settings=QUICK)
    assert found.value.invariant == "conservation"


# ---- Orders one by one -----------------------------------------------------------------------------------------------

MARKET = strategies.snapshot({"PERP": 1_000}, futures={"FUTURE": (1_000, 10)})


@pytest.fixture
def venue():
    made = LedgerVenue(MARKET, LedgerMachine.initial, LedgerMachine.maintenance, BAND_PPM)
    for name in ("alice", "bob"):
        made.open(name)
        made.apply(Order(f"pay-{name}", DEPOSIT, {name: {"USD": 500}}, {name: 0}))
    return made


def trade(lots, name="PERP", sequence=1, entry="t-1", price=1_000):
    legs = {"alice": strategies.fill(MARKET, name, lots, price), "bob": strategies.fill(MARKET, name, -lots, price)}
    return Order(entry, TRADE, legs, dict.fromkeys(legs, sequence))


def test_an_order_is_applied_once(venue):
    venue.apply(trade(2))
    venue.apply(trade(2))
    assert venue.book("alice") == {"FUTURE": 0, "PERP": 2, "USD": 500 - 2_000}
    assert venue.sequence("alice") == 2


def test_an_account_that_fell_below_its_requirement_does_not_pass_even_with_an_old_proof(venue):
    venue.apply(trade(10))
    assert venue.passes("alice")
    venue.mark(strategies.moved(MARKET, {"PERP": -100_000}))
    assert not venue.passes("alice")
    assert venue.passes("bob")


def test_all_is_settled_at_the_final_price_and_nothing_else(venue):
    venue.apply(trade(5, "FUTURE"))
    venue.mark(strategies.moved(MARKET, {"FUTURE": 10_000}, seconds=10))
    leg = {"FUTURE": -5, "USD": 5 * 1_010}
    wrong = [
        {"price_ticks": 1_011},
        {"legs": {"alice": {"FUTURE": -4, "USD": 4 * 1_010}}},
        {"legs": {"alice": {"FUTURE": -6, "USD": 6 * 1_010}}},
        {"legs": {"alice": {"PERP": 0, "USD": 0}}, "instrument": "PERP"},
    ]
    for change in wrong:
        fields = {"legs": {"alice": leg}, "instrument": "FUTURE", "price_ticks": 1_010} | change
        with pytest.raises(ZkMarginError):
            venue.apply(Order("s-1", SETTLEMENT, sequences={"alice": 2}, **fields))
    venue.apply(Order("s-1", SETTLEMENT, {"alice": leg}, {"alice": 2}, "FUTURE", 1_010))
    assert venue.book("alice") == {"PERP": 0, "USD": 500 - 5_000 + 5_050}


def test_a_holder_who_does_not_know_what_is_committed_is_noticed(venue):
    venue._holders["alice"]._opening += Opening({"USD": 1}, 0)
    with pytest.raises(EncodingError, match="does not open this commitment"):
        venue.book("alice")


def test_secrets_stay_with_their_holder(venue):
    assert isinstance(venue.holder("carol"), Memory)
    with pytest.raises(StatementError):
        venue.apply(Order("w-1", WITHDRAWAL, {"alice": {"DOGE": -1}}, {"alice": 1}))
