"""Activation functions with exact derivatives, and what a solver must know of them: where they bend.

Every function takes and returns arrays, keeps float32, passes NaN on, and those of `names` overflow nowhere. At a kink
the derivative is the limit from the left; of a jump it knows nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import special

from ._arguments import as_count, as_number, shown
from ._pieces import Derivative, as_elementwise, kinks_of, parity_of, slopes_of

__all__ = [
    "Activation",
    "as_activation",
    "elu",
    "leaky_relu",
    "more_names",
    "names",
    "rectified_power",
    "shifted_relu",
]

Function = Callable[[Any], Any]
highest_power = 30  # of rectified_power: errors of its kernel have been measured up to here


@dataclass(frozen=True)
class _With:
    """A function with its first parameters given: as functools.partial, but equal where its parts are equal."""

    function: Callable[..., Any]
    parameters: tuple[Any, ...]

    def __call__(self, h: Any) -> Any:
        return self.function(*self.parameters, h)


@dataclass(frozen=True)
class Activation:
    """An activation function phi and its derivative.

    Parameters
    ----------
    phi : callable
        Array to array, each entry alone. A function of single numbers is applied entry by entry, which is slow.
    dphi : callable, optional
        Its derivative. Default: that of Chebyshev interpolants, with an error of about 1e-12 where phi varies on a
        scale of 1 (float64, |h| up to 64; differences beyond). Give it where you know it: it is compared with
        differences of phi at a few points, to 1e-3, and trusted elsewhere.
    name : str, optional
        For messages and plots. Default: the name of phi.
    kinks : sequence of float, optional
        Ascending; every point where phi or phi' jumps. Quadratures split there. Default: they are looked for in
        |h| < 64 (in |h| < 1e6 if phi is piecewise linear) and located to 1e-12; a jump of phi' by less than about 1e-3
        of the size of phi is not seen. Give () if there are none.
    slopes : sequence of float, optional
        Only if phi is piecewise linear: phi' on each of the len(kinks) + 1 pieces. Laws of phi' are then sums of atoms.
        Default: looked for.

    Attributes
    ----------
    parity : int
        1 if phi is even, -1 if it is odd, 0 if neither.

    Raises
    ------
    TypeError, ValueError
        If phi or dphi cannot be called, is complex, is no function of each entry, or is not finite somewhere; if dphi
        is not the derivative of phi; if kinks do not ascend; if slopes has not one value a piece.

    Examples
    --------
    >>> cube = Activation(lambda h: h**3, lambda h: 3 * h**2, name="cube")
    >>> cube
    Activation('cube')
    >>> float(cube.dphi(2.0))
    12.0
    >>> relu6 = Activation(lambda h: np.clip(h, 0, 6))
    >>> relu6.kinks, relu6.slopes
    ((0.0, 6.0), (0.0, 1.0, 0.0))
    """

    phi: Function
    dphi: Function = None  # type: ignore[assignment]  # never None once made
    name: str = ""
    kinks: tuple[float, ...] = ()
    slopes: tuple[float, ...] | None = None
    parity: int = field(default=0, compare=False)

    def __init__(
        self,
        phi: Function,
        dphi: Function | None = None,
        *,
        name: str | None = None,
        kinks: Sequence[float] | None = None,
        slopes: Sequence[float] | None = None,
    ) -> None:
        for argument, value in (("phi", phi), ("dphi", dphi)):
            if not callable(value) and not (value is None and argument == "dphi"):
                raise TypeError(f"Activation: {argument} must be a function of an array, got {value!r}")
        name = name or getattr(phi, "__name__", None) or "custom"
        phi = as_elementwise("phi", phi)
        dphi = None if dphi is None else as_elementwise("dphi", dphi)
        if kinks is None:
            kinks = kinks_of(phi, dphi)
        else:
            kinks = tuple(as_number("Activation", "kinks", kink) for kink in kinks)
            if any(b <= a for a, b in pairwise(kinks)):
                raise ValueError(f"Activation: kinks must ascend, got {kinks}")
        if slopes is None:
            slopes = slopes_of(phi, dphi, kinks)
        else:
            slopes = tuple(as_number("Activation", "slopes", slope) for slope in slopes)
            if len(slopes) != len(kinks) + 1:
                raise ValueError(
                    f"Activation: slopes must have one value for each of the {len(kinks) + 1} pieces, got {len(slopes)}"
                )
        if dphi is None:
            differences = _With(_difference, (phi, kinks))
            dphi = _With(_steps, (kinks, slopes)) if slopes is not None else Derivative(phi, kinks, differences)
        else:
            _check_derivative(phi, dphi, kinks)
        fields = {
            "phi": phi,
            "dphi": dphi,
            "name": name,
            "kinks": kinks,
            "slopes": slopes,
            "parity": parity_of(phi, kinks),
        }
        for entry, content in fields.items():
            object.__setattr__(self, entry, content)

    def __call__(self, h: Any) -> Any:
        return self.phi(h)

    def __repr__(self) -> str:
        return f"Activation({self.name!r})"


def _steps(kinks: tuple[float, ...], slopes: tuple[float, ...], h: Any) -> Any:
    """The derivative of what is linear between kinks."""
    h = np.asarray(h)
    out = np.array(slopes, dtype=h.dtype if h.dtype == np.float32 else np.float64)[np.searchsorted(kinks, h)]
    return np.where(np.isnan(h), h, out)


def _difference(phi: Function, kinks: tuple[float, ...], h: Any) -> Any:
    """phi' by sixth-order differences: central, or to one side where a kink is less than three steps away."""
    h = np.asarray(h)
    x = h.astype(np.float64)
    step = 2.0 ** np.round(np.log2(0.006 * np.clip(np.abs(x), 1, 1e300)))  # a power of two: x + k step has no rounding
    step = np.where(np.isfinite(x), step, 1.0)
    above = np.full(x.shape, math.inf)
    below = np.full(x.shape, math.inf)
    for kink in kinks:
        above = np.where(x <= kink, np.minimum(above, kink - x), above)
        below = np.where(x > kink, np.minimum(below, x - kink), below)
    forward, backward = below < 3 * step, above < 3 * step
    central = sum(
        weight * (phi(x + k * step) - phi(x - k * step)) for k, weight in ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60))
    )
    result = central / step
    if np.any(forward | backward):
        side = np.where(backward, -step, step)
        weights = (-49 / 20, 6.0, -15 / 2, 20 / 3, -15 / 4, 6 / 5, -1 / 6)
        one_sided = sum(weight * phi(x + k * side) for k, weight in enumerate(weights)) / side
        result = np.where(forward | backward, one_sided, result)
    return result.astype(np.float32) if h.dtype == np.float32 else result


