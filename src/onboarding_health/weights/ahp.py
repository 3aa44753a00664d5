"""Weights from pairwise judgements: the analytic hierarchy process of T. L. Saaty (1980)."""

import csv
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

import numpy as np

# Saaty's mean consistency index of random matrices, by their size (The Analytic Hierarchy Process, 1980).
RANDOM_INDEX = {1: 0, 2: 0, 3: 0.58, 4: 0.90, 5: 1.12, 6: 1.24, 7: 1.32, 8: 1.41, 9: 1.45, 10: 1.49}
RANDOM_INDEX |= {11: 1.51, 12: 1.48, 13: 1.56, 14: 1.57, 15: 1.59}
COLUMNS = ["metric", "other_metric", "preference"]


@dataclass
class Judged:
    """Metrics (m), their weights (m,) that sum to 1, the largest eigenvalue, and the consistency ratio.

    worst names the pair whose judgement departs most from the weights, and what these would say.
    """

    metrics: list
    weights: np.ndarray
    eigenvalue: float
    consistency_ratio: float
    worst: str


def read(path):
    """Read judgements from a CSV of metric, other_metric, preference.

    The preference is 1/9 to 9: how many times the metric matters as much as the other; fractions such as 1/3 may be
    written. Returns (metrics, in order of their first row; matrix (m, m) of preferences with 1 on the diagonal and
    reciprocals). ValueError, with the line, where the file is not that: each pair has to stand once, either way round.
    """
    metrics, judged = [], {}
    with open(path, newline="") as file:
        rows = csv.DictReader(file)
        if rows.fieldnames != COLUMNS:
            raise ValueError(f"{path}: the columns are {', '.join(COLUMNS)}")
        for number, row in enumerate(rows, 2):
            one, other = row["metric"], row["other_metric"]
            try:
                preference = float(Fraction((row["preference"] or "").strip()))
            except (ValueError, ZeroDivisionError):
                raise ValueError(f"{path}, line {number}: {row['preference']!r} is no number or fraction") from None
            if not 1 / 9 - 1e-9 <= preference <= 9:
                raise ValueError(f"{path}, line {number}: {row['preference']} is not between 1/9 and 9")
            if not one or not other or one == other:
                raise ValueError(f"{path}, line {number}: name two different metrics")
            if frozenset((one, other)) in {frozenset(pair) for pair in judged}:
                raise ValueError(f"{path}, line {number}: {one} and {other} are judged twice")
            judged[one, other] = preference
            metrics += [name for name in (one, other) if name not in metrics]
    if len(metrics) > max(RANDOM_INDEX):
        raise ValueError(f"{path}: {len(metrics)} metrics are more than the {max(RANDOM_INDEX)} that can be compared")
    matrix = np.eye(len(metrics))
    for i, j in combinations(range(len(metrics)), 2):
        pair = metrics[i], metrics[j]
        if pair in judged:
            matrix[i, j] = judged[pair]
        elif pair[::-1] in judged:
            matrix[i, j] = 1 / judged[pair[::-1]]
        else:
            raise ValueError(f"{path}: {pair[0]} and {pair[1]} are not compared")
        matrix[j, i] = 1 / matrix[i, j]
    if not metrics:
        raise ValueError(f"{path}: there is no judgement in it")
    return metrics, matrix


def weigh(metrics, matrix):
    """Weights of metrics (m) from their reciprocal matrix (m, m): its principal eigenvector. Returns Judged.

    Consistency ratio: (eigenvalue - m) / (m - 1) over Saaty's random index; 0 is free of contradiction and up to 0.1
    is accepted. For one or two metrics it is 0.
    """
    values, vectors = np.linalg.eig(matrix)
    largest = int(np.argmax(values.real))
    weights = np.abs(vectors[:, largest].real)
    weights, eigenvalue, m = weights / weights.sum(), float(values[largest].real), len(metrics)
    ratio = max(eigenvalue - m, 0) / (m - 1) / RANDOM_INDEX[m] if m > 2 else 0.0
    pairs = list(combinations(range(m), 2))
    strain = [abs(np.log(matrix[i, j] * weights[j] / weights[i])) for i, j in pairs]
    i, j = pairs[int(np.argmax(np.round(strain, 9)))]
    worst = f"{metrics[i]} over {metrics[j]} is judged {matrix[i, j]:.2g}; the others say {weights[i] / weights[j]:.2g}"
    return Judged(list(metrics), weights, eigenvalue, ratio, worst)
