#!/usr/bin/env python3
"""What an idle connection costs: python3 tests/idle.py BUILD_DIR [CONNECTIONS].

Starts the server, opens the connections (each runs SELECT 1 and stays) and prints by how much its memory grew."""
import os, re, resource, signal, socket, struct, subprocess, sys, tempfile, time

build, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1000
WARM = 20
KB_MAX = 64


def connect(port):
    s = socket.create_connection(("127.0.0.1", port), timeout=30)
    body = struct.pack("!i", 196608) + b"user\0skulk\0database\0skulk\0\0"
    query = b"Q" + struct.pack("!i", 13) + b"SELECT 1\0"
    for message in [struct.pack("!i", len(body) + 4) + body, query]:
        s.sendall(message)
        answer = b""
        while b"Z\0\0\0\5" not in answer:
            more = s.recv(65536)
            if not more:
                sys.exit(f"refused: {answer[-200:]!r}")
            answer += more
    return s


def resident(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read()).group(1))


def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with tempfile.TemporaryDirectory() as d:
        log, conf = os.path.join(d, "log"), os.path.join(d, "skulk.toml")
        with open(conf, "w") as f:
            f.write(f"[limits]\nmax_connections = {count + WARM + 10}\n")
        server = subprocess.Popen([os.path.join(build, "alopex-skulk"), "--config", conf, "--data-dir",
                                   os.path.join(d, "data"), "--pg-port", "0", "--http-port", "0"],
                                  stderr=open(log, "w"))
        try:
            found = None
            while not found and server.poll() is None:
                time.sleep(0.05)
                found = re.search(r"PostgreSQL on port (\d+)(?s:.*)ready:", open(log).read())
            if not found:
                sys.exit(open(log).read())
            port = int(found.group(1))
            kept = [connect(port) for _ in range(WARM)]
            before = resident(server.pid)
            kept += [connect(port) for _ in range(count)]
            each = (resident(server.pid) - before) / count
            print(f"{len(kept)} connections, {each:.1f} KB each")
            return each > KB_MAX
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()


sys.exit(main())
