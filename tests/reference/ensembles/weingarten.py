"""Exact integrals of monomials in the entries of Haar matrices, as fractions. Collins & Sniady, CMP 264, 773 (2006)."""

from collections import Counter
from fractions import Fraction
from functools import cache
from itertools import permutations


def pairings(items):
    """All ways to split an even number of items into pairs."""
    if not items:
        yield ()
        return
    first, *rest = items
    for i, other in enumerate(rest):
        for more in pairings(rest[:i] + rest[i + 1 :]):
            yield ((first, other), *more)


def coset_type(p, q):
    """Half the lengths of the loops that two pairings of the same items form together."""
    left, right = ({a: b for pair in each for a, b in (pair, pair[::-1])} for each in (p, q))
    seen, loops = set(), []
    for start in left:
        length, at = 0, start
        while at not in seen:
            seen |= {at, left[at]}
            at = right[left[at]]
            length += 1
        if length:
            loops.append(length)
    return tuple(sorted(loops))


def cycle_type(p, q):
    """Lengths of the cycles of p^-1 q."""
    inverse = {b: a for a, b in enumerate(p)}
    seen, cycles = set(), []
    for start in range(len(p)):
        length, at = 0, start
        while at not in seen:
            seen.add(at)
            at = inverse[q[at]]
            length += 1
        if length:
            cycles.append(length)
    return tuple(sorted(cycles))


def solve(matrix, right):
    """Gauss and Jordan on fractions."""
    rows = [[*row, b] for row, b in zip(matrix, right, strict=True)]
    for i in range(len(rows)):
        pivot = next(r for r in range(i, len(rows)) if rows[r][i])
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [x / rows[i][i] for x in rows[i]]
        for r in range(len(rows)):
            if r != i:
                rows[r] = [x - rows[r][i] * y for x, y in zip(rows[r], rows[i], strict=True)]
    return [row[-1] for row in rows]


def weingarten(n, things, kind):
    """{type: value} of the inverse of the matrix n^(number of loops or cycles) over all pairings or permutations."""
    first, representative = things[0], {}
    for thing in things:
        representative.setdefault(kind(first, thing), thing)
    types = list(representative)
    matrix = []
    for each in types:
        row = Counter()
        for thing in things:
            row[kind(thing, first)] += Fraction(n) ** len(kind(representative[each], thing))
        matrix.append([row[t] for t in types])
    right = [Fraction(representative[t] == first) for t in types]
    return dict(zip(types, solve(matrix, right), strict=True))


@cache
def orthogonal(n, indices):
    """E prod_k q[i_k, j_k] over O(n), for indices ((i_1, j_1), ...); n at least half their number."""
    if len(indices) % 2:
        return Fraction(0)
    things = list(pairings(list(range(len(indices)))))
    values = weingarten(n, things, coset_type)
    fits = [[p for p in things if all(indices[a][side] == indices[b][side] for a, b in p)] for side in (0, 1)]
    return sum((values[coset_type(p, q)] for p in fits[0] for q in fits[1]), Fraction(0))


@cache
def unitary(n, indices, conjugated):
    """E prod_k u[i_k, j_k] conj(prod_k u[i'_k, j'_k]) over U(n); n at least the number of each."""
    if len(indices) != len(conjugated):
        return Fraction(0)
    things = list(permutations(range(len(indices))))
    values = weingarten(n, things, cycle_type)
    fits = [
        [p for p in things if all(pair[side] == conjugated[p[k]][side] for k, pair in enumerate(indices))]
        for side in (0, 1)
    ]
    return sum((values[cycle_type(p, q)] for p in fits[0] for q in fits[1]), Fraction(0))
