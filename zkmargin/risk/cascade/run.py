"""Many paths on many processors: blocks of paths, handed to joblib's back ends, put together in order.

Rule
----
    The paths are cut into blocks of `BLOCK_PATHS`, whatever the number of workers. A block depends on model, seed and
    its own numbers alone, so the result is the same on every back end and with every number of jobs.

Back ends
---------
    loky (processes, the default), threading, and with the extra `cluster`: dask and ray, which can reach other machines
    by `address`. Without it they start on this one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from joblib import Parallel, delayed, parallel_config

from zkmargin.amounts import bounded
from zkmargin.errors import StatementError
from zkmargin.risk.cascade import engine, population
from zkmargin.risk.cascade.model import Model
from zkmargin.risk.cascade.outcome import Outcome, joined
from zkmargin.risk.cascade.parameters import check_names
from zkmargin.risk.cascade.population import Books

BACKENDS = ("loky", "threading", "dask", "ray")
BLOCK_PATHS = 32
MAX_PATHS = 10_000_000
MAX_JOBS = 4_096

Progress = Callable[[int], None]


def simulate(
    model: Model,
    paths: int,
    seed: int,
    *,
    books: Books | None = None,
    jobs: int = 1,
    backend: str = "loky",
    address: str | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Return what happens on paths 0 to `paths` - 1.

    Args:
        model: The model.
        paths: 1 to 10^7.
        seed: Seed of crowd and shocks.
        books: A crowd in place of the drawn one.
        jobs: Workers, 1 to 4,096.
        backend: One of `BACKENDS`.
        address: Of a dask scheduler or a ray head; by default one is started here.
        progress: Called with the number of paths done.

    Raises:
        StatementError: on a bound, an unknown back end, or one that is not installed.
    """
    bounded("paths", paths, 1, MAX_PATHS)
    bounded("jobs", jobs, 1, MAX_JOBS)
    check_names("backend", backend, *BACKENDS)
    crowd = population.draw(model, seed) if books is None else books
    blocks = [range(first, min(first + BLOCK_PATHS, paths)) for first in range(0, paths, BLOCK_PATHS)]
    report = progress or (lambda done: None)
    if jobs == 1 and backend in ("loky", "threading"):
        return joined(list(_here(model, crowd, seed, blocks, report)))
    found: list[Outcome] = []
    with _backend(backend, jobs, address):
        workers = Parallel(n_jobs=jobs)
        wave = 8 * jobs
        for first in range(0, len(blocks), wave):
            some = blocks[first : first + wave]
            found += workers(delayed(engine.run)(model, crowd, seed, block) for block in some)
            report(some[-1].stop)
    return joined(found)


def _here(model: Model, crowd: Books, seed: int, blocks: list[range], report: Progress) -> Iterator[Outcome]:
    for block in blocks:
        yield engine.run(model, crowd, seed, block)
        report(block.stop)


@contextmanager
def _backend(name: str, jobs: int, address: str | None) -> Iterator[None]:
    """Make joblib use a back end, started for this run if it has no address."""
    if name == "dask":
        with _dask(jobs, address), parallel_config(backend="dask"):
            yield
    elif name == "ray":
        with _ray(jobs, address), parallel_config(backend="ray"):
            yield
    else:
        with parallel_config(backend=name, inner_max_num_threads=1 if name == "loky" else None):
            yield


@contextmanager
def _dask(jobs: int, address: str | None) -> Iterator[None]:
    try:
        import distributed  # start-up time: about 1 s, and it is an extra
    except ImportError:
        raise _missing("dask") from None
    untyped: Any = distributed
    local = {"n_workers": jobs, "threads_per_worker": 1, "dashboard_address": None}
    with nullcontext(address) if address else untyped.LocalCluster(**local) as where, untyped.Client(where):
        yield


@contextmanager
def _ray(jobs: int, address: str | None) -> Iterator[None]:
    try:
        import ray  # start-up time: about 1 s, and it is an extra
        import ray.util.joblib
    except ImportError:
        raise _missing("ray") from None
    untyped: Any = ray
    options: dict[str, Any] = {"address": address} if address is not None else {"num_cpus": jobs}
    untyped.init(log_to_driver=False, include_dashboard=False, logging_level=logging.ERROR, **options)
    untyped.util.joblib.register_ray()
    try:
        yield
    finally:
        untyped.shutdown()


def _missing(name: str) -> StatementError:
    return StatementError(f"backend {name} is not installed: pip install 'zkmargin[cluster]'")
