"""The MySQL tier: a member of a single-primary Group Replication group.

What to do next is decided in `mysql_group`; this module looks, and does it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from . import disk, mysql_accounts, mysql_data, mysql_force
from .errors import Refused
from .health import PORT, Status
from .mysql_accounts import NATIVE
from .mysql_group import Action, Decision, Seat, View, decide, successors, unfit
from .mysql_server import ENTERING, Server, Session, SqlError
from .tier import Context, Member
from .wait import Deadline, NotYet, wait_for

log = logging.getLogger(__name__)

UNIT = "mysql.service"

CLONE_FROM = 100
"""An empty member that lacks more transactions than this is cloned; fewer are quicker to replay."""

NEVER_CLONE = 2**63 - 1
"""A member with data is cloned only if no binary log has what it lacks; this is MySQL's default."""

STATEMENT_SECONDS = 20
"""How long to wait for ``START`` and ``STOP GROUP_REPLICATION``, which take 3 to 6 s as a rule.
What takes longer goes on in the server, and the next look finds out what became of it."""

HAND_OVER_SECONDS = 60
"""How long to look for another primary, so that time is left to stop in good order."""

MOST_BEHIND = 100
"""A primary hands over only to a member with at most this many transactions to apply."""

PATIENCE = 1
"""Seconds that a planned hand-over lets open transactions run on, before it closes them."""

PAUSE = (5.0, 60.0)
"""Seconds between attempts to enter the group after one that failed: the first, and the longest."""

HANGING_SECONDS = 5
HANGING = """
SELECT 1 FROM performance_schema.threads
 WHERE processlist_state = 'waiting for handler commit'
   AND processlist_command IN ('Query', 'Execute') AND processlist_time >= %s
"""

BOOTSTRAP_OFF = "SET GLOBAL group_replication_bootstrap_group = OFF"


