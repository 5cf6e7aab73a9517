"""WeightWatcher's metrics: against their definitions, against its own numbers, and where it says "success" in vain."""

import json
import math
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from deeprmt.weights import Layer, Metrics, MetricsTable, ReadError, analyze, layers, metrics
from deeprmt.weights._density_fit import density_edge
from deeprmt.weights._formulas import det_x, det_x_crossing, log_power_sum, spectral_distance
from deeprmt.weights._null import noise, permuted
from reference.weights import metrics as reference

PAGE = Path(__file__).resolve().parents[3] / "docs" / "weightwatcher.md"
DEFINED = ("alpha", "alpha_weighted", "log_norm", "log_spectral_norm", "log_alpha_norm", "stable_rank", "entropy",
           "detX", "xmin", "ks", "n_tail")  # fmt: skip


def gaussian(m, n, seed=0):
    return np.random.default_rng(seed).normal(size=(m, n))


def cheap(w, **options):
    return metrics(w, **({"samples": 0, "permutations": 0} | options))


# ---- definitions ----


@pytest.mark.parametrize("convention", ["deeprmt", "weightwatcher"])
@pytest.mark.parametrize("shape", [(60, 40), (50, 50), (25, 90)])
def test_matches_the_reference(shape, convention):
    w = gaussian(*shape, 1) + np.outer(np.linspace(0, 1, shape[0]), np.ones(shape[1]))
    found, wanted = cheap(w, convention=convention), reference.of_spectrum(reference.spectrum(w))
    for name in DEFINED:
        # The least eigenvalue of a square matrix is 1e-5 of the largest or more, squares of numbers right to 1e-14.
        assert getattr(found, name) == pytest.approx(wanted[name], rel=1e-9), name
    assert found.stderr["alpha"] == pytest.approx((wanted["alpha"] - 1) / math.sqrt(wanted["n_tail"]), rel=1e-9)


def test_literal():
    found = cheap([[1.0, 2.0, 0.0], [0.0, 1.0, -1.0], [2.0, 0.0, 1.0], [-1.0, 1.0, 3.0]])
    assert found.stable_rank == pytest.approx(1.954191940303, rel=1e-12)
    assert found.log_norm == pytest.approx(1.361727836018, rel=1e-12)
    assert found.log_spectral_norm == pytest.approx(1.070760618231, rel=1e-12)
    assert found.entropy == pytest.approx(0.9266010089357, rel=1e-12)
    levels = np.array([4.308322264898, 6.92210713886, 11.76957059624])
    assert log_power_sum(levels, 2.5) == pytest.approx(2.806058024225, rel=1e-12)


def test_distance_and_detx_of_literal_spectra():
    p = np.array([0.1, 0.2, 0.4, 0.6, 0.9, 1.3, 2.5, 5.0])
    q = np.array([0.5, 0.7, 0.9, 1.1, 1.3, 1.6, 2.0, 2.9])
    assert spectral_distance(p, q, "ww") == pytest.approx(0.194047565523, rel=1e-11)
    assert spectral_distance(p, q, "ww") == pytest.approx(reference.jensen_shannon(p, q), rel=1e-12)
    assert spectral_distance(p, p, "density") == spectral_distance(p, p, "ww") == 0
    assert (int(det_x(p)), int(det_x(q))) == (6, 7) == (reference.det_x(p), reference.det_x(q))
    # Disjoint histograms: every level of one is where the other has none, and the distance is the root of ln 2.
    assert spectral_distance(p, 10 + q, "density") == pytest.approx(math.sqrt(math.log(2)), abs=1e-6)


def test_products_of_thousands_do_not_overflow():
    levels = np.geomspace(1e-3, 1e3, 5000)
    assert 0 < det_x(levels) < 5000  # the product of the largest thousand is 1e2000 or so
    assert det_x(np.full(1000, 0.1)) == 1000
    assert log_power_sum(levels, 1000.0) == pytest.approx(3000 + math.log10(1 / (1 - 1e-6 ** (1000 / 4999))), rel=1e-9)


def test_the_fit_to_a_smoothed_density():
    levels = reference.spectrum(gaussian(60, 40, 2))
    levels /= levels.mean()
    # The reference looks at every 1 / 2800 of sigma; the edge goes with its square.
    assert density_edge(levels, 40 / 60) == pytest.approx(reference.density_edge(levels, 40 / 60), rel=2 / 2800)


