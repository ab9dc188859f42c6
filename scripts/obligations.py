"""`make obligations`: the rows S01 to S91 of docs/obligations.md with the tests behind each; the last line is `N of 91`.

A row counts when a test is marked `@pytest.mark.obligation("S..")`.  Tests are found by pytest's own collection, so a mark
on a class, a module or a parameter counts as it does in a test run; nothing is executed.
"""

import re
import sys
from collections import defaultdict
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


class _Collected:
    """A pytest plugin that notes which test stands behind which row."""

    def __init__(self) -> None:
        self.tests: defaultdict[str, dict[str, None]] = defaultdict(dict)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            for mark in item.iter_markers("obligation"):
                for row in mark.args:
                    self.tests[row][item.nodeid.partition("[")[0]] = None


def rows() -> dict[str, tuple[str, str]]:
    """Id → English and Chinese words, from docs/obligations.md."""
    found = re.findall(r"^\| (S\d\d) \| [^|]* \| ([^|]*) \| ([^|]*) \|", (ROOT / "docs/obligations.md").read_text(encoding="utf-8"), re.MULTILINE)
    return {row: (english.strip(), chinese.strip()) for row, english, chinese in found}


def main() -> int:
    """Print the table; 1 when a test names a row that does not exist, or the tests cannot be collected."""
    collected, table = _Collected(), rows()
    with redirect_stdout(StringIO()) as said:
        code = pytest.main(["--collect-only", "-q", str(ROOT / "tests")], plugins=[collected])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        print(said.getvalue(), file=sys.stderr)
        return 1
    for row, (english, chinese) in table.items():
        tests = collected.tests.get(row, {})
        print(f"{'✓' if tests else '·'} {row} {english}\n      {chinese}")
        for test in tests:
            print(f"      - {test}")
    unknown = sorted(set(collected.tests) - set(table))
    if unknown:
        print(f"no such row: {', '.join(unknown)}", file=sys.stderr)
    print(f"{sum(row in collected.tests for row in table)} of {len(table)}")
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
