"""What stands in a report, as blocks one below the other; how they look is the business of `report_html` and `report_pdf`.

Documents are taken one at a time from where the run is kept, so that a report over ten thousand needs no more memory than over ten.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from agent.verification.report_scope import CHECKED
from agent.verification.report_words import MEANINGS, RECIPIENT, WORDS, Words

IN_FULL = 20
"""Up to so many documents each is told in full; of more, only those that have not passed."""


@dataclass(frozen=True, slots=True)
class Title:
    """The name of the report, in its language and small in the other one."""

    text: str
    other: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The large line; `state` is passed, failed or indeterminate."""

    state: str
    text: str


@dataclass(frozen=True, slots=True)
class Heading:
    """`level` 1 to 3; `state` colours it."""

    level: int
    text: str
    state: str = ""


@dataclass(frozen=True, slots=True)
class Para:
    """A paragraph."""

    text: str
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values; a value may have several lines."""

    rows: tuple[tuple[str, str | tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose rows may be many; `parts` are the shares of the columns, `state` of a row (its first member) colours the first column."""

    head: tuple[str, ...]
    parts: tuple[float, ...]
    rows: Callable[[], Iterator[tuple[str, ...]]]


Block: TypeAlias = Title | Verdict | Heading | Para | Items | Facts | Table


@dataclass(frozen=True, slots=True)
class Source:
    """A run to report on: as `Runs.find` tells it, its counts, and its documents (`True`: only what has not passed)."""

    run: Mapping[str, Any]
    counts: Mapping[str, int]
    documents: Callable[[bool], Iterator[dict[str, Any]]]
    exceptions_only: bool = False

    @property
    def total(self) -> int:
        """All documents, those without a verdict too."""
        return sum(self.counts.values())

    @property
    def verdict(self) -> str:
        """One failed fails all, else one in doubt leaves all in doubt, as in a document with several signatures."""
        if self.counts["failed"]:
            return "failed"
        return "indeterminate" if self.counts["indeterminate"] or self.counts["waiting"] or not self.counts["passed"] else "passed"


def blocks(source: Source, lang: str) -> Iterator[Block]:
    """The report in "zh" or "en"."""
    say, environment = Words(lang), source.run["environment"]
    yield Title(say("title"), Words("en" if say.lang == "zh" else "zh")("title"))
    moment = _moment(str(environment.get("judged_at") or environment.get("finished_at") or source.run["made"]))
    between = "　" if say.lang == "zh" else ", "
    yield Verdict(source.verdict, say(source.verdict) + between + say("as_of", moment=moment))
    if source.total == 1 and not source.run["folders"] and not source.counts["waiting"]:
        for document in source.documents(False):
            yield from _alone(document, say)
    else:
        yield from _many(source, say)
    yield Heading(1, say("checked"))
    yield Para(say("checked_intro"))
    yield Items(tuple(say.of(each) for each in CHECKED))
    yield Heading(1, say("circumstances"))
    yield Facts(tuple(_circumstances(environment, source, say)))
    yield Heading(1, say("meanings"))
    yield Facts(tuple((say(name), say.of(text)) for name, text in MEANINGS))
    yield Heading(1, say("recipient"))
    yield Items(tuple(say.of(each) for each in RECIPIENT))
    yield Para(say("note"), quiet=True)


def _alone(document: Mapping[str, Any], say: Words) -> Iterator[Block]:
    yield Para(_why(document, say))
    yield Facts(tuple(_file(document, say)))
    yield from _signatures(document, say, 1)
    yield Heading(1, say("not_checked"))
    yield Items(tuple(say.of(each["description"]) for each in document.get("not_checked", ())))


