from mpmath import log, mp, mpf


def hill(values):
    """The definition, for each k, with 40 digits."""
    with mp.workdps(40):
        logs = sorted((log(mpf(x)) for x in values), reverse=True)
        return [float(sum(logs[:k]) / k - logs[k]) for k in range(1, len(logs))]