def _check_derivative(phi: Function, dphi: Function, kinks: tuple[float, ...]) -> None:
    """Refuses a dphi that is not phi', at points where differences of two steps agree on what that is."""
    h = np.array([-5.3, -2.7, -1.3, -0.61, -0.137, 0.0371, 0.237, 0.71, 1.43, 2.9, 5.1])
    h = h[[all(abs(x - kink) > 0.05 for kink in kinks) for x in h.tolist()]]
    with np.errstate(all="ignore"):
        coarse, fine = ((phi(h + step) - phi(h - step)) / (2 * step) for step in (2.0**-6, 2.0**-7))
        given = np.asarray(dphi(h), dtype=float)
        found = (4 * fine - coarse) / 3
        settled = np.abs(fine - coarse) <= 1e-3 * np.abs(found)
        # The size of phi: float32 has rounding of 1e-7 / step of it.
        slack = 1e-3 * np.maximum(np.abs(found), np.abs(given)) + 1e-4 * (1e-6 + np.abs(phi(h)))
        wrong = settled & ~(np.abs(given - found) <= slack)
    if wrong.any() and settled.mean() > 0.5:  # else phi is too rough for differences, and two agree by accident
        i = int(wrong.argmax())
        raise ValueError(
            f"Activation: dphi must be the derivative of phi, but at h = {h[i]:g} phi has the slope {found[i]:.6g} and"
            f" dphi is {given[i]:.6g}"
        )


def _linear(h: Any) -> Any:
    return +np.asarray(h)


def _linear_slope(h: Any) -> Any:
    return np.where(np.isnan(h), h, np.ones_like(h))


def _relu(h: Any) -> Any:
    return np.maximum(h, 0)


def _with_nan(h: Any, found: Any) -> Any:
    """Where h is NaN, so is what was found; looking takes a tenth of the time of choosing."""
    lost = np.isnan(h)
    return np.where(lost, h, found) if lost.any() else found


def _relu_slope(h: Any) -> Any:
    h = np.asarray(h, np.result_type(h, np.float16))
    return _with_nan(h, (h > 0).astype(h.dtype))  # ten times as fast as np.heaviside(h, 0)


