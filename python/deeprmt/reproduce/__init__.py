"""Published claims on random matrices and networks, tested anew: what ``deeprmt reproduce NAME`` runs."""

from .._arguments import as_choice, as_count, as_threads, available_threads, default_threads
from ._result import Check, Reproduction
from ._table import EXPERIMENTS

__all__ = ["Check", "Reproduction", "claims", "run"]


def claims() -> dict[str, str]:
    """The names of all experiments, each with its claim.

    Returns
    -------
    dict

    Examples
    --------
    >>> "spacings" in claims()
    True
    """
    return {name: experiment.claim for name, experiment in EXPERIMENTS.items()}


def run(name: str, *, seed: int = 0, threads: int | None = None, quick: bool = False) -> Reproduction:
    """Run an experiment and compare its numbers with what was claimed.

    Parameters
    ----------
    name : str
        One of `claims`.
    seed : int, default 0
        Of all that is drawn. Expectations and tolerances do not depend on it, and a seed may well miss one.
    threads : int, optional
        Default: every core this process may use. Never changes the result.
    quick : bool, default False
        A small version, in seconds: to try it out. Its tolerances are those of the full one, and may be missed.

    Returns
    -------
    Reproduction
        `.checks`, `.verdict`, `.figure()`, `.to_dict()`.

    Raises
    ------
    ValueError
        If the name is unknown.
    ImportError
        If scikit-learn is missing, whose digits networks are trained on.

    Examples
    --------
    >>> run("spacings", quick=True).checks[2]  # doctest: +SKIP
    Check(what='mean ratio of spacings, Gaussian', ...)
    """
    experiment = EXPERIMENTS[as_choice("run", "name", name, tuple(EXPERIMENTS))]
    key = as_count("run", "seed", seed, least=0, most=None)
    workers = available_threads() if threads is None else as_threads("run", threads)
    with default_threads(workers):
        return experiment.work(experiment, key, workers, bool(quick))
