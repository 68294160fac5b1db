"""A proxy between a member and one server: passes, delays, holds, swallows, cuts, or eats the answer to a COMMIT.

Kafka tells its clients where the brokers are; the proxy puts its own port into those answers. The host is sent as text
right before the port, so the bytes keep their length and the framing stays whole.
"""

import collections
import selectors
import socket
import struct
import threading
import time

CHUNK = 65536
COMMIT_ANSWER = b"C\0\0\0\x0bCOMMIT\0"  # PostgreSQL's CommandComplete


class Pipe:
    """One direction of one connection."""

    def __init__(self, source: socket.socket, target: socket.socket, to_client: bool) -> None:
        self.source = source
        self.target = target
        self.to_client = to_client
        self.held = b""  # may be the beginning of what is rewritten
        self.waiting: collections.deque[tuple[float, bytes]] = collections.deque()  # due, what


class Proxy:
    def __init__(self, server_port: int, kafka: bool = False) -> None:
        self.server_port = server_port
        self.delay_ms = 0.0
        self.hole = False         # takes everything, answers nothing
        self.swallowed: set[Pipe] = set()  # so do these
        self.holding = False      # what goes to the server waits until release()
        self.refusing = False     # new connections end at once
        self.eat_every = 0        # of the answers to COMMIT, this one in so many
        self.eaten = 0
        self.commits = 0
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.rewrite = None
        if kafka:
            host = b"\0\x09127.0.0.1"
            self.rewrite = [(host + struct.pack(">i", server_port), host + struct.pack(">i", self.port)),
                            (b"\x0a127.0.0.1" + struct.pack(">i", server_port),  # in newer, compact answers
                             b"\x0a127.0.0.1" + struct.pack(">i", self.port))]
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.pipes: dict[socket.socket, Pipe] = {}
        self.cutting = False
        self.ending = False
        self.wake_read, self.wake_write = socket.socketpair()
        self.selector.register(self.wake_read, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> "Proxy":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending = True
        self.wake_write.send(b".")
        self.thread.join()
        for pipe in list(self.pipes.values()):
            self._end(pipe)
        for one in (self.listener, self.wake_read, self.wake_write):
            one.close()
        self.selector.close()

    def cut(self, refuse: bool = False) -> None:
        """Resets every connection; with refuse, every new one until heal()."""
        self.refusing = refuse
        self.cutting = True
        self.wake_write.send(b".")

    def swallow(self) -> None:
        """The connections of this moment are taken in and never answered; new ones pass."""
        self.swallowed.update(list(self.pipes.values()))

    def held(self) -> list[bytes]:
        """What waits on its way to the server, a connection each."""
        return [b"".join(data for _, data in list(pipe.waiting)) for pipe in list(self.pipes.values())
                if not pipe.to_client]

    def release(self) -> None:
        self.holding = False
        self.wake_write.send(b".")

    def heal(self) -> None:
        """What was swallowed is lost: connections that went through the hole are reset."""
        was_hole, self.hole, self.refusing, self.delay_ms, self.eat_every = self.hole, False, False, 0.0, 0
        if was_hole:
            self.cut()

    # ---- the thread

    def _work(self) -> None:
        while not self.ending:
            for key, events in self.selector.select(self._timeout()):
                one = key.fileobj
                if one is self.wake_read:
                    self.wake_read.recv(100)
                elif one is self.listener:
                    self._accept()
                elif one in self.pipes and events & selectors.EVENT_READ:
                    self._read(self.pipes[one])
            if self.cutting:
                self.cutting = False
                for pipe in list(self.pipes.values()):
                    self._end(pipe)
            self._send_due()

    def _timeout(self) -> float:
        dues = [pipe.waiting[0][0] for pipe in self.pipes.values() if pipe.waiting and not self._keeps(pipe)]
        return max(0.0, min(dues) - time.monotonic()) if dues else 1.0

    def _keeps(self, pipe: Pipe) -> bool:
        return pipe in self.swallowed or self.holding and not pipe.to_client

    def _accept(self) -> None:
        client, _ = self.listener.accept()
        if self.refusing:
            reset(client)
            return
        try:
            server = socket.create_connection(("127.0.0.1", self.server_port), timeout=2)
        except OSError:
            reset(client)
            return
        self.connections += 1
        for one, other, to_client in ((client, server, False), (server, client, True)):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one.setblocking(True)  # reads come when there is something; writes may wait for the other side
            one.settimeout(5)
            self.pipes[one] = Pipe(one, other, to_client)
            self.selector.register(one, selectors.EVENT_READ)

    def _read(self, pipe: Pipe) -> None:
        try:
            data = pipe.source.recv(CHUNK)
        except OSError:
            data = b""
        if not data:
            self._end(pipe)
            return
        if self.hole or pipe in self.swallowed:
            return
        if pipe.to_client and COMMIT_ANSWER in data:
            self.commits += 1
            if self.eat_every and self.commits % self.eat_every == 0:
                self.eaten += 1
                self._end(pipe)
                return
        if pipe.to_client and self.rewrite:
            data = self._rewritten(pipe, data)
        if data:
            pipe.waiting.append((time.monotonic() + self.delay_ms / 1000, data))

    def _rewritten(self, pipe: Pipe, data: bytes) -> bytes:
        data = pipe.held + data
        for old, new in self.rewrite or ():
            data = data.replace(old, new)
        keep = max((size for old, _ in self.rewrite or () for size in range(1, len(old)) if data.endswith(old[:size])
                    and size > 3), default=0)
        pipe.held = data[len(data) - keep:] if keep else b""
        return data[:len(data) - keep]

    def _send_due(self) -> None:
        now = time.monotonic()
        for pipe in list(self.pipes.values()):
            try:
                while not self._keeps(pipe) and pipe.waiting and pipe.waiting[0][0] <= now:
                    pipe.target.sendall(pipe.waiting.popleft()[1])
            except OSError:
                self._end(pipe)

    def _end(self, pipe: Pipe) -> None:
        for one in (pipe.source, pipe.target):
            if self.pipes.pop(one, None) is not None:
                self.selector.unregister(one)
                reset(one)


def reset(one: socket.socket) -> None:
    """Closes with RST, as a cut does: nothing that is queued arrives any more."""
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass
    one.close()
