import json
import pickle

import numpy as np
import pytest
import scipy.sparse
from scipy.sparse.linalg import aslinearoperator
from scipy.stats import t as student

from deeprmt import _core, laws
from deeprmt.ensembles import GaussianOperator, HaarOperator, ginibre, goe
from deeprmt.linalg import SpectralDensity, spectral_density
from reference.linalg import lanczos as reference


def symmetric(n, seed=1):
    a = np.random.default_rng(seed).normal(size=(n, n))
    return (a + a.T) / np.sqrt(2 * n)


def probes_of(rng, count, n, gaussian=False):
    """The vectors that a run with this seed starts from."""
    key = int(np.random.default_rng(rng).integers(0, 2**64, dtype=np.uint64))
    out = np.empty((count, n))
    _core.linalg.probes(key, 0, gaussian, out, 1)
    return out


def path_laplacian(n):
    """Eigenvalues 2 - 2 cos(pi k / n), k = 0 ... n - 1."""
    degree = np.full(n, 2.0)
    degree[[0, -1]] = 1
    return scipy.sparse.diags_array([degree, -np.ones(n - 1), -np.ones(n - 1)], offsets=[0, 1, -1])


PATH = 2 - 2 * np.cos(np.pi * np.arange(600) / 600)


# ---- each probe's rule ----