def numbers_of_weightwatcher():
    """Layers, and what WeightWatcher 0.7.7 says of them, six digits."""
    rng = np.random.default_rng(0)
    names = ("alpha", "ks", "xmin", "n_tail", "entropy", "mp_softrank", "detX", "rank")
    dense = rng.normal(size=(300, 200)).astype(np.float32)
    rng.normal(size=(100, 100))
    kernel = rng.normal(size=(32, 16, 3, 3)).astype(np.float32)
    small = rng.normal(size=(30, 12)).astype(np.float32)
    yield dense, dict(zip(names, (10.931063, 0.143435, 754.879595, 14, 0.937488, 1.01592, 158, 200), strict=True))
    yield kernel, dict(zip(names, (15.050716, 0.124181, 41.514165, 7, 0.948603, 1.015523, 117, 144), strict=True))
    yield small, dict(zip(names, (2.718891, 0.200427, 23.304653, 8, 0.93879, 1.048394, 11, 12), strict=True))


@pytest.mark.parametrize("case", range(3))
def test_the_numbers_of_weightwatcher_itself(case):
    weight, wanted = list(numbers_of_weightwatcher())[case]
    found = cheap(weight, convention="weightwatcher")
    for name, value in wanted.items():
        # Six decimals are printed. Its kernels are halved, and its fit of 12 values is one of its own.
        assert getattr(found, name) == pytest.approx(value, abs=6e-7 * max(1, value)), name


def test_a_flat_kernel_is_cut_into_its_slices():
    weight, _ = list(numbers_of_weightwatcher())[1]
    (layer,) = layers({"conv.weight": weight})
    a, b = cheap(layer, convention="weightwatcher"), cheap(weight, convention="weightwatcher")
    assert (a.alpha, a.log_norm, a.shape) == (b.alpha, b.log_norm, b.shape)
    assert cheap(weight).log_norm == pytest.approx(a.log_norm + math.log10(2), rel=1e-12)
    assert cheap(layer).shape == (32, 144)


POOLED = """alpha ks xmin n_tail entropy log_norm log_spectral_norm log_alpha_norm detX rank
10.506086 0.135389 28.080586 7 0.917890 2.874392 1.593752 16.916595 51 64
2.508227 0.169993 9.448867 14 0.953605 2.461502 1.559400 4.468240 16 18"""
SLICES = """alpha ks xmin n_tail entropy log_norm log_spectral_norm log_alpha_norm detX rank
2.172077 0.166159 24.775471 11 0.884745 2.858342 2.079468 5.054369 13 16
2.298754 0.158076 30.589084 9 0.864574 2.847696 2.126779 5.336826 13 16
1.893869 0.156577 18.385669 12 0.881073 2.887407 2.075440 4.579967 13 16
2.020136 0.176933 23.835616 11 0.878111 2.901938 2.195812 4.870833 13 16
2.088908 0.165730 14.356865 9 0.944170 2.521677 1.860430 4.338516 8 9
1.748496 0.265187 7.208808 9 0.943801 2.391627 1.699235 3.529212 9 9"""


def two_kernels():
    rng = np.random.default_rng(0)
    one = rng.normal(size=(24, 16, 2, 2)).astype(np.float32)
    return {"a.weight": one, "b.weight": rng.normal(size=(9, 30, 1, 2)).astype(np.float32)}


@pytest.mark.parametrize(("pool", "table"), [(True, POOLED), (False, SLICES)])
def test_pooled_and_single_slices_have_the_numbers_of_weightwatcher(pool, table):
    """WeightWatcher 0.7.7 with pool=True and pool=False, which scale eigenvalues differently; six decimals each."""
    names, *rows = (line.split() for line in table.splitlines())
    found = MetricsTable.of(two_kernels(), pool=pool, convention="weightwatcher", samples=0, permutations=0)
    assert len(found) == len(rows)
    for row, wanted in zip(found.rows, rows, strict=True):
        for name, value in zip(names, wanted, strict=True):
            assert getattr(row, name) == pytest.approx(float(value), abs=6e-7), (row.name, name)


