"""The kinds of defects: the command line lists them without loading what draws them."""

# Flag, share at --dirt, reason of the rejected rows (None: the rows are good, if awkward).
KINDS = {
    "duplicates": (0.004, "duplicate_id"),
    "orphans": (0.001, "no_account"),
    "bad_time": (0.0005, "bad_time"),
    "future_times": (0.0005, "future_time"),
    "invalid_json": (0.0005, "invalid_json"),
    "unknown_type": (0.0005, "unknown_type"),
    "missing_key": (0.0005, "missing_key"),
    "mistyped_key": (0.0005, "mistyped_key"),
    "missing_id": (0.0005, "missing_id"),
    "late": (0.01, None),
    "merges": (0.02, None),
    "internal": (0.01, None),
    "test": (0.01, None),
    "movers": (0.2, None),
}
