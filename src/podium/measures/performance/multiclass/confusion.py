"""Right and wrong decisions among several classes, counted."""

import numpy
import numpy.typing

from podium.measures.performance.multiclass import classes


def confusion(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike) -> classes.Numbers:
    """How often class i (row) was decided to be class j (column), shape [classes, classes].

    `target`: class numbers, shape [n]; `score`: probabilities, shape [n, classes]; `Invalid` as in `classes`.

    >>> confusion([0, 1, 1], [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]).tolist()
    [[1, 0], [1, 1]]
    """
    truth, guess = classes.classes(target, score)
    size = guess.shape[1]
    counts = numpy.bincount(truth * size + classes.decided(guess), minlength=size * size)
    return counts.reshape(size, size).astype(numpy.int64)