def _many(source: Source, say: Words) -> Iterator[Block]:
    counts = source.counts
    yield Para(say("total", total=source.total, passed=counts["passed"], failed=counts["failed"], indeterminate=counts["indeterminate"]))
    if counts["waiting"]:
        yield Para(say("stopped", waiting=counts["waiting"]))
    out = [say(name, count=count) for name, count in source.run["left_out"].items() if count and name in WORDS]
    if out:
        yield Para(f"{say('left_out')}{'：' if say.lang == 'zh' else ': '}{('；' if say.lang == 'zh' else '; ').join(out)}")
    some = counts["failed"] + counts["indeterminate"] > 0
    yield Heading(1, say("exceptions"))
    if some:
        yield Table((say("verdict"), say("file"), say("why")), (1.5, 3.3, 5.2), lambda: _rows(source, True, say))
    else:
        yield Para(say("none"))
    if counts["passed"] and not source.exceptions_only:
        yield Heading(1, say("rest"))
        yield Table((say("file"), say("signers"), say("time"), say("sha256")), (3.6, 2, 1.9, 2.5), lambda: _passed(source, say))
    full = source.total <= IN_FULL and not source.exceptions_only
    if some or full:
        yield Heading(1, say("documents"))
    for document in source.documents(not full) if some or full else ():
        yield Heading(2, f"{say(document['verdict'])}{'：' if say.lang == 'zh' else ': '}{_base(document['file'])}", document["verdict"])
        yield Para(_why(document, say))
        yield Facts(tuple(_file(document, say)))
        yield from _signatures(document, say, 3)
        open_points = tuple(say.of(each["description"]) for each in document.get("not_checked", ()))
        if open_points:
            yield Heading(3, say("not_checked"))
            yield Items(open_points)


def _rows(source: Source, exceptions: bool, say: Words) -> Iterator[tuple[str, ...]]:
    for document in source.documents(exceptions):
        word = "in_doubt" if document["verdict"] == "indeterminate" else document["verdict"]
        yield document["verdict"], say(word), str(document["file"]), _why(document, say)


def _passed(source: Source, say: Words) -> Iterator[tuple[str, ...]]:
    for document in source.documents(False):
        if document["verdict"] == "passed":
            people = [s for s in document["signatures"] if s["kind"] != "timestamp"]
            names = list(dict.fromkeys(str(s["signer"]) for s in people))
            times = [_moment(s["signing_time"]) for s in people if s["signing_time"]]
            mark = "、" if say.lang == "zh" else ", "
            yield "", str(document["file"]), mark.join(names), times[-1] if times else "–", str(document.get("sha256") or "–")


def _file(document: Mapping[str, Any], say: Words) -> Iterator[tuple[str, str]]:
    yield say("file"), str(document["file"])
    if document.get("size") is not None:
        yield say("size"), say("bytes", size=f"{document['size']:,}")
        yield say("sha256"), str(document["sha256"])
    for part in document.get("signature_files", ()):
        yield say("signature_file"), f"{_base(part['file'])}　{part['sha256']}"


def _signatures(document: Mapping[str, Any], say: Words, level: int) -> Iterator[Block]:
    for number, signature in enumerate(document["signatures"], 1):
        name = signature["kind"] if signature["kind"] in ("timestamp", "countersignature") else "signature"
        yield Heading(level, f"{say(name, number=number)}{'：' if say.lang == 'zh' else ': '}{say(signature['verdict'])}", signature["verdict"])
        if signature["explanation"] != document["explanation"]:
            yield Para(_why(signature, say))
        yield Facts(tuple((name, value) for name, value in _details(signature, say) if value))
        changes = tuple(f"[{say(c['level'])}] {say.of(c['description'])}" for c in signature["changes_after_signing"])
        if changes:
            yield Para(say("changes"))
            yield Items(changes)
        said = _why(signature, say).lower()
        remarks = tuple(text for f in signature.get("findings", ()) if (text := say.of(f["description"])).lower() not in said)
        if remarks:
            yield Para(say("remarks"))
            yield Items(remarks)