def test_rules_match_the_reference():
    n, steps = 15, 6
    a = symmetric(n)
    found = spectral_density(a, probes=3, steps=steps, rng=5)
    for x, nodes, weights in zip(probes_of(5, 3, n), found.nodes, found.weights, strict=True):
        diagonal, off = reference.lanczos(lambda v: (a @ v).tolist(), x.tolist(), steps)
        values, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(off, 1) + np.diag(off, -1))
        np.testing.assert_allclose(nodes, values, rtol=0, atol=1e-12)
        np.testing.assert_allclose(weights, vectors[0] ** 2, rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", [(15, 9), (9, 15), (12, 12)])
def test_bidiagonal_rules_match_the_reference(shape):
    steps = 5
    a = np.random.default_rng(2).normal(size=shape)
    found = spectral_density(a, singular=True, probes=2, steps=steps, rng=5)
    tall = a if shape[0] >= shape[1] else a.T
    for x, nodes, weights in zip(probes_of(5, 2, min(shape)), found.nodes, found.weights, strict=True):
        diagonal, above = reference.golub_kahan(
            lambda v: (tall @ v).tolist(), lambda u: (tall.T @ u).tolist(), x.tolist(), steps
        )
        _, values, vectors = np.linalg.svd(np.diag(diagonal) + np.diag(above, 1))
        np.testing.assert_allclose(nodes, values[::-1], rtol=0, atol=1e-12)
        np.testing.assert_allclose(weights, vectors[::-1, 0] ** 2, rtol=0, atol=1e-12)


@pytest.mark.parametrize("probe", ["rademacher", "gaussian"])
def test_gauss_rules_are_exact_to_degree_2_steps_minus_1(probe):
    n, steps = 40, 5
    a = symmetric(n)
    found = spectral_density(a, probes=4, steps=steps, probe=probe, rng=6)
    for x, nodes, weights in zip(probes_of(6, 4, n, probe == "gaussian"), found.nodes, found.weights, strict=True):
        power = x.copy()
        for degree in range(2 * steps + 1):
            exact, size = x @ power, 2.0**degree  # all eigenvalues lie within [-2, 2] or so
            error = abs((weights * nodes**degree).sum() - exact) / size
            if degree < 2 * steps:
                assert error < 1e-14
            else:
                assert error > 1e-6  # the first power that a Gauss rule misses
            power = a @ power


@pytest.mark.parametrize("squares", ["gram", "singular"])
@pytest.mark.parametrize("method", ["lanczos", "kpm"])
def test_squares_have_the_moments_of_the_gram_matrix(method, squares):
    a = np.random.default_rng(3).normal(size=(30, 20)) / 5
    found = spectral_density(a, method=method, probes=3, steps=4, rng=7, **{squares: True})
    x = probes_of(7, 3, 20)
    for order in range(1, 8 if method == "lanczos" or squares == "gram" else 2):
        exact = np.einsum("pi,ij,pj->p", x, np.linalg.matrix_power(a.T @ a, order), x)
        value, stderr = found.moment(order if squares == "gram" else 2 * order)
        # sqrt of Chebyshev's nodes below 0 is cut off, where there are some: not with a Gram matrix of full rank.
        assert value == pytest.approx(exact.mean(), rel=1e-12)
        assert stderr == pytest.approx(exact.std(ddof=1) / np.sqrt(3), rel=1e-9)


def test_polynomials_have_the_exact_chebyshev_moments():
    n, steps = 50, 7
    a = symmetric(n)
    values, vectors = np.linalg.eigh(a)
    found = spectral_density(a, method="kpm", interval=(-2.5, 3.0), probes=3, steps=steps, rng=8)
    share = (probes_of(8, 3, n) @ vectors) ** 2
    k = np.arange(2 * steps)
    exact = share @ np.cos(np.outer(np.arccos((2 * values - 0.5) / 5.5), k))
    np.testing.assert_allclose(found.moments, exact, rtol=0, atol=1e-13)
    for order in k:  # the rule has those moments, whatever its weights
        assert found.moment(order).value == pytest.approx((share @ values**order).mean(), abs=1e-12 * 3.0**order)


@pytest.mark.parametrize("kind", [{}, {"singular": True}, {"gram": True}])
def test_as_many_steps_as_rows_give_everything(kind):
    n = 30
    a = symmetric(n)
    values, vectors = np.linalg.eigh(a)
    if kind:
        values = np.abs(values) ** (2 if "gram" in kind else 1)
    order = np.argsort(values)
    share = (probes_of(9, 4, n) @ vectors[:, order]) ** 2
    values = values[order]
    found = spectral_density(a, probes=4, steps=1000, rng=9, **kind)
    assert found.steps == n
    # Nodes of small weight are known less well: compare what the rules sum to.
    x = (values[:-1] + values[1:])[5::7] / 2
    exact = np.array([share[:, values <= each].sum(axis=1) for each in x])
    np.testing.assert_allclose(found.cdf(x).value, exact.mean(axis=1), rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.cdf(x).stderr, exact.std(axis=1, ddof=1) / 2, rtol=0, atol=1e-9)
    assert found.trace(np.exp).value == pytest.approx(n * (share @ np.exp(values)).mean(), rel=1e-12)


def test_small_singular_values_keep_their_digits():
    exact = np.geomspace(1e-10, 1, 6)
    rng = np.random.default_rng(1)
    u, v = (np.linalg.qr(rng.normal(size=(size, 6)))[0] for size in (9, 6))
    found = spectral_density((u * exact) @ v.T, singular=True, probes=3, rng=1)
    # Backward stable: eps of the largest, where A^T A would give sqrt(eps), more than the smallest three.
    np.testing.assert_allclose(found.nodes, np.tile(exact, (3, 1)), rtol=0, atol=1e-14)


# ---- invariant subspaces ----


@pytest.mark.parametrize("n", [1, 2, 7])
@pytest.mark.parametrize("kind", [{}, {"singular": True}, {"gram": True}])
@pytest.mark.parametrize("c", [0.0, 1.0, 3.0])
def test_multiples_of_the_identity(n, kind, c):
    found = spectral_density(c * np.eye(n), rng=1, **kind)
    value = c**2 if "gram" in kind else c
    np.testing.assert_allclose(found.nodes, value, rtol=1e-14)
    assert found.support_estimate == pytest.approx((value, value))
    assert found.cdf([value - 0.1, value + 0.1]).value == pytest.approx([0, 1])
    assert found.trace(lambda x: x).value == pytest.approx(n * value)
    assert found.trace(lambda x: x).stderr == pytest.approx(0, abs=1e-13)
    if c:
        assert found.log_determinant().value == pytest.approx(n * np.log(value), abs=1e-13)
    by_polynomials = spectral_density(c * np.eye(n), method="kpm", rng=1, **kind)
    if "singular" not in kind:
        assert by_polynomials.moment(1).value == pytest.approx(value, abs=1e-13)


def test_repeated_eigenvalues_end_after_as_many_steps_as_there_are_values():
    n = 60
    q = np.linalg.qr(np.random.default_rng(1).normal(size=(n, n)))[0]
    a = (q * np.repeat([-1.0, 0.5, 4.0], [30, 20, 10])) @ q.T
    a = (a + a.T) / 2
    found = spectral_density(a, probes=5, steps=50, rng=1)
    share = found.cdf([-1.5, 0, 1, 5]).value
    x = probes_of(1, 5, n)
    exact = np.array([((x @ q[:, :30]) ** 2).sum(1).mean(), ((x @ q[:, 50:]) ** 2).sum(1).mean()])
    np.testing.assert_allclose(share, [0, exact[0], 1 - exact[1], 1], rtol=0, atol=1e-10)
    used = found.nodes[found.weights > 1e-12]
    assert np.abs(used[:, None] - [-1.0, 0.5, 4.0]).min(axis=1).max() < 1e-10
    singular = spectral_density(a, singular=True, probes=5, steps=50, rng=1)
    assert np.abs(singular.nodes[singular.weights > 1e-12][:, None] - [1.0, 0.5, 4.0]).min(axis=1).max() < 1e-10


@pytest.mark.parametrize("method", ["lanczos", "kpm"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_low_ranks_small_sizes_and_any_scale(dtype, method):
    # Sequences end early here or go on in rounding, begin in null spaces and invariant subspaces, and are rescaled.
    rng = np.random.default_rng(0)
    for seed in range(40):
        m, n = rng.integers(1, 14, 2)
        rank = rng.integers(0, min(m, n) + 1)
        a = rng.normal(size=(m, rank)) @ rng.normal(size=(rank, n)) if seed % 2 else rng.integers(-2, 3, (m, n))
        scale = 2.0 ** rng.integers(-60, 60)
        tall = (a if m >= n else a.T).astype(dtype).astype(float)
        probe = str(rng.choice(["rademacher", "gaussian"]))
        options = {"method": method, "probes": 2, "steps": 30, "probe": probe, "rng": seed, "threads": 1}
        if method == "lanczos":
            options["keep"] = rng.choice([None, 2, 3])
        found = spectral_density((a * scale).astype(dtype), gram=True, **options)
        values, vectors = np.linalg.eigh(tall.T @ tall)
        share = (probes_of(seed, 2, found.n, probe == "gaussian") @ vectors) ** 2
        # The mean is exact with either method and any number of kept vectors.
        error = abs(found.moment(1).value / scale**2 - (share @ values).mean())
        size = values.max() if method == "lanczos" else found.interval[1] / scale**2  # of no moment if all is 0
        assert error <= 100 * np.finfo(dtype).eps * size
        assert found.support_estimate[1] / scale**2 <= values.max() * (1 + 100 * np.finfo(dtype).eps)


def test_an_operator_without_full_rank():
    a = np.zeros((8, 5))
    a[0, 0] = 2.0
    found = spectral_density(a, singular=True, rng=1)
    assert found.cdf([0.5, 2.5]).value == pytest.approx([0.8, 1])
    with pytest.raises(ValueError, match="must be of full rank, but a node is 0"):
        found.log_determinant()


def test_keeping_few_vectors_changes_little():
    n = 400
    a = np.diag(np.append(np.linspace(0, 1, n - 1), 20))  # whose largest eigenvalue comes again as a copy
    whole, few = (spectral_density(a, probes=4, steps=80, rng=1, keep=keep) for keep in (None, 2))
    assert (few.nodes > 19).sum() > (whole.nodes > 19).sum()
    for f in (np.exp, np.sqrt, lambda x: 1 / (1 + x)):
        assert few.trace(f).value == pytest.approx(whole.trace(f).value, rel=1e-4)
    assert few.cdf(10.0).value == pytest.approx(1 - 1 / n, abs=1e-12)


# ---- error bars ----


@pytest.mark.parametrize(
    ("method", "probe"), [("lanczos", "rademacher"), ("lanczos", "gaussian"), ("kpm", "rademacher")]
)
def test_two_standard_errors_cover_the_truth(method, probe):
    n, runs, probes = 25, 200, 24
    a = symmetric(n) + 3 * np.eye(n)
    values = np.linalg.eigvalsh(a)
    truth = {
        "log det": np.log(values).sum(),
        "trace": np.exp(-values).sum(),
        "moment": (values**2).mean(),
        "cdf": (values <= 2.7).mean(),
    }
    inside = dict.fromkeys(truth, 0)  # with n steps there is no bias to cover
    for run in range(runs):
        found = spectral_density(a, method=method, probes=probes, steps=n, probe=probe, rng=run, threads=1)
        estimates = {
            "log det": found.log_determinant(),
            "trace": found.trace(lambda x: np.exp(-x)),
            "moment": found.moment(2),
        }
        if method == "lanczos":
            estimates["cdf"] = found.cdf(2.7)
        for name, (value, stderr) in estimates.items():
            inside[name] += abs(value - truth[name]) < 2 * stderr
    # Student's law for means of 24; five sigma of a binomial.
    share = 1 - 2 * student.sf(2, probes - 1)
    for name in estimates:
        assert abs(inside[name] / runs - share) < 5 * np.sqrt(share * (1 - share) / runs), name


def test_density_has_error_bars_that_cover_too():
    n, runs = 25, 200
    a = symmetric(n)
    values = np.linalg.eigvalsh(a)
    exact = np.exp(-0.5 * ((0.3 - values) / 0.2) ** 2).sum() / (n * 0.2 * np.sqrt(2 * np.pi))
    inside = 0
    for run in range(runs):
        value, stderr = spectral_density(a, probes=24, steps=n, rng=run, threads=1).density(0.3, width=0.2)
        inside += abs(value - exact) < 2 * stderr
    share = 1 - 2 * student.sf(2, 23)
    assert abs(inside / runs - share) < 5 * np.sqrt(share * (1 - share) / runs)


def test_one_probe_has_no_error_bar():
    found = spectral_density(symmetric(20), probes=1, steps=5, rng=1)
    assert np.isnan(found.moment(1).stderr)
    assert np.isnan(found.density([0.0, 1.0]).stderr).all()


# ---- laws and exact spectra ----


def outside(found, law, x, slack):
    """How far a law leaves the bounds of the distribution, with five standard errors and `slack` more on each side."""
    low, high = found.cdf_bounds(x)
    wide = 5 * found.cdf(x).stderr + slack
    return np.maximum(low - wide - law.cdf(x), law.cdf(x) - high - wide).max()


def test_semicircle():
    n = 2000
    found = spectral_density(goe(n, rng=1), probes=8, steps=40, rng=1)
    x = np.linspace(-2.2, 2.2, 200)
    # Levels of one matrix are rigid: their share up to x is off by about log(n) / n.
    assert outside(found, laws.Semicircle(), x, 10 / n) <= 0
    # Smoothed as the estimate is.
    y = np.linspace(-2, 2, 20001)
    kernel = np.exp(-0.5 * ((x[:, None] - y) / found.width) ** 2) / (found.width * np.sqrt(2 * np.pi))
    smooth = (kernel * laws.Semicircle().pdf(y)).sum(axis=1) * (y[1] - y[0])
    value, stderr = found.density(x)
    assert (np.abs(value - smooth) < 5 * stderr + 10 / (n * found.width) + 1e-3).all()  # ripples of the nodes: 0.1 %
    polynomials = spectral_density(goe(n, rng=1), method="kpm", probes=8, steps=40, rng=1)
    assert (
        np.abs(polynomials.cdf(x).value - laws.Semicircle().cdf(x)).max() < 5 * polynomials.cdf(x).stderr.max() + 0.01
    )


@pytest.mark.parametrize("n", [1500, pytest.param(20000, marks=pytest.mark.slow)])
def test_marchenko_pastur_of_a_matrix_that_is_never_stored(n):
    a = GaussianOperator(n, rng=1, dtype=np.float32)
    found = spectral_density(a, gram=True, probes=8, steps=20, rng=2)
    assert outside(found, laws.MarchenkoPastur(1.0), np.linspace(0.01, 4.2, 200), 10 / n) <= 0
    value, stderr = found.moment(2)
    assert abs(value - 2) < 5 * stderr + 10 / n
    value, stderr = found.moment(1)
    assert abs(value - 1) < 5 * stderr + 10 / n


@pytest.mark.parametrize("method", ["lanczos", "kpm"])
def test_path_graph(method):
    found = spectral_density(path_laplacian(600), method=method, probes=16, steps=60, rng=1)
    for f in (lambda x: np.log1p(x), lambda x: np.exp(-3 * x), lambda x: x**3):
        value, stderr = found.trace(f)
        assert abs(value - f(PATH).sum()) < 5 * stderr + 1e-6
    low, high = found.support_estimate
    assert -1e-12 < low < 0.01
    assert 3.99 < high < 4 + 1e-12
    shifted = spectral_density(path_laplacian(600) + scipy.sparse.eye_array(600), method=method, steps=60, rng=1)
    value, stderr = shifted.log_determinant()
    assert abs(value - np.log1p(PATH).sum()) < 5 * stderr + 1e-6


def test_bounds_hold_the_exact_distribution_of_the_probes():
    n = 200
    a = symmetric(n)
    values, vectors = np.linalg.eigh(a)
    found = spectral_density(a, probes=3, steps=12, rng=4)
    share = ((probes_of(4, 3, n) @ vectors) ** 2).mean(axis=0)
    x = np.linspace(-3, 3, 401)
    exact = np.array([share[values <= each].sum() for each in x])
    low, high = found.cdf_bounds(x)
    assert (low <= exact + 1e-12).all()
    assert (exact <= high + 1e-12).all()
    assert ((low <= found.cdf(x).value) & (found.cdf(x).value <= high + 1e-12)).all()
    assert (high - low).max() < 0.4  # two or three of 12 weights


@pytest.mark.parametrize("kind", [{}, {"singular": True}, {"gram": True}])
@pytest.mark.parametrize("method", ["lanczos", "kpm"])
def test_densities_are_positive_with_mass_1_and_the_slope_of_the_distribution(method, kind):
    found = spectral_density(symmetric(200), method=method, probes=4, steps=25, rng=1, **kind)
    low, high = (-4.0, 4.0) if not kind else (0.0, 7.0)
    s = np.linspace(0, 1, 40001)
    x = low + (high - low) * (s**3 if kind else s)  # denser at 0, where squares have a pole
    value = found.density(x).value
    assert value.min() >= 0
    mass = np.concatenate([[0], np.cumsum((value[1:] + value[:-1]) / 2 * np.diff(x))])
    pole = 0.02 if method == "kpm" and "gram" in kind else 1e-3  # what the trapezia of the first points miss
    assert mass[-1] == pytest.approx(1, abs=pole)
    share = found.cdf(x).value
    assert (np.diff(share) > -1e-12).all()
    assert share[-1] == pytest.approx(1)
    # Lanczos: smoothing over the distance of two nodes moves no more than the largest step.
    assert np.abs(mass - share).max() < (pole if method == "kpm" else found.weights.max())
    assert not found.density([low - 5]).value.any()


def test_small_widths_resolve_atoms():
    found = spectral_density(np.diag([1.0, 1.0, 2.0]), rng=1)
    assert found.density([1.0, 1.5, 2.0], width=0.01).value * 0.01 * np.sqrt(2 * np.pi) == pytest.approx(
        [2 / 3, 0, 1 / 3]
    )


# ---- what can be given ----


def test_every_kind_of_operator_gives_the_same():
    n = 60
    a, b = symmetric(n), np.random.default_rng(2).normal(size=(n, n))
    reference = spectral_density(a, probes=3, steps=10, rng=1).nodes
    for each in (scipy.sparse.csr_array(a), scipy.sparse.coo_matrix(a), aslinearoperator(a), a.tolist()):
        np.testing.assert_allclose(
            spectral_density(each, probes=3, steps=10, rng=1).nodes, reference, rtol=0, atol=1e-12
        )
    by_function = spectral_density(lambda x: a @ x, shape=n, probes=3, steps=10, rng=1)
    np.testing.assert_allclose(by_function.nodes, reference, rtol=0, atol=1e-12)
    product = aslinearoperator(a) @ aslinearoperator(b)
    reference = spectral_density(a @ b, singular=True, probes=3, steps=10, rng=1).nodes
    for each, options in (
        (product, {}),
        (scipy.sparse.csc_array(a @ b), {}),
        (lambda x: a @ (b @ x), {"transpose": lambda x: b.T @ (a @ x), "shape": (n, n)}),
    ):
        found = spectral_density(each, singular=True, probes=3, steps=10, rng=1, **options)
        np.testing.assert_allclose(found.nodes, reference, rtol=0, atol=1e-11)
    gram = spectral_density(product.T @ product, probes=3, steps=10, rng=1)
    np.testing.assert_allclose(gram.nodes, reference**2, rtol=0, atol=1e-10)


def test_float32_stays_float32():
    seen = []

    def apply(x):
        seen.append(x.dtype)
        return 2 * x

    a = symmetric(50).astype(np.float32)
    for each in (a, scipy.sparse.csr_array(a), aslinearoperator(a)):
        found = spectral_density(each, probes=3, steps=10, rng=1)
        exact = spectral_density(a.astype(float), probes=3, steps=10, rng=1)
        np.testing.assert_allclose(found.nodes, exact.nodes, rtol=0, atol=1e-4)
        assert np.abs(found.nodes - exact.nodes).max() > 1e-12
    spectral_density(apply, shape=4, dtype=np.float32, rng=1)
    spectral_density(apply, shape=4, rng=1)
    assert seen == [np.float32, np.float64]  # one product shows that it is a multiple of the identity


@pytest.mark.parametrize("kind", [{}, {"singular": True}, {"method": "kpm"}])
def test_threads_blocks_and_seeds(kind):
    a = goe(700, rng=1)
    one = spectral_density(a, probes=5, steps=12, rng=3, threads=1, **kind)
    for threads in (2, 5):
        again = spectral_density(a, probes=5, steps=12, rng=3, threads=threads, **kind)
        np.testing.assert_array_equal(again.nodes, one.nodes)
        np.testing.assert_array_equal(again.weights, one.weights)
    blocks = spectral_density(a, probes=5, steps=12, rng=3, block=2, **kind)
    np.testing.assert_allclose(
        blocks.weights, one.weights, rtol=0, atol=1e-10
    )  # BLAS rounds otherwise, draws are the same
    sparse = [spectral_density(path_laplacian(50), probes=5, steps=9, rng=3, block=block, **kind) for block in (1, 5)]
    np.testing.assert_array_equal(sparse[0].nodes, sparse[1].nodes)
    assert (spectral_density(a, probes=5, steps=12, rng=4, **kind).weights != one.weights).any()


def test_chains_of_haar_operators():
    """Q D: singular values are those of D, whatever Q; and a chain has those of the product of its dense factors."""
    n = 200
    d = np.linspace(0.5, 2, n)
    diagonal = aslinearoperator(scipy.sparse.diags_array(d))
    q, o = HaarOperator(n, rng=1), HaarOperator(n, rng=2)
    found = spectral_density(q @ diagonal @ o, gram=True, probes=6, rng=3)
    value, stderr = found.moment(1)
    assert abs(value - np.mean(d**2)) < 5 * stderr
    chain = spectral_density(diagonal @ q @ diagonal, gram=True, probes=6, rng=3)
    value, stderr = chain.log_determinant()
    assert abs(value - 4 * np.sum(np.log(d))) < 5 * stderr
    dense = spectral_density(d[:, None] * q.to_dense() * d, gram=True, probes=6, rng=3)
    np.testing.assert_allclose(chain.moment(3).value, dense.moment(3).value, rtol=1e-12)  # the same probes


def test_generators_move_on():
    rng = np.random.default_rng(1)
    a = symmetric(10)
    first, second = (spectral_density(a, steps=3, rng=rng) for _ in range(2))
    assert (first.weights != second.weights).any()


@pytest.mark.parametrize("scale", [2.0**-1000, 2.0**990, 2.0**40])
@pytest.mark.parametrize("kind", [{}, {"singular": True}, {"method": "kpm"}])
def test_scale_does_not_matter(scale, kind):
    a = symmetric(30)
    plain, scaled = (spectral_density(c * a, probes=3, steps=8, rng=1, **kind) for c in (1.0, scale))
    np.testing.assert_allclose(scaled.nodes / scale, plain.nodes, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(scaled.weights, plain.weights, rtol=0, atol=1e-12)
    np.testing.assert_allclose(scaled.moment(1).stderr / scale, plain.moment(1).stderr, rtol=1e-10)


def test_intervals_widen_until_they_hold_the_spectrum():
    # Two of 3000 eigenvalues lie outside, where forty steps with two vectors may or may not see them.
    a = scipy.sparse.diags_array(np.concatenate([np.linspace(-1, 1, 2998), [1.3, -1.4]]))
    found = spectral_density(a, method="kpm", probes=4, steps=200, rng=1)
    assert found.interval[0] < -1.4
    assert found.interval[1] > 1.3
    with pytest.raises(ValueError, match=r"interval must hold the spectrum, got \(-1, 1\)"):
        spectral_density(a, method="kpm", probes=4, steps=200, rng=1, interval=(-1, 1))


def test_progress_hears_of_every_product():
    heard = []
    spectral_density(symmetric(20), probes=4, block=2, steps=5, rng=1, progress=lambda *now: heard.append(now))
    assert heard[0] == (1, 10)
    assert heard[-1] == (10, 10)
    heard.clear()
    spectral_density(symmetric(20), singular=True, probes=4, block=2, steps=5, progress=lambda *now: heard.append(now))
    assert heard[-1] == (18, 18)


def test_an_interrupt_passes_through():
    calls = []

    def apply(x):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return np.arange(1.0, 31.0)[:, None] * x

    with pytest.raises(KeyboardInterrupt):
        spectral_density(apply, shape=30, rng=1)
    assert len(calls) == 3


def test_operators_may_write_over_what_they_get():
    def apply(x):
        x *= np.arange(1.0, 9.0)[:, None]
        return x

    found = spectral_density(apply, shape=8, probes=3, rng=1)
    np.testing.assert_allclose(found.nodes, np.tile(np.arange(1.0, 9.0), (3, 1)), rtol=1e-12)


# ---- the result ----


@pytest.mark.parametrize("method", ["lanczos", "kpm"])
def test_results_show_and_travel(method):
    found = spectral_density(ginibre(9, 7, rng=1), gram=True, method=method, steps=3, rng=1)
    assert repr(found).startswith("SpectralDensity(7 squared singular values in [")
    assert f"{method}, 16 probes x 3 steps)" in repr(found)
    content = json.loads(json.dumps(found.to_dict()))
    np.testing.assert_array_equal(content["nodes"], found.nodes)
    assert "SpectralDensity" in found._repr_html_()
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(again.density([1.0, 2.0]), found.density([1.0, 2.0]))
    with pytest.raises(AttributeError):
        found.n = 3
    with pytest.raises(ValueError, match="read-only"):
        found.nodes[0, 0] = 1
    assert isinstance(found, SpectralDensity)
    assert found.density([]).value.shape == (0,)
    assert np.shape(found.density(0.5).value) == ()
    assert found.cdf([[0.5], [1.0]]).stderr.shape == (2, 1)
