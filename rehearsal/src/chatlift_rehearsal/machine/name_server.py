"""The cloud's DNS: Route 53 for everybody, and the resolver of every VPC."""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Callable
from contextlib import suppress

import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
from dns.message import Message

from chatlift_rehearsal.controllers.names import Names, answer
from chatlift_rehearsal.machine import resolvers

PLAIN_UDP = 512
"""Bytes of an answer to those who do not say how many they take (RFC 1035, section 4.2.1)."""

LARGEST_UDP = 1232
"""Bytes that are never fragmented on their way."""

IDLE_SECONDS = 10.0

POLL_SECONDS = 0.05
"""How long ``stop`` waits at most for a server to notice."""

Ask = Callable[[Message], Message]
"""Asks others what nobody in this cloud can answer."""

Reply = Callable[[bytes], Message | None]


class NameServer:
    """Answers over UDP and TCP; ``publish`` says with what.

    A ``port`` of 0 is any that is free. Raises OSError when the address cannot be bound.
    """

    def __init__(self, address: str, port: int, ask: Ask = resolvers.ask) -> None:
        self._ask = ask
        self._names = Names()

        class Udp(_UdpHandler):
            _reply = staticmethod(self.reply)

        class Tcp(_TcpHandler):
            _reply = staticmethod(self.reply)

        self._tcp = _Tcp((address, port), Tcp)
        try:
            self._udp = _Udp((address, self.port), Udp)
        except OSError:
            self._tcp.server_close()
            raise

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._tcp.server_address[1])

    def publish(self, names: Names) -> None:
        """Answer with these names from now on."""
        self._names = names

    def start(self) -> None:
        """Serve from threads of its own."""
        for server in (self._udp, self._tcp):
            threading.Thread(
                target=server.serve_forever, args=(POLL_SECONDS,), name="dns", daemon=True
            ).start()

    def stop(self) -> None:
        """Stop serving and free the port."""
        for server in (self._udp, self._tcp):
            server.shutdown()
            server.server_close()

    def reply(self, wire: bytes) -> Message | None:
        """The answer to a message; None if it deserves none."""
        try:
            query = dns.message.from_wire(wire, continue_on_error=True)
            response = dns.message.make_response(
                query, recursion_available=True, our_payload=LARGEST_UDP
            )
        except dns.exception.DNSException:
            return None  # not even a header, or an answer itself
        response.set_rcode(_flaw(query))
        if response.rcode() == dns.rcode.NOERROR:
            self._fill(response, query)
        return response

    def _fill(self, response: Message, query: Message) -> None:
        question = query.question[0]
        found = answer(self._names, question.name, question.rdtype)
        response.answer = list(found.records)
        response.authority = list(found.authority)
        response.set_rcode(found.code)
        if found.elsewhere is None or found.records:
            response.flags |= dns.flags.AA
        if found.elsewhere is not None:
            dnssec = bool(query.ednsflags & dns.flags.DO)
            told = self._ask(
                dns.message.make_query(found.elsewhere, question.rdtype, want_dnssec=dnssec)
            )
            response.answer += told.answer
            response.authority = told.authority
            response.set_rcode(told.rcode())


def _flaw(query: Message) -> dns.rcode.Rcode:
    """Why a question cannot be answered, as a code; NOERROR if it can."""
    if query.opcode() != dns.opcode.QUERY:
        return dns.rcode.NOTIMP
    if query.errors or len(query.question) != 1:
        return dns.rcode.FORMERR
    (question,) = query.question
    if question.rdclass != dns.rdataclass.IN or dns.rdatatype.is_metatype(question.rdtype):
        return dns.rcode.NOTIMP
    return dns.rcode.NOERROR


class _UdpHandler(socketserver.BaseRequestHandler):
    _reply: Reply

    def handle(self) -> None:
        wire, answers = self.request
        response = self._reply(wire)
        if response is not None:
            size = min(max(response.request_payload, PLAIN_UDP), LARGEST_UDP)
            packet = response.to_wire(max_size=size, prefer_truncation=True)
            answers.sendto(packet, self.client_address)


class _TcpHandler(socketserver.StreamRequestHandler):
    _reply: Reply
    timeout = IDLE_SECONDS

    def handle(self) -> None:
        with suppress(TimeoutError, ConnectionError):
            while len(length := self.rfile.read(2)) == 2:
                response = self._reply(self.rfile.read(*struct.unpack("!H", length)))
                if response is None:
                    return
                self.wfile.write(response.to_wire(prepend_length=True, max_size=65535))


class _Udp(socketserver.ThreadingUDPServer):
    daemon_threads = True


class _Tcp(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
