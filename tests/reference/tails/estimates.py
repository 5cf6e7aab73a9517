"""The definitions, one k at a time."""

import numpy as np


def descending_logs(values):
    return np.log(np.sort(np.asarray(values, float))[::-1])


def moment(values, k):
    logs = descending_logs(values)
    excess = logs[:k] - logs[k]
    m1, m2 = excess.mean(), (excess**2).mean()
    return m1 + 1 - 0.5 / (1 - m1**2 / m2)


def kernel(values, k, name):
    logs = descending_logs(values)
    i = np.arange(1, min(k, len(logs)))
    d = logs[i - 1] - logs[i]
    v = i / k
    c, p = {"biweight": (15 / 8, 2), "triweight": (35 / 16, 3)}[name]
    weight = c * (1 - v**2) ** p
    slope = -c * 2 * p * v * (1 - v**2) ** (p - 1)
    q1 = (v**0.6 * weight * d).sum()
    q2 = ((1.6 * v**0.6 * weight + v**1.6 * slope) * d).sum()
    return (v * weight * d).sum() - 1 + q2 / q1


def qq(values, k):
    logs = descending_logs(values)[:k]
    return np.polyfit(-np.log(np.arange(1, k + 1) / (k + 1)), logs, 1)[0]


def rank(values, k):
    logs = descending_logs(values)[:k]
    return -1 / np.polyfit(logs, np.log(np.arange(1, k + 1) - 0.5), 1)[0]
