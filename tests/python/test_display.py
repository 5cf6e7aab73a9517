"""Results in notebooks."""

import pickle

import numpy as np
import pytest

from deeprmt import activations, demo, laws, linalg, meanfield, spectra, tails


def test_results_show_as_tables_of_two_columns():
    mlp = demo.critical_network("tanh", width=20)
    results = [
        tails.hill(np.arange(1.0, 200.0)),
        meanfield.fixed_point("tanh", 1.5),
        meanfield.critical_point("tanh", q_star=0.5),
        demo.compare(mlp, trials=1, rng=0),
        linalg.spectral_density(np.eye(3), rng=0),
    ]
    for result in results:
        html = result._repr_html_()
        assert type(result).__name__ in html
        for name, value in result.to_dict().items():
            assert f"<td>{name}</td>" in html
            if isinstance(value, float):
                assert f"{value:.4g}</td>" in html
        assert html.count("<tr>") == len(result.to_dict()) + 1
        assert len(html) < 3000
    assert "1, 2, 3, ..., 197, 198 (198 values)" in results[0]._repr_html_()


def test_names_are_escaped():
    tanh = activations.Activation(np.tanh, lambda h: 1 / np.cosh(h) ** 2, name="<script>")
    html = meanfield.critical_point(tanh, q_star=0.5)._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize(
    ("make", "other"),
    [
        (lambda: laws.MarchenkoPastur(0.5, 2.0), laws.MarchenkoPastur(0.5, 2.0, singular=True)),
        (lambda: laws.Semicircle(2.0), laws.Semicircle(2.5)),
        (lambda: spectra.wigner_surmise(2), spectra.wigner_surmise(1)),
    ],
)
def test_laws_are_values(make, other):
    law = make()
    assert law == make() == pickle.loads(pickle.dumps(law))
    assert law != other
    assert law != 1
    assert len({law, make(), other}) == 2
    name = "beta" if hasattr(law, "beta") else "sigma"
    for change in (lambda: setattr(law, name, 1), lambda: setattr(law, "typo", 1), lambda: delattr(law, name)):
        with pytest.raises(AttributeError, match="cannot be changed"):
            change()
    assert law == make()
