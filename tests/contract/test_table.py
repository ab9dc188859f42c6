"""docs/tokens.md lists what the suite declares: every kind, every capability, offered or not for the reason given."""

from tests.contract.kinds import KINDS, Capability
from tests.contract.table import PAGE, heads


def test_the_page_lists_what_the_suite_declares() -> None:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == heads()
    rows = {line[0]: line[1:] for line in cells[2:]}
    assert list(rows) == [capability.value for capability in Capability], "make lab writes the page anew"
    for capability in Capability:
        for kind, cell in zip(KINDS, rows[capability.value], strict=True):
            if kind.offers(capability):
                assert cell.startswith("✓"), (kind.name, capability)
            else:
                assert cell == f"– {kind.lacks[capability]}", (kind.name, capability)
