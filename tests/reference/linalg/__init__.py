import numpy as np


def rounds(n):
    """A sweep of Jacobi's methods: rounds of disjoint pairs i < j, as in a tournament, until each pair has met."""
    players = list(range(n + n % 2))  # of an odd number one rests: the one that meets player n
    half = len(players) // 2
    for _ in range(len(players) - 1):
        pairs = [sorted(pair) for pair in zip(players[:half], players[: half - 1 : -1], strict=True) if max(pair) < n]
        yield np.array(pairs, dtype=int).reshape(-1, 2).T
        players.insert(1, players.pop())
