#!/usr/bin/env python3
"""Runs the SQL regress files on PostgreSQL 15 and shows where its answers differ from ours.

    postgres.py BUILD_DIR [NAME ...]

A temporary cluster is made with the initdb of a Debian PostgreSQL 15 (or of $PG_BINDIR) and thrown
away at the end; as root it runs as user postgres.  Statements are compared one by one: what PostgreSQL
says against expected/NAME.out.  The words that only we know in CREATE TABLE (TAG, WITH (...)) are left
out on both sides, so that the rest of a file can be compared.  Known differences stand with their reasons in postgres-differences.
Exit: 0 no unknown difference, 1 there are some, 77 PostgreSQL is not there."""
import glob
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SETTINGS = ("fsync=off", "timezone=UTC", "unix_socket_directories=", "listen_addresses=127.0.0.1",
            "log_min_messages=fatal", "shared_buffers=16MB")


def find_bin():
    for path in [os.environ.get("PG_BINDIR", "")] + glob.glob("/usr/lib/postgresql/15/bin"):
        if path and os.path.exists(os.path.join(path, "initdb")):
            return path
    return None


def as_postgres():
    """What subprocess needs: initdb and postgres refuse to run as root."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class Cluster:
    def __init__(self, bin_dir):
        self.bin = bin_dir
        self.who = as_postgres()
        self.dir = tempfile.mkdtemp(prefix="skulk-postgres-")
        if self.who:
            os.chown(self.dir, self.who["user"], self.who["group"])
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]

    def tool(self, name, *args):
        subprocess.run([os.path.join(self.bin, name), *args], cwd=self.dir, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **self.who)

    def start(self):
        data = os.path.join(self.dir, "data")
        self.tool("initdb", "-D", data, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-U", "skulk",
                  "--no-sync")
        options = " ".join(f"-c {s}" for s in SETTINGS) + f" -p {self.port}"
        self.tool("pg_ctl", "-D", data, "-w", "-l", os.path.join(self.dir, "log"), "-o", options, "start")

    def new_database(self):
        for sql in ("DROP DATABASE IF EXISTS skulk", "CREATE DATABASE skulk"):
            self.tool("psql", "-X", "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", "skulk", "-d",
                      "postgres", "-c", sql)

    def stop(self):
        try:
            self.tool("pg_ctl", "-D", os.path.join(self.dir, "data"), "-m", "immediate", "stop")
        except subprocess.CalledProcessError:
            pass
        shutil.rmtree(self.dir, ignore_errors=True)


class Known:
    """Rows of postgres-differences: file, words of the statement, reason, and whether it was needed."""

    def __init__(self, path):
        self.rows = []
        for line in read(path).split("\n"):
            if line and not line.startswith("#"):
                file, rest = line.split(" | ", 1)
                words, reason = rest.rsplit(" | ", 1)
                self.rows.append([file, words, reason, False])

    def whole_file(self, name):
        return next((r[2] for r in self.rows if r[:2] == [name, "*"]), None)

    def excuses(self, name, statement):
        flat = " ".join(statement.split())
        for row in self.rows:
            words = row[1]
            if row[0] in (name, "*") and (words[0] == "~" and words[1:].lower() in flat.lower()
                                          or flat.startswith(words)):
                row[3] = True
                return True
        return False

    def unused(self, names):
        return [r for r in self.rows if r[0] in names and r[1] != "*" and not r[3]]


OUR_WORDS = re.compile(r" TAG\b| WITH \((?:time|window|duplicates|compression|schema|segmentby|tsdb)\b[^)]*\)")


def plain(text):
    return OUR_WORDS.sub("", text)


def has_data(lines):
    """Whether lines up to `\\.` follow; a COPY that is refused takes none."""
    for line in lines:
        if line == "\\.":
            return True
        if line.endswith(";"):
            return False
    return False


def statements(text):
    """The echo of each statement and directive, as the runner prints it."""
    echo, lines, i = [], text.split("\n"), 0
    while i < len(lines):
        words = lines[i]
        i += 1
        if words and not words.startswith(("\\", "--")):
            while not words.endswith(";") and i < len(lines):
                words += "\n" + lines[i]
                i += 1
        echo.append(words)
        takes = words.startswith("\\write") or re.match(r"(?is)copy\b.*\bfrom\s+stdin\b", words)
        if takes and has_data(lines[i:]):
            i += lines[i:].index("\\.") + 1
    return echo


def blocks(text, echo):
    """What was printed after each echo; None from the first echo on that is not found."""
    at, found = 0, []
    for words in echo:
        if text.startswith(words + "\n", at):
            begin = at
        else:
            begin = text.find("\n" + words + "\n", max(at - 1, 0)) + 1
            if begin == 0:
                break
        found.append(begin)
        at = begin + len(words) + 1
    ends = found[1:] + [len(text)]
    result = [text[b + len(w) + 1:e] for b, e, w in zip(found, ends, echo)]
    return result + [None] * (len(echo) - len(result))


def show(statement, ours, theirs):
    print(f"  {statement}".replace("\n", "\n  "))
    for sign, text in (("-", ours), ("+", theirs)):
        for line in (text or "(not reached)").rstrip("\n").split("\n"):
            print(f"    {sign}{line}")


def same_answer(ours, theirs):
    """Positions that only we give are no difference."""
    if ours == theirs:
        return True
    return bool(ours and theirs and "POSITION" not in theirs
                and re.sub(r"^POSITION: \d+\n", "", ours, flags=re.M) == theirs)


def compare(name, ours, theirs, known):
    echo = statements(plain(read(os.path.join(HERE, "sql", name + ".sql"))))
    unknown = excused = same = 0
    for words, a, b in zip(echo, blocks(ours, echo), blocks(theirs, echo)):
        if not words or words.startswith("--") or re.match(r"\\(?!pipe)", words):
            continue
        if same_answer(a, b):
            same += 1
        elif known.excuses(name, words):
            excused += 1
        else:
            unknown += 1
            show(words, a, b)
    print(f"{name}: {same} the same, {excused} known differences, {unknown} unknown")
    return unknown


def read(path):
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as f:
        return f.read()


def main():
    build, only = sys.argv[1], sys.argv[2:]
    bin_dir = find_bin()
    if not bin_dir:
        print("SKIP: no PostgreSQL 15 (apt-get install postgresql-15, or set PG_BINDIR)")
        return 77
    with open(os.path.join(HERE, "schedule"), encoding="utf-8") as f:
        names = [n for n in (line.split("#")[0].strip() for line in f) if n]
    names = [n for n in names if not only or n in only]
    known = Known(os.path.join(HERE, "postgres-differences"))
    out_dir = os.path.join(build, "tests", "regress", "out")
    os.makedirs(out_dir, exist_ok=True)
    unknown = 0
    cluster = Cluster(bin_dir)
    try:
        cluster.start()
        for name in names:
            if known.whole_file(name):
                print(f"{name}: not comparable: {known.whole_file(name)}")
                continue
            cluster.new_database()
            sql, out = (os.path.join(out_dir, name + ".postgres" + end) for end in (".sql", ".out"))
            with open(sql, "w", encoding="utf-8", newline="") as f:
                f.write(plain(read(os.path.join(HERE, "sql", name + ".sql"))))
            subprocess.run([os.path.join(build, "tests", "regress", "regress"), "--on", str(cluster.port), sql,
                            out], check=True)
            expected = plain(read(os.path.join(HERE, "expected", name + ".out")))
            unknown += compare(name, expected, read(out), known)
    finally:
        cluster.stop()
    for row in known.unused(names):
        print(f"postgres-differences: no longer differs: {row[0]} | {row[1]}")
    print(f"{unknown} unknown differences")
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
