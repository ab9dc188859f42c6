"""The process that writes reports: ``python -m agent.verification.report_program FD``.

It draws names that anybody may have chosen, so it is hardened, limited in memory and without network.  Operations:

    ready   {} → {}
    report  {runs, run, format, lang, exceptions, out} → {bytes, pages}: reads the file `runs` (see `runs.Runs`) and writes the new file `out`;
            `format` is pdf, html, json or csv, `exceptions` wants only what has not passed.  Raises `ApiError`.
"""

import logging
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from agent.api.errors import ApiError, Code
from agent.verification.report_content import Source
from agent.verification.runs import Runs
from tokens import platform
from tokens.wire import Link, Message, serve

_MEMORY_MAX: Final = 700 * 1000 * 1000
_FILES_MAX: Final = 64


def answer(op: str, args: Message) -> Message:
    """Do one operation."""
    if op != "report":
        return {}
    try:
        return make(args)
    except OSError as error:
        raise ApiError(Code.OUTPUT_UNWRITABLE, detail=error.strerror) from error


def make(args: Message) -> Message:
    """Write one report; raises `ApiError`, OSError, KeyError for a run that is not there."""
    runs = Runs(args["runs"], read_only=True)
    try:
        run = args["run"]
        source = Source(
            runs.find(run), runs.counts(run), lambda exceptions: runs.documents(run, exceptions=exceptions or args["exceptions"]), args["exceptions"]
        )
        pages = 0
        with open(args["out"], "xb") as out:
            if args["format"] == "pdf":
                from agent.verification.report_pdf import render

                pages = render(source, args["lang"], out)
            else:
                out.writelines(piece.encode("utf-8", "backslashreplace") for piece in _text(args["format"])(source, args["lang"]))
            out.flush()
            return {"bytes": out.tell(), "pages": pages}
    finally:
        runs.close()


def _text(kind: str) -> Callable[[Source, str], Iterator[str]]:
    from agent.verification import report_data, report_html

    known: Mapping[str, Callable[[Source, str], Iterator[str]]] = {
        "html": report_html.render,
        "json": report_data.render_json,
        "csv": report_data.render_csv,
    }
    return known[kind]


def main(argv: list[str]) -> int:
    """Serve the socket until the agent closes it."""
    platform.harden(die_with_parent=True)
    platform.deny_network()
    platform.limit(memory_bytes=_MEMORY_MAX, files=_FILES_MAX, fixed=True)
    logging.disable(logging.CRITICAL)
    serve(Link(socket.socket(fileno=int(argv[1]))), answer)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
