"""Analysis of matrices whose truth is known."""

import json
import math
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import deeprmt
from deeprmt.weights import Layer, ReadError, analyze, load


def gaussian(m, n, seed=0, sigma=1.0):
    return np.random.default_rng(seed).normal(scale=sigma, size=(m, n))


def haar(n, k, seed=0):
    """Orthonormal columns, without the package's own sampler."""
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(n, k)))
    return q * np.sign(np.diag(r))


def row_of(weight, **options):
    (row,) = analyze({"w": weight}, **({"samples": 0} | options)).rows
    return row


# ---- noise ----


@pytest.mark.parametrize(("m", "n"), [(400, 400), (300, 900), (800, 200), (60, 50)])
@pytest.mark.parametrize("sigma", [1.0, 0.02])
def test_noise_has_the_law_of_its_shape(m, n, sigma):
    row = row_of(gaussian(m, n, 5, sigma))
    p, q = min(m, n), max(m, n)
    # Without outliers sigma^2 is the mean squared entry, of relative deviation sqrt(2 / (m n)); the root halves it.
    assert abs(row.sigma / sigma - 1) < 5 * math.sqrt(2 / (m * n)) / 2
    assert row.outliers == 0  # one in a thousand such matrices has one
    c = p / q
    assert row.aspect == c
    assert row.lower_edge == pytest.approx(row.sigma**2 * (1 - math.sqrt(c)) ** 2, abs=1e-15)
    assert row.upper_edge == pytest.approx(row.sigma**2 * (1 + math.sqrt(c)) ** 2)
    assert row.threshold > row.upper_edge
    # The count of levels below any point is off by less than one on average, and by log p at the worst of points.
    assert row.bulk_ks < (1 + math.log(p)) / p
    assert (row.status, row.rank, row.zeros, row.fit_settled, row.fit_found) == ("ok", p, 0, True, True)
    assert "bulk fits Marchenko-Pastur" in row.verdict


def test_noise_repels_as_the_goe():
    rows = analyze({str(i): gaussian(300, 300 + 20 * i, i) for i in range(12)}, samples=0).rows
    r = np.array([row.spacing_ratio for row in rows])
    error = np.array([row.spacing_ratio_stderr for row in rows])
    # The standard error is 0.27 / sqrt(n), and the mean is that of the infinite GOE, known to 0.0003.
    np.testing.assert_allclose(error, 0.27 / math.sqrt(270), rtol=0.2)
    assert abs(r.mean() - 0.53064) < 5 * error.mean() / math.sqrt(12) + 0.0003
    assert all(row.spacing_count == 269 for row in rows)
    variance = np.array([row.spacing_variance for row in rows])
    # 0.28553 is exact for the infinite GOE; the unfolding removes under one per cent. The spread is that of the rows.
    assert abs(variance.mean() - 0.28553) < 5 * variance.std(ddof=1) / math.sqrt(12) + 0.003
    assert all(abs(row.mean_spacing - 1) < 0.02 for row in rows)
    # Kolmogorov's 0.999 quantile for independent spacings is an upper bound: neighbours are anticorrelated.
    assert all(row.spacing_ks < 1.95 / math.sqrt(269) for row in rows)


def test_noise_has_no_tail():
    # The inverse tail index at k = 10% of noise of aspect 1/2 and 1, from 30 draws each of 1000 x 500 and 500 x 500.
    half = [row.hill_xi for row in analyze({str(i): gaussian(1000, 500, i) for i in range(4)}, samples=0).rows]
    full = [row.hill_xi for row in analyze({str(i): gaussian(500, 500, i) for i in range(4)}, samples=0).rows]
    assert 1 / np.mean(half) == pytest.approx(7.11, abs=0.4)  # edges fluctuate by 1%, k = 50 levels do so together
    assert 1 / np.mean(full) == pytest.approx(5.36, abs=0.4)


# ---- spikes ----


