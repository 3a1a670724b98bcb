"""What commands print: results to standard output, complaints to standard error, nothing secret unless asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from rich.console import Console
from rich.markup import escape

from zkmargin.errors import VerificationError, WitnessError, ZkMarginError
from zkmargin.market.chains import UNITS_PER_USD

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def complain(error: ZkMarginError) -> None:
    """Print one line about an error; a shortfall is the holder's own business and is shown to the holder."""
    label = "rejected" if isinstance(error, VerificationError) else "refused"
    err.print(f"[bold red]{label}[/]: {escape(str(error))}", markup=True)
    if isinstance(error, WitnessError) and error.shortfall_units is not None:
        err.print(f"shortfall: {error.shortfall_units} units of equity are missing")


class Stopwatch:
    """Milliseconds of the block it watched."""

    milliseconds = 0.0

    def __str__(self) -> str:
        return f"{self.milliseconds:.1f} ms"


@contextmanager
def timed() -> Iterator[Stopwatch]:
    """Yield a stopwatch that holds the block's wall time when the block is over."""
    watch = Stopwatch()
    start = perf_counter()
    yield watch
    watch.milliseconds = (perf_counter() - start) * 1e3


def dollars(units: int) -> str:
    """Return an amount of 10^-6 USD as people read it, rounded down to whole dollars.

    Example:
        >>> dollars(1_234_567_890_000), dollars(-1)
        ('1,234,567 USD', '-1 USD')
    """
    return f"{units // UNITS_PER_USD:,} USD"


def dollars_up(units: int) -> str:
    """Return an amount rounded up to whole dollars: for what is missing.

    Example:
        >>> dollars_up(1)
        '1 USD'
    """
    return dollars(units + UNITS_PER_USD - 1)


def size(data: bytes) -> str:
    """Return a length in bytes as people read it."""
    return f"{len(data):,} bytes"
