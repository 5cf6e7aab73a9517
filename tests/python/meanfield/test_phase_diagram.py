import math

import numpy as np
import pytest

from deeprmt.activations import Activation
from deeprmt.meanfield import critical_point, fixed_point, phase_diagram


@pytest.mark.parametrize(
    ("activation", "tolerance"),
    # The tables' splines: gelu and swish bend on a scale of less than 1.
    [
        ("tanh", 1e-11),
        ("hard_tanh", 1e-10),
        ("erf", 1e-11),
        ("gelu", 1e-7),
        ("swish", 1e-7),
        ("cos", 1e-10),
        ("relu", 1e-14),
    ],
)
def test_entries_are_fixed_points(activation, tolerance):
    diagram = phase_diagram(activation, sigma_w=np.linspace(0.5, 3, 11), sigma_b=[0.0, 0.1, 0.6])
    assert diagram.q_star.shape == diagram.chi.shape == (3, 11)
    for i in range(3):
        for j in range(0, 11, 2):
            point = fixed_point(activation, diagram.sigma_w[j], diagram.sigma_b[i])
            if point.q_star in (0, math.inf):
                assert diagram.q_star[i, j] == point.q_star
            else:
                assert diagram.q_star[i, j] == pytest.approx(point.q_star, rel=tolerance)
            assert diagram.chi[i, j] == pytest.approx(point.chi, rel=tolerance)


def test_the_line_parts_order_and_chaos():
    diagram = phase_diagram("tanh", sigma_w=np.linspace(0.6, 2.4, 41), sigma_b=np.linspace(0.05, 0.9, 30))
    edge = np.interp(diagram.sigma_b, diagram.line.sigma_b, diagram.line.sigma_w)
    np.testing.assert_array_equal(diagram.chaotic, diagram.sigma_w > edge[:, None])


def test_relu_has_a_point():
    diagram = phase_diagram("relu", sigma_w=[1.0, math.sqrt(2), 2.0], sigma_b=[0.0, 0.3], q0=7.0)
    assert diagram.line is None
    assert diagram.point == critical_point("relu")
    np.testing.assert_array_equal(diagram.q_star[0], [0, 7, math.inf])
    np.testing.assert_allclose(diagram.q_star[1], [0.18, math.inf, math.inf], rtol=1e-13)
    assert phase_diagram("sigmoid", sigma_w=[1.0], sigma_b=[0.1]).line is None  # critical beyond q_star = 20 at most


def test_starts_choose_between_fixed_points():
    below, above = (phase_diagram("gelu", sigma_w=[1.6], sigma_b=[0.0], q0=q0).q_star[0, 0] for q0 in (0.3, 0.9))
    assert (below, above) == (0, math.inf)
    own = phase_diagram(Activation(lambda h: h / np.sqrt(1 + h * h)), sigma_w=[2.0], sigma_b=[0.1])
    assert own.q_star[0, 0] == pytest.approx(fixed_point(own.activation, 2.0, 0.1).q_star, rel=1e-9)


def test_results_are_plain():
    diagram = phase_diagram("tanh", sigma_w=[0.8, 1.5], sigma_b=[0.0, 0.3])
    assert repr(diagram) == "PhaseDiagram('tanh', 2 sigma_w from 0.8 to 1.5, 2 sigma_b from 0 to 0.3)"
    assert diagram.to_dict()["chi"][0][0] == pytest.approx(0.64)
    assert phase_diagram("tanh", sigma_w=[0.0, 1.0], sigma_b=[0.0, 0.5]).q_star[1, 0] == pytest.approx(0.25, rel=1e-12)


def test_draws_itself():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    window = {"sigma_w": np.linspace(0.5, 3, 21), "sigma_b": np.linspace(0, 1, 11)}
    ax = phase_diagram("tanh", **window).plot()
    assert {text.get_text() for text in ax.texts} == {"ordered", "chaotic"}
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["edge of chaos, chi = 1"]
    _, ax = pyplot.subplots()
    assert phase_diagram("relu", **window).plot(ax) is ax
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert words == ["critical point, sigma_w = 1.414", "variance grows without end"]
    with pytest.raises(ValueError, match="at least two sigma_w"):
        phase_diagram("tanh", sigma_w=[1.0], sigma_b=[0.1]).plot()
    pyplot.close("all")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"sigma_w": [2.0, 1.0]}, "sigma_w must ascend"),
        ({"sigma_b": [-1.0, 1.0]}, "sigma_b must ascend from 0"),
        ({"sigma_w": []}, "one axis and an entry"),
        ({"sigma_w": [math.nan]}, "sigma_w must be finite"),
        ({"sigma_b": [1e9]}, "at most 1e4"),
        ({"q0": 0}, "q0 must be finite and above 0"),
    ],
)
def test_refuses(arguments, says):
    with pytest.raises(ValueError, match=says):
        phase_diagram("tanh", **arguments)