@pytest.mark.parametrize("strengths", [[2.0, 3.0, 5.0], [1.5] * 3 + [20.0], list(np.linspace(2, 30, 25))])
def test_planted_spikes_are_counted(strengths):
    m, n, sigma = 700, 400, 0.3
    u, v = haar(m, len(strengths), 1), haar(n, len(strengths), 2)
    # In units of sigma sqrt(m) a spike shows if it is above c^(1/4) = 0.869 (Baik, Ben Arous, Peche 2005).
    weight = gaussian(m, n, 3, sigma) + sigma * math.sqrt(m) * (u * strengths) @ v.T
    row = row_of(weight)
    assert row.outliers == len(strengths)
    # k spikes move each level past k others at most (Weyl), the mean by k / n of the spectrum's width at most.
    width = (1 + math.sqrt(n / m)) ** 2
    shift = len(strengths) / n * width
    assert row.sigma == pytest.approx(sigma, rel=(5 * math.sqrt(2 / (m * n)) + shift) / 2)
    # Above the threshold an outlier lies at (1 + t^2)(c + t^2) / t^2 (Benaych-Georges and Nadakuditi 2012); the
    # fluctuation of its square root is at most about 1 / sqrt(m) in units of sigma sqrt(m).
    t, c = max(strengths), n / m
    expected = math.sqrt((1 + t**2) * (c + t**2)) / t
    assert row.spectral_norm / (sigma * math.sqrt(m)) == pytest.approx(expected, abs=5 / math.sqrt(m))
    assert row.bulk_ks < (1 + math.log(n)) / (n - len(strengths))
    assert f"{len(strengths)} of 400 eigenvalues above the edge" in row.verdict
    # The entries' own variance is not robust: spikes lift it and hide the smallest among them.
    assert row.entry_sigma > row.sigma
    assert row.entry_outliers <= row.outliers


def test_the_bulk_is_what_is_left():
    spike = 5 * math.sqrt(300) * haar(300, 1, 1) @ haar(200, 1, 2).T
    row = row_of(gaussian(300, 200, 3) + spike)
    assert row.bulk.size == 199
    assert np.all(np.diff(row.bulk) > 0)
    assert row.eigenvalues[:-1] == pytest.approx(row.bulk**2 / 300)
    assert row.law.support()[0] == pytest.approx((row.lower_edge, row.upper_edge))
    assert row.hill.xi[row.hill_k - 1] == row.hill_xi
    assert row.hill.stderr[row.hill_k - 1] == row.hill_stderr
    assert row.hill_k == 20
    assert row.spacings.mean() == pytest.approx(1)
    assert row.spacings.size == row.spacing_count == 199 - 30 - 1


def test_heavy_tailed_entries_show_a_tail():
    heavy = np.random.default_rng(0).standard_t(1.5, size=(400, 300))
    row = row_of(heavy)
    # Eigenvalues of entries with tail index 1.5 have tail index 0.75, xi = 4/3 (Soshnikov 2004); k = 30, 5 sigma.
    assert row.hill_xi == pytest.approx(4 / 3, abs=5 * row.hill_stderr)
    assert row.outliers > 20


# ---- norms ----


def test_literal():
    w = [[1.0, 2.0, 0.0], [0.0, 1.0, -1.0], [2.0, 0.0, 1.0], [-1.0, 1.0, 3.0]]
    row = row_of(w)
    np.testing.assert_allclose(4 * row.eigenvalues, [4.308322264898, 6.92210713886, 11.76957059624], rtol=1e-12)
    assert row.stable_rank == pytest.approx(1.954191940303, rel=1e-12)
    assert row.entropy == pytest.approx(0.9266010089357, rel=1e-12)
    assert math.log10(row.frobenius_norm**2) == pytest.approx(1.361727836018, rel=1e-12)
    assert math.log10(row.spectral_norm**2) == pytest.approx(1.070760618231, rel=1e-12)
    assert row.status == "small"
    assert row.sigma is None


# ---- symmetries ----


def numbers(row):
    return {k: v for k, v in row.to_dict().items() if isinstance(v, int | float) and not isinstance(v, bool)}


def assert_same(a, b, rtol):
    for key, value in numbers(a).items():
        assert numbers(b)[key] == pytest.approx(value, rel=rtol, abs=rtol), key


@pytest.fixture(scope="module")
def spiked():
    return gaussian(120, 90, 1) + 3 * math.sqrt(120) * haar(120, 4, 2) @ haar(90, 4, 3).T


def test_transposition_and_permutation_change_nothing(spiked):
    rng = np.random.default_rng(0)
    # 1e-10: errors of singular values are 1e-15 of the largest, here 1000 times the smallest spacing at most.
    for other in (spiked[rng.permutation(120)][:, rng.permutation(90)], -spiked):
        assert_same(row_of(spiked), row_of(other), 1e-9)
    row, turned = row_of(spiked), row_of(spiked.T)
    sides = turned.right_localization, turned.left_localization  # the only ones that know left from right
    assert_same(row, replace(turned, left_localization=sides[0], right_localization=sides[1]), 1e-9)


