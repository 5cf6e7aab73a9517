"""Checkpoints over a training whose course is known."""

import json
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from deeprmt import cli
from deeprmt.networks import MLP
from deeprmt.weights import Layer, ReadError, Series, _series, analyze, compare, series
from deeprmt.weights._room import chosen_series, needs


def gaussian(m, n, seed=0):
    return np.random.default_rng(seed).normal(size=(m, n))


def unit(count, size, seed):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(size, count)))[0]


START = gaussian(120, 80)
LEARNT = 60 * unit(2, 120, 1) @ unit(2, 80, 2).T
TIMES = (0.0, 0.02, 0.7, 1.0)


@pytest.fixture(scope="module")
def found():
    return series({t: {"w": START + t * LEARNT, "still": START.T} for t in TIMES})


def test_a_layer_leaves_the_bulk_when_its_update_does(found):
    assert found.checkpoints == ["0.0", "0.02", "0.7", "1.0"]
    assert found.left_bulk == {"w": "0.7", "still": None}
    assert found.table("outliers") == {"w": [0, 0, 2, 2], "still": [0, 0, 0, 0]}
    assert [row.at for row in found.layer("w")] == [0, 1, 2, 3]


def test_numbers_are_those_of_comparisons_with_the_first(found):
    """Row by row what `compare` says, which has tests of its own."""
    rows = found.layer("w")
    assert (rows[0].change, rows[0].relative_change) == (None, 0.0)
    for t, row in zip(TIMES[1:], rows[1:], strict=True):
        (change,) = compare({"w": START}, {"w": START + t * LEARNT}).rows
        for name in ("relative_change", "change_rank", "tuned_outliers", "k", "left_overlap", "right_overlap"):
            # Small overlaps are sums of cosines that cancel.
            assert getattr(row.change, name) == pytest.approx(getattr(change, name), rel=1e-9, abs=1e-13), name
        assert row.relative_change == pytest.approx(t * np.linalg.norm(LEARNT) / np.linalg.norm(START), rel=1e-12)
        assert row.change.change_singular_values[:2] == pytest.approx([60 * t, 60 * t], rel=1e-9)  # an exact rank


def test_directions_settle(found):
    rows = found.layer("w")
    assert rows[-1].left_overlap == pytest.approx(1, abs=1e-12)
    assert (rows[0].k, rows[0].left_chance, rows[0].right_chance) == (2, 2 / 120, 2 / 80)
    assert rows[0].left_overlap < 0.3 < 0.9 < rows[2].left_overlap
    u, v = (np.linalg.svd(START + t * LEARNT)[0][:, :2] for t in (0.7, 1.0))
    assert rows[2].left_overlap == pytest.approx(np.sum((u.T @ v) ** 2) / 2, rel=1e-9)


def test_a_fall_back_into_the_bulk_is_no_leaving():
    counts = series([{"w": START}, {"w": START + LEARNT}, {"w": START}, {"w": START + LEARNT}])
    assert counts.left_bulk == {"w": "3"}
    assert series([{"w": START}, {"w": START + LEARNT}, {"w": START}]).left_bulk == {"w": None}


def test_scale_and_order_of_layers():
    one, other = (series([{"w": c * START}, {"w": c * (START + LEARNT)}], k=3) for c in (1, 8))
    for a, b in zip(one.rows, other.rows, strict=True):
        assert (a.outliers, a.k) == (b.outliers, b.k)
        assert a.left_overlap == pytest.approx(b.left_overlap, rel=1e-9)
        assert a.relative_change == pytest.approx(b.relative_change, rel=1e-12)


def test_what_cannot_be_followed_has_a_row_that_says_so():
    bad, gone = np.full((60, 50), np.nan), gaussian(5, 4)
    sound = gaussian(60, 50)
    found = series([{"w": sound, "x": gone}, {"w": bad}, {"w": np.zeros((60, 50))}, {"w": sound}])
    assert found.left_out == ["x"]
    assert [row.analysis.status for row in found.rows] == ["ok", "non-finite", "zero", "ok"]
    assert found.left_bulk == {}
    assert [row.left_overlap is None for row in found.rows] == [False, True, True, False]
    json.loads(found.to_json(), parse_constant=pytest.fail)
    assert found.rows[-1].change.note == "nothing changed"


def test_networks_and_labels():
    nets = [MLP([20, 30, 30, 5], "relu", sigma_w=1.0).sample(seed) for seed in range(3)]
    found = series(nets, labels=(0, 5, 9))
    assert found.names == ["weights[0]", "weights[1]", "weights[2]"]
    assert found.checkpoints == ["0", "5", "9"]
    # Independent draws: the squared norm of a difference is twice that of a draw, up to some per cent.
    assert found.layer("weights[1]")[1].relative_change == pytest.approx(math.sqrt(2), rel=0.1)


def test_slices_and_parts_are_followed_one_by_one():
    kernel = np.random.default_rng(0).normal(size=(20, 16, 2, 1)).astype(np.float32)
    found = series([{"conv": kernel}, {"conv": 2 * kernel}], conv="slices")
    assert found.names == ["conv[0,0]", "conv[1,0]"]
    assert found.table("relative_change") == {"conv[0,0]": [0.0, 1.0], "conv[1,0]": [0.0, 1.0]}