def _details(signature: Mapping[str, Any], say: Words) -> Iterator[tuple[str, str]]:
    certificate = signature.get("certificate")
    yield say("signer"), str(signature["signer"] or "")
    if certificate:
        issuer = str(certificate["issuer"])
        yield say("subject"), str(certificate["subject"])
        yield say("issuer"), say("internal", issuer=issuer) if certificate["internal"] else issuer
        yield say("term"), f"{_moment(certificate['not_before'])} – {_moment(certificate['not_after'])}"
        yield say("fingerprint"), str(certificate["fingerprint"])
    if signature["signing_time"]:
        proved = signature["time_source"] == "timestamp"
        yield say("time"), say("timed", moment=_moment(signature["signing_time"]), source=say("stamped" if proved else "claimed"))
    yield say("level"), say(signature["level"]) if signature["level"] else ""
    whole = say("yes") if signature["covers_whole_file"] else say("no", revision=signature["revision"]) if signature["revision"] else say("not_whole")
    yield say("covers_whole"), whole
    yield say("covers"), ("、" if say.lang == "zh" else ", ").join(map(str, signature.get("covers", ())))
    yield say("counter_signs"), say("signature", number=signature["counter_signs"]) if signature.get("counter_signs") else ""
    if certificate:
        yield say("revocation"), say(signature["revocation"])
    yield say("place"), _place(signature, say)
    yield say("field"), str(signature["field"] or "")
    entered = signature["ledger"] == "allowed" and not signature.get("seal")  # where no seal was used there was no use to approve
    yield say("ledger"), say("ledger_entered" if entered else f"ledger_{signature['ledger']}")


def _place(signature: Mapping[str, Any], say: Words) -> str:
    if not signature["page"]:
        return say("unseen") if signature["revision"] else ""
    x, y, w, h = ([f"{n:.0f}" for n in signature["rect_mm"] or ()] or ["", "", "", ""])[:4]
    seen = bool(signature["rect_mm"]) and w != "0" and h != "0"
    return say("on_page", page=signature["page"]) + say("at", x=x, y=y, w=w, h=h) if seen else say("unseen")


def _circumstances(environment: Mapping[str, Any], source: Source, say: Words) -> Iterator[tuple[str, str | tuple[str, ...]]]:
    if not environment:
        return
    yield say("started"), f"{_moment(environment['started_at'])} – {_moment(environment['finished_at'])}"
    if environment["judged_at"]:
        yield say("judged_at"), _moment(environment["judged_at"])
    yield say("program"), f"{environment['program']} {environment['version']}　{source.run['run']}"
    yield say("policy"), f"SHA-256 {environment['policy']['sha256']}"
    yield say("asked_by"), say("asked_how", computer=environment["computer"], **environment["asked_by"])
    anchors = environment["anchors"]
    yield (
        say(f"anchors_{environment['anchors_from']}"),
        tuple(f"{a['subject']}　SHA-256 {a['fingerprint']}" for a in anchors) or say("no_anchors"),
    )
    supplied = environment["revocation_data"]
    if supplied:
        yield say("supplied"), tuple(f"{each['name']}　SHA-256 {each['sha256']}" for each in supplied)
    yield say("network"), tuple(_network(environment["network"], say))


def _network(network: Mapping[str, Any], say: Words) -> Iterator[str]:
    if not network["allowed"]:
        yield say("network_off")
    elif not network["asked"]:
        yield say("network_none")
    for each in network["asked"]:
        yield f"{each['url']}　{say('answered') if each['answer'] == 'ok' else say('unanswered', why=each['answer'])}"
    if network["more"]:
        yield say("more", count=network["more"])


def _why(entry: Mapping[str, Any], say: Words) -> str:
    return say.of(entry["explanation"]) + (f" [{entry['reason']}]" if entry["reason"] else "")


def _base(file: object) -> str:
    return str(file).rpartition("/")[2] or str(file)


def _moment(text: str) -> str:
    """A time of the wire as people read it, in UTC; what is none, as it is."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return moment.strftime("%Y-%m-%d %H:%M:%S ") + (moment.strftime("%Z") or "")
