#!/usr/bin/env python3
"""Messages of the PostgreSQL protocol, one a line, and every answer as a line of text.

    wire.py run SERVER DIR [--accept]   all DIR/*.wire against a fresh server, compared with DIR/*.out
    wire.py on PORT FILE                one file against a server that runs (PostgreSQL 15): its answers

A line is split as the shell would split it.  Its first word is the message:
    connect [version=3.0] [NAME=VALUE ...]     a new connection
    Q TEXT                          P NAME TEXT [OID ...]         B PORTAL STATEMENT [F=0,1] [R=0,1] [VALUE ...]
    D S|P NAME                      E PORTAL [LIMIT]              C S|P NAME
    S   H   d DATA   c   f TEXT     raw TYPE HEX                  X
    < N                             N messages are read; after Q and S all up to ReadyForQuery
A value of B is text, x:HEX or NULL.  Errors are shown with their SQLSTATE, text and position."""
import glob
import os
import re
import shlex
import socket
import struct
import subprocess
import sys
import tempfile
import time

FIELDS = "SCMDHPpqW"


def cstr(s):
    return s.encode() + b"\0"


def shown(b):
    if b is None:
        return "NULL"
    try:
        text = b.decode()
        return text if text.isprintable() or text.replace("\n", "").isprintable() else "x:" + b.hex()
    except UnicodeDecodeError:
        return "x:" + b.hex()


class Wire:
    def __init__(self, port, words):
        options = dict(w.split("=", 1) for w in words)
        version = options.pop("version", "3.0").split(".")
        options = {"user": "skulk", "database": "skulk", **options}
        body = b"".join(cstr(k) + cstr(v) for k, v in options.items()) + b"\0"
        self.s = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.buf = b""
        self.s.sendall(struct.pack("!IHH", len(body) + 8, *map(int, version)) + body)

    def send(self, kind, body=b""):
        self.s.sendall(kind.encode() + struct.pack("!I", len(body) + 4) + body)

    def read(self):
        while len(self.buf) < 5 or len(self.buf) < 1 + struct.unpack_from("!I", self.buf, 1)[0]:
            more = self.s.recv(65536)
            if not more:
                return None, b""
            self.buf += more
        size, = struct.unpack_from("!I", self.buf, 1)
        kind, body = chr(self.buf[0]), self.buf[5:size + 1]
        self.buf = self.buf[size + 1:]
        return kind, body


def row_description(b):
    cols, i = [], 2
    for _ in range(struct.unpack_from("!h", b)[0]):
        end = b.index(0, i)
        _, _, oid, size, mod, fmt = struct.unpack_from("!IhIhih", b, end + 1)
        cols.append(f"{b[i:end].decode()}:{oid}" + (f"({mod})" if mod != -1 else "") + ("b" if fmt else ""))
        i = end + 19
    return " ".join(cols)


def data_row(b):
    values, i = [], 2
    for _ in range(struct.unpack_from("!h", b)[0]):
        size, = struct.unpack_from("!i", b, i)
        i += 4
        values.append(shown(None if size < 0 else b[i:i + size]))
        i += max(size, 0)
    return "|".join(values)


def report(b):
    fields = {f[:1].decode(): f[1:].decode() for f in b.split(b"\0") if f}
    lines = [f"{fields['S']} {fields['C']} {fields['M']}"]
    lines += [f"  {k} {fields[k]}" for k in FIELDS[3:] if k in fields]
    return "\n".join(lines)


def counted(b, one):
    return " ".join(str(x) for x in struct.unpack_from(f"!{struct.unpack_from('!h', b)[0]}{one}", b, 2))


def copy_start(b):
    return f"{b[0]} columns {struct.unpack_from('!h', b, 1)[0]}"


def negotiate(b):
    minor, n = struct.unpack_from("!II", b)
    return f"{minor & 0xffff} {n} " + " ".join(x.decode() for x in b[8:].split(b"\0") if x)


SHOW = {"T": row_description, "D": data_row, "E": report, "N": report, "t": lambda b: counted(b, "I"),
        "C": lambda b: b[:-1].decode(), "Z": lambda b: b.decode(), "d": shown, "v": negotiate,
        "S": lambda b: "=".join(x.decode() for x in b.split(b"\0")[:2]), "G": copy_start, "H": copy_start}


def show(out, kind, body):
    if kind is None:
        out.append("(closed)")
    elif kind in SHOW:
        out.append(f"  {kind} {SHOW[kind](body)}")
    else:
        out.append(f"  {kind}")


