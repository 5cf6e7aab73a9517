import json
import math

import numpy as np
import pytest

from deeprmt import cli, reproduce
from deeprmt.reproduce import Check, Reproduction
from deeprmt.reproduce._networks import rise, worst_fall

NAMES = tuple(reproduce.claims())
# These draw their own inputs; all others train on scikit-learn's digits.
WITHOUT_DATA = {
    "random-slopes", "freeness", "one-sample-ntk", "learning-rate-border", "wide-networks",
    "kernel-convergence", "linearised-training", "coordinate-check", "rate-transfer",
    "double-descent", "saddles", "fisher", "gram-spectra", "gram-universality", "isospectral-depth", "memorisation",
    "mixed-features", "edges-and-spikes",
}  # fmt: skip


def need_data(name):
    if name not in WITHOUT_DATA:
        pytest.importorskip("sklearn")


def test_checks():
    assert Check.near("x", 1.2, 1.0, 0.25).passed
    assert not Check.near("x", 1.3, 1.0, 0.25).passed
    assert not Check.near("x", math.nan, 1.0, 0.25).passed
    assert Check.least("x", 5, 5).passed
    assert not Check.most("x", 5.1, 5).passed
    assert not Check.least("x", math.nan, 0).passed
    assert Check.near("x", math.inf, 0, 1).to_dict()["value"] is None


def test_numbers_have_the_digits_that_are_checked():
    check = Check.near("x", 1.620908402014, 1.62090840201, 1e-11)
    assert (check.found, check.expected, check.passed) == ("1.620908402014", "1.62090840201", True)
    assert Check.near("x", 0.123456, 0.0, 0.1).found == "0.1235"
    assert Check.near("x", math.inf, 0.0, 0.1).found == "inf"
    assert Check.most("x", 5.43219, 6).found == "5.432"
    assert Check.near("x", 0.5, 0.5, 0.0).expected == "0.5"


def test_a_verdict_names_what_failed():
    checks = (Check.least("good", 1, 0), Check.most("bad", 1, 0))
    found = Reproduction("n", "c", "s", checks, {}, {}, lambda figure: None)
    assert not found.passed
    assert found.verdict == "not as expected: bad"
    quick = Reproduction("n", "c", "s", checks, {}, {"quick": True}, lambda figure: None)
    assert quick.verdict == "a quick run, too small for a verdict, misses: bad"
    assert json.loads(json.dumps(found.to_dict()))["passed"] is False


def test_unknown_names_are_refused(capsys):
    with pytest.raises(ValueError, match="name must be one of 'spacings'"):
        reproduce.run("nothing")
    assert cli.main(["reproduce", "nothing"]) == 2
    assert "NAME must be one of spacings" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["reproduce", "spacings", "--out", "no/such/folder"])


def test_the_command_lists_names(capsys):
    assert cli.main(["reproduce"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in NAMES)
    assert cli.main(["reproduce", "--json"]) == 0
    assert tuple(json.loads(capsys.readouterr().out)) == NAMES


def same(a, b):
    return json.dumps(a, allow_nan=False) == json.dumps(b, allow_nan=False)


@pytest.mark.parametrize("name", NAMES)
def test_each_runs_quickly_and_draws(name):
    """Small versions: that they run, and give numbers; whether these are as claimed is for the full ones."""
    need_data(name)
    pytest.importorskip("matplotlib")
    found = reproduce.run(name, seed=1, threads=2, quick=True)
    assert found.name == name
    assert all(math.isfinite(check.value) for check in found.checks)
    json.dumps(found.to_dict(), allow_nan=False)
    figure = found.figure()
    assert all(ax.has_data() for ax in figure.axes)
    if name in ("kernel-laws", "coordinate-check"):  # a layout that fails warns, which is an error here
        figure.draw_without_rendering()


def test_a_trend_that_settles():
    assert rise([0, 9]) == 3
    assert rise([4, 4]) == 0
    assert worst_fall([0, 2, 7, 8, 9, 8]) == pytest.approx(1 / math.sqrt(17))
    assert worst_fall([30, 1, 2]) == pytest.approx(29 / math.sqrt(31))
    assert (worst_fall([1, 2, 3]), worst_fall([])) == (0, 0)


def test_a_seed_gives_the_same_numbers_on_any_number_of_threads():
    pytest.importorskip("sklearn")
    one, three = (reproduce.run("lazy-rich", seed=2, threads=threads, quick=True).to_dict() for threads in (1, 3))
    assert same(one, three)
    assert not same(one["data"], reproduce.run("lazy-rich", seed=3, quick=True).to_dict()["data"])


def test_the_command_writes_a_figure_and_numbers(tmp_path, capsys):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    code = cli.main(["reproduce", "label-noise", "--quick", "--out", str(tmp_path), "--threads", "1"])
    text = capsys.readouterr().out
    content = json.loads((tmp_path / "deeprmt-label-noise.json").read_text())
    assert code == (0 if content["passed"] else 1)
    assert content["verdict"] in text
    assert (tmp_path / "deeprmt-label-noise.png").stat().st_size > 10_000
    for check in content["checks"]:
        assert check["what"] in text
    assert np.isfinite([check["value"] for check in content["checks"]]).all()


def test_numbers_are_kept_when_a_picture_fails(tmp_path, capsys, monkeypatch):
    pytest.importorskip("matplotlib")

    def fails(self):
        raise ValueError("no picture")

    monkeypatch.setattr(Reproduction, "figure", fails)
    places = ["--out", str(tmp_path), "--json", str(tmp_path / "all.json")]
    code = cli.main(["reproduce", "freeness", "random-slopes", "--quick", "--threads", "1", *places])
    said = capsys.readouterr()
    assert code == 2
    assert "no picture" in said.err
    assert said.out.count("verdict: ") == 2
    both = json.loads((tmp_path / "all.json").read_text())
    assert [each["name"] for each in both] == ["freeness", "random-slopes"]
    for each in both:
        assert same(each, json.loads((tmp_path / f"deeprmt-{each['name']}.json").read_text()))


# What docs/training.md says of seed 0: how many checks miss what was expected of them.
MISSES = {"fine-tuning": 1}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_full_size_gives_what_the_docs_say(name):
    need_data(name)
    found = reproduce.run(name)
    assert sum(not check.passed for check in found.checks) == MISSES.get(name, 0), found.verdict
