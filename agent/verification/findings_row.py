"""What a row of the table of findings is, and the needs that several share."""

from dataclasses import dataclass

from agent.verification.model import Say, Verdict

FAILED, UNSURE = Verdict.FAILED, Verdict.INDETERMINATE


@dataclass(frozen=True, slots=True)
class Row:
    """The meaning of one finding."""

    verdict: Verdict | None
    reason: str | None
    what: Say
    need: Say


def row(verdict: Verdict | None, reason: str | None, what_zh: str, what_en: str, need_zh: str = "", need_en: str = "") -> Row:
    """A row: verdict and sub-indication (None for a remark), what was seen, what would have to be different."""
    return Row(verdict, reason, Say(what_zh, what_en), Say(need_zh, need_en))


RESEND = ("请向发件人重新索取原文件", "ask the sender for the original file again")
RESIGN = ("需要签名人重新签署", "the signer has to sign again")
LOOK = ("请查看签署时的版本，并向签名人核实", "look at the version that was signed and ask the signer")
