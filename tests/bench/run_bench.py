#!/usr/bin/env python3
"""./dev bench: ours and every peer program side by side, round-robin, medians; writes RESULTS.md.

usage: ./dev bench [--quick] [--rounds N] [--only REGEX] [--out FILE] [--list] ...
The peers' programs are looked for in the folder that NEUROSWEEP_PEERS names. More: tests/bench/README.md.
"""
import argparse
import json
import os
import re
import sys
import time

sys.dont_write_bytecode = True

from driver import arithmetic, machine, peers, programs, report, studies, sweeps  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def parse(words):
    p = argparse.ArgumentParser(prog="./dev bench", description=__doc__.splitlines()[0])
    p.add_argument("--quick", action="store_true", help="one round of small jobs, about a minute and a half")
    p.add_argument("--rounds", type=int, help="rounds of alternating runs (default 3; --quick 1)")
    p.add_argument("--only", metavar="REGEX", help="only rows whose 'section / name' matches")
    p.add_argument("--list", action="store_true", help="print the rows with the time a run takes, run nothing")
    p.add_argument("--all", action="store_true", help="also the peers' minor variants")
    p.add_argument("--brute", action="store_true",
                   help="also the exact effect of every neuron of the 54M model, for the race's recall (an hour, once)")
    p.add_argument("--peers", metavar="DIR", default=os.environ.get("NEUROSWEEP_PEERS"),
                   help="folder of the peers' programs (default: the environment's NEUROSWEEP_PEERS)")
    p.add_argument("--out", default=os.path.join(HERE, "RESULTS.md"), help="default tests/bench/RESULTS.md")
    p.add_argument("--work", default=os.path.join(peers.CACHE, "work"),
                   help="folder for models, jobs and runs (default: in the user's cache)")
    p.add_argument("--build", default=os.path.join(ROOT, "build", "release"), help="build folder")
    p.add_argument("--threads", type=int, default=2, help="threads of ours and of the peers (default 2)")
    p.add_argument("--limit", type=int, default=0, help="neurons of a peer's run, instead of the default")
    p.add_argument("--quiet-wait", type=float, default=20, metavar="S",
                   help="wait up to S seconds before a run until the machine is quiet (default 20)")
    return p.parse_args(words)


class Bench:
    """The settings of one invocation, and where things are."""

    def __init__(self, args):
        self.root, self.build = ROOT, os.path.abspath(args.build)
        self.quick, self.everything, self.brute = args.quick, args.all, args.brute
        self.threads, self.limit = args.threads, args.limit
        self.rounds = args.rounds or (1 if args.quick else 3)
        self.work = os.path.abspath(args.work)
        for folder in ("runs", "scaling", "race", "plan"):
            os.makedirs(os.path.join(self.work, folder), exist_ok=True)
        self.neurosweep = os.path.join(self.build, "neurosweep")
        for path in (self.neurosweep, *(self.program(n) for n in ("neurosweep_bench_gemm", "neurosweep_bench_decode"))):
            if not os.path.exists(path):
                raise machine.BenchError(f"{path} is missing: run ./dev build, or give --build DIR")
        self.peers = peers.Peers(args.peers, self.work)
        self.facts, self.layer_rate = machine.facts(ROOT), 0.0
        self.facts["torch"] = json.loads(machine.output_of([self.program("neurosweep_bench_gemm"), "--seconds", "0"]))[
            "torch"]

    def program(self, name):
        return os.path.join(self.build, "tests", "bench", name)

    def file(self, name):
        return os.path.join(self.work, name)

    def pulse(self):
        return machine.gemm_rate(self.program("neurosweep_bench_gemm"), self.threads)

    def measure_layer_rate(self):
        """Keeps the best GFLOP/s seen for the products of the 54M model's layers."""
        command = [self.program("neurosweep_bench_gemm"), "--threads", str(self.threads), "--model",
                   self.peers.model(peers.MODELS[0])]
        self.layer_rate = max(self.layer_rate, json.loads(machine.output_of(command))["model"]["layer_best_gflops"])

    def compile_cache(self):
        return {"TORCHINDUCTOR_CACHE_DIR": self.file("inductor")}

    def help_of(self, verb):
        return machine.output_of([self.neurosweep, verb, "--help"])

    def source_has(self, path, text):
        with open(os.path.join(ROOT, path)) as file:
            return text in file.read()

    def shape(self, model):
        return arithmetic.shape(self.peers.model(model))

    def job_size(self, model):
        """Prompts of a model's job."""
        with open(self.peers.job(model)) as file:
            return len(json.load(file)["prompts"])


