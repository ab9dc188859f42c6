"""Sentences about what a session finds of PINs and of the token itself."""

from collections.abc import Mapping

from agent.api.sentences.form import Sentence

PINS: Mapping[str, Sentence] = {
    "pin_incorrect.so_pin": Sentence(
        "管理员 PIN（解锁码）不对，已停止；没有改动任何东西。",
        "请向发证机构或 UKey 管理员核实后再输；连续输错，管理员 PIN 也会锁定，那时 UKey 就无法解锁了。",
        "The SO PIN is wrong; everything stopped, and nothing was changed.",
        "Check it with whoever issued the token; several wrong ones in a row lock it, and then nobody can unblock the token.",
    ),
    "pin_locked.so_pin": Sentence(
        "管理员 PIN 也已锁定，不能用它解锁 UKey[“{token}”]。",
        "请联系发证机构；没有文件因此被改动。",
        "The SO PIN is locked as well, so it cannot unblock the token[ “{token}”].",
        "Ask whoever issued it; no file was changed.",
    ),
    "pin_final_try.so_pin": Sentence(
        "管理员 PIN 只剩最后一次机会，再错就无法再解锁 UKey[“{token}”]；尚未输入。",
        "先向发证机构核实；确认仍要输入，请加 --confirm-final-try，或键入“我确认”。",
        "Only one try is left for the SO PIN: another wrong one, and nobody can unblock the token[ “{token}”] any more. None was sent.",
        "Make sure of it first; to go on, add --confirm-final-try or type CONFIRM when asked.",
    ),
    "pin_unacceptable.refused_halfway": Sentence(
        "UKey 已经初始化，但不接受这个 PIN 码，所以现在还没有 PIN 码。",
        "请换一个 PIN 码（长度、字符按厂商要求），再初始化一次。",
        "The token is initialised, but it refuses this PIN, so it has no user PIN yet.",
        "Initialise it once more with another PIN, by its maker's rules (length, characters).",
    ),
    "token_absent.alike": Sentence(
        "有几个 UKey 无法区分[（“{label}”）]，没有向任何一个输入 PIN 码。",
        "请只留下要用的那一个，再试一次。",
        "Several tokens cannot be told apart[ (“{label}”)]; none was given a PIN.",
        "Leave only the one you mean and try again.",
    ),
    "token_removed.login_lost": Sentence(
        "UKey[“{token}”]的登录已失效（拔插过、电脑休眠过，或被别的程序复位）[：已完成 {published} 份，未做 {remaining} 份]。",
        "请重新输入 PIN 码继续[：yinxin sign --resume {batch}]；已完成的文件仍然有效。",
        "The login to the token[ “{token}”] is lost (re-plugged, suspended, or reset)[: {published} document(s) done, {remaining} not].",
        "Enter the PIN again to go on[: `yinxin sign --resume {batch}`]; what was published stays valid.",
    ),
    "token_fault.pin_to_be_changed": Sentence(
        "UKey[“{token}”]的 PIN 码是发证时的初始 PIN 码，必须先修改才能使用；没有输入 PIN 码。",
        "请先修改：yinxin token pin change。",
        "The PIN of the token[ “{token}”] is the one it was issued with, and must be changed before use; it was not sent.",
        "Change it first: `yinxin token pin change`.",
    ),
    "token_fault.write_protected": Sentence(
        "UKey[“{token}”]是只读的，不能写入；没有改动任何东西。",
        "签名不受影响；要写入，请用发证机构的工具，或换一个 UKey。",
        "The token[ “{token}”] is write-protected; nothing was changed.",
        "It can still sign; to store something, use its issuer's tool or another token.",
    ),
    "pin_cancelled.locked": Sentence(
        "UKey[“{token}”]已被锁上（主动锁定、锁屏或电脑休眠），PIN 码已忘掉，正在做的事已停止。",
        "已完成的文件仍然有效；要继续请重新运行[：yinxin sign --resume {batch}]，并再输一次 PIN 码。",
        "The token[ “{token}”] was locked (by request, with the screen, or by a sleep of the computer): its PIN is forgotten and work on it stopped.",
        "What was published stays valid; to go on run it again[: `yinxin sign --resume {batch}`] and enter the PIN once more.",
    ),
    "pin_cancelled.no_consent": Sentence(
        "没有得到同意，已取消；没有文件因此被签署。",
        "需要时重新运行，看清文件清单后再确认。",
        "Nobody agreed, so nothing was done; no file was signed.",
        "Run it again, look at the list of files and agree to it.",
    ),
}