def test_tables_of_models():
    model = two_kernels() | {"fc.weight": gaussian(20, 12), "fc.bias": np.zeros(3)}
    table = MetricsTable.of(model, samples=19, permutations=2)
    assert [(row.name, row.rank) for row in table.rows] == [("a.weight", 64), ("b.weight", 18), ("fc.weight", 12)]
    assert [each.name for each in table.skipped] == ["fc.bias"]
    assert table.rows[2].to_dict() == metrics(model["fc.weight"], samples=19, permutations=2).to_dict() | {
        "name": "fc.weight", "kind": "dense", "source": "memory"
    }  # fmt: skip
    kernel = metrics(model["a.weight"], samples=19, permutations=2)  # pooled, and of the same noise
    assert kernel.columns() == table.rows[0].columns()
    with ThreadPoolExecutor(2) as pool:
        again = MetricsTable.of(model, samples=19, permutations=2, executor=pool)
    assert [row.to_dict() for row in again.rows] == [row.to_dict() for row in table.rows]
    with pytest.raises(ValueError, match=r"MetricsTable\.of: convention must be one of"):
        MetricsTable.of(model, convention="ww")
    with pytest.raises(TypeError, match="pool must be True or False, got 'no'"):
        MetricsTable.of(model, pool="no")
    with pytest.raises(ReadError, match="holds no weights"):
        MetricsTable.of(iter([]))


def test_rows_are_known_by_the_columns_of_weightwatcher():
    pytest.importorskip("pandas")
    model = {"net." + name: value for name, value in two_kernels().items()} | {"fc.weight": gaussian(20, 12)}
    options = {"samples": 0, "permutations": 0}
    frame = MetricsTable.of(model, pool=False, **options).to_pandas(weightwatcher=True)
    assert frame["longname"].tolist() == 4 * ["net.a"] + 2 * ["net.b"] + ["fc"]
    assert frame["slice_id"].tolist() == [0, 1, 2, 3, 0, 1, 0]
    assert frame[["M", "N", "rf", "num_evals"]].to_numpy().tolist()[3:] == [
        [16, 24, 4, 16], [9, 30, 2, 9], [9, 30, 2, 9], [12, 20, 1, 12]
    ]  # fmt: skip
    frame = MetricsTable.of(model, **options).to_pandas(weightwatcher=True)
    assert frame[["M", "N", "rf", "num_evals"]].to_numpy().tolist() == [
        [16, 24, 4, 64],
        [9, 30, 2, 18],
        [12, 20, 1, 12],
    ]


# ---- where success is none ----


@pytest.mark.parametrize("shape", [(200, 300), (150, 150)])
def test_noise_has_no_power_law(shape):
    found = metrics(gaussian(*shape, 4), permutations=0)
    assert 2 < found.alpha < 6  # what WeightWatcher calls well trained
    assert found.alpha_verdict == "no tail"
    assert found.p_values["alpha"] > 0.05  # of a fixed draw
    mean, deviation = found.noise["alpha"]
    assert abs(found.alpha - mean) < 5 * deviation


