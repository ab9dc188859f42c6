"""Errors on the wire: application/problem+json (RFC 9457) with our code, hint and facts; a request's body is never echoed."""

import json
from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from agent.api.errors import STATUS_OF, ApiError, Code
from agent.api.messages import sentence
from tokens.errors import TokenError

log = structlog.get_logger()


class AsciiJson(JSONResponse):
    """JSON in ASCII: a path may hold bytes that are not UTF-8, which UTF-8 cannot carry and an escape can."""

    def render(self, content: Any) -> bytes:
        """starlette.responses.JSONResponse."""
        return json.dumps(content, separators=(",", ":")).encode("ascii")


def language(request: Request) -> str:
    """ "zh" or "en", by the first of them that Accept-Language names; English otherwise."""
    for part in request.headers.get("accept-language", "").lower().split(","):
        for lang in ("zh", "en"):
            if part.strip().startswith(lang):
                return lang
    return "en"


def as_api_error(error: Exception) -> ApiError:
    """The error a person is told; anything unforeseen is `internal` and only its type is told (the log has the rest)."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, TokenError):
        return ApiError(Code(error.code), **error.facts)
    return ApiError(Code.INTERNAL, type=type(error).__name__)


def error_entry(error: ApiError, lang: str) -> dict[str, Any]:
    """The `error` object of the contract: code, message, hint, facts."""
    message, hint = sentence(error.code, error.facts, lang)
    return {"code": str(error.code), "message": message, "hint": hint, "facts": error.facts}


def problem(error: ApiError, lang: str) -> dict[str, Any]:
    """The problem+json object for an error."""
    message, hint = sentence(error.code, error.facts, lang)
    status = STATUS_OF[error.code]
    return {
        "type": f"urn:yinxin:{error.code}",
        "title": str(error.code),
        "status": status,
        "detail": message,
        "code": str(error.code),
        "hint": hint,
        "facts": error.facts,
    }


def _respond(error: ApiError, request: Request, headers: Mapping[str, str] | None = None, status: int | None = None) -> JSONResponse:
    body = problem(error, language(request))
    if status is not None:
        body["status"] = status
    return AsciiJson(body, status_code=body["status"], media_type="application/problem+json", headers=dict(headers or {}))


def install(app: FastAPI) -> None:
    """Answer every error of `app` as problem+json."""

    async def known(request: Request, error: Exception) -> JSONResponse:
        return _respond(as_api_error(error), request)

    async def invalid(request: Request, error: Exception) -> JSONResponse:
        # FastAPI's own answer repeats the input, PINs and all: say where it is wrong and nothing else.
        assert isinstance(error, RequestValidationError)
        where = sorted({".".join(str(step) for step in item["loc"][1:]) or "body" for item in error.errors()})
        return _respond(ApiError(Code.USAGE, reason="request", fields=", ".join(where[:8])), request, status=422)

    async def http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        code = Code.NOT_FOUND if error.status_code == 404 else Code.USAGE
        return _respond(ApiError(code, reason="route"), request, error.headers, error.status_code)

    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        log.error("unforeseen", where=request.url.path, type=type(error).__name__, exc_info=error)
        return _respond(as_api_error(error), request)

    app.add_exception_handler(ApiError, known)
    app.add_exception_handler(TokenError, known)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unforeseen)
