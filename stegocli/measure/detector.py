"""A detector trained on pairs of covers and stegos: a ridge-regularised linear discriminant, judged on others."""

from dataclasses import dataclass

import numpy as np

# Ridges tried, in shares of the mean eigenvalue.
_RIDGES = 10.0 ** np.arange(-4, 4)
_FOLDS = 4
FALSE_ALARMS = 0.05


@dataclass(frozen=True)
class Detection:
    """How well stegos are told from covers, over several random halvings of the pictures.

    Attributes:
        error: P_E, the mean share of wrong verdicts on pictures not trained on, with as many covers as stegos; 0.5 is
            chance.
        spread: standard deviation of P_E over the halvings.
        caught: share of the stegos found when 5 % of the covers are accused.
        pictures: how many pairs each halving trained on.
    """

    error: float
    spread: float
    caught: float
    pictures: int


def detect(covers: np.ndarray, stegos: np.ndarray, groups: np.ndarray, splits: int = 10, seed: int = 0) -> Detection:
    """Train on half of the pictures and judge the other half, several times.

    Args:
        covers, stegos: non-negative features, float (pairs, numbers), row by row of the same picture.
        groups: the picture that each pair is from; all pairs of a picture are on one side.
        splits: halvings.
        seed: of the halvings.

    Raises:
        ValueError: for fewer than four pictures.
    """
    rng = np.random.default_rng(seed)
    names = np.unique(groups)
    if len(names) < 4:
        raise ValueError(f"{len(names)} pictures")
    # Co-occurrences have a few large numbers and many small ones.
    covers, stegos = np.sqrt(covers.astype(np.float64)), np.sqrt(stegos.astype(np.float64))
    errors, caught, trained = [], [], 0
    for _ in range(splits):
        order = rng.permutation(names)
        training = np.isin(groups, order[: len(order) // 2])
        trained = int(training.sum())
        weights, mean = _trained(covers[training], stegos[training], groups[training], rng)
        clean, marked = (covers[~training] - mean) @ weights, (stegos[~training] - mean) @ weights
        errors.append(((clean > 0).mean() + (marked <= 0).mean()) / 2)
        caught.append((marked > np.quantile(clean, 1 - FALSE_ALARMS)).mean())
    return Detection(float(np.mean(errors)), float(np.std(errors)), float(np.mean(caught)), trained)


def _trained(
    covers: np.ndarray, stegos: np.ndarray, groups: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Weights and the centre: a picture's score is (features - centre) @ weights, above 0 for a stego."""
    both = np.concatenate([covers, stegos])
    mean, scale = both.mean(0), both.std(0) + 1e-9
    both -= mean
    both /= scale
    verdict = np.repeat([-1.0, 1.0], len(covers))
    # With fewer pictures than features the dual problem is the small one.
    gram = both @ both.T
    names = np.unique(groups)
    fold = rng.integers(0, _FOLDS, len(names))[np.searchsorted(names, np.concatenate([groups, groups]))]
    ridges = _RIDGES * gram.trace() / len(gram)
    wrong = np.zeros(len(ridges))
    for k in range(_FOLDS):
        inside, outside = fold != k, fold == k
        values, vectors = np.linalg.eigh(gram[np.ix_(inside, inside)])
        projected = vectors.T @ verdict[inside]
        across = gram[np.ix_(outside, inside)] @ vectors
        for number, ridge in enumerate(ridges):
            scores = across @ (projected / (np.maximum(values, 0) + ridge))
            wrong[number] += (np.sign(scores) != verdict[outside]).sum()
    best = ridges[int(wrong.argmin())]
    return both.T @ np.linalg.solve(gram + best * np.eye(len(gram)), verdict) / scale, mean
