"""Shapley values of tree ensembles, exact: the conditional expectation is the path-dependent one of TreeSHAP.

The game is that of Lundberg et al. 2020, "From local explanations to global understanding with explainable AI for
trees" (Nature Machine Intelligence 2, algorithm 1): where a feature is not known, a row goes both ways, by the shares
of the training rows. On one path with leaf value v, steps j have o_j (1 if the row goes along, else 0) and z_j (the
share). The game's worth of a set S is v times the product of o_j over S and of z_j over the others, and its Shapley
value in the multilinear form of Owen 1972

    phi_i = v (o_i - z_i) * integral from 0 to 1 of the product over j != i of (o_j t + z_j (1 - t)) dt.

The integrand is a polynomial of degree width - 1: Gauss and Legendre's rule of ceil(width / 2) points has no error.
All its factors are positive, so that nothing cancels.
"""

import numpy as np
import numpy.typing as npt

from podium.bundle.explain.paths import Paths
from podium.bundle.explain.table import Doubles, Nodes

_BLOCK = 400_000
"""Steps times rows that are worked on at once (doubles; a few arrays of them)."""


def contributions(nodes: Nodes, paths: list[Paths], matrix: Doubles) -> Doubles:
    """How much each column of the matrix [n, k] adds to the trees' sum, [n, k]; null is NaN.

    They and `paths.expected` add up to the sum that the trees give the row.
    """
    rows, width = matrix.shape
    result = np.zeros((rows, width))
    largest = max((len(each.feature) for each in paths), default=1)
    size = max(1, _BLOCK // largest)
    for start in range(0, rows, size):
        part = matrix[start : start + size]
        left = goes_left(nodes, part)
        for each in paths:
            result[start : start + size] += _of_paths(each, left, width)
    return result


def sums(nodes: Nodes, matrix: Doubles) -> Doubles:
    """The trees' sum for each row [n], by walking them."""
    left = goes_left(nodes, matrix)
    rows = np.arange(len(matrix))
    total = np.zeros(len(matrix))
    for root in nodes.roots:
        at = np.full(len(matrix), root)
        while (inner := nodes.left[at] >= 0).any():
            chosen = np.where(left[rows, at], nodes.left[at], nodes.right[at])
            at = np.where(inner, chosen, at)
        total += nodes.value[at]
    return total


def goes_left(nodes: Nodes, matrix: Doubles) -> npt.NDArray[np.bool_]:
    """For each row and node whether the row would go left there, [n, nodes]."""
    inner = np.maximum(nodes.feature, 0)
    given = matrix[:, inner]
    left = given <= nodes.threshold
    for at in np.flatnonzero(nodes.members >= 0):
        left[:, at] = np.isin(given[:, at], nodes.sets[nodes.members[at]])
    null = np.isnan(given)
    if null.any():
        left = np.where(null, nodes.null_left, left)
    return left


def _of_paths(paths: Paths, left: npt.NDArray[np.bool_], columns: int) -> Doubles:
    rows = len(left)
    along = np.logical_and.reduceat(left[:, paths.edges] == paths.left, paths.starts, axis=1)
    shape = (rows, len(paths.value), paths.width)
    known = along.reshape(shape).astype(np.float64)
    share = paths.share.reshape(shape[1:])
    gained = paths.value[:, None] * (known - share) * _integral(known, share)
    places = np.arange(rows)[:, None] * columns + paths.feature
    flat = np.bincount(places.ravel(), weights=gained.ravel(), minlength=rows * columns)
    return np.asarray(flat.reshape(rows, columns), dtype=np.float64)


def _integral(known: Doubles, share: Doubles) -> Doubles:
    """For each step the integral over the other steps of its path, [n, paths, width]."""
    width = known.shape[-1]
    points, weights = np.polynomial.legendre.leggauss((width + 1) // 2)
    total = np.zeros_like(known)
    for point, weight in zip((points + 1) / 2, weights / 2, strict=True):
        factor = known * point + share * (1 - point)
        total += weight * _others(factor)
    return total


def _others(factor: Doubles) -> Doubles:
    """For each step the product of the others' factors, without division."""
    width = factor.shape[-1]
    result = np.ones_like(factor)
    before = np.ones(factor.shape[:-1])
    after = np.ones(factor.shape[:-1])
    for at in range(1, width):
        before = before * factor[..., at - 1]
        after = after * factor[..., width - at]
        result[..., at] *= before
        result[..., width - 1 - at] *= after
    return result
