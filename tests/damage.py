#!/usr/bin/env python3
"""Damages data directories at random and looks at what the server makes of them.

usage: damage.py BUILD_DIR [ROUNDS [SEED]]

A server is filled (several tables, files of all levels, a log with rows that are in no file) and
stopped.  Each round copies the directory, damages one file (a flipped bit, a zeroed or random
stretch, a cut end), starts the server and asks for the rows of every table, day by day.  An answer
must be exactly right or an error that names a file; `alopex-skulk check` must name the damage.
Python's standard library and psql only."""
import glob, os, random, re, shutil, signal, subprocess, sys, tempfile, time, urllib.request

DAY = 86400 * 10**9
BASE = 1_700_006_400 * 10**9  # a midnight
TABLES, DAYS, HOSTS = 3, 4, 7


class Server:
    def __init__(self, program, data):
        self.data = data
        self.log = open(data + ".log", "ab")
        self.from_ = self.log.tell()
        self.p = subprocess.Popen(
            [program, "--data-dir", data, "--listen", "127.0.0.1", "--http-port", "0", "--pg-port", "0"], stdout=self.log, stderr=self.log)

    def up(self):
        for _ in range(300):
            if self.p.poll() is not None:
                return False
            with open(self.log.name, "rb") as log:
                log.seek(self.from_)
                ports = re.search(rb"PostgreSQL on port (\d+), HTTP on port (\d+)", log.read())
            if not ports:
                time.sleep(0.02)
                continue
            self.pg, self.http = map(int, ports.groups())
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.http}/health", timeout=2).read()
                return True
            except OSError:
                time.sleep(0.02)
        return False

    def sql(self, text):
        r = subprocess.run(["psql", "-h", "127.0.0.1", "-p", str(self.pg), "-U", "skulk", "-d", "skulk",
                            "-XAtq", "-v", "VERBOSITY=verbose", "-c", text],
                           capture_output=True, text=True, timeout=60)
        return r.returncode == 0, r.stdout if r.returncode == 0 else r.stderr

    def write(self, lines):
        req = urllib.request.Request(f"http://127.0.0.1:{self.http}/write?db=skulk&precision=ns",
                                     "\n".join(lines).encode(), method="POST")
        urllib.request.urlopen(req, timeout=30).read()

    def stop(self, sig=signal.SIGTERM):
        self.p.send_signal(sig)
        code = self.p.wait(20)
        self.log.close()
        return code


def lines_of(table, day, part, rng):
    for i in range(part * 200, part * 200 + 200):
        t = BASE + day * DAY + i * 60 * 10**9
        yield (f'm{table},host=h{i % HOSTS},dc=d{i % 2} a={i * 7 % 1000}i,b={rng.randrange(10**6) / 100},'
               f's="text {i % 13} {day}",f={"t" if i % 3 else "f"} {t}')


def query(table, day):
    lo, hi = (f"to_timestamp({(BASE + (day + d) * DAY) // 10**9})" for d in (0, 1))
    return (f"SELECT time, host, dc, a, b, s, f FROM m{table} WHERE time >= {lo} AND time < {hi} "
            f"ORDER BY time, host")


def fill(server, rng):
    for part in range(4):
        for table in range(TABLES):
            for day in range(DAYS):
                server.write(list(lines_of(table, day, part, rng)))
        if part == 0:
            server.sql("VACUUM")
        elif part < 3:
            server.sql("CHECKPOINT")


def damage(path, rng):
    size = os.path.getsize(path)
    with open(path, "r+b") as f:
        kind = rng.choice(("flip", "flip", "zero", "random", "cut"))
        at = rng.randrange(size)
        n = min(rng.choice((1, 16, 512, 4096)), size - at)
        f.seek(at)
        old = f.read(n)
        if kind == "flip":
            new = bytes([old[0] ^ 1 << rng.randrange(8)]) + old[1:]
        elif kind == "zero":
            new = bytes(n)
        elif kind == "random":
            new = rng.randbytes(n)
        else:
            f.truncate(at)
            return f"cut at {at} of {size}", True
        f.seek(at)
        f.write(new)
        return f"{kind} {n} at {at} of {size}", new != old


def one_round(program, home, truth, seed):
    rng = random.Random(seed)
    data = os.path.join(home, "damaged")
    shutil.rmtree(data, ignore_errors=True)
    shutil.copytree(os.path.join(home, "data"), data)
    files = [p for p in glob.glob(data + "/**/*", recursive=True)
             if os.path.isfile(p) and os.path.getsize(p) and os.path.basename(p) not in ("lock", "reserve")]
    path = rng.choice(sorted(files))
    what, changed = damage(path, rng)
    name = os.path.basename(path)
    story = f"seed {seed}: {os.path.relpath(path, data)}: {what}"
    c = subprocess.run([program, "check", data], capture_output=True, text=True, timeout=60)
    text = c.stdout + c.stderr
    said = c.returncode != 0 and (name in text or name.startswith(("MANIFEST", "CURRENT")) and data in text)
    bad = []
    if c.returncode < 0 or c.returncode > 2:
        bad.append(f"check ended with {c.returncode}: {c.stderr[-300:]}")
    server = Server(program, data)
    outcome = "served"
    if not server.up():
        server.p.kill()
        code = server.p.wait()
        server.log.close()
        text = open(data + ".log", errors="replace").read()[-2000:]
        outcome = "refused"
        if code < 0 and code != -9:
            bad.append(f"the start died of signal {-code}")
        elif name not in text and "damaged" not in text and "not a" not in text:
            bad.append("refused to start without naming the file: " + text[-400:])
    else:
        errors = 0
        cut = "/log/" in path and what.startswith("cut")
        lost_said = cut and name + " is cut short" in open(data + ".log", errors="replace").read()
        for (table, day), rows in truth.items():
            ok, answer = server.sql(query(table, day))
            if ok and lost_said and set(answer.split("\n")) <= set(rows.split("\n")):
                continue
            if ok and answer != rows:
                bad.append(f"WRONG ANSWER m{table} day {day}: {len(answer)} for {len(rows)} bytes")
            elif not ok:
                errors += 1
                if ".skulk" not in answer and name not in answer:
                    bad.append(f"error without a file: {answer[:300]}")
        if errors:
            outcome = f"{errors} of {len(truth)} queries refused"
        if server.p.poll() is not None:
            bad.append(f"the server died with {server.p.returncode}")
        else:
            server.stop()
    os.unlink(data + ".log")
    harmless = outcome == "served"
    if changed and not said and not (harmless and ("/log/" in path or "MANIFEST" in name or "lock" in name)):
        bad.append(f"check did not name it (exit {c.returncode}): {(c.stdout + c.stderr)[-300:]}")
    for b in bad:
        print(f"FAIL {story}: {b}", flush=True)
    return not bad, outcome.split()[0]


def main():
    build = sys.argv[1]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    first = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    program = os.path.join(build, "alopex-skulk")
    home = tempfile.mkdtemp(prefix="skulk-damage-")
    server = Server(program, os.path.join(home, "data"))
    if not server.up():
        sys.exit("the server does not start")
    fill(server, random.Random(first))
    truth = {(t, d): server.sql(query(t, d))[1] for t in range(TABLES) for d in range(DAYS)}
    assert all(rows.count("\n") == 800 for rows in truth.values())
    server.stop(signal.SIGKILL)  # rows that are in the log only
    failed, outcomes = 0, {}
    for seed in range(first, first + rounds):
        good, outcome = one_round(program, home, truth, seed)
        failed += not good
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    shutil.rmtree(home)
    print(outcomes)
    print(f"{rounds - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