class MySql(Member):
    """Implements `chatlift_member.tier.Tier`."""

    secret_keys = frozenset(
        {"ca", "certificate", "private_key", "app_database", "root_password"}
        | {
            f"{who}_{what}"
            for who in ("agent", "app", "replication", "backup", "coordinator")
            for what in ("username", "password")
        }
    )
    key_group = mysql_data.OWNER

    def __init__(self, context: Context, clock: Callable[[], float] = time.monotonic) -> None:
        self._context = context
        self._clock = clock
        self._me = context.facts.name
        self._names = [peer.name for peer in context.facts.identity.peers]
        self._name_at = {peer.address: peer.name for peer in context.facts.identity.peers}
        secrets = context.secrets
        user, password = secrets["agent_username"], secrets["agent_password"]
        self._local = Server.local(self._me, user, password)
        self._root = Server.local(self._me, "root", "")
        self._plugins = mysql_accounts.read_plugins()
        self._others = [
            Server.remote(peer.name, peer.address, user, password, context.tls)
            for peer in context.facts.identity.others
        ]
        self._reason = ""
        self._said = ""
        self._pause = 0.0
        self._not_before = 0.0
        self._full = False

    def prepare(self, deadline: Deadline) -> None:
        secrets, plugins = self._context.secrets, self._plugins
        mysql_accounts.check(secrets, plugins, mysql_data.server_version())
        directory = self._context.data / "mysql"
        if mysql_data.has_data(directory):
            return
        log.info("The volume is new: initialising %s.", directory)
        group_name = self._context.facts.identity.mysql_group_name
        mysql_data.initialise(
            directory,
            identity=mysql_data.server_uuid(group_name, self._me),
            sql=mysql_accounts.initial(secrets, plugins),
            scratch=self._context.run,
            deadline=deadline,
            options=["--mysql-native-password=ON"] if NATIVE in plugins.values() else [],
        )

    def start(self, deadline: Deadline) -> None:
        self._context.services.start(UNIT, timeout=deadline.remaining())
        wait_for(f"MySQL on {self._me} to answer", self._see_myself, deadline)

    def join(self, deadline: Deadline) -> None:
        wait_for(f"{self._me} to be ONLINE in its group", self._step, deadline, interval=1)

    def heal(self) -> None:
        self._mind_the_disk()
        if self._clock() < self._not_before:
            return
        before = self._reason
        try:
            self._step()
        except NotYet:
            if self._reason != before:
                log.warning("%s", self._reason)
            return
        if before:
            log.info("%s is ONLINE in its group.", self._me)
        self._pause = 0.0

    def reload(self) -> None:
        """Make the server read its certificates again; open connections keep the old ones.

        The group's own connections keep theirs as well, until this member next enters the group:
        the group's communication reads them at START GROUP_REPLICATION only.
        """
        with self._local.session(timeout=STATEMENT_SECONDS) as session:
            session.query("ALTER INSTANCE RELOAD TLS")

    def status(self) -> Status:
        space = disk.look(self._context.data)
        try:
            with self._local.session() as session:
                view, load = session.view(), _load_if_told(session)
        except SqlError as error:
            return Status.down("DOWN", f"{error} {space.detail}".rstrip(), space.metrics)
        own = view.own
        # A full volume alone does not make a member unhealthy: it still serves reads, and a primary
        # that nobody can follow had better keep its clients than lose them, too.
        reason = "" if view.settled else self._reason
        return Status(
            healthy=view.settled,
            leads=view.leads,
            role={"PRIMARY": "primary", "SECONDARY": "replica"}.get(own.role, "unknown"),
            state=own.state,
            detail=f"{reason} {space.detail}".strip(),
            metrics={
                "mysql_members_online": sum(seat.online for seat in view.seats),
                "mysql_applier_queue_transactions": own.queue,
                **load,
                **space.metrics,
            },
            leader=self._name_of(view.primary),
            version=own.version,
        )

    def lead(self, deadline: Deadline) -> None:
        view = self._local.view()
        if view.leads:
            return
        if reason := unfit(self._me, view, MOST_BEHIND):
            raise Refused(reason)
        self._appoint(view.uuid, deadline)
        wait_for(f"{self._me} to lead", self._see_myself_lead, deadline, interval=0.05)

    def hand_over(self, deadline: Deadline) -> None:
        view = self._local.view()
        if not view.settled or view.own.role != "PRIMARY":
            return
        if len(view.seats) == 1:
            log.warning("%s is the last member of its group: nobody can take over.", self._me)
            return
        deadline = deadline.at_most(HAND_OVER_SECONDS)
        uuid = wait_for("a secondary that can take over", self._successor, deadline)
        self._appoint(uuid, deadline)
        wait_for("the new primary to lead", lambda: self._see_leader(uuid), deadline)

    def stop(self, deadline: Deadline) -> None:
        try:
            with self._local.session(timeout=deadline.remaining()) as session:
                session.query("STOP GROUP_REPLICATION")
        except SqlError as error:
            log.warning("%s did not leave its group in good order: %s", self._me, error)
        self._context.services.stop(UNIT, timeout=deadline.remaining())

    def clean_up(self, deadline: Deadline) -> None:
        """Nothing is left to do: the server keeps nothing outside its data directory."""

    def _appoint(self, uuid: str, deadline: Deadline) -> None:
        with self._local.session(timeout=deadline.remaining()) as session:
            session.query("SELECT group_replication_set_as_primary(%s, %s)", uuid, PATIENCE)

    # -- a full volume -------------------------------------------------------------------------

    def _mind_the_disk(self) -> None:
        """Let a member with room lead before this one's volume is so full that commits hang."""
        space = disk.look(self._context.data)
        if space.full != self._full:
            log.warning("%s", space.detail or f"The data volume of {self._me} has room again.")
        self._full = space.full
        if not space.full:
            return
        try:
            view = self._local.view()
            ready = successors(view, MOST_BEHIND) if view.leads else []
            roomy = next((seat for seat in ready if disk.has_room(seat.address, PORT)), None)
            if not roomy:
                return
            if self._commits_hang():
                self._say(logging.WARNING, f"Commits hang: {self._me} ends, for others to lead.")
                self._context.services.kill(UNIT)
                self._context.services.start(UNIT, timeout=STATEMENT_SECONDS)
            else:
                self._say(logging.WARNING, f"{self._me} lets {roomy.address} lead, which has room.")
                self._appoint(roomy.uuid, Deadline(STATEMENT_SECONDS))
        except SqlError as error:
            self._say(logging.WARNING, f"{self._me} still leads: {error}")

    def _commits_hang(self) -> bool:
        """Whether clients wait for the binary log to be written, which a full disk never ends.

        Nothing ends such a commit but the end of the server, and it holds up every other way to let
        another member lead. It is not lost: the other members have it already.
        """
        with self._local.session() as session:
            return bool(session.query(HANGING, HANGING_SECONDS))

    # -- becoming and staying a member ---------------------------------------------------------

    def _step(self) -> None:
        """Look, decide and act once.

        Raises `NotYet` while the member is not where it belongs, with the reason, which the status
        then shows.
        """
        try:
            mine = self._see_myself()
            if not mine.settled:
                self._act(mine)
                mine = self._see_myself()
            if not mine.settled:
                raise NotYet(f"{self._me} is {mine.own.state}, on its way into its group")
            if mine.bootstraps:
                self._tell_server("forget that it started its group", BOOTSTRAP_OFF)
            if mine.own.role == "PRIMARY":
                self._provide()
        except NotYet as reason:
            self._reason = f"{reason}."
            raise
        self._reason = ""
        mysql_force.done(self._context.run)  # an order to start a group has no object any more

    def _act(self, mine: View) -> None:
        decision = self._decide()
        if decision.action is Action.BOOTSTRAP:
            # Seconds may have passed since the first of the others answered: look once more.
            decision = self._decide()
        match decision.action:
            case Action.WAIT:
                raise NotYet(decision.reason.rstrip("."))
            case Action.LEAVE:
                self._say(logging.WARNING, decision.reason)
                self._tell_server("leave its group", "STOP GROUP_REPLICATION")
                raise NotYet(decision.reason.rstrip("."))
            case Action.JOIN:
                self._say(logging.INFO, decision.reason)
                self._enter(mine, bootstrap=False)
            case Action.BOOTSTRAP:
                self._say(logging.WARNING, decision.reason)
                self._enter(mine, bootstrap=True)
            case Action.OPEN:
                self._tell_server("open to applications", "SET GLOBAL offline_mode = OFF")

    def _say(self, level: int, sentence: str) -> None:
        """Log what is going to be done, once however often it has to be tried."""
        if sentence != self._said:
            log.log(level, "%s", sentence)
        self._said = sentence

    def _decide(self) -> Decision:
        views = {self._me: self._see_myself()}
        with ThreadPoolExecutor(max_workers=max(1, len(self._others))) as pool:
            for server, view in zip(
                self._others, pool.map(_view_or_none, self._others), strict=True
            ):
                if view:
                    views[server.name] = view
        order = mysql_force.ordered(self._context.run)
        return decide(self._me, self._names, views, order=order)

    def _enter(self, mine: View, *, bootstrap: bool) -> None:
        """Start Group Replication; raises `NotYet`, and makes `heal` pause, when that fails."""
        try:
            with self._local.session(timeout=STATEMENT_SECONDS) as session:
                session.query("SELECT GET_LOCK(%s, 0)", ENTERING)
                if mine.own.state == "ERROR":
                    session.query("STOP GROUP_REPLICATION")
                # No application comes in before the group joined proves to be the right one.
                session.query("SET GLOBAL offline_mode = ON")
                session.query(
                    "SET GLOBAL group_replication_clone_threshold = %s",
                    NEVER_CLONE if mine.transactions else CLONE_FROM,
                )
                session.query("SET GLOBAL group_replication_bootstrap_group = %s", int(bootstrap))
                # Given here, the credentials stay in memory and never reach the volume.
                session.query(
                    "START GROUP_REPLICATION USER = %s, PASSWORD = %s",
                    self._context.secrets["replication_username"],
                    self._context.secrets["replication_password"],
                )
                if bootstrap:
                    session.query("SET GLOBAL offline_mode = OFF")
        except SqlError as error:
            self._pause = min(max(self._pause * 2, PAUSE[0]), PAUSE[1])
            self._not_before = self._clock() + self._pause
            raise NotYet(f"{self._me} could not enter its group: {error}".rstrip(".")) from None
        finally:
            if bootstrap:
                self._forget_bootstrap()

    def _tell_server(self, what: str, statement: str) -> None:
        try:
            with self._local.session(timeout=STATEMENT_SECONDS) as session:
                session.query(statement)
        except SqlError as error:
            raise NotYet(f"{self._me} could not {what}: {error}".rstrip(".")) from None

    def _forget_bootstrap(self) -> None:
        """Make sure that no later START GROUP_REPLICATION, by whomever, starts a second group."""
        mysql_force.done(self._context.run)
        try:
            with self._local.session() as session:
                session.query(BOOTSTRAP_OFF)
        except SqlError as error:
            # `_step` sees to it once the member has settled.
            log.warning("group_replication_bootstrap_group may still be on: %s", error)

    def _provide(self) -> None:
        """Make the databases and accounts that the group lacks, as its primary."""
        try:
            with self._root.session(timeout=10) as session:
                if not session.view().leads:
                    raise NotYet(f"{self._me} leads, but does not take writes yet")
                lacking = list(
                    mysql_accounts.missing(session, self._context.secrets, self._plugins)
                )
                for what, statements in lacking:
                    log.info("The group lacks it, so %s, its primary, will %s.", self._me, what)
                    for statement in statements:
                        session.query(statement)
        except SqlError as error:
            raise NotYet(str(error).rstrip(".")) from None

    # -- looking -------------------------------------------------------------------------------

    def _see_myself(self) -> View:
        try:
            return self._local.view()
        except SqlError as error:
            raise NotYet(str(error).rstrip(".")) from None

    def _name_of(self, seat: Seat | None) -> str:
        return self._name_at.get(seat.address, "") if seat else ""

    def _see_myself_lead(self) -> None:
        view = self._see_myself()
        if not view.leads:
            raise NotYet(f"it is {view.own.role}, and read only" if view.read_only else "it waits")

    def _successor(self) -> str:
        """The secondary that can take over best, if possible one whose volume has room."""
        ready = successors(self._see_myself(), MOST_BEHIND)
        if not ready:
            raise NotYet(f"no secondary is ONLINE and less than {MOST_BEHIND} transactions behind")
        return next((seat for seat in ready if disk.has_room(seat.address, PORT)), ready[0]).uuid

    def _see_leader(self, uuid: str) -> None:
        view = self._see_myself()
        if not any(seat.uuid == uuid and seat.role == "PRIMARY" for seat in view.seats):
            raise NotYet("the group has not elected it")
        for server in self._others:
            other = _view_or_none(server)
            if other and other.uuid == uuid and other.leads:
                return
        raise NotYet("it does not take writes")


def _load_if_told(session: Session) -> dict[str, float]:
    """Empty when the server does not tell: no figure is worth a member's good standing."""
    try:
        return session.load()
    except SqlError:
        return {}


def _view_or_none(server: Server) -> View | None:
    try:
        return server.view()
    except SqlError:
        return None
