"""The agent's program: puts capabilities, server, ledger and tokens together.  The one place that knows them all."""

import argparse
import asyncio
import os
import sys

import structlog

from agent.api.errors import ApiError, Code
from agent.api.home import Home, locate
from agent.api.messages import sentence
from agent.server import logs
from agent.server.run import AlreadyRunning, take_home
from tokens import platform

IDLE_SECONDS = 600.0


def main() -> None:
    """Run the agent of one home until it is told to stop, is idle, or its home vanishes; a second one ends at once, quietly."""
    parser = argparse.ArgumentParser(prog="python -m agent.main")
    parser.add_argument("--home")
    parser.add_argument("--idle", type=float, default=float(os.environ.get("YINXIN_IDLE_SECONDS", IDLE_SECONDS)))
    options = parser.parse_args()
    platform.harden()
    platform.allow_many_files()
    home = locate(options.home)
    try:
        lock = take_home(home)
    except AlreadyRunning:
        return
    logs.start(home.state / "agent.log")
    try:
        asyncio.run(_run(home, options.home or os.environ.get("YINXIN_HOME") or "", options.idle))
    except ApiError as error:
        structlog.get_logger().error("agent_failed", code=error.code, facts=error.facts)
        print(sentence(error.code, error.facts, os.environ.get("LANG", ""))[0], file=sys.stderr)
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - told in the log and to whoever started us
        structlog.get_logger().error("agent_failed", type=type(error).__name__, exc_info=error)
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)
    finally:
        os.close(lock)


async def _run(home: Home, home_name: str, idle_seconds: float) -> None:
    # Imported here: a second agent, or one without a home, ends before it pays for them.
    from agent import doctor
    from agent.authority import anchors
    from agent.authority.routes import router as authority_routes
    from agent.device.renewals import Renewals
    from agent.device.routes import router as device_routes
    from agent.device.scribe import Scribe
    from agent.device.service import Device
    from agent.inventory.inspection_routes import router as inspection_routes
    from agent.inventory.routes import router as inventory_routes
    from agent.inventory.service import Inventory
    from agent.inventory.token_routes import router as token_routes
    from agent.ledger.log import Ledger
    from agent.ledger.memory import Memory
    from agent.organisation import opening, stores
    from agent.organisation.acting import Acting
    from agent.organisation.fold import Governed
    from agent.organisation.people_routes import router as people_routes
    from agent.organisation.routes import router as organisation_routes
    from agent.organisation.store_routes import router as store_routes
    from agent.records.denials import Denials
    from agent.records.recorder import Records, note_key
    from agent.records.register import Away, Book
    from agent.records.routes import Shelf, Which
    from agent.records.routes import router as record_routes
    from agent.records.watch import Watch
    from agent.server.app import Activity, build
    from agent.server.jobs import Jobs
    from agent.server.run import Stopper, serve
    from agent.signing.crew import Crew
    from agent.signing.recovery import close_open_sets
    from agent.signing.routes import router as signing_routes
    from agent.store.sqlite import Store
    from agent.verification.fetch import Fetcher
    from agent.verification.ledgers import Register
    from agent.verification.report_routes import router as report_routes
    from agent.verification.revision_routes import router as revision_routes
    from agent.verification.routes import router as verification_routes
    from agent.verification.runs import Runs
    from agent.verification.service import Checkers

    personal = Ledger(Store(home.data / "ledger.db"))
    inventory, jobs, activity, stopper, crew = Inventory(home), Jobs(), Activity(), Stopper(), Crew(keep=3)
    device, memory = Device(home, inventory, named=bool(home_name)), Memory(home.state / "ledger-seen.json")
    ledger, scribe, watch = personal, Scribe(device, personal), Watch(memory)
    own_scribe = scribe
    if await watch.look(personal) is None:
        await scribe.start()
    shelves: dict[Which, Shelf] = {"personal": Shelf("personal", personal, watch, device.key, Governed)}
    away: ApiError | None = None
    retrying: asyncio.Task[None] | None = None
    try:
        if (opened := await opening.organisation(home, device, memory)) is not None:
            ledger, scribe, watch = opened.ledger, opened.scribe, opened.watch
            shelves["organisation"] = Shelf("organisation", ledger, watch, device.key, Governed)
    except ApiError as error:  # nothing is recorded in another ledger instead, and so nothing is signed
        away = error
        structlog.get_logger().error("organisation_unreachable", code=error.code, **error.facts)
        retrying = asyncio.create_task(opening.until_there(home, device, memory, jobs, stopper.ask))
    renewals = Renewals(device, (scribe,) if ledger is personal else (scribe, own_scribe))
    personal.note_key = ledger.note_key = note_key(home.data / "journal.key")
    records = Records(ledger, device, scribe, lambda: away or watch.trouble)
    denials = Denials(records)
    jobs.on_failed = denials.note
    try:
        if away is None and personal.trouble is None and ledger.trouble is None:
            await renewals.settle()
        if personal.trouble is None:
            await close_open_sets(personal)
        if ledger is not personal and ledger.trouble is None:
            await close_open_sets(ledger)
    except ApiError as error:
        if error.code is Code.STORE_UNREACHABLE:
            raise
        # The device's key is not at hand; a resumption tries again.
        structlog.get_logger().warning("recovery_waits", code=error.code, reason=error.facts.get("reason"))
    checkers, fetcher, verifications = Checkers(), Fetcher(), Runs(home.state / "verifications.db")

    def own_key() -> tuple[str, str] | None:
        try:
            about = device.about
        except ApiError:  # told wherever the key is needed; what the founding's device signed stands without it
            return None
        return None if about is None else (about.id, about.fingerprint)

    own_book = Book(personal, own_key)
    book = own_book if ledger is personal else Book(ledger, own_key)
    registers: list[Register] = [own_book] if ledger is personal else [book, own_book]
    if away is not None and (pinned := stores.chosen(home)) is not None:
        registers.append(Away(pinned.org, away))
    acting = Acting(inventory, ledger, device, lambda: away)

    def own_subjects() -> list[str]:
        return [certificate.subject.rfc4514_string() for certificate in anchors.own(home)]

    app = build(home, home_name, jobs, activity, stopper.ask)
    app.include_router(inventory_routes(home, inventory, records, jobs, own_subjects))
    app.include_router(token_routes(home, inventory, records, jobs, own_subjects))
    app.include_router(inspection_routes(home, inventory, records, jobs, own_subjects))
    app.include_router(authority_routes(home, inventory, records, jobs, own_subjects))
    app.include_router(signing_routes(home, inventory, records, jobs, crew, book.ours))
    app.include_router(verification_routes(home, jobs, verifications, checkers, fetcher, registers))
    app.include_router(revision_routes(checkers))
    app.include_router(report_routes(verifications))
    app.include_router(device_routes(device, scribe, renewals, jobs))
    app.include_router(record_routes(shelves, jobs))
    app.include_router(organisation_routes(home, inventory, device, acting, jobs, stopper.ask))
    app.include_router(store_routes(home, None if ledger is personal else ledger, jobs, stopper.ask))
    app.include_router(people_routes(inventory, device, acting, jobs))
    app.include_router(doctor.router(home, inventory, ledger.newest))

    async def closing() -> None:
        await crew.close()
        await checkers.close()
        await fetcher.close()
        verifications.close()
        await denials.close()
        await device.close()
        await inventory.close()
        if retrying is not None:
            retrying.cancel()
        await ledger.close()
        if ledger is not personal:
            await personal.close()

    await serve(home, app, jobs, activity, stopper, idle_seconds, closing, lambda: inventory.holds_login)


if __name__ == "__main__":
    main()