@pytest.mark.parametrize("exponent", [-30, 3, 40])
def test_scale_scales(spiked, exponent):
    a, b, factor = row_of(spiked), row_of(spiked * 2.0**exponent), 2.0**exponent
    for key, value in numbers(a).items():
        if key.startswith(("log_", "alpha_weighted")):  # logarithms; alpha times one
            continue
        power = {"sigma": 1, "sigma_stderr": 1, "entry_sigma": 1, "spectral_norm": 1, "frobenius_norm": 1}.get(key, 0)
        power = {"lower_edge": 2, "upper_edge": 2, "threshold": 2, "alpha_xmin": 2}.get(key, power)
        assert numbers(b)[key] == pytest.approx(value * factor**power, rel=1e-9), key


def test_threads_and_executors_change_nothing(spiked):
    source = {str(i): spiked[:, : 60 + i] for i in range(4)}
    once = analyze(source).to_json(arrays=True)
    assert analyze(source, threads=1).to_json(arrays=True) == once
    with ThreadPoolExecutor(2) as pool:
        assert analyze(source, executor=pool).to_json(arrays=True) == once
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert analyze(source, executor=pool).to_json(arrays=True) == once


def _record_threads(monkeypatch):
    """Every kernel that analyze calls, with the number of threads that it was given: their last argument."""
    calls = set()

    def recording(name, kernel):
        def call(*arguments):
            calls.add((name, arguments[-1]))
            return kernel(*arguments)

        return call

    core = deeprmt._core
    for module, name in [(core.linalg, "svdvals"), (core.spectra, "unfold_gaussian"), (core.spectra, "spacing_ratio"),
                         (core.tails, "hill")]:  # fmt: skip
        monkeypatch.setattr(module, name, recording(name, getattr(module, name)))
    made = core.laws.MarchenkoPastur

    class MarchenkoPastur:
        def __init__(self, *arguments):
            self._made = made(*arguments)

        def __getattr__(self, name):
            found = getattr(self._made, name)
            return recording("law", found) if callable(found) else found

    monkeypatch.setattr(core.laws, "MarchenkoPastur", MarchenkoPastur)
    return calls


def test_every_kernel_gets_the_number_of_threads(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(7), raising=False)
    monkeypatch.setattr("deeprmt._core.allowed_threads", lambda: 8)
    calls = _record_threads(monkeypatch)
    noise = {"noise": gaussian(80, 60)}
    kernels = {"svdvals", "unfold_gaussian", "spacing_ratio", "hill", "law"}

    def given():
        found = set(calls)
        calls.clear()
        return found

    analyze(noise, threads=1)
    assert given() == {(name, 1) for name in kernels}
    analyze(noise, threads=3)
    assert given() == {(name, 3) for name in kernels}
    analyze(noise)
    assert given() == {(name, 7) for name in kernels}
    with ThreadPoolExecutor(2) as pool:  # the workers are the parallel part
        analyze(noise, executor=pool)
        assert given() == {(name, 1) for name in kernels}
        analyze(noise, executor=pool, threads=2)
        assert given() == {(name, 2) for name in kernels}


# ---- special matrices ----


def special():
    w = gaussian(80, 60, 1)
    nan, inf, dead = w.copy(), w.copy(), w.copy()
    nan[3, 4] = np.nan
    inf[0, 0] = -np.inf
    dead[:, 10:15] = 0
    return {
        "nan": (nan, "non-finite", "1 of 4800 entries is NaN or infinite, the first at (3, 4)"),
        "inf": (inf, "non-finite", "the first at (0, 0)"),
        "zero": (np.zeros((30, 20)), "zero", "every entry is zero"),
        "row": (w[:1], "vector", "1 x 60: a single singular value"),
        "column": (w[:, :1], "vector", "80 x 1: a single singular value"),
        "one": (w[:1, :1], "vector", "1 x 1"),
        "dead": (dead, "rank deficient", "rank 55 of 60: 5 singular values are zero"),
        "constant": (np.full((30, 20), 0.3), "rank deficient", "rank 1 of 20: 19"),
        "identity": (np.eye(50), "orthogonal", "Marchenko-Pastur does not fit"),
        "orthogonal": (haar(90, 50).astype(np.float32), "orthogonal", "all singular values are equal"),
        "huge": (w * 1e200, "out of range", "square double precision cannot hold"),
        "tiny": (w * 1e-200, "out of range", "square double precision cannot hold"),
        "small": (w[:5], "small", "5 levels: a law needs 10"),
        "medium": (w[:25], "small", "25 bulk levels: spacings need 41"),
    }