def _shifted_relu(shift: float, h: Any) -> Any:
    return np.maximum(h, -shift)


def _shifted_relu_slope(shift: float, h: Any) -> Any:
    return np.heaviside(np.asarray(h) + shift, 0)


def _elu(alpha: float, h: Any) -> Any:
    h = np.asarray(h)
    return np.where(h > 0, h, alpha * np.expm1(np.minimum(h, 0)))


def _elu_slope(alpha: float, h: Any) -> Any:
    h = np.asarray(h)
    return np.where(h > 0, np.ones_like(h), alpha * np.exp(np.minimum(h, 0)))


def _rectified_power(order: int, h: Any) -> Any:
    return np.heaviside(h, 0) if order == 0 else np.maximum(h, 0) ** order


def _rectified_power_slope(order: int, h: Any) -> Any:
    if order <= 1:
        return order * np.heaviside(h, 0)
    return order * np.maximum(h, 0) ** (order - 1)


def _leaky_relu(slope: float, h: Any) -> Any:
    return np.where(np.greater(h, 0), h, slope * np.asarray(h))


def _leaky_relu_slope(slope: float, h: Any) -> Any:
    h = np.asarray(h)
    return _with_nan(h, np.where(h > 0, np.ones_like(h), np.full_like(h, slope)))


def _abs_slope(h: Any) -> Any:
    return 2 * np.heaviside(h, 0) - 1


def _hard_tanh(h: Any) -> Any:
    return np.clip(h, -1, 1)


def _hard_tanh_slope(h: Any) -> Any:
    h = np.asarray(h)
    return np.heaviside(h + 1, 0) - np.heaviside(h - 1, 0)


def _tanh_slope(h: Any) -> Any:
    e = np.exp(-2 * np.abs(h))  # 1 - tanh^2 would lose all digits in the tails
    return 4 * e / ((1 + e) * (1 + e))


def _gauss(scale: float, h: Any) -> Any:
    """exp(-scale h^2), without squaring what overflows."""
    c = np.minimum(np.abs(h), 40 / math.sqrt(scale))
    return np.exp(-scale * c * c)


def _erf(h: Any) -> Any:
    return special.erf(h)


def _erf_slope(h: Any) -> Any:
    return 2 / math.sqrt(math.pi) * _gauss(1.0, h)


def _erf_unit(h: Any) -> Any:
    return special.erf(math.sqrt(math.pi) / 2 * np.asarray(h))


def _erf_unit_slope(h: Any) -> Any:
    return _gauss(math.pi / 4, h)


def _sigmoid(h: Any) -> Any:
    return special.expit(h)


def _sigmoid_slope(h: Any) -> Any:
    return special.expit(h) * special.expit(np.negative(h))


def _gelu(h: Any) -> Any:
    return np.maximum(h, -40) * (special.erfc(math.sqrt(0.5) * np.negative(h)) / 2)


def _gelu_slope(h: Any) -> Any:
    c = np.clip(h, -40, 40)
    return special.erfc(-math.sqrt(0.5) * c) / 2 + c * (_gauss(0.5, c) / math.sqrt(2 * math.pi))


def _swish(h: Any) -> Any:
    return np.maximum(h, -800) * special.expit(h)


def _swish_slope(h: Any) -> Any:
    c = np.clip(h, -800, 800)
    return special.expit(c) * (1 + c * special.expit(-c))


def _cos_slope(h: Any) -> Any:
    return -np.sin(h)


def _arctan_slope(h: Any) -> Any:
    r = 1 / np.hypot(1, h)
    return r * r


def _heaviside(h: Any) -> Any:
    return np.heaviside(h, 0.5)


def _no_slope(h: Any) -> Any:
    h = np.asarray(h)
    return np.where(np.isnan(h), h, np.zeros_like(h))


def _bell(h: Any) -> Any:
    return _gauss(0.5, h)


def _bell_slope(h: Any) -> Any:
    return -np.clip(h, -40, 40) * _gauss(0.5, h)


def _square(h: Any) -> Any:
    return np.asarray(h) * h


def _square_slope(h: Any) -> Any:
    return 2 * np.asarray(h)


def _square_centered(h: Any) -> Any:
    return np.asarray(h) * h - 1


def _cube(h: Any) -> Any:
    return np.asarray(h) * h * h


def _cube_slope(h: Any) -> Any:
    return 3 * (np.asarray(h) * h)