def all_rows(bench):
    models = peers.MODELS[:2] if bench.quick else peers.MODELS
    rows = [row for name in models for row in sweeps.model_rows(bench, name)]
    return (rows + sweeps.long_rows(bench) + studies.race_rows(bench) + programs.decode_rows(bench)
            + sweeps.scaling_rows(bench) + programs.part_rows(bench) + sweeps.bf16_rows(bench)
            + studies.plan_rows(bench))


def clock(seconds):
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


def expected_seconds(rows, bench):
    """Runs, plus a second before each for a look at the machine."""
    return sum((row.seconds + 1) * min(row.rounds, bench.rounds) for row in rows if not row.skip)


def run_round(bench, rows, number, args):
    for row in rows:
        if row.skip or row.failure or number >= row.rounds:
            continue
        machine.wait_quiet(args.quiet_wait)
        try:
            result = row.run(bench, number)
        except (machine.BenchError, OSError, ValueError, KeyError, IndexError) as error:
            row.failure = " ".join(f"{error or type(error).__name__}".split())[:160]
            print(f"bench: {row.label}: {row.failure}", file=sys.stderr, flush=True)
            continue
        rate = f"{result['rate']:.1f}/s, " if result.get("rate") else ""
        gemm = f", gemm {' '.join(f'{p:.0f}' for p in result['gemm'])}" if result.get("gemm") else ""
        print(f"{time.strftime('%H:%M:%S')} {row.label}.{number}: {rate}{result['wall_seconds']:.1f} s in all, "
              f"others {result['others_cores']:.2f} cores{gemm}", flush=True)


def write_json(bench, rows, checks):
    path = bench.file("results.json")
    with open(path, "w") as file:
        json.dump({"facts": bench.facts, "threads": bench.threads, "rounds": bench.rounds, "quick": bench.quick,
                   "layer_gemm_gflops": bench.layer_rate,
                   "requirements": [vars(check) for check in checks],
                   "rows": [{"section": r.section, "name": r.name, "skip": r.skip, "failure": r.failure,
                             "runs": r.runs} for r in rows]}, file, indent=1)
    return path


def main(words):
    args = parse(words)
    bench = Bench(args)
    if not args.list:
        bench.peers.make_inputs()
    rows = all_rows(bench)
    if args.only:
        rows = [row for row in rows if re.search(args.only, row.label)]
        if not rows:
            raise machine.BenchError(f"--only {args.only}: no row matches (--list prints them)")
    if args.list:
        for row in rows:
            print(f"{row.label}: " + (f"skipped: {row.skip}" if row.skip else
                                      f"{row.seconds:.0f} s x {min(row.rounds, bench.rounds)}"))
    print(f"bench: about {clock(expected_seconds(rows, bench))} on a quiet machine", flush=True)
    if args.list:
        return 0
    for number in range(bench.rounds):
        bench.measure_layer_rate()
        run_round(bench, rows, number, args)
    checks = report.write_results(bench, rows, args.out)
    for check in checks:
        print(f"  {check.text}: {check.value} (required {check.required}; met: {check.met})")
    print(f"bench: wrote {os.path.relpath(args.out)} and {write_json(bench, rows, checks)}")
    return 1 if any(row.failure for row in rows) else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except machine.BenchError as fault:
        sys.exit(f"bench: {fault}")
    except KeyboardInterrupt:
        sys.exit("bench: stopped")
