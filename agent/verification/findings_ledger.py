"""What a ledger says of a signature, in words.  These rows hinder nothing: the contract has a field of its own for them."""

from collections.abc import Mapping

from agent.verification.model import Say

LEDGER: Mapping[str, tuple[str, Say]] = {
    # allowed
    "ledger_entered": ("allowed", Say("已入账：台账第 {entry} 条（{at}）", "entered in the ledger: entry {entry}, {at}")),
    "ledger_entered_before": (
        "allowed",
        Say("已由旧版本入账（当时的记录没有签名）", "recorded by an earlier version, whose records were not signed"),
    ),
    # not_allowed: the entry is there, and this signature is not what it allowed
    "ledger_other_document": (
        "not_allowed",
        Say(
            "签名带有台账第 {entry} 条的入账标记，但该条没有准许这份文件，可能是用其他软件签署的",
            "it bears the mark of entry {entry} of the ledger, which did not allow this document: it may have been signed with other software",
        ),
    ),
    "ledger_other_certificate": (
        "not_allowed",
        Say(
            "签名带有台账第 {entry} 条的入账标记，但该条准许的是另一张数字证书",
            "it bears the mark of entry {entry} of the ledger, which allowed another certificate",
        ),
    ),
    "ledger_without_effect": (
        "not_allowed",
        Say(
            "签名所指的台账第 {entry} 条没有效力（未按规定授权）",
            "the entry of the ledger it names ({entry}) has no effect: it was not authorised",
        ),
    ),
    "ledger_other_content": (
        "not_allowed",
        Say(
            "台账第 {entry} 条准许的是另一份内容，不是这份文件现在的内容",
            "entry {entry} of the ledger allowed another content than this file has now",
        ),
    ),
    # not_in_ledger: it should be there, and is not
    "ledger_no_mark": (
        "not_in_ledger",
        Say(
            "签名人的数字证书在本台账中使用过，但这个签名没有入账标记，台账里也没有它：可能是用其他软件签署的",
            "the certificate is one that this ledger knows, but the signature bears no mark of the ledger and is not in it: "
            "it may have been made with other software",
        ),
    ),
    "ledger_mark_unreadable": (
        "not_in_ledger",
        Say("签名的入账标记读不出来", "the mark of the ledger that the signature bears cannot be read"),
    ),
    "ledger_other_mark": (
        "not_in_ledger",
        Say(
            "签名人的数字证书在本台账中使用过，但签名带的是另一个台账的入账标记",
            "the certificate is one that this ledger knows, but the signature bears the mark of another ledger",
        ),
    ),
    "ledger_unknown_mark": (
        "not_in_ledger",
        Say(
            "签名带有本台账的入账标记，但台账里没有这一条：台账可能被截短，或被恢复成了旧的备份",
            "the signature bears a mark of this ledger, which has no such entry: the ledger may have been cut, or an old copy of it restored",
        ),
    ),
    "ledger_rewritten": (
        "not_in_ledger",
        Say(
            "签名时的台账与现在的台账不一致（第 {entry} 条及以前）：台账可能被改写过",
            "the ledger is not the one that it was when the signature was made (up to entry {entry}): it may have been rewritten",
        ),
    ),
    # no_ledger
    "ledger_unread": ("no_ledger", Say("台账现在读不出来，没有对照", "the ledger cannot be read at the moment, so it was not compared")),
}
"""Verdict and words by code; {names} are facts."""
