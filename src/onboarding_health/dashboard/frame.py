"""What every page stands in: a sentence where there is no copy to read, or one of another version of the project."""

import duckdb

from . import db, parts

NOTHING = (
    "Nothing is published yet. Run <code>onboarding-health demo</code>, or <code>onboarding-health build</code> with your own "
    "streams: a build whose tests pass is shown here."
)
OLD = (
    "The published copy is of another version of the project: it lacks a mart or a column that this page reads. Build again, and "
    "the page is back."
)


def framed(page):
    """The page, with a sentence where there is no copy, or one of another version."""

    def run() -> None:
        try:
            page()
        except db.NothingPublished:
            parts.note(NOTHING)
        except (duckdb.CatalogException, duckdb.BinderException):
            parts.note(OLD)

    run.__name__ = page.__module__.rpartition(".")[2]
    return run
