"""A proxy that understands PostgreSQL's protocol as far as to know an append and its reply, and
loses one of the two when it is told to."""

import queue
import socket
import struct
import threading
import time

LOST_REPLY, LOST_REQUEST, HALF_REPLY = "lost reply", "lost request", "half a reply"
SILENT_REPLY, SILENT_REQUEST = "silence after it", "silence before it"
LATE_REQUEST = "request that comes late"
FAULTS = (LOST_REPLY, LOST_REQUEST, HALF_REPLY, LATE_REQUEST, SILENT_REPLY, SILENT_REQUEST)
LATE_SECONDS = 0.03


class Closed(Exception):
    """The other end has gone."""


class Stream:
    """Messages of one end of a connection: type (b"" for the first of a client) and the bytes."""

    def __init__(self, end):
        self.end, self.buffer = end, b""

    def _take(self, size):
        while len(self.buffer) < size:
            try:
                more = self.end.recv(65536)
            except OSError:
                more = b""
            if not more:
                raise Closed
            self.buffer += more
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def startup(self):
        head = self._take(4)
        return head + self._take(struct.unpack("!I", head)[0] - 4)

    def message(self):
        head = self._take(5)
        return head[:1], head + self._take(struct.unpack("!I", head[1:])[0] - 4)


def text_after(body, start):
    """The zero-terminated text there and where the next one starts."""
    end = body.index(b"\0", start)
    return body[start:end].decode(), end + 1


class Session(threading.Thread):
    """One client's connection and the one to the server that belongs to it."""

    def __init__(self, proxy, client):
        super().__init__(daemon=True)
        self.proxy, self.client = proxy, client
        self.server = socket.create_connection(("127.0.0.1", proxy.server_port))
        for end in (self.client, self.server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.statements, self.asked, self.appends = {}, set(), False
        self.replies = threading.Thread(target=self._forward_replies, daemon=True)
        self.fault, self.in_fault = None, threading.Event()

    def run(self):
        frontend = Stream(self.client)
        try:
            self.server.sendall(frontend.startup())
            self.replies.start()
            while True:
                kind, whole = frontend.message()
                if kind == b"P":
                    self._note_parse(whole)
                elif kind == b"Q":
                    self.asked.add(text_after(whole, 5)[0])
                elif kind == b"B" and self._is_append(whole):
                    self.appends = True
                    fault = self.proxy.next_fault()
                    if fault:
                        self._lose(fault, whole, frontend)
                        continue
                self.server.sendall(whole)
        except (Closed, OSError):
            pass
        finally:
            self.close()

    def close(self):
        for end in (self.client, self.server):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def _note_parse(self, whole):
        name, behind = text_after(whole, 5)
        self.statements[name] = text_after(whole, behind)[0]
        self.asked.add(self.statements[name])

    def _is_append(self, whole):
        statement, _ = text_after(whole, text_after(whole, 5)[1])
        return "append" in self.statements.get(statement, "")

    def _lose(self, fault, bind, frontend):
        """From the Bind of an append on: what is lost is lost with all that belongs to it."""
        request = bind
        while True:
            kind, whole = frontend.message()
            request += whole
            if kind == b"S":
                break
        self.fault = fault
        self.proxy.begun(fault)
        if fault in (LOST_REQUEST, LATE_REQUEST):
            self._hang_up(self.client)
        if fault == LATE_REQUEST:
            time.sleep(self.proxy.random.random() * LATE_SECONDS)
        if fault in (LOST_REPLY, HALF_REPLY, SILENT_REPLY, LATE_REQUEST):
            self.server.sendall(request)
            self.in_fault.wait(30)
        elif fault == LOST_REQUEST:
            self.proxy.ended(fault, None)
        if fault in (SILENT_REPLY, SILENT_REQUEST):
            if fault == SILENT_REQUEST:
                self.proxy.ended(fault, None)
            frontend.message()
        raise Closed

    @staticmethod
    def _hang_up(end):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def _forward_replies(self):
        backend, lost, has_failed = Stream(self.server), b"", False
        try:
            while True:
                kind, whole = backend.message()
                if self.proxy.version and b"server_version\0" in whole:
                    whole = self._pretend(whole)
                if self.fault is None:
                    self.client.sendall(whole)
                    continue
                lost += whole
                has_failed = has_failed or kind == b"E"
                if kind == b"Z":
                    self._end_fault(lost, has_failed)
        except (Closed, OSError):
            self.in_fault.set()
            self._hang_up(self.client)

    def _pretend(self, whole):
        """A parameter of the server with the version that it shall seem to have."""
        body = b"server_version\0" + self.proxy.version.encode() + b"\0"
        return whole[:1] + struct.pack("!I", len(body) + 4) + body

    def _end_fault(self, lost, has_failed):
        """The reply is here in full, so that the server has committed, or refused."""
        self.proxy.ended(self.fault, not has_failed)
        if self.fault == HALF_REPLY:
            self.client.sendall(lost[:len(lost) // 2])
        if self.fault in (LOST_REPLY, HALF_REPLY):
            self._hang_up(self.client)
        self.in_fault.set()


class Proxy:
    """Serves until closed. `plan` holds the faults of the next appends, in order; `outcomes` what
    became of each: (fault, whether the server committed; None: it never heard of it). `version`:
    what the server shall call itself."""

    def __init__(self, server_port, random=None, version=None):
        self.server_port, self.random, self.version = server_port, random, version
        self.plan, self.outcomes, self.sessions = queue.Queue(), queue.Queue(), []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.began_at = {}
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                session = Session(self, client)
            except OSError:
                # The server is away: so are we.
                client.close()
                continue
            self.sessions.append(session)
            session.start()

    def next_fault(self):
        try:
            return self.plan.get_nowait()
        except queue.Empty:
            return None

    def begun(self, fault):
        self.began_at[fault] = time.monotonic()

    def ended(self, fault, has_committed):
        self.outcomes.put((fault, has_committed))

    def asked_by_writers(self):
        """Texts of all statements on sessions that append."""
        return set().union(*(one.asked for one in self.sessions if one.appends))

    def close(self):
        self.listener.close()
        for one in self.sessions:
            one.close()
