"""Error codes of the contract, their exit codes and HTTP statuses, and the one exception that carries them."""

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import Any


class Exit(IntEnum):
    """Exit codes of the command line (a fixed contract)."""

    DONE = 0
    NEGATIVE = 1
    USAGE = 2
    TOKEN = 3
    REFUSED = 4
    NO_INPUT = 5
    UNAVAILABLE = 6
    PARTLY = 7
    BUG = 70


class Code(StrEnum):
    """What can go wrong, as scripts see it (a fixed contract: words are added, never changed)."""

    PIN_INCORRECT = "pin_incorrect"
    PIN_LOCKED = "pin_locked"
    PIN_FINAL_TRY = "pin_final_try"
    PIN_CANCELLED = "pin_cancelled"
    PIN_UNACCEPTABLE = "pin_unacceptable"
    NO_PROMPTER = "no_prompter"
    TOKEN_ABSENT = "token_absent"
    TOKEN_REMOVED = "token_removed"
    TOKEN_AMBIGUOUS = "token_ambiguous"
    TOKEN_NOT_INITIALISED = "token_not_initialised"
    KEY_NOT_FOUND = "key_not_found"
    CERTIFICATE_NOT_FOUND = "certificate_not_found"
    CERTIFICATE_AMBIGUOUS = "certificate_ambiguous"
    CERTIFICATE_MISMATCH = "certificate_mismatch"
    MECHANISM_UNSUPPORTED = "mechanism_unsupported"
    MODULE_UNUSABLE = "module_unusable"
    MODULE_TIMEOUT = "module_timeout"
    TOKEN_FAULT = "token_fault"
    INPUT_UNUSABLE = "input_unusable"
    INPUT_CHANGED = "input_changed"
    OUTPUT_EXISTS = "output_exists"
    OUTPUT_UNWRITABLE = "output_unwritable"
    NOTHING_TO_DO = "nothing_to_do"
    NOT_ALLOWED = "not_allowed"
    NOT_REGISTERED = "not_registered"
    NOT_FOUND = "not_found"
    CANCELLED = "cancelled"
    AGENT_UNREACHABLE = "agent_unreachable"
    STORE_UNREACHABLE = "store_unreachable"
    USAGE = "usage"
    INTERNAL = "internal"


_TOKEN = {
    Code.PIN_INCORRECT, Code.PIN_LOCKED, Code.PIN_FINAL_TRY, Code.PIN_CANCELLED, Code.NO_PROMPTER, Code.TOKEN_ABSENT, Code.TOKEN_REMOVED,
    Code.TOKEN_AMBIGUOUS, Code.TOKEN_NOT_INITIALISED, Code.KEY_NOT_FOUND, Code.CERTIFICATE_NOT_FOUND, Code.CERTIFICATE_AMBIGUOUS,
    Code.CERTIFICATE_MISMATCH, Code.MECHANISM_UNSUPPORTED, Code.MODULE_UNUSABLE, Code.MODULE_TIMEOUT, Code.TOKEN_FAULT,
}  # fmt: skip
_INPUT = {Code.INPUT_UNUSABLE, Code.INPUT_CHANGED, Code.OUTPUT_EXISTS, Code.OUTPUT_UNWRITABLE, Code.NOTHING_TO_DO, Code.NOT_FOUND}

EXIT_OF: Mapping[Code, Exit] = {
    **dict.fromkeys(_TOKEN, Exit.TOKEN),
    **dict.fromkeys(_INPUT, Exit.NO_INPUT),
    Code.NOT_ALLOWED: Exit.REFUSED,
    Code.NOT_REGISTERED: Exit.REFUSED,
    Code.PIN_UNACCEPTABLE: Exit.REFUSED,
    Code.CANCELLED: Exit.PARTLY,
    Code.AGENT_UNREACHABLE: Exit.UNAVAILABLE,
    Code.STORE_UNREACHABLE: Exit.UNAVAILABLE,
    Code.USAGE: Exit.USAGE,
    Code.INTERNAL: Exit.BUG,
}

STATUS_OF: Mapping[Code, int] = {
    **dict.fromkeys(_TOKEN, 409),
    **dict.fromkeys(_INPUT, 422),
    Code.NOT_FOUND: 404,
    Code.NOT_ALLOWED: 403,
    Code.NOT_REGISTERED: 403,
    Code.PIN_UNACCEPTABLE: 422,
    Code.CANCELLED: 409,
    Code.AGENT_UNREACHABLE: 503,
    Code.STORE_UNREACHABLE: 503,
    Code.USAGE: 400,
    Code.INTERNAL: 500,
}


class ApiError(Exception):
    """Something that a person is told: a code and plain facts.  `reason` among the facts picks the more exact sentence (see `messages`)."""

    def __init__(self, code: Code, **facts: Any) -> None:
        super().__init__(code, facts)
        self.code = code
        self.facts: dict[str, Any] = facts

    @property
    def exit(self) -> Exit:
        """The command line's exit code for this error alone."""
        return EXIT_OF[self.code]


SETS_PIN = ("/v1/tokens/init", "/v1/tokens/pin/change", "/v1/tokens/pin/unblock")
"""Jobs whose sudden end leaves two PINs of which one is valid (agent_unreachable, reason died_pin)."""
