"""The figures on the page about performance are those that were measured."""

import json

import pytest

from benchmarks import curve


@pytest.fixture(scope="module")
def figures():
    return json.loads(curve.FIGURES.read_text("utf-8"))


def test_the_page_shows_the_figures_that_were_measured(figures):
    page = curve.PAGE.read_text("utf-8")
    assert page.split(curve.BEGIN)[1].split(curve.END)[0] == curve.table(figures)


def test_every_size_and_every_batch_was_measured(figures):
    measured = [(one["coordinates"], one["scenarios"], one["rounds"]) for one in figures["reports"]]
    assert measured == list(curve.sizes())
    assert all([entry["proofs"] for entry in one["batch"]] == list(curve.BATCHES) for one in figures["reports"])


def test_every_figure_has_its_ratio_to_the_floor(figures):
    for one in figures["reports"]:
        for step in ("prove", "verify"):
            assert one[f"{step}_ratio"] == pytest.approx(one[f"{step}_ms"] / one[f"{step}_floor_ms"], abs=2e-3)
        for entry in one["batch"]:
            assert entry["ratio"] == pytest.approx(entry["ms_per_proof"] / entry["floor_ms_per_proof"], rel=2e-2)


def test_the_picture_is_drawn_from_the_figures_and_comes_out_the_same(figures, tmp_path):
    made = tmp_path / "curve.svg"
    curve.draw(figures, made)
    assert made.read_text("utf-8").startswith("<?xml")
    labels = ("scenarios", "committed ids", "rounds of folding", "proofs in the batch", "floor")
    assert all(f">{text}<" in curve.PICTURE.read_text("utf-8") for text in labels)
    again = tmp_path / "again.svg"
    curve.draw(figures, again)
    assert made.read_bytes() == again.read_bytes()
