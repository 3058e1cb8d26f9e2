"""From what was written down to the report."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from tests.checker.journal import Journal
from tests.checker.measures import LongestGap
from tests.checker.probes import Registration
from tests.checker.report import FIGURES, Figure, Report
from tests.checker.room import HISTORY, Room
from tests.checker.seat import Seat
from tests.checker.settings import Settings


@dataclass(frozen=True)
class Outcome:
    """All that a check leaves behind. Times are of the monotonic clock: of the last moment when
    something was due, and of that when all had come or was given up."""

    settings: Settings
    journal: Journal
    rooms: Sequence[Room]
    seats: Sequence[Seat]
    requests: int
    registrations: Sequence[Registration]
    stopped: float
    settled: float
    checker_cores: float
    checker_stall: float


def summarise(outcome: Outcome) -> Report:
    """Add it up."""
    settings, journal = outcome.settings, outcome.journal
    seconds = outcome.stopped - journal.start
    for room in outcome.rooms:
        for figure, sentences in _faults_of_messages(room, journal.start).items():
            journal.faults[figure] += sentences
    acknowledged = journal.durations["acknowledgement"].spread().count
    delivered = journal.durations["delivery"].spread().count
    return Report(
        url=settings.url,
        started=journal.started,
        seconds=seconds,
        clients=settings.clients,
        room_size=settings.room_size,
        rate=settings.rate,
        figures=_figures(outcome),
        totals={
            "messages": sum(len(room.messages) for room in outcome.rooms),
            "acknowledged": acknowledged,
            "acknowledged_per_second": acknowledged / seconds,
            "delivered": delivered,
            "delivered_per_second": delivered / seconds,
            "reconnects": sum(seat.losses for seat in outcome.seats),
            "reconnects_mean": _mean_reconnects(outcome.seats),
            "requests": outcome.requests,
            "registrations": sum(r.done is not None for r in outcome.registrations),
        },
        latencies={what: durations.spread() for what, durations in journal.durations.items()},
        timeline=journal.timeline.rows(),
        notes=journal.notes,
        faults=dict(journal.faults),
        checker_cores=outcome.checker_cores,
        checker_stall=outcome.checker_stall,
    )


def _mean_reconnects(seats: Sequence[Seat]) -> float:
    return sum(seat.losses for seat in seats) / len(seats)


def _faults_of_messages(room: Room, start: float) -> dict[str, list[str]]:
    """A sentence for each message with which something is wrong, by the figure that counts it."""

    def name(number: int) -> str:
        return f"{room.name}-{number} (due in second {room.messages[number].due - start:.1f})"

    def clients(places: Collection[int]) -> str:
        return f"{len(set(places) - {HISTORY})} of {room.seats} clients"

    kept_twice = ", and the chat keeps it more than once"
    return {
        "lost": [
            f"{name(loss.number)} did not come to {clients(loss.places)}, and the chat "
            f"{'keeps' if loss.is_kept else 'does not keep'} it"
            for loss in room.losses()
        ],
        "duplicates": [
            f"{name(number)} came again to {clients(places)}{kept_twice * (HISTORY in places)}"
            for number, places in room.duplicates.items()
        ],
        "reordered": [
            f"{name(number)} came after a later one to {clients(places)}"
            for number, places in room.reordered.items()
        ],
        "unacknowledged": [
            f"{name(number)} was {message.refusal or 'not acknowledged in time'}"
            for number, message in enumerate(room.messages)
            if message.acknowledged is None
        ],
    }


def _figures(outcome: Outcome) -> dict[str, Figure]:
    """Every figure: the counted ones have their faults, the others a worst case."""
    faults = outcome.journal.faults
    counted = {
        name: Figure(len(faults[name]), f"The first: {faults[name][0]}." if faults[name] else "")
        for name in FIGURES
    }
    return {**counted, **_worst_cases(outcome)}


def _worst_cases(outcome: Outcome) -> dict[str, Figure]:
    journal, seats, rooms = outcome.journal, outcome.seats, outcome.rooms

    def second(moment: float) -> str:
        return f"second {moment - journal.start:.1f}"

    def gap(gap: LongestGap, where: str = "") -> Figure:
        return Figure(gap.seconds, f"It ended in {second(gap.ended)}{where}.")

    def wait(writes: Iterable[tuple[str, float, float | None]]) -> Figure:
        """The longest wait of what was due at a time, and done at another or never."""
        waited, what, due = max(
            (
                ((outcome.settled if done is None else done) - due, what, due)
                for what, due, done in writes
            ),
            default=(0.0, "nothing", journal.start),
        )
        return Figure(waited, f"It was {what}, due in {second(due)}.")

    restless = max(seats, key=lambda seat: seat.losses)
    lonely = max(seats, key=lambda seat: seat.deliveries.seconds)
    stuck = max(rooms, key=lambda room: room.acknowledgements.seconds)
    return {
        "reconnects": Figure(
            restless.losses, f"It was {restless.name}; the mean is {_mean_reconnects(seats):.2f}."
        ),
        "delivery_gap": gap(lonely.deliveries, f", for {lonely.name}"),
        "silence": gap(journal.deliveries),
        "message_gap": gap(stuck.acknowledgements, f", in {stuck.name}"),
        "account_gap": gap(journal.registrations),
        "message_wait": wait(
            (f"{room.name}-{number}", message.due, message.acknowledged)
            for room in rooms
            for number, message in enumerate(room.messages)
            if not message.refusal
        ),
        "account_wait": wait((r.name, r.due, r.done) for r in outcome.registrations),
    }
