"""PostgreSQL's protocol, as much of it as the tests that compare two servers need; standard library only."""
import socket
import struct


class Answer:
    """What one request got: per statement the columns, rows and tag, and the errors and notices, in order."""

    def __init__(self):
        self.parts = []
        self.status = "?"

    def __eq__(self, other):
        return self.parts == other.parts and self.status == other.status


class Client:
    def __init__(self, port, **settings):
        self.buf, self.sock = b"", socket.create_connection(("127.0.0.1", port), timeout=60)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        words = {"user": "skulk", "database": "skulk", **settings}
        body = struct.pack("!i", 196608) + b"".join(f"{k}\0{v}\0".encode() for k, v in words.items()) + b"\0"
        self.sock.sendall(struct.pack("!i", len(body) + 4) + body)
        self.answer(None)

    def close(self):
        self.sock.close()

    def message(self):
        while len(self.buf) < 5 or len(self.buf) < 1 + struct.unpack("!i", self.buf[1:5])[0]:
            more = self.sock.recv(1 << 20)
            if not more:
                raise ConnectionError("the server closed the connection")
            self.buf += more
        n = 1 + struct.unpack("!i", self.buf[1:5])[0]
        kind, body, self.buf = self.buf[:1], self.buf[5:n], self.buf[n:]
        return kind, body

    @staticmethod
    def packet(kind, body):
        return kind + struct.pack("!i", len(body) + 4) + body

    def run(self, sql, data=None):
        """A simple query; data is what COPY FROM STDIN takes."""
        self.sock.sendall(self.packet(b"Q", sql.encode() + b"\0"))
        return self.answer(data)

    def bound(self, sql, values, binary):
        """The extended protocol: parameters as text of types that the server finds, rows in text or binary."""
        put = b"".join(struct.pack("!i", -1) if v is None else struct.pack("!i", len(v.encode())) + v.encode()
                       for v in values)
        self.sock.sendall(
            self.packet(b"P", b"\0" + sql.encode() + b"\0\0\0") +
            self.packet(b"B", b"\0\0\0\0" + struct.pack("!h", len(values)) + put + struct.pack("!hh", 1, binary)) +
            self.packet(b"D", b"P\0") + self.packet(b"E", b"\0" + struct.pack("!i", 0)) + self.packet(b"S", b""))
        return self.answer(None)

    def answer(self, data):
        got, rows = Answer(), []
        while True:
            kind, body = self.message()
            if kind == b"T":
                got.parts.append(("columns", columns(body)))
            elif kind == b"D":
                rows.append(fields(body))
            elif kind == b"d":
                rows.append(body)
            elif kind == b"C":
                got.parts.append(("done", rows, body[:-1].decode()))
                rows = []
            elif kind in b"EN":
                got.parts.append(("error" if kind == b"E" else "notice", report(body)))
                rows = []
            elif kind in b"GH":
                got.parts.append(("copy", kind + body))
                if kind == b"G":
                    self.give(data)
            elif kind == b"I":
                got.parts.append(("empty",))
            elif kind == b"Z":
                got.status = body.decode()
                return got

    def give(self, data):
        if data is None:
            return self.sock.sendall(self.packet(b"f", b"no data\0"))
        half = len(data) // 2
        self.sock.sendall(self.packet(b"d", data[:half]) + self.packet(b"d", data[half:]) + self.packet(b"c", b""))


def columns(body):
    """(name, type, typmod, format) of each."""
    n, at, out = struct.unpack("!h", body[:2])[0], 2, []
    for _ in range(n):
        end = body.index(b"\0", at)
        _, _, oid, _, typmod, form = struct.unpack("!ihihih", body[end + 1:end + 19])
        out.append((body[at:end].decode(), oid, typmod, form))
        at = end + 19
    return tuple(out)


def fields(body):
    n, at, out = struct.unpack("!h", body[:2])[0], 2, []
    for _ in range(n):
        size = struct.unpack("!i", body[at:at + 4])[0]
        at += 4
        out.append(None if size < 0 else body[at:at + size])
        at += max(size, 0)
    return tuple(out)


REPORTED = "SCMDHPpWstcdn"  # not the file, line and function of the source


def report(body):
    words = [f for f in body.split(b"\0") if f]
    return {f[:1].decode(): f[1:].decode() for f in words if f[:1].decode() in REPORTED}
