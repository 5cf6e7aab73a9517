import json

import numpy as np
import pytest
from scipy import stats

from deeprmt.tails import hill, plateau


def test_the_p_value_is_uniform_for_a_power_law():
    """Exact for any size: 400 p-values against the uniform law, five sigma of Kolmogorov's distance."""
    rng = np.random.default_rng(1)
    for n in (8, 61):
        p = [plateau(rng.pareto(0.7, n) + 1, least=n - 1).p_value for _ in range(400)]
        assert stats.kstest(p, "uniform").pvalue > 6e-7


def test_it_is_the_uniform_test_of_partial_sums():
    x = np.random.default_rng(2).pareto(2, 50) + 1
    xi = hill(x).xi
    k = 20
    share = np.arange(1, k) * xi[: k - 1] / (k * xi[k - 1])
    assert plateau(x, least=k).p_value == pytest.approx(stats.kstest(share, "uniform", method="exact").pvalue, rel=1e-9)


def test_thin_tails_have_none():
    rng = np.random.default_rng(3)
    noise = np.linalg.eigvalsh(np.cov(rng.normal(size=(400, 800))))
    for x in (rng.exponential(size=4000), rng.normal(size=4000) ** 2, noise, rng.random(2000), np.full(50, 3.0)):
        found = plateau(x)
        assert not found.exists
        assert found.p_value < 0.05
        assert found.k == 0
        assert np.isnan(found.xi)


def test_it_ends_where_the_power_law_does():
    """Pareto above 1, uniform below: 500 of 2000 values follow the law."""
    rng = np.random.default_rng(4)
    x = np.concatenate([rng.pareto(2, 500) + 1, rng.random(1500)])
    found = plateau(x)
    assert found.exists
    assert 400 < found.k < 900
    assert abs(found.xi - 0.5) < 5 * found.stderr + 0.1


@pytest.mark.parametrize("scale", [2.0**-900, 2.0**900])
def test_scale_does_not_matter(scale):
    x = np.random.default_rng(5).pareto(1, 200) + 1
    assert plateau(x * scale).p_value == pytest.approx(plateau(x).p_value, rel=1e-9)


def test_result_and_refusals():
    found = plateau(np.random.default_rng(6).pareto(1, 200) + 1)
    assert json.loads(json.dumps(found.to_dict()))["least"] == 20
    assert repr(found).startswith("Plateau(up to k=")
    assert repr(plateau(np.arange(1.0, 1000.0))).startswith("Plateau(none over the 99 largest values")
    for bad, options, says in (
        ([1.0, 2.0], {}, "at least 5"),
        ([1.0, 2.0, 3.0, 4.0, -1.0], {}, "positive"),
        ([1.0, 2.0, 3.0, 4.0, 5.0], {"least": 5}, "least must be at most 4"),
        ([1.0, 2.0, 3.0, 4.0, 5.0], {"level": 1.0}, "level must be below 1"),
        ([1.0, 2.0, 3.0, 4.0, 5.0], {"level": 0.0}, "level must be"),
    ):
        with pytest.raises(ValueError, match=f"plateau: .*{says}"):
            plateau(bad, **options)
