import json

import numpy as np
import pytest

from deeprmt._arguments import as_key
from deeprmt.tails import choose_k, hill, kernel
from deeprmt.tails._kernel_choice import factor


def shifted(n, seed):
    """Survival 1 / (x + 1/2): a power law with xi = 1, and bias that grows with k."""
    return 1 / np.random.default_rng(seed).random(n) - 0.5


def test_a_biased_tail_is_cut_where_errors_balance():
    """The best k for this law is of order n^(2/3); any k from n^(2/3) / 2 to 4 n^(2/3) costs little."""
    n = 5000
    found = [choose_k(shifted(n, seed), samples=200) for seed in range(5)]
    for each in found:
        assert each.reliable
        assert n ** (2 / 3) / 2 < each.k < 4 * n ** (2 / 3)
        assert each.rho < 0
    # Bias and scatter of 5 estimates at k of about 500: 0.05 each.
    assert abs(np.mean([each.xi for each in found]) - 1) < 0.15
    everything = hill(shifted(n, 0)).xi[-1]
    assert abs(found[0].xi - 1) < abs(everything - 1)


def test_the_formula():
    found = choose_k(shifted(1000, 1), samples=50)
    assert found.n1 == round(1000**0.95)
    assert found.n2 == round(found.n1**2 / 1000)
    for k, criterion in ((found.k1, found.criterion1), (found.k2, found.criterion2)):
        low, high = int(np.ceil(0.01 * (criterion.size + 1))), int(0.9 * (criterion.size + 1))
        assert criterion[k - 1] == criterion[low - 1 : high].min()
    log_n, log_k = np.log(found.n1), np.log(found.k1)
    factor = (log_k / (2 * log_n - log_k)) ** (2 * (log_n - log_k) / log_n)
    assert found.k == round(found.k1**2 / found.k2 * factor)
    assert found.xi == hill(shifted(1000, 1)).xi[found.k - 1]


@pytest.mark.parametrize(
    ("draw", "xi"),
    [
        (lambda rng, n: 1 / rng.random(n) - 0.5, 1.0),  # shifted, as above
        (lambda rng, n: (1 / rng.random(n) - 1) ** 0.5, 0.5),  # Burr's law
        (lambda rng, n: (1 - rng.random(n) ** 0.25) / 0.25 + 0.01, -0.25),  # ends at 4
        (lambda rng, n: rng.random(n), -1.0),  # ends at 1
    ],
)
def test_the_kernel_criterion_finds_indices_of_either_sign(draw, xi):
    n, seeds = 1000, 10
    found = [choose_k(draw(np.random.default_rng(seed), n), estimator="kernel", samples=60) for seed in range(seeds)]
    error = np.sqrt(np.mean([(each.xi - xi) ** 2 for each in found]))
    # The least error that any fixed k has, over the same draws: choosing costs at most 2 to 3 times that, here 3.5
    # because a root mean square of 10 scatters by a fifth.
    every = np.array([kernel(draw(np.random.default_rng(seed), n)).xi for seed in range(seeds)])
    assert error < 3.5 * np.sqrt(np.mean((every - xi) ** 2, axis=0))[50:900].min()
    assert sum(each.reliable for each in found) >= 3
    assert all(each.xi == kernel(draw(np.random.default_rng(0), n)).xi[each.k - 2] for each in found[:1])


