#!/usr/bin/env python3
"""Breaks one study in every way we know, again and again, and wants the content hash of the undisturbed run.

Each round of the storm draws a kind of fault, a number of ranks and a moment from the seed, starts the study (or
damages its files between two starts) and lets the fault happen. What is printed: every fault with its time and its
outcome, then a table by kind. Status 0: every study that ended had the hash of the undisturbed one.
"""
import argparse
import collections
import os
import random
import shutil
import sys
import tempfile
import time

from faults import ALL_KINDS, Storm
from study import Study, write_study


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True, type=os.path.abspath, help="the neurosweep program")
    parser.add_argument("--shim", required=True, help="the library of tests/fault that makes file operations fail")
    parser.add_argument("--seconds", type=float, default=600, help="how long the storm lasts (default 600)")
    parser.add_argument("--faults", type=int, default=50, help="faults at least, however long they take (default 50)")
    parser.add_argument("--seed", type=int, default=1, help="draws the sequence of faults (default 1)")
    parser.add_argument("--size", type=int, default=4, help="how long the study is (default 4)")
    parser.add_argument("--kinds", nargs="*", default=sorted(ALL_KINDS), help="only these kinds")
    return parser.parse_args()


def print_table(log):
    rows = collections.defaultdict(collections.Counter)
    for kind, outcome in log:
        rows[kind][outcome] += 1
    print(f"\n{'kind':<16}{'faults':>7}  outcomes")
    for kind in sorted(rows):
        outcomes = ", ".join(f"{outcome}: {n}" for outcome, n in rows[kind].most_common())
        print(f"{kind:<16}{sum(rows[kind].values()):>7}  {outcomes}")
    print(f"{'all':<16}{len(log):>7}")


def main():
    options = parse_arguments()
    folder = tempfile.mkdtemp(prefix="neurosweep-chaos-")
    sources = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    path = os.path.join(folder, "study.toml")
    write_study(path, sources, options.size)

    calm = Study(options.program, path, os.path.join(folder, "calm"))
    begin = time.monotonic()
    calm.finish()
    expected = calm.sound_hash()
    print(f"seed {options.seed}; undisturbed: {time.monotonic() - begin:.1f} s on one rank, content hash {expected}",
          flush=True)

    storm = Storm(options, random.Random(options.seed), path, folder, expected)
    with storm.disk():
        storm.rage()
        wrong = storm.end()
    print_table(storm.log)
    print(f"{len(storm.log)} faults in {storm.seconds():.0f} s; {storm.completed} studies completed, {wrong} wrong")
    if wrong:
        print(f"kept for a look: {folder}")
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