# For which a standard normal has mean 0 and variance 1 again (Klambauer et al., arXiv:1706.02515).
_selu_scale, _selu_alpha = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


def _selu(h: Any) -> Any:
    return _selu_scale * _elu(_selu_alpha, h)


def _selu_slope(h: Any) -> Any:
    return _selu_scale * _elu_slope(_selu_alpha, h)


def _softplus(h: Any) -> Any:
    return np.maximum(h, 0) + np.log1p(np.exp(-np.abs(h)))


def leaky_relu(slope: float = 0.01) -> Activation:
    """max(h, 0) + slope min(h, 0).

    Parameters
    ----------
    slope : float
        Finite.

    Returns
    -------
    Activation

    Examples
    --------
    >>> leaky_relu(0.5)
    Activation('leaky_relu(0.5)')
    """
    slope = as_number("leaky_relu", "slope", slope)
    return _make_leaky_relu(f"leaky_relu({slope:g})", slope)


def _make_leaky_relu(name: str, slope: float) -> Activation:
    return Activation(
        _With(_leaky_relu, (slope,)), _With(_leaky_relu_slope, (slope,)), name=name, kinks=(0.0,), slopes=(slope, 1.0)
    )


def shifted_relu(shift: float = 0.5) -> Activation:
    """max(h + shift, 0) - shift = max(h, -shift): 0 at 0, linear about it.

    Parameters
    ----------
    shift : float
        Finite, positive.

    Returns
    -------
    Activation

    Examples
    --------
    >>> float(shifted_relu(2.0).phi(-3.0))
    -2.0
    """
    shift = as_number("shifted_relu", "shift", shift, above=0)
    return _make_shifted_relu(f"shifted_relu({shift:g})", shift)


def _make_shifted_relu(name: str, shift: float) -> Activation:
    return Activation(
        _With(_shifted_relu, (shift,)),
        _With(_shifted_relu_slope, (shift,)),
        name=name,
        kinks=(-shift,),
        slopes=(0.0, 1.0),
    )


def elu(alpha: float = 1.0) -> Activation:
    """h above 0, alpha (exp(h) - 1) below.

    Parameters
    ----------
    alpha : float
        Finite.

    Returns
    -------
    Activation
        With a kink at 0, where phi' jumps, or phi'' if alpha is 1.

    Examples
    --------
    >>> float(elu(2.0).dphi(-0.0))
    2.0
    """
    alpha = as_number("elu", "alpha", alpha)
    return Activation(_With(_elu, (alpha,)), _With(_elu_slope, (alpha,)), name=f"elu({alpha:g})", kinks=(0.0,))


def rectified_power(order: int) -> Activation:
    """max(h, 0)^order, whose kernel is the arc-cosine kernel of that order; 0 is the step from 0 to 1, also "step".

    Parameters
    ----------
    order : int
        From 0 to 30.

    Returns
    -------
    Activation
        The slope of the step is 0: what happens at the jump is left out.

    Notes
    -----
    The kernel of order n is p(cos) (pi - angle) + q(cos) sin up to right angles. The two terms cancel there, as the
    kernel falls to a share of the diagonal that is 7e-7 at n = 20 and 7e-9 at n = 30, while their roundings do not.
    So errors are small beside the diagonal, sqrt(K(x, x) K(y, y)): 7e-15 of it at n = 20 and 9e-15 at n = 30, after one
    layer. Beside the kernel itself they grow with n: before right angles 5e-11 at n = 20, 6e-8 at n = 30, and beyond
    right angles more. At variance 1 the kernel leaves the range of float32 at n = 30, the tangent kernel at n = 29,
    which is an error there.

    Examples
    --------
    >>> rectified_power(2).phi(np.array([-1.0, 3.0]))
    array([0., 9.])
    """
    order = as_count("rectified_power", "order", order, least=0, most=highest_power)
    return Activation(
        _With(_rectified_power, (order,)),
        _With(_rectified_power_slope, (order,)),
        name=f"rectified_power({order})" if order else "step",
        kinks=(0.0,),
        slopes=(0.0, float(order)) if order <= 1 else None,
    )