def test_the_kernel_criterion_is_that_of_its_definition():
    """One resample of all, by the estimator itself; then the least of the criterion and the growth with n."""
    x = shifted(300, 5)
    found = choose_k(x, estimator="kernel", samples=1)
    stream = np.random.Generator(np.random.Philox(key=as_key("test", 0), counter=[0, 0, 0, 0]))
    drawn = np.sort(x)[::-1][stream.integers(0, 300, found.n1)]
    wanted = (kernel(drawn).xi - kernel(drawn, "triweight").xi)[:-1] ** 2
    # Gaps are differences of logarithms of up to 6, right to 1e-15 each, and ties add none.
    np.testing.assert_allclose(found.criterion1[10:], wanted[9:], rtol=1e-9)
    low = int(np.ceil(0.01 * found.n1))
    assert found.criterion1[found.k1 - 1] == found.criterion1[max(low, 5) - 1 : int(0.9 * found.n1)].min()
    xi = kernel(x).xi[min(round(found.k1**2 / found.k2), 299) - 2]
    assert found.k == min(max(round(found.k1**2 / found.k2 * factor(xi, found.rho)), 2), 299)
    assert found.to_dict()["estimator"] == "kernel"
    assert repr(found).startswith("TailSize(kernel, k=")
    with pytest.raises(ValueError, match="estimator must be one of 'hill', 'kernel'"):
        choose_k(x, estimator="moment")


def test_the_factor_between_bandwidths():
    """Against the variances and biases themselves, by simulation of the first-order expansion with xi = 1, rho = -1."""
    rng, n, runs = np.random.default_rng(6), 1000, 400
    # Exponential gaps of mean 1 / i are those of a power law with xi = 1; what is added is the bias, eps v.
    i = np.arange(1, n)
    estimates, shifts = [], []
    for eps in (0.0, 1e-3):
        gaps = rng.exponential(size=(runs if eps == 0 else 1, n - 1)) / i if eps == 0 else (1 + eps * i / n)[None] / i
        rows = [np.exp(np.append(np.cumsum(each[::-1])[::-1], 0)) for each in gaps]
        both = np.array([[kernel(row, name).xi[-1] for name in ("biweight", "triweight")] for row in rows])
        (estimates if eps == 0 else shifts).append(both)
    smooth = np.array([kernel(np.exp(np.append(np.cumsum((1 / i)[::-1])[::-1], 0)), name).xi[-1]
                       for name in ("biweight", "triweight")])  # fmt: skip
    bias = shifts[0][0] - smooth
    draws = estimates[0]
    v, b = draws[:, 0].var() / (draws[:, 0] - draws[:, 1]).var(), (bias[0] - bias[1]) / bias[0]
    # A ratio of variances of 400 draws scatters by less than sqrt(4 / 400), and the cube root by a third of that.
    assert factor(1.0, -1.0) == pytest.approx((v * b * b) ** (1 / 3), rel=5 * 0.1 / 3)


def test_neither_threads_nor_global_seeds_matter():
    x = shifted(600, 2)
    np.random.seed(1)  # noqa: NPY002
    one = choose_k(x, samples=100, threads=1)
    np.random.seed(2)  # noqa: NPY002
    other = choose_k(x, samples=100, threads=3)
    np.testing.assert_array_equal(one.criterion1, other.criterion1)
    assert one.k == other.k
    assert not np.array_equal(choose_k(x, samples=100, rng=1).criterion1, one.criterion1)


def test_result_and_refusals():
    found = choose_k(shifted(300, 3), samples=20)
    assert json.loads(json.dumps(found.to_dict()))["k"] == found.k
    assert repr(found).startswith("TailSize(hill, k=")
    x = shifted(100, 4)
    for bad, says in (
        ((x[:19],), "at least 20"),
        (([2.0] * 30,), "two distinct values"),
        ((x - x.min(),), "positive and finite"),
    ):
        with pytest.raises(ValueError, match=f"choose_k: .*{says}"):
            choose_k(*bad)
    for options in ({"samples": 0}, {"n1": 5}, {"n1": 101}):
        with pytest.raises(ValueError, match="choose_k: "):
            choose_k(x, **options)


def test_a_choice_at_the_border_is_not_reliable():
    found = [choose_k(np.random.default_rng(i).pareto(2.0, 200) + 1, samples=100) for i in range(12)]
    border = [each for each in found if not 2 < each.k < 180]
    assert border  # an exact power law has no bias: often all values are best
    assert not any(each.reliable for each in border)
