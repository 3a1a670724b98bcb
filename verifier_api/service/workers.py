"""Places and threads: how much work the service takes on, and how much of it runs at once.

A place is held for as long as a request is under way, so places bound memory; a request that finds none is refused at
once. Threads bound the processor: verification is arithmetic, most of it in native code that lets other threads run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Result = TypeVar("Result")


class Busy(Exception):  # noqa: N818 - said to a caller who did nothing wrong
    """Every place is taken."""


class Workers:
    """A bounded number of places and of threads, for one event loop.

    Args:
        threads: Calls that run at the same time.
        places: Requests that are under way at the same time.
    """

    def __init__(self, threads: int, places: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="verification")
        self._free = places

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place. Called on the event loop only, which is why the count needs no lock.

        Raises:
            Busy: if none is free.
        """
        if self._free == 0:
            raise Busy
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1

    async def run(self, work: Callable[[bytes], Result], body: bytes) -> Result:
        """Return ``work(body)``, computed in a thread; work that nobody waits for any more never starts."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, body)
