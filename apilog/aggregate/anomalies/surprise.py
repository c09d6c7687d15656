"""How far a count is from what was expected, in standard deviations, and how far chance goes.

A count is negative binomial: its variance is mean + dispersion · mean², where chance alone gives
the first term and the moods of traffic the second (Hilbe 2011, Negative Binomial Regression).
Its score is the signed root of the deviance of one count with a continuity correction, which is
standard normal also where few were expected (Pierce and Schafer 1986,
https://doi.org/10.1080/01621459.1986.10478361).
"""

from __future__ import annotations

import math
from statistics import NormalDist

import polars as pl

_LEAST_DISPERSION = 1e-6
"""A tenth of a percent of the level: no level is steadier, and below it rounding would show."""
_LEAST_MEAN = 1e-6


def score_expr(count: pl.Expr, mean: pl.Expr, dispersion: pl.Expr) -> pl.Expr:
    """Return the scores of counts as `score_count` gives them."""
    size = 1 / dispersion.clip(_LEAST_DISPERSION)
    expected = mean.clip(_LEAST_MEAN)
    distance = count - expected
    # Half a count nearer to the mean, never beyond it.
    moved = expected + distance.sign() * (distance.abs() - 0.5).clip(0)
    own = pl.when(moved > 0).then(moved * (moved / expected).log()).otherwise(0.0)
    rest = (moved + size) * ((moved + size) / (expected + size)).log()
    return distance.sign() * (2 * (own - rest)).clip(0).sqrt()


def score_count(count: float, mean: float, dispersion: float) -> float:
    """Return how many standard deviations a count is above its mean, or below as a negative."""
    size = 1 / max(dispersion, _LEAST_DISPERSION)
    expected = max(mean, _LEAST_MEAN)
    distance = count - expected
    sign = math.copysign(1.0, distance)
    moved = expected + sign * max(abs(distance) - 0.5, 0.0)
    own = moved * math.log(moved / expected) if moved > 0 else 0.0
    rest = (moved + size) * math.log((moved + size) / (expected + size))
    return sign * math.sqrt(max(2 * (own - rest), 0.0))


def score_limit(looks: float, chance: float) -> float:
    """Return the score that so many looks pass by chance `chance` times on average, both sides.

    The Bonferroni correction: the looks need not be independent.
    """
    return -NormalDist().inv_cdf(chance / (2 * max(looks, 1.0)))