@pytest.mark.parametrize("name", special())
def test_special_matrices_get_a_row_that_says_so(name):
    weight, status, note = special()[name]
    analysis = analyze({"before": gaussian(60, 50), name: weight, "after": gaussian(60, 50)})
    before, row, after = analysis.rows
    assert (before.status, after.status) == ("ok", "ok")
    assert row.status == status
    assert note in row.note
    assert row.note in row.verdict
    assert row.bad == (status not in ("small", "orthogonal", "degenerate"))
    assert analysis.complete == (not row.bad)
    assert name in repr(analysis)
    json.loads(analysis.to_json(), parse_constant=pytest.fail)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_two_levels_are_no_spectrum(dtype):
    q = haar(100, 100)
    (row,) = analyze({"few_levels": (q * ([1.0] * 50 + [2.0] * 50) @ q.T).astype(dtype)}).rows
    assert (row.status, row.bad, row.sigma, row.spacing_ratio) == ("degenerate", False, None, None)
    assert "only 2 distinct ones up to float" in row.verdict
    assert (row.metrics.alpha, row.metrics.alpha_verdict) == (None, "no tail")


def test_noise_has_no_plateau():
    rows = analyze({str(i): gaussian(60, 50, i) for i in range(8)}).rows  # five of them had one
    assert [row.outliers for row in rows] == [0] * 8  # 0.01 expected
    assert all(row.without_tail and row.plateau is None for row in rows)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_low_rank_is_seen_through_rounding(dtype):
    product = gaussian(200, 20, 1) @ gaussian(20, 100, 2)
    row = row_of(product.astype(dtype))
    assert (row.rank, row.zeros, row.status) == (20, 80, "rank deficient")
    single = gaussian(200, 20, 1).astype(np.float32) @ gaussian(20, 100, 2).astype(np.float32)
    assert row_of(single).rank == 20  # here the product itself was rounded too


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, "bfloat16"])
@pytest.mark.parametrize("n", [50, 400])
def test_square_noise_is_not_mistaken_for_rank_deficient(dtype, n):
    # Its smallest singular value is 1 / n of the largest or less: below bfloat16's rounding, and yet a level.
    weight = gaussian(n, n, 7)
    if dtype == "bfloat16":
        bits = weight.astype(np.float32).view(np.uint32)
        rounded = ((bits + 0x8000) & 0xFFFF0000).view(np.float32)
        (row,) = analyze(Layer("w", "dense", rounded, dtype="bfloat16")).rows
    else:
        row = row_of(weight.astype(dtype))
    assert (row.rank, row.status) == (n, "ok")


@given(arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.floats(width=32)))
@settings(deadline=None, max_examples=150)
def test_any_small_matrix_gives_a_row(weight):
    row = row_of(weight)
    json.dumps(row.to_dict(arrays=True), allow_nan=False)
    assert row.name in repr(row)


@given(st.integers(10, 60), st.integers(10, 60), st.integers(0, 5), st.sampled_from([0.0, 1.0, 3.0]))
@settings(deadline=None, max_examples=60)
def test_coarse_entries_give_a_row(m, n, seed, step):
    """Few distinct values: ties, exact zeros, small ranks."""
    weight = np.round(gaussian(m, n, seed) * step)
    json.dumps(row_of(weight, window=2).to_dict(arrays=True), allow_nan=False)


# ---- sources ----


def test_sources(tmp_path):
    w = gaussian(60, 50).astype(np.float32)
    np.savez(tmp_path / "a.npz", w=w, b=w[0])
    np.savez(tmp_path / "c.npz", v=w.T)
    (tmp_path / "bad.npz").write_bytes(b"PK nonsense")
    reference = analyze({"w": w}).rows[0]
    for source in (str(tmp_path / "a.npz"), tmp_path / "a.npz", w, Layer("w", "dense", w), [Layer("w", "dense", w)]):
        assert analyze(source).rows[0].sigma == reference.sigma
    layers = load(tmp_path / "a.npz")
    lazy = analyze(layers)
    assert [row.name for row in lazy.rows] == ["w"]
    assert [each.name for each in lazy.skipped] == ["b"]
    several = analyze([tmp_path / "a.npz", tmp_path / "bad.npz", tmp_path / "absent.npz", tmp_path / "c.npz"])
    assert [row.name for row in several.rows] == ["w", "v"]
    assert [row.source for row in several.rows] == [str(tmp_path / "a.npz"), str(tmp_path / "c.npz")]
    unread = [each for each in several.skipped if not each.expected]
    assert ["bad.npz" in unread[0].reason, "no such file" in unread[1].reason] == [True, True]
    assert not several.complete
    assert analyze(tmp_path / "a.npz").complete
    assert len(analyze(tmp_path).rows) == 2


