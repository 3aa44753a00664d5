"""``python lint`` is ``sqlfluff lint analyses models tests`` of the files that changed since they last passed."""

import gc
import hashlib
import json
import sys
from importlib.metadata import version
from pathlib import Path

from sqlfluff.cli.commands import cli

PASSED = Path("target/lint_passed.json")


def digest(paths: list[Path], seed: str) -> str:
    """One hash of the texts of files, in this order, and of a text."""
    found = hashlib.sha256(seed.encode())
    for path in paths:
        found.update(f"\0{path}\0".encode() + path.read_bytes())
    return found.hexdigest()


def main() -> int:
    """Lint, remember what passed, and return sqlfluff's exit code."""
    rules = [Path(".sqlfluff"), *sorted(Path("lint").rglob("*.*")), *sorted(Path("macros").rglob("*.sql"))]
    context = digest([path for path in rules if path.suffix != ".pyc"], version("sqlfluff"))
    files = sorted(path for folder in ("analyses", "models", "tests") for path in Path(folder).rglob("*.sql"))
    now = {str(path): digest([path], context) for path in files}
    passed = json.loads(PASSED.read_text()) if PASSED.exists() else {}
    changed = [name for name, found in now.items() if passed.get(name) != found]
    print(f"{len(changed)} of {len(files)} files changed since they passed")
    # The trees that sqlfluff builds live as long as their file, and looking for cycles in them takes a third of its time.
    gc.set_threshold(200_000, 50, 1_000)
    try:
        code = cli(["lint", "--processes", "0", *changed], standalone_mode=False) if changed else 0
    except SystemExit as stop:
        code = stop.code
    if not code:
        PASSED.parent.mkdir(exist_ok=True)
        PASSED.write_text(json.dumps(now))
    return code or 0


if __name__ == "__main__":
    sys.exit(main())
