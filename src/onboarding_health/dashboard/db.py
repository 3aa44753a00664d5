"""The one way to the data: a reviewed query of sql/ on the published copy, read-only, remembered under the copy's real name."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import streamlit as st

from .. import published

SQL = Path(__file__).with_name("sql")


class NothingPublished(Exception):
    """There is no copy to read."""


def copy() -> Path:
    """The file in use, by its real name; raises NothingPublished where there is none."""
    file = published.current(published.folder_of())
    if file is None:
        raise NothingPublished
    return file


def query(name: str, **parameters) -> pd.DataFrame:
    """The rows of sql/<name>.sql with its parameters. A copy that is removed while it is opened is followed by the next one."""
    given = tuple(sorted(parameters.items()))
    try:
        return _rows(str(copy()), name, given)
    except duckdb.IOException:
        return _rows(str(copy()), name, given)


@st.cache_data(max_entries=400, show_spinner=False)
def _rows(file: str, name: str, parameters: tuple) -> pd.DataFrame:
    with duckdb.connect(file, read_only=True, config={"enable_external_access": "false"}) as connection:
        frame = connection.execute((SQL / f"{name}.sql").read_text(), dict(parameters) or None).df()
    # A missing number is NaN, a missing moment NaT, a missing text or truth None: pd.NA can't be asked whether it is true.
    for column in frame.columns:
        if pd.api.types.is_extension_array_dtype(frame[column].dtype) and frame[column].isna().any():
            is_number = pd.api.types.is_numeric_dtype(frame[column].dtype) and not pd.api.types.is_bool_dtype(frame[column].dtype)
            frame[column] = frame[column].astype("float64" if is_number else object)
    texts = frame.select_dtypes("object").columns
    frame[texts] = frame[texts].astype(object).where(frame[texts].notna(), None)
    return frame