def test_arrays_that_are_no_weights():
    analysis = analyze({"w": gaussian(30, 20), "b": np.ones(3), "i": np.ones((2, 2), int), "s": "text", 3: None})
    assert [row.name for row in analysis.rows] == ["w"]
    reasons = {each.name: each.reason for each in analysis.skipped}
    assert set(reasons) == {"b", "i", "s", "3"}
    assert reasons["3"] == "not an array of numbers"


class Module:
    def state_dict(self):
        return {"fc.weight": gaussian(30, 20), "fc.bias": np.ones(30)}


def test_modules():
    analysis = analyze(Module())
    assert [(row.name, row.source) for row in analysis.rows] == [("fc.weight", "Module")]


def test_torch_modules():
    torch = pytest.importorskip("torch")
    linear = torch.nn.Linear(60, 50).bfloat16()
    (row,) = analyze(linear).rows
    assert (row.name, row.dtype, row.shape) == ("weight", "bfloat16", (50, 60))
    (same,) = analyze(linear.state_dict()).rows
    assert same.sigma == row.sigma
    assert analyze(linear.weight).rows[0].sigma == row.sigma


def test_convolutions(tmp_path):
    np.savez(tmp_path / "c.npz", conv=np.random.default_rng(0).normal(size=(40, 30, 3, 3)))
    (flat,) = analyze(tmp_path / "c.npz").rows
    assert (flat.shape, flat.stored_shape, flat.kind) == ((40, 270), (40, 30, 3, 3), "conv")
    sliced = analyze(tmp_path / "c.npz", conv="slices").rows
    assert [row.name for row in sliced] == [f"conv[{i},{j}]" for i in range(3) for j in range(3)]
    assert {row.shape for row in sliced} == {(40, 30)}


def test_a_tensor_that_turns_out_unreadable_is_listed(tmp_path):
    path = tmp_path / "t.npz"
    np.savez(path, a=gaussian(30, 20), b=gaussian(30, 20))
    raw = bytearray(path.read_bytes())
    place = raw.index(gaussian(30, 20).tobytes()[:64])
    raw[place] ^= 1  # the archive's checksum is wrong now
    path.write_bytes(raw)
    analysis = analyze(path)
    assert [row.name for row in analysis.rows] == ["b"]
    assert "array 'a'" in analysis.skipped[0].reason
    assert not analysis.complete


def test_progress_counts_tensors():
    heard = []
    analyze({str(i): gaussian(12, 10) for i in range(3)}, progress=lambda done, total: heard.append((done, total)))
    assert heard == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("source", "error", "says"),
    [
        (3, TypeError, "source must be a path, paths, {name: array}"),
        ([], ValueError, "at least one path or layer"),
        ([1, 2], TypeError, r"Layer objects or paths throughout \(.*\), got int"),
        ("/no/such/file.npz", ReadError, "no such file or folder"),
        ({}, ReadError, "holds no weights"),
    ],
)
def test_refuses(source, error, says):
    with pytest.raises(error, match=says):
        analyze(source)


@pytest.mark.parametrize(
    ("options", "says"),
    [({"window": 0}, "window must be at least 1"), ({"conv": "x"}, "conv must be one of"), ({"threads": 0}, "threads")],
)
def test_refuses_options(options, says):
    with pytest.raises(ValueError, match=says):
        analyze({"w": gaussian(3, 2)}, **options)


# ---- ways out ----


@pytest.fixture(scope="module")
def analysis():
    return analyze(
        {"good": gaussian(80, 60), "nan": np.full((3, 4), np.nan), "small": np.eye(3, 5), "bias": np.ones(4)}
    )


def test_json_comes_back(analysis, tmp_path):
    text = analysis.to_json(tmp_path / "a.json")
    assert (tmp_path / "a.json").read_text() == text
    content = json.loads(text, parse_constant=pytest.fail)
    assert set(content) == {"rows", "skipped", "versions"}
    assert content == analysis.to_dict()
    good, nan, small = content["rows"]
    assert good["sigma"] == analysis.rows[0].sigma
    assert nan["sigma"] is None
    assert small["bulk_ks"] is None
    assert content["skipped"][0]["name"] == "bias"
    assert content["versions"]["deeprmt"] == deeprmt.__version__
    arrays = json.loads(analysis.to_json(arrays=True))["rows"]
    np.testing.assert_array_equal(arrays[0]["singular_values"], analysis.rows[0].singular_values)
    np.testing.assert_array_equal(arrays[0]["hill"]["xi"], analysis.rows[0].hill.xi)
    assert arrays[1]["hill"] is None