def answers(w, out, limit=None):
    while limit is None or limit > 0:
        kind, body = w.read()
        show(out, kind, body)
        if kind is None or (limit is None and kind in "ZG"):
            return
        limit = limit and limit - 1


def connected(w, out):
    """What differs between servers and runs is left out: the parameters and the key."""
    while True:
        kind, body = w.read()
        if kind not in ("R", "S", "K"):
            show(out, kind, body)
        if kind in (None, "Z"):
            return


def formats(words, letter):
    for w in words:
        if w.startswith(letter + "="):
            return [int(x) for x in w[2:].split(",")]
    return []


def bind(words):
    portal, statement, *rest = words
    values = [w for w in rest if not re.match(r"[FR]=[01]", w)]
    body = cstr(portal) + cstr(statement)
    codes = formats(rest, "F")
    body += struct.pack(f"!h{len(codes)}h", len(codes), *codes) + struct.pack("!h", len(values))
    for v in values:
        b = None if v == "NULL" else bytes.fromhex(v[2:]) if v.startswith("x:") else v.encode()
        body += struct.pack("!i", -1) if b is None else struct.pack("!i", len(b)) + b
    codes = formats(rest, "R")
    return body + struct.pack(f"!h{len(codes)}h", len(codes), *codes)


def body_of(kind, words):
    if kind == "P":
        oids = [int(x) for x in words[2:]]
        return cstr(words[0]) + cstr(words[1]) + struct.pack(f"!h{len(oids)}I", len(oids), *oids)
    if kind == "B":
        return bind(words)
    if kind in "DC":
        return words[0].encode() + cstr(words[1])
    if kind == "E":
        return cstr(words[0]) + struct.pack("!i", int(words[1]) if len(words) > 1 else 0)
    if kind in "Qf":
        return cstr(words[0])
    return words[0].encode().decode("unicode_escape").encode("latin1") if words else b""


def play(port, path):
    out, w = [], None
    for line in open(path, encoding="utf8").read().replace("\\\n", " ").split("\n"):
        if not line.strip() or line.startswith("#"):
            continue
        out.append(line)
        kind, *words = shlex.split(line)
        try:
            if kind == "connect":
                w = Wire(port, words)
                connected(w, out)
            elif kind == "<":
                answers(w, out, int(words[0]))
            elif kind == "raw":
                w.send(words[0], bytes.fromhex(words[1] if len(words) > 1 else ""))
            else:
                w.send(kind, body_of(kind, words))
                if kind in "QS":
                    answers(w, out)
        except (OSError, struct.error) as e:
            out.append(f"({e})")
    return "\n".join(out) + "\n"


def start(server, directory):
    log = os.path.join(directory, "log")
    p = subprocess.Popen([server, "--data-dir", os.path.join(directory, "data"), "--pg-port", "0", "--http-port", "0"],
                         stderr=open(log, "w"))
    for _ in range(1200):
        found = re.search(r"PostgreSQL on port (\d+)", open(log).read())
        if found and "ready:" in open(log).read():
            return p, int(found.group(1))
        if p.poll() is not None:
            break
        time.sleep(0.05)
    sys.exit("the server does not start: " + open(log).read())


def run(server, directory, accept):
    failed = 0
    with tempfile.TemporaryDirectory(prefix="skulk-wire-") as tmp:
        process, port = start(server, tmp)
        try:
            for path in sorted(glob.glob(os.path.join(directory, "*.wire"))):
                got, wanted = play(port, path), path[:-5] + ".out"
                if accept:
                    open(wanted, "w", encoding="utf8").write(got)
                same = os.path.exists(wanted) and open(wanted, encoding="utf8").read() == got
                print("PASS" if same else "FAIL", os.path.basename(path))
                if not same:
                    failed += 1
                    subprocess.run(["diff", "-u", wanted, "-"], input=got, text=True)
            alive = process.poll() is None
        finally:
            process.terminate()
            process.wait(30)
    return failed + (not alive)


if __name__ == "__main__":
    if len(sys.argv) >= 4 and sys.argv[1] == "on":
        sys.stdout.write(play(int(sys.argv[2]), sys.argv[3]))
    elif len(sys.argv) >= 4 and sys.argv[1] == "run":
        sys.exit(run(sys.argv[2], sys.argv[3], "--accept" in sys.argv) > 0)
    else:
        sys.exit(__doc__)
