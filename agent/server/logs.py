"""The agent's log: one JSON object a line, 0600, turned over at 5 MB, secrets struck out before anything is written."""

import logging
import logging.handlers
import os
import re
from collections.abc import MutableMapping
from io import TextIOWrapper
from pathlib import Path
from typing import Any, cast

import structlog

_SECRET_KEY = re.compile(r"pin|puk|secret|passw|nonce|token_key|credential", re.IGNORECASE)
_HARMLESS = {"pin_state", "pin_incorrect", "pin_locked", "pin_cancelled", "pin_final_try", "secrets_wanted"}
STRUCK = "[struck out]"


def redact(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Strike out every value whose key speaks of a secret, at any depth; a structlog processor."""
    return cast(MutableMapping[str, Any], _redacted(event))


def _redacted(value: Any) -> Any:
    if isinstance(value, MutableMapping):
        return {k: STRUCK if isinstance(k, str) and _SECRET_KEY.search(k) and k not in _HARMLESS else _redacted(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(item) for item in value]
    if isinstance(value, bytes | bytearray):
        return f"<{len(value)} bytes>"
    return value


_traceback = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))  # locals could hold anything


class _PrivateRotating(logging.handlers.RotatingFileHandler):
    """A rotating file that no one else can read from its first byte."""

    def _open(self) -> TextIOWrapper:
        return cast(
            TextIOWrapper, open(self.baseFilename, self.mode, encoding="utf-8", errors="backslashreplace", opener=lambda p, f: os.open(p, f, 0o600))
        )


def start(path: Path, level: int = logging.INFO) -> None:
    """Send structlog and the standard library's loggers to the file at `path`."""
    handler = _PrivateRotating(path, maxBytes=5_000_000, backupCount=3, encoding="utf-8")
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _traceback,
        redact,
    ]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer(ensure_ascii=False)],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