def test_pandas(analysis):
    pytest.importorskip("pandas")
    frame = analysis.to_pandas()
    assert list(frame["name"]) == ["good", "nan", "small"]
    assert frame["sigma"].dtype == float
    assert np.isnan(frame["sigma"][1])


def test_without_pandas(analysis, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        analysis.to_pandas()


def test_files_are_written_whole_or_not_at_all(analysis, tmp_path, monkeypatch):
    target = tmp_path / "a.json"
    target.write_text("old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        analysis.to_json(target)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_repr(analysis):
    text = repr(analysis)
    assert text.startswith("Analysis: 3 layers, 1 non-finite, 1 skipped")
    assert "nan: 12 of 12 entries are NaN" in text
    assert "<table" in analysis._repr_html_()


def test_one_odd_tensor_does_not_stop_the_rest():
    def odd(axes):
        raise MemoryError("Unable to allocate 9 PiB")

    from deeprmt.weights._analyze import _analyze, _Task
    from deeprmt.weights._tensor import Tensor

    (record,) = _analyze(
        _Task(0, Tensor("w", (3, 3), "float32", "a.npz", odd), "dense", 0, None), window=15, conv="flatten", threads=1
    )
    assert (record.name, record.expected) == ("w", False)
    assert record.reason == "a.npz: tensor 'w': Unable to allocate 9 PiB"


def test_frames_and_lists_are_told_how_arrays_are_given():
    pandas = pytest.importorskip("pandas")
    with pytest.raises(TypeError, match=r"must be a NumPy array or \{name: array\}, got DataFrame"):
        analyze(pandas.DataFrame({"a": [1.0, 2.0]}))
    with pytest.raises(TypeError, match=r"arrays are given as \{name: array\}\), got list"):
        analyze([[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(ValueError, match="source must be a path, got an empty text"):
        analyze("")


def test_levels_that_coincide_have_a_row_and_cost_no_other():
    """Four equal blocks: every level is there four times."""
    blocks = np.kron(np.eye(4), gaussian(20, 20))
    good, bad = analyze({"good": gaussian(80, 60), "blk": blocks}, samples=0, spacing_trials=19).rows
    assert good.spacing_p is not None
    assert (bad.status, bad.spacing_ratio, bad.spacing_p) == ("degenerate", None, None)
    assert bad.note == "60 of 80 bulk levels equal the next one: no spacings"
    assert "spacing ratio" not in bad.verdict
    assert bad.outliers is not None


def test_the_error_of_the_mean_ratio_is_that_of_dependent_ratios():
    """Of 2000 spectra of noise and as many of independent levels; `analyze` words the mean at three of its errors."""
    from deeprmt.ensembles import laguerre_eigenvalues
    from deeprmt.spectra import spacing_ratio
    from deeprmt.weights import _measure, _words

    count, n = 2000, 60
    noise = np.sqrt(laguerre_eigenvalues(140, n + 30, 1, size=count, rng=3))[:, 15:-15]
    independent = np.cumsum(np.random.default_rng(1).exponential(size=(count, n)), axis=1)
    cases = ((noise, _words.GOE_RATIO, _words.GOE_SCATTER), (independent, _words.POISSON_RATIO, _words.POISSON_SCATTER))
    for levels, mean, scatter in cases:
        ratios = np.asarray(spacing_ratio(levels))
        means = ratios.mean(axis=1)
        found = _measure._SHARED * ratios.std(axis=1, ddof=1) / math.sqrt(ratios.shape[1])
        # A standard deviation of 2000 is off by 1.6%, five of which are 8%; edges of the bulk shift means by less than
        # 0.002, a twentieth of their scatter. The factor is that of noise, 6% too large for independent levels.
        assert means.std() == pytest.approx(scatter / math.sqrt(n - 2), rel=0.08)
        assert found.mean() == pytest.approx(means.std(), rel=0.15)
        beyond = np.count_nonzero(abs(means - mean) > 3 * scatter / math.sqrt(n - 2))
        assert beyond <= 18  # 0.27% are 5.4, and five of their roots more are 17
