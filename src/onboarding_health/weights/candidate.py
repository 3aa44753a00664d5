"""A candidate version as seed rows, in a folder of its own; the live seeds are only read."""

import csv
from decimal import Decimal
from pathlib import Path

FILES = ("health_model_versions", "health_weights", "health_bands")


def _rows(path):
    with open(path, newline="") as file:
        reader = csv.DictReader(file)
        return reader.fieldnames, list(reader)


def live_version(opinions):
    """Name of the version in <opinions>/scoring/health_model_versions.csv that is live for everybody and holds last.

    ValueError where the file is missing or empty.
    """
    path = Path(opinions) / "scoring" / "health_model_versions.csv"
    if not path.is_file():
        raise ValueError(f"There is no {path}: --opinions names a folder with scoring/health_model_versions.csv in it.")
    everybody = {"track": "live", "segment": "any", "stage": "any"}
    rows = [row for row in _rows(path)[1] if everybody.items() <= row.items()]
    if not rows:
        raise ValueError(f"{path} has no version that is live for any segment and stage.")
    return max(rows, key=lambda row: (row["effective_from"], row["model_version"]))["model_version"]


def live_weights(opinions, version):
    """Weights of a version by metric, as floats; where it has several rows of a metric, their mean."""
    _, rows = _rows(Path(opinions) / "scoring" / "health_weights.csv")
    found = {}
    for row in rows:
        if row["model_version"] == version:
            found.setdefault(row["metric"], []).append(float(row["weight"]))
    return {metric: sum(values) / len(values) for metric, values in found.items()}


def write(folder, opinions, base, version, weights, rationale, is_learned):
    """Write the rows that a pull request would add to the scoring seeds.

    folder takes health_model_versions.csv, health_weights.csv and health_bands.csv with the columns of the live files
    under opinions and the rows of the base version under the new name; weights maps metrics to ten thousandths that sum
    to 10,000, all others get 0; is_learned says whether the history gave them, so that the holdout decides. The version is a
    candidate from the base version's first day on, on a track of its own name.
    Returns the paths. ValueError where the name is taken or a metric is unknown to the base version.
    """
    folder, written = Path(folder), []
    _, taken = _rows(Path(opinions) / "scoring" / "health_model_versions.csv")
    if version in {row["model_version"] for row in taken}:
        raise ValueError(f"The version {version} exists already. Give the candidate another name with --version.")
    unknown = sorted(set(weights) - set(live_weights(opinions, base)))
    if unknown:
        raise ValueError(f"Version {base} has no metric {', '.join(unknown)}. Register it in health_weights.csv first.")
    if sum(weights.values()) != 10_000:
        raise ValueError("The weights do not sum to 1.")
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        columns, rows = _rows(Path(opinions) / "scoring" / f"{name}.csv")
        chosen = [row | {"model_version": version} for row in rows if row["model_version"] == base]
        for row in chosen:
            if name == "health_weights":
                row["weight"] = str(Decimal(weights.get(row["metric"], 0)) / 10_000)
                row["source"] = "ours: see the rationale of the version"
            elif name == "health_model_versions":
                row |= {"track": version, "effective_to": "", "author_role": "weight_training", "rationale": rationale}
                row |= {"is_learned": str(is_learned).lower()}
                row |= {"expected_effect": "What rpt_health_validation says of the candidate beside the live score"}
        path = folder / f"{name}.csv"
        with open(path, "w", newline="") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(chosen)
        written.append(path)
    return written
