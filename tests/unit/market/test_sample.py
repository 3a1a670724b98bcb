import subprocess
import sys
from collections import Counter
from pathlib import Path

from zkmargin.market import sample
from zkmargin.market.snapshot import Snapshot


def test_the_sample_market_has_every_kind_and_both_models() -> None:
    market = sample.snapshot()
    kinds = Counter(listing.instrument.kind for listing in market.listings)
    assert kinds == {"cash": 1, "collateral": 1, "linear": 3, "option": 8}
    assert market.cross is not None
    assert market.scenario is not None


def test_the_sample_market_is_the_same_every_time() -> None:
    assert sample.snapshot.__wrapped__() == sample.snapshot()
    assert Snapshot.from_document(sample.snapshot().to_document()) == sample.snapshot()


def test_importing_it_does_not_load_quantlib(root: Path) -> None:
    program = "import sys, zkmargin.market.sample; sys.exit('QuantLib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=root).returncode == 0
