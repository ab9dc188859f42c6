"""The one process of verification that may use the network: ``python -m agent.verification.fetch_program FD``.

It sees addresses that trusted issuers wrote into their certificates and bytes of answers; it sees no document and reads no ASN.1.  Operations:

    ready   {} → {}
    fetch   {url, body, seconds, most} → {data, why}: `body` base64 (an OCSP request, POSTed) or null (GET), `most` bytes of the answer,
            `data` base64, or null and `why`: timeout, refused, status NNN, too_large, unreachable
"""

import http.client
import logging
import socket
import sys
import time
import urllib.error
import urllib.request
from typing import Final

from tokens import platform
from tokens.wire import Link, Message, serve, to_bytes, to_text

_MEMORY_MAX: Final = 512 * 1024 * 1024
_FILES_MAX: Final = 64
_CHUNK: Final = 64 * 1024


def answer(op: str, args: Message) -> Message:
    """Do one operation; raises nothing for what the network does."""
    if op != "fetch":
        return {}
    body = None if args["body"] is None else to_bytes(args["body"])
    try:
        return {"data": to_text(fetch(args["url"], body, args["seconds"], args["most"])), "why": None}
    except urllib.error.HTTPError as exc:
        exc.close()
        return {"data": None, "why": f"status {exc.code}"}
    except TimeoutError:
        return {"data": None, "why": "timeout"}
    except TooLarge:
        return {"data": None, "why": "too_large"}
    except urllib.error.URLError as exc:
        return {"data": None, "why": "timeout" if isinstance(exc.reason, TimeoutError) else "unreachable"}
    except (OSError, ValueError, http.client.HTTPException):
        return {"data": None, "why": "unreachable"}


class TooLarge(Exception):
    """The answer is longer than was wanted."""


def fetch(url: str, body: bytes | None, seconds: float, most: int) -> bytes:
    """The answer's body; raises TimeoutError, `TooLarge`, and what urllib raises."""
    end = time.monotonic() + seconds
    headers = {"User-Agent": "yinxin", "Accept": "*/*"}
    if body is not None:
        headers |= {"Content-Type": "application/ocsp-request", "Accept": "application/ocsp-response"}
    request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310 - the opener knows http and https only
    with _opener().open(request, timeout=seconds) as response:
        out = bytearray()
        while chunk := response.read1(_CHUNK):
            out += chunk
            if len(out) > most:
                raise TooLarge
            if time.monotonic() > end:
                raise TimeoutError
        return bytes(out)


def _opener() -> urllib.request.OpenerDirector:
    """HTTP and HTTPS, by the proxies of the environment; no files, no FTP, no data addresses."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(), urllib.request.UnknownHandler(), urllib.request.HTTPHandler(), urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(), urllib.request.HTTPRedirectHandler(), urllib.request.HTTPErrorProcessor(),
    ):  # fmt: skip
        opener.add_handler(handler)
    return opener


def main(argv: list[str]) -> int:
    """Serve the socket until the agent closes it."""
    platform.harden(die_with_parent=True)
    platform.limit(memory_bytes=_MEMORY_MAX, files=_FILES_MAX)
    logging.disable(logging.CRITICAL)
    serve(Link(socket.socket(fileno=int(argv[1]))), answer)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