_named: dict[str, Activation] = {
    activation.name: activation
    for activation in (
        Activation(np.abs, _abs_slope, name="abs", kinks=(0.0,), slopes=(-1.0, 1.0)),
        Activation(np.arctan, _arctan_slope, name="arctan", kinks=()),
        Activation(np.cos, _cos_slope, name="cos", kinks=()),
        Activation(_erf, _erf_slope, name="erf", kinks=()),
        Activation(_erf_unit, _erf_unit_slope, name="erf_unit", kinks=()),
        Activation(_gelu, _gelu_slope, name="gelu", kinks=()),
        Activation(_hard_tanh, _hard_tanh_slope, name="hard_tanh", kinks=(-1.0, 1.0), slopes=(0.0, 1.0, 0.0)),
        _make_leaky_relu("leaky_relu", 0.01),
        Activation(_linear, _linear_slope, name="linear", kinks=(), slopes=(1.0,)),
        Activation(_relu, _relu_slope, name="relu", kinks=(0.0,), slopes=(0.0, 1.0)),
        _make_shifted_relu("shifted_relu", 0.5),
        Activation(_sigmoid, _sigmoid_slope, name="sigmoid", kinks=()),
        Activation(np.sin, np.cos, name="sin", kinks=()),
        Activation(_softplus, _sigmoid, name="softplus", kinks=()),
        Activation(_swish, _swish_slope, name="swish", kinks=()),
        Activation(np.tanh, _tanh_slope, name="tanh", kinks=()),
    )
}

names: tuple[str, ...] = tuple(_named)
"""The activations that have a name: gelu is h Phi(h) exactly, erf_unit is erf(sqrt(pi) h / 2), of slope 1 at 0;
shifted_relu is max(h, -1/2); leaky_relu has slope 0.01 (`leaky_relu(slope)` for others)."""


_others: dict[str, Activation] = {
    activation.name: activation
    for activation in (
        Activation(_cube, _cube_slope, name="cube", kinks=()),
        elu(),
        Activation(np.exp, np.exp, name="exp", kinks=()),
        Activation(_bell, _bell_slope, name="gauss", kinks=()),
        Activation(_heaviside, _no_slope, name="heaviside", kinks=(0.0,), slopes=(0.0, 0.0)),
        Activation(_selu, _selu_slope, name="selu", kinks=(0.0,)),
        Activation(np.sign, _no_slope, name="sign", kinks=(0.0,), slopes=(0.0, 0.0)),
        Activation(_square, _square_slope, name="square", kinks=()),
        Activation(_square_centered, _square_slope, name="square_centered", kinks=()),
        rectified_power(0),
    )
}
_others["elu"] = _others.pop("elu(1)")

more_names: tuple[str, ...] = tuple(sorted(_others))
"""Further names, of activations that jump (sign, heaviside, which is 1/2 at 0, step, which is 0 there), so that no
gradient passes, or that grow fast (square, square_centered = h^2 - 1, cube, exp); gauss is exp(-h^2 / 2)."""

_families: dict[str, Callable[[Any], Activation]] = {
    "elu": elu,
    "leaky_relu": leaky_relu,
    "rectified_power": lambda order: rectified_power(int(order) if order == int(order) else order),
    "shifted_relu": shifted_relu,
}


def as_activation(function: str, value: str | Activation, argument: str = "activation") -> Activation:
    """The activation of that name, or the one given.

    Parameters
    ----------
    function : str
        The caller's name, for the message of an error.
    value : str or Activation
        What the caller was given. A name may have a parameter: "leaky_relu(0.2)", "elu(2)", "shifted_relu(1)",
        "rectified_power(3)".
    argument : str
        What the caller calls it.

    Returns
    -------
    Activation

    Raises
    ------
    ValueError, TypeError
        If no activation has that name; if `value` is neither.

    Examples
    --------
    >>> as_activation("f", "tanh")
    Activation('tanh')
    >>> as_activation("f", "leaky_relu(0.2)").slopes
    (0.2, 1.0)
    """
    if isinstance(value, Activation):
        return value
    if not isinstance(value, str):
        raise TypeError(f"{function}: {argument} must be a name or an Activation, got {shown(value)}")
    for known in (_named, _others):
        if value in known:
            return known[value]
    with_parameter = re.fullmatch(r"(\w+)\(([-+.\w]+)\)", value)
    if with_parameter and with_parameter[1] in _families:
        try:
            parameter = float(with_parameter[2])
        except ValueError:
            raise ValueError(f"{function}: the parameter of {value!r} must be a number") from None
        return _families[with_parameter[1]](parameter)
    raise ValueError(
        f"{function}: {argument} must be an Activation or one of {', '.join((*names, *more_names))}, got {shown(value)}"
    )