def test_pages_and_pictures(found, tmp_path):
    pytest.importorskip("matplotlib")
    from matplotlib import pyplot

    text = found.to_html(tmp_path / "a.html")
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == text
    assert text.count("<svg") == 4  # two maps, two layers
    ax = found.plot(value="relative_change")
    assert [each.get_text() for each in ax.get_yticklabels()] == ["w", "still"]
    assert len(ax.patches) == 1  # one layer left the bulk
    assert found.plot_layer("w").axes[2].get_legend().get_title().get_text() == "k = 2"
    assert found.layer("w")[2].change.plot().get_xlabel() == "singular value"
    with pytest.raises(ValueError, match="no difference to draw"):
        found.layer("still")[2].change.plot()
    pyplot.close("all")


def test_refuses():
    one = {"w": START}
    with pytest.raises(ValueError, match="at least two, got 1"):
        series([one])
    with pytest.raises(TypeError, match="several sources"):
        series("one.npz")
    with pytest.raises(ValueError, match="labels must be 2, one a checkpoint, got 1"):
        series([one, one], labels=["a"])
    with pytest.raises(ValueError, match="share a layer"):
        series([one, {"w": START.T}])
    with pytest.raises(ValueError, match="k must be at least 1"):
        series([one, one], k=0)
    with pytest.raises(ReadError, match="no such file"):
        series(["/no/such/a.npz", "/no/such/b.npz"])
    found = series([one, one])
    with pytest.raises(ValueError, match="value must be one of"):
        found.table("nothing")
    with pytest.raises(KeyError, match="no layer 'v'"):
        found.layer("v")


@pytest.fixture
def files(tmp_path):
    names = []
    for at, t in enumerate(TIMES):
        np.savez(tmp_path / f"step{at}.npz", w=START + t * LEARNT, bias=START[0])
        names.append(str(tmp_path / f"step{at}.npz"))
    return names


def test_the_command_compares_two(files, tmp_path, capsys):
    assert cli.main(["compare", files[0], files[-1], "--json", str(tmp_path / "a.json")]) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert head.split()[:2] == ["layer", "shape"]
    assert line.split()[:4] == ["w", "120", "x", "80"]
    (row,) = json.loads((tmp_path / "a.json").read_text())["rows"]
    assert (row["change_rank"], row["left_bulk"]) == (2, True)


def test_the_command_follows_several(files, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    page = tmp_path / "a.html"
    assert cli.main(["compare", *files, "--labels", "0,1,10,20", "--html", str(page)]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["w", "10", "0", "0", "2", "2"]
    assert page.read_text(encoding="utf-8").count("<svg") == 3
    assert cli.main(["compare", *files, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["checkpoints"] == [f"step{at}.npz" for at in range(4)]


def test_the_command_says_what_is_missing(files, tmp_path, capsys):
    np.savez(tmp_path / "other.npz", w=START, more=START.T)
    assert cli.main(["compare", *files[:2], str(tmp_path / "other.npz")]) == 1
    assert "only in some: more" in capsys.readouterr().err
    assert cli.main(["compare", files[0]]) == 2
    assert "at least two checkpoints" in capsys.readouterr().err
    assert cli.main(["compare", *files, "--labels", "a,b"]) == 2
    assert "--labels must name 4 checkpoints, got 2" in capsys.readouterr().err
    assert cli.main(["compare", files[0], "/no/such.npz"]) == 2


def test_an_interrupted_series_goes_on(files, tmp_path, monkeypatch):
    journal, options = tmp_path / "journal", {"k": 100, "labels": range(4)}
    plain = series(files, **options)
    assert plain.rows[0].note == "k = 100, but there are 80 singular values: all are compared"
    assert series(files, journal=journal, **options).to_json() == plain.to_json()
    monkeypatch.setattr(_series, "_over_time", None)
    again = series(files, journal=journal, **options)
    assert again.to_json() == plain.to_json()
    change, before = again.rows[2].change, plain.rows[2].change
    assert change.change_singular_values.tobytes() == before.change_singular_values.tobytes()
    with pytest.raises(ValueError, match=r"series: journal .* belongs to other settings: k = 100, now 3"):
        series(files, journal=journal, k=3, labels=range(4))
    with pytest.raises(ValueError, match=r"analyze: journal .* is one of series"):
        analyze(files[0], journal=journal)
    with pytest.raises(ReadError, match="NoneType"):  # nothing is left to show
        series(files, **options)


def test_executors_and_memory(files):
    checkpoints = [{"w": START + t * LEARNT, "large": gaussian(200, 160) + t} for t in (0.0, 1.0)]
    plain = series(checkpoints)
    with ThreadPoolExecutor(2) as pool:
        assert series(checkpoints, executor=pool).to_json() == plain.to_json()
    large = [Layer("large", "dense", each["large"]) for each in checkpoints]
    (method, decomposed), (_, lanczos) = chosen_series(large, None, "flatten"), needs(large[0], "flatten")
    assert method == "dense"
    found = series(checkpoints, max_memory=decomposed - 1)
    assert [row.analysis.status for row in found.rows] == ["ok", "ok", "estimated", "estimated"]
    assert found.layer("large")[1].change is None
    assert found.left_bulk == plain.left_bulk
    small = series(checkpoints, max_memory=lanczos - 1)
    assert [each.name for each in small.skipped] == ["large"]
    assert "more than max_memory" in small.to_dict()["skipped"][0]["reason"]


def test_only_numbers_are_drawn(found):
    pytest.importorskip("matplotlib")
    for value in ("status", "name", "shape", "note"):
        with pytest.raises(ValueError, match=f"value must be a number, such as sigma, .* got '{value}'"):
            found.plot(value=value)


def test_what_three_or_more_give_is_a_series():
    assert isinstance(series([{"w": START}] * 3), Series)
