"""What a person at a terminal sees of `zkmargin simulate replay`."""

import json
import sys

import pytest

from zkmargin import cli

HEADER = "open_time_utc,open,high,low,close,volume_base"


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run a command in a fresh folder; return its exit status, output and complaints."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["zkmargin", *map(str, arguments)])
        status = 0
        try:
            cli.main()
        except SystemExit as ended:
            status = ended.code or 0
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return call


def write_candles(path, hours=30, price=100):
    rows = [HEADER]
    for hour in range(hours):
        now = price - hour // 2
        rows.append(f"2020-03-{12 + hour // 24:02d}T{hour % 24:02d}:00:00Z,{now},{now + 1},{now - 1},{now},1000")
    path.write_text("\n".join(rows) + "\n")
    return path


def test_without_a_file_an_invented_market_is_replayed_and_said_to_be_one(run):
    status, out, err = run("simulate", "replay", "--accounts", "60")
    assert (status, err) == (0, "")
    assert "BTC-PERP, ETH-PERP, LINK-PERP: 72 candles of an invented market" in out
    assert "60 invented accounts" in out
    assert "refused: LINK-PERP at 0.0001" in out
    for row in ("accounts called", "defaults", "largest fall of the fund", "taken from gains", "rate, peak to trough"):
        assert row in out


def test_the_json_adds_up(run):
    status, out, _ = run("simulate", "replay", "--accounts", "60", "--margin", "buffer", "--json")
    (found,) = json.loads(out)["runs"]
    assert status == 0
    assert found["margin"] == "buffer"
    assert len(found["periods"]) == 72
    for name, total in found["totals"].items():
        assert total == sum(period[name] for period in found["periods"])
    peak = max(period["liquidated_units"] for period in found["periods"])
    assert found["peak_share_ppm"] == peak * 10**6 // found["totals"]["liquidated_units"]
    assert found["fund_end_units"] == found["periods"][-1]["fund_units"]
    paid = found["totals"]["haircut_units"] + found["totals"]["uncovered_units"]
    assert found["lost_units"] == paid - found["fund_end_units"] + found["fund_start_units"]


def test_the_same_seed_prints_the_same_bytes(run):
    arguments = ("simulate", "replay", "--accounts", "30", "--margin", "static", "--json")
    first = run(*arguments, "--seed", "5")
    assert run(*arguments, "--seed", "5") == first
    assert run(*arguments, "--seed", "6") != first


def test_own_candles_are_replayed_under_the_name_that_they_are_given(run, tmp_path):
    write_candles(tmp_path / "gold_1h.csv")
    status, out, _ = run("simulate", "replay", "gold_1h.csv", "--accounts", "20", "--margin", "static")
    assert status == 0
    assert "GOLD: 6 candles of the market of the files" in out
    status, out, _ = run("simulate", "replay", "X-PERP=gold_1h.csv", "gold_1h.csv", "--accounts", "20")
    assert status == 0
    assert "X-PERP, GOLD:" in out


@pytest.mark.parametrize("name, magic", [("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.pdf", b"%PDF")])
def test_a_picture_is_written(run, tmp_path, name, magic):
    status, out, _ = run("simulate", "replay", "--accounts", "20", "--margin", "static", "--plot", name)
    assert status == 0
    assert f"{name}  the picture" in out
    assert (tmp_path / name).read_bytes().startswith(magic)


def test_without_breakers_the_bad_tick_is_a_mark(run):
    arguments = ("simulate", "replay", "--accounts", "60", "--margin", "static", "--json")
    guarded, bare = (json.loads(run(*arguments, *more)[1])["runs"][0] for more in ((), ("--breakers", "off")))
    assert (len(guarded["refused_prices"]), bare["refused_prices"]) == (1, [])
    assert bare["accounts_liquidated"] > guarded["accounts_liquidated"]


def test_what_still_waits_at_the_end_is_said(run):
    status, out, _ = run("simulate", "replay", "--accounts", "60", "--margin", "static", "--throttle", "0.01%")
    assert status == 0
    assert "of forced orders still wait at the end" in out


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (["--margin", "hope"], "margin must be some of static,dynamic,buffer,stress,long-run"),
        (["--margin", "static,static"], "each once"),
        (["--breakers", "hope"], "breakers must be one of full, ticks, off"),
        (["--accounts", "0"], "accounts must be between 1"),
        (["--seed", "-1"], "seed must be between 0"),
        (["--throttle", "200%"], "theta_ppm must be between 0"),
        (["--plot", "picture.txt"], "plot must end with .png, .svg, .pdf"),
        (["none.csv"], "none.csv cannot be read"),
        (["bad.csv"], "bad.csv must start with the header"),
        (["short.csv"], "number of candles must be between 25"),
        (["long.csv", "long.csv"], "distinct names: write NAME=FILE"),
        (["long.csv", "B=short.csv"], "B must cover the same times as LONG"),
        (["a b=long.csv"], "name of the series must be 1 to 64 letters"),
    ],
)
def test_what_cannot_be_replayed_is_refused(run, tmp_path, arguments, complaint):
    (tmp_path / "bad.csv").write_text("time,price\n")
    write_candles(tmp_path / "short.csv", hours=10)
    write_candles(tmp_path / "long.csv")
    status, out, err = run("simulate", "replay", *arguments)
    assert (status, out) == (2, "")
    assert complaint in err
    assert list(tmp_path.glob("picture*")) == []


def test_a_picture_that_cannot_be_written_is_an_error_not_a_trace(run):
    status, _, err = run("simulate", "replay", "--accounts", "5", "--margin", "static", "--plot", "none/a.png")
    assert status == 2
    assert "a.png cannot be written" in err


def test_without_matplotlib_a_picture_says_what_to_install(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    status, _, err = run("simulate", "replay", "--accounts", "5", "--plot", "a.png")
    assert status == 2
    assert "install zkmargin[simulate]" in err


def test_march_2020_is_replayed_from_its_files(run, shared_data):
    files = sorted((shared_data / "market").glob("*usdt_1h_20200311_14.csv"))
    status, out, _ = run("simulate", "replay", *files, "--accounts", "60", "--margin", "static")
    assert status == 0
    assert "ATOMUSDT, BTCUSDT, ETHUSDT, LINKUSDT, LTCUSDT, XRPUSDT: 72 candles" in out
    assert "refused: LINKUSDT at 0.0001, 2020-03-12 10:40" in out


def test_a_snapshot_outside_its_band_is_refused_on_the_command_line(run, tmp_path):
    assert run("snapshot", "--out", "first.json")[0] == 0
    document = json.loads((tmp_path / "first.json").read_text())
    for listing in document["listings"]:
        if listing["id"] == "ETH-PERP":
            listing["mark_ticks"] = listing["mark_ticks"] * 10 // 12
    (tmp_path / "moved.json").write_text(json.dumps(document))
    arguments = ("snapshot", "--previous", "moved.json", "--out", "second.json", "--band")
    status, _, err = run(*arguments, "10%")
    assert status == 2
    assert "ETH-PERP.mark_ticks must be between 225000 and 275000: the band of its breaker, got 300000" in err
    assert not (tmp_path / "second.json").exists()
    assert run(*arguments, "20%")[0] == 0
    assert "--previous must be given" in run("snapshot", "--band", "10%")[2]