@pytest.mark.parametrize("weight", [np.eye(100), np.linalg.qr(gaussian(100, 100))[0], 0.02 * np.eye(80, 120)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_eigenvalues_have_no_alpha(weight, dtype):
    found = metrics(weight.astype(dtype), permutations=0, samples=9)
    assert (found.alpha, found.alpha_verdict, found.p_values) == (None, "no tail", {})
    assert found.entropy == pytest.approx(1)
    table = MetricsTable([found])
    assert not table.discoveries("alpha")
    assert "success" not in json.dumps(table.to_dict())


def test_success_is_for_power_laws_alone():
    pytest.importorskip("pandas")
    rng = np.random.default_rng(3)
    q, r = (np.linalg.qr(rng.normal(size=(400, 400)))[0] for _ in range(2))
    tail = (q * np.sqrt(rng.pareto(1.5, 400) + 1)) @ r  # eigenvalues with density exponent 2.5
    table = MetricsTable(cheap(w, samples=99) for w in (tail, gaussian(300, 200), np.eye(50)))
    frame = table.to_pandas(weightwatcher=True)
    assert frame["status"].tolist() == ["success", "failed", "failed"]
    assert table.rows[0].alpha == pytest.approx(2.5, abs=5 * table.rows[0].stderr["alpha"])
    assert {"detX_num", "rand_num_spikes", "sigma", "D", "num_pl_spikes", "alpha_q"} <= set(frame.columns)


def test_alpha_is_not_bounded():
    """powerlaw takes no exponent above 3 unless told to."""
    x = np.sort(np.random.default_rng(0).pareto(4, 400) + 1)
    assert cheap(np.diag(np.sqrt(x))).alpha == pytest.approx(5, abs=2)


def test_small_weights_are_not_thrown_away():
    """Eigenvalues below 1e-5 are left out by WeightWatcher whatever the scale."""
    w = gaussian(300, 200)
    assert cheap(1e-4 * w).alpha == pytest.approx(cheap(w).alpha, rel=1e-9)
    assert cheap(1e-4 * w, convention="weightwatcher").alpha is None


def test_single_precision_has_a_rank_of_its_own():
    w = (gaussian(200, 20, 1) @ gaussian(20, 150, 2)).astype(np.float32)
    found = cheap(w)
    assert found.rank == 20
    assert cheap(w, convention="weightwatcher").rank == 150  # rounding taken for rank
    # The entropy is of 20 levels; counting rounding for rank makes it ln 20 / ln 150 of that.
    assert found.entropy > 0.9
    ratio = cheap(w, convention="weightwatcher").entropy / found.entropy
    assert ratio == pytest.approx(math.log(20) / math.log(150), rel=1e-6)


def test_one_nan_loses_one_layer():
    good, bad = gaussian(40, 30), gaussian(40, 30)
    bad[2, 3] = np.nan
    analysis = analyze({"good": good, "bad": bad, "zero": np.zeros((9, 9))}, samples=9)
    assert [row.metrics is None for row in analysis.rows] == [False, True, True]
    assert [row.to_dict()["alpha"] is None for row in analysis.rows] == [False, True, True]
    assert [row.name for row in analysis.metrics.rows] == ["good"]
    assert metrics(bad).note == "1 entries are NaN or infinite"
    assert metrics(np.zeros((3, 3))).note == "every entry is zero"


def test_a_spike_does_not_move_the_bulk():
    """WeightWatcher's grid of sigma and of points follow the largest eigenvalue."""
    w, u = gaussian(300, 200, 5), np.ones((300, 200)) / math.sqrt(300 * 200)
    edge = cheap(w).mp_softrank * 10 ** cheap(w).log_spectral_norm
    for strength in (100, 1000, 10_000):
        found = cheap(w + strength * u)
        # One dimension less: edges move by 1 / 200, and the fit by the noise of 60,000 entries.
        assert found.mp_softrank * 10**found.log_spectral_norm == pytest.approx(edge, rel=0.02)


# ---- noise and permutations ----


def test_p_values_of_noise_are_uniform():
    p = np.array([metrics(gaussian(30, 20, seed), samples=99, permutations=0).p_values["stable_rank"]
                  for seed in range(100)])  # fmt: skip
    # Kolmogorov's 1 - 1e-6 quantile for 100 values is 0.27, and both have a step of 0.01.
    assert np.abs(np.sort(p) - np.arange(1, 101) / 100).max() < 0.28


@pytest.mark.parametrize("shape", [(30, 20), (40, 40)])
def test_p_values_of_detx_are_uniform_in_noise(shape):
    """Though detX itself takes two or three values there."""
    found = [metrics(gaussian(*shape, seed), permutations=0) for seed in range(100)]
    assert len({each.detX for each in found}) <= 4
    p = np.sort([each.p_values["detX"] for each in found])
    # Two-sided, in steps of 0.01; Kolmogorov's 1 - 1e-6 quantile for 100 values is 0.27, and simulated noise of 199
    # matrices shifts all of them by its own error of up to 2 x 0.04 x 2 sigma.
    assert np.abs(p - np.arange(1, 101) / 100).max() < 0.27 + 0.01
    levels = gaussian(*shape, 1) ** 2
    assert np.array_equal(np.floor(det_x_crossing(levels)) + 1, det_x(levels))
    assert float(det_x_crossing(np.ones(7))) == 7


def test_simulated_noise_is_that_of_matrices():
    null = noise(40, 60, 1, 400, 1)
    direct = [cheap(gaussian(60, 40, seed)) for seed in range(60)]
    for name, values in (("alpha", null.alpha), ("stable_rank", null.stable_rank), ("entropy", null.entropy),
                         ("mp_softrank", null.mp_softrank), ("detX", np.ceil(null.det_x))):  # fmt: skip
        found = np.array([getattr(each, name) for each in direct])
        error = math.sqrt(values.var() / 400 + found.var() / 60)
        assert abs(values.mean() - found.mean()) < 5 * error, name


def test_what_was_learnt_differs_from_noise():
    w = gaussian(80, 60, 1)
    w[:, 0] += 2
    found = metrics(w, samples=99, permutations=19)
    for name in ("stable_rank", "log_spectral_norm", "mp_softrank"):
        assert found.p_values[name] == 0.01, name
    assert found.p_values["rand_distance"] == found.p_values["ww_softrank"] == 0.05
    assert found.ww_softrank < 1


def test_heavy_entries_show_in_the_permuted_copies():
    w = gaussian(80, 60, 1)
    w[3, 4] = 60.0  # wherever it goes, it is a spike
    found = metrics(w, samples=99, permutations=5)
    assert found.num_rand_spikes == pytest.approx(1, abs=0.5)
    assert found.p_values["num_rand_spikes"] < 0.05
    assert found.p_values["ww_softrank"] > 0.1


def test_permutations_keep_every_entry():
    w = np.arange(12.0).reshape(3, 4)
    a, b = permuted(w, 7, 0, 0), permuted(w, 7, 1, 0)
    np.testing.assert_array_equal(np.sort(a, axis=None), w.ravel())
    assert not np.array_equal(a, b)
    np.testing.assert_array_equal(a, permuted(w, 7, 0, 0))


def test_a_seed_gives_the_same_numbers_on_any_number_of_threads():
    w, found = gaussian(40, 30), []
    for threads in (1, 2):
        np.random.seed(threads)  # noqa: NPY002  NumPy's global state has no say
        found.append(metrics(w, samples=19, permutations=3, threads=threads).to_dict())
    one, two = found
    assert one == two
    other = metrics(w, samples=19, permutations=3, rng=1)
    assert other.rand_distance != one["rand_distance"]
    generator = np.random.default_rng(0)
    assert metrics(w, samples=5, permutations=1, rng=generator).rand_distance is not None


def test_analyze_has_them_as_columns():
    w = gaussian(40, 30)
    (row,) = analyze({"w": w}, samples=19, permutations=2).rows
    alone = metrics(w, samples=19, permutations=2)
    content, columns = row.to_dict(), alone.columns()
    shared = [name for name in columns if "_noise" not in name]
    assert {name: content[name] for name in shared} == pytest.approx({name: columns[name] for name in shared})
    assert row.metrics.columns() == columns


def test_false_discoveries_are_kept_in_bounds():
    rows = [Metrics(name=str(i), p_values={"alpha": p}) for i, p in enumerate([0.01, 0.04, 0.03, 0.5])]
    table = MetricsTable([*rows, Metrics(name="none")])
    np.testing.assert_allclose(table.q_values("alpha"), [0.04, 0.04 * 4 / 3, 0.04 * 4 / 3, 0.5, np.nan])
    assert table.discoveries("alpha") == ["0"]
    with pytest.raises(ValueError, match="name must be one of"):
        table.q_values("sigma")


@pytest.mark.skipif(not PAGE.is_file(), reason="the page is not beside the tests")
def test_the_page_runs(capsys):
    names = {"__name__": "weightwatcher"}
    for block in re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        exec(compile(block, str(PAGE), "exec"), names)
    assert "'learnt'" in capsys.readouterr().out


# ---- hostile input ----


@settings(max_examples=25, deadline=None)
@given(arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.floats(-1e3, 1e3)))
def test_any_small_matrix_is_answered(w):
    found = metrics(w, samples=2, permutations=1)
    assert json.dumps(found.to_dict(), allow_nan=False)
    assert repr(found).startswith("Metrics of")


@pytest.mark.parametrize("scale", [2.0**-320, 2.0**320])
def test_errors_do_not_depend_on_scale(scale):
    # Powers of two are exact: what differs is the rounding of the root of the sum of squares. Fourth powers overflow.
    w = gaussian(20, 10)
    assert cheap(scale * w).stderr["log_norm"] == pytest.approx(cheap(w).stderr["log_norm"], rel=1e-12)


@pytest.mark.parametrize(
    ("weight", "options", "says"),
    [
        (np.ones(3), {}, "at least two axes, got 1"),
        (np.ones((3, 3)), {"convention": "ww"}, "convention must be one of"),
        (np.ones((3, 3)), {"distance": "l2"}, "distance must be one of"),
        (np.ones((3, 3)), {"samples": -1}, "samples must be at least 0"),
    ],
)
def test_refuses(weight, options, says):
    with pytest.raises(ValueError, match=says):
        metrics(weight, **options)


def test_dtype_of_a_layer_counts():
    w = np.float16(gaussian(60, 20)) @ np.float16(gaussian(20, 40, 1))
    assert cheap(Layer("w", "dense", np.float32(w), dtype="float16")).rank == 20
