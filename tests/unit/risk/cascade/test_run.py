"""Many workers, one result; measures, twins and stresses of it."""

import sys
from dataclasses import fields, replace

import numpy as np
import pytest

from zkmargin.errors import StatementError
from zkmargin.market import chains
from zkmargin.risk.cascade import experiments, measures, population, run, trace
from zkmargin.risk.cascade.controls import Controls
from zkmargin.risk.cascade.model import bitcoin, three_assets
from zkmargin.risk.cascade.outcome import Outcome
from zkmargin.risk.cascade.parameters import Crowd, Proving

TINY = replace(bitcoin(), crowd=Crowd(accounts=60, open_interest_units=10**12), steps=15)
GAPPED = experiments.gapped(replace(TINY, steps=20), 0.08)


def same(first, second):
    return all(np.array_equal(getattr(first, item.name), getattr(second, item.name)) for item in fields(Outcome))


@pytest.mark.parametrize("backend, jobs", [("threading", 2), ("loky", 2)])
def test_the_result_is_the_same_on_any_back_end_and_with_any_number_of_jobs(backend, jobs):
    done = []
    alone = run.simulate(GAPPED, 70, 9)
    assert same(alone, run.simulate(GAPPED, 70, 9, backend=backend, jobs=jobs, progress=done.append))
    assert done[-1] == 70


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("backend", ["dask", "ray"])
def test_the_result_is_the_same_on_a_cluster(backend):
    pytest.importorskip({"dask": "distributed", "ray": "ray"}[backend])
    assert same(run.simulate(GAPPED, 70, 9), run.simulate(GAPPED, 70, 9, backend=backend, jobs=2))


def test_fewer_paths_are_the_first_of_more():
    more, fewer = run.simulate(GAPPED, 40, 9), run.simulate(GAPPED, 33, 9)
    assert np.array_equal(more.fall[:33], fewer.fall)
    assert np.array_equal(more.paths, np.arange(40))


@pytest.mark.parametrize("backend, module", [("dask", "distributed"), ("ray", "ray")])
def test_a_back_end_that_is_not_installed_is_named(monkeypatch, backend, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(StatementError, match=rf"backend {backend} is not installed: pip install 'zkmargin\[cluster\]'"):
        run.simulate(TINY, 1, 1, backend=backend)


@pytest.mark.parametrize("options", [{"paths": 0}, {"jobs": 0}, {"backend": "spark"}])
def test_a_run_out_of_its_bounds_is_refused(options):
    arguments = {"paths": 1, "jobs": 1, "backend": "loky"} | options
    with pytest.raises(StatementError, match=r"must be"):
        run.simulate(TINY, arguments.pop("paths"), 1, **arguments)


def test_the_summary_has_every_measure():
    books = population.draw(GAPPED, 9)
    report = measures.summary(GAPPED, books, run.simulate(GAPPED, 8, 9, books=books))
    assert report["probability_of_cascade"] == 1.0
    assert 1 / 60 <= report["hhi"] <= 1.0
    assert report["leverage"]["q05"] > 1.0
    assert 0.0 < report["peak_share"]["mean"] <= 1.0
    assert report["amplification"]["mean"] >= 1.0
    assert report["rounds"]["mean"] >= 1.0
    assert report["paths_with_unexecuted_queue"] == 0


def test_the_open_interest_at_risk_rises_with_the_fall_to_all_longs():
    books = population.draw(TINY, 9)
    risk = measures.at_risk(TINY, books, np.linspace(0, 2, 21))
    assert (np.diff(risk.longs[:, 0]) >= 0).all()
    assert risk.longs[0, 0] == 0
    assert risk.longs[-1, 0] == np.maximum(books.lots, 0).sum() * TINY.markets[0].mark_ticks


def test_the_hhi_of_equal_accounts_is_one_over_their_number():
    books = population.draw(TINY, 9)
    assert measures.hhi(TINY, replace(books, lots=np.sign(books.lots) * 50)) == pytest.approx(1 / 60)


def test_twins_share_crowd_and_shocks():
    pair = experiments.twin(GAPPED, replace(GAPPED, controls=Controls(throttle_ppm=100)), 6, 9)
    assert np.array_equal(pair.without.index_fall, pair.with_it.index_fall)
    report = experiments.difference(pair)
    assert report["paths_ending_with_a_queue"] == 6
    assert report["queue_loss"]["with"] > 0


def test_a_twin_that_differs_in_more_than_its_controls_is_refused():
    with pytest.raises(StatementError, match="twins must be the same model"):
        experiments.twin(TINY, replace(TINY, steps=16), 1, 1)
    experiments.twin(TINY, replace(TINY, proving=Proving(deadline_steps=2)), 1, 1)


def test_every_stress_runs():
    for name, model in experiments.stresses(replace(three_assets(60), steps=14)).items():
        found = run.simulate(model, 2, 4)
        assert found.index_fall.shape == (2, 6), name


def test_a_history_is_replayed_as_it_was(shared_data):
    path = shared_data / "market" / "btcusdt_1h_20200311_14.csv"
    history = list(chains.from_candles([chains.Candles("REPLAY", path)]))
    model = experiments.replayed(
        replace(TINY, markets=(replace(TINY.markets[0], depth_units=2**50),)), history, ["REPLAY"]
    )
    found = run.simulate(model, 1, 1)
    first, lowest = (
        min(marks)
        for marks in ([history[0].listing("REPLAY").mark_ticks], [s.listing("REPLAY").mark_ticks for s in history])
    )
    assert model.steps == len(history) - 1
    assert found.index_fall[0, 0] == pytest.approx(np.log(first / lowest), rel=1e-9)


def test_a_trace_is_a_path_of_the_run():
    books = population.draw(GAPPED, 9)
    story = trace.trace(GAPPED, books, 9, path=3)
    found = run.simulate(GAPPED, 5, 9, books=books)
    assert -np.log(story.prices.min() / GAPPED.markets[0].mark_ticks) == pytest.approx(found.fall[3, 0], rel=1e-12)
    assert story.counts["calls"][-1] == found.counter("calls")[3]
    assert story.at_risk.shape[0] == len(trace.MAP_FALLS)
