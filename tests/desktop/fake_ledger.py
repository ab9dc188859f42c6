"""A ledger of any length that costs nothing, told over the wire as the real one is."""

import base64
import json
import threading
from typing import Any
from urllib.parse import parse_qs, urlsplit

TYPES = (("signature.started", "开始签署"), ("signature.finished", "签署结果"), ("attempt.denied", "被拒绝的操作"))


def act(seq: int) -> dict[str, Any]:
    """Entry `seq` in a list."""
    kind, title = TYPES[seq % 3]
    return {
        "seq": seq, "id": f"id-{seq}", "at": f"2026-03-{seq % 28 + 1:02}T08:00:00.000000Z", "type": kind, "title": {"zh": title, "en": kind},
        "summary": {"zh": f"1 份：结施-{seq}.pdf", "en": f"1: {seq}.pdf"}, "actor": "P1" if seq % 2 else None, "device": "W5e0bf76",
        "object": f"b{seq}", "names": [f"结施-{seq}.pdf"], "signed": seq >= 3,
    }  # fmt: skip


class FakeLedger:
    """Answers for the routes under /v1/ledger; `asked` holds the queries for entries."""

    def __init__(self, size: int = 0) -> None:
        self.size = size
        self.stopped: dict[str, Any] | None = None
        self.missing: dict[str, Any] | None = None
        """A problem instead of the whole ledger."""
        self.answers = threading.Event()
        self.answers.set()
        self.asked: list[dict[str, str]] = []
        self.signature_ok: bool | None = True
        self.proof_ok = True
        self.checked: dict[str, Any] = {}
        self.kind = "personal"

    def answer(self, path: str) -> dict[str, Any]:
        """What a short call is told, once it answers at all."""
        self.answers.wait(30)
        route = urlsplit(path).path.removeprefix("/v1/ledger")
        query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        if self.missing is not None:
            return self.missing
        if route == "":
            about = {"org": "ab" * 32, "size": self.size, "root": "cd" * 32, "legacy": min(3, self.size), "first_at": "2026-03-01T08:00:00Z"}
            return {**about, "kind": self.kind, "stopped": self.stopped}
        if route == "/types":
            return {"types": [{"type": kind, "title": {"zh": title, "en": kind}, "count": self.size // 3} for kind, title in TYPES]}
        if route == "/entries":
            return self._page(query)
        if route == "/checkpoint":
            return {"org": "ab" * 32, "size": self.size, "root": "cd" * 32, "text": f"yinxin\n{self.size}\n", "device": "W5"}
        if route.endswith("/proof"):
            return {"text": "proof\n"}
        return self._entry(int(route.rsplit("/", 1)[1]))

    def _page(self, query: dict[str, str]) -> dict[str, Any]:
        self.asked.append(query)
        first, end = int(query.get("after", -1)) + 1, min(self.size, int(query.get("before", self.size)))
        limit, fits = int(query["limit"]), [seq for seq in range(first, end) if _fits(seq, query)] if _filtered(query) else range(first, end)
        numbers = list(fits[:limit] if query["order"] == "oldest" else list(reversed(fits[-limit:])))
        return {"entries": [act(seq) for seq in numbers], "size": self.size, "more": len(fits) > len(numbers), "total": len(fits)}

    def _entry(self, seq: int) -> dict[str, Any]:
        words = [{"label": {"zh": "文件", "en": "file"}, "value": f"结施-{seq}.pdf\u202e", "depth": 1}]
        words.append({"label": {"zh": "结果", "en": "outcome"}, "value": {"zh": "已签署", "en": "signed"}, "depth": 0})
        raw = json.dumps({"v": 1, "body": {"name": f"结施-{seq}\u202e"}}).encode()
        signer = {"subject": "CN=本机", "signing_time": "2026-03-01T08:00:00+00:00", "fingerprint": "ee" * 32} if self.signature_ok else None
        proof = {"seq": seq, "size": self.size, "root": "cd" * 32, "ok": self.proof_ok}
        state = {"signature_ok": self.signature_ok, "signature_reason": None if self.signature_ok else "digest", "signer": signer}
        return {**act(seq), "words": words, "raw": base64.b64encode(raw).decode(), "sha256": "ef" * 32, "leaf": "01" * 32, **state, "proof": proof}


def _filtered(query: dict[str, str]) -> bool:
    return bool(query.keys() & {"text", "type", "actor", "device", "from", "to"})


def _fits(seq: int, query: dict[str, str]) -> bool:
    told = act(seq)
    return (
        query.get("text", "") in told["summary"]["zh"]
        and query.get("type", told["type"]) == told["type"]
        and query.get("actor", told["actor"]) == told["actor"]
    )
