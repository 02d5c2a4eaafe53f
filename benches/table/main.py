"""Reruns the table. See ../beside-peers."""

import argparse
import os
import signal
import sys
import tempfile
import time
from functools import partial

import machine
from race import race, table
from rows import FILES, ROWS
from servers import Town

# A file counts as settled two seconds after it was written; measured is that, not the first moments.
SETTLING_S = 2.5


def make_files(directory, files):
    for name, size in files.items():
        with open(directory + name, "wb") as file:
            file.write(os.urandom(min(size, 1 << 20)))
            file.truncate(size)
    time.sleep(SETTLING_S)


def run(name, row, town, rounds, seconds):
    """Measures a row; the marks of its bars."""
    title, measures, bars = row
    print(f"\n{name}: {title}", flush=True)
    with tempfile.TemporaryDirectory() as home, town(home) as town:
        os.chmod(home, 0o755)  # some peers read as nobody
        town.sink = "/dev/shm" if os.path.isdir("/dev/shm") else home
        with tempfile.TemporaryDirectory(dir=town.sink) as town.sink:
            contestants = measures(town, seconds)
            race(contestants, 1)  # to warm up
            samples = race(contestants, rounds)
    if "sockets" not in samples:
        print("  nobody to compare with is installed")
        return []
    print(table(samples))
    marks = []
    for bar in bars:
        line, kept = bar.judge(samples)
        print(f"  {line}", flush=True)
        marks.append(kept)
    return marks


def main(prog, rows, sizes, town):
    """Measures `rows`, with files of those `sizes`, in a `town` for each row."""
    parser = argparse.ArgumentParser(prog=prog)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=1, help="of each round")
    parser.add_argument("--list", action="store_true", help="names the rows")
    parser.add_argument("rows", nargs="*", metavar="ROW")
    asked = parser.parse_args()
    if asked.list:
        print("\n".join(f"{name:14} {title}" for name, (title, _, _) in rows.items()))
        return
    unknown = [name for name in asked.rows if name not in rows]
    if unknown:
        sys.exit(f"no such row: {', '.join(unknown)} (see --list)")
    print(f"{machine.description()}; {asked.rounds} rounds of {asked.seconds} s, medians, ratios with their spread")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is stopped
    marks = []
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)  # some peers read as nobody
        files = os.path.join(place, "files")
        os.mkdir(files)
        make_files(files, sizes)
        for name in asked.rows or rows:
            marks += run(name, rows[name], partial(town, files=files), asked.rounds, asked.seconds)
    judged = [kept for kept in marks if kept is not None]
    print(f"\n{sum(judged)} of {len(judged)} bars kept")


if __name__ == "__main__":
    main("benches/beside-peers", ROWS, FILES, Town)
