import json

import numpy as np
import pytest

from deeprmt.tails import choose_k, hill


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
    assert repr(found).startswith("TailSize(k=")
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
