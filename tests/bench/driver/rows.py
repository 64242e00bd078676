"""A row of the results: how one way is run once, and what its runs gave."""
import json
import os
import statistics

from . import machine


class Row:
    """One way of doing one job.

    section  heading it stands under
    commands list of programs that one run starts together
    read     function of the run's file stem: a dict with "rate" and whatever else the section shows
    skip     reason why it is not run, or None
    seconds  what one run takes on a quiet machine, about
    rounds   at most so many of the rounds
    gemm     whether the driver measures the GEMM rate around it (peers do it themselves)
    """

    def __init__(self, section, name, commands=None, read=None, skip=None, seconds=5.0, env=None, rounds=99,
                 pinned=False, ours=False, gemm=False, group="", setup=None):
        self.section, self.name, self.commands, self.read = section, name, commands, read
        self.skip, self.seconds, self.env, self.rounds = skip, seconds, env or {}, rounds
        self.pinned, self.ours, self.gemm, self.group, self.setup = pinned, ours, gemm, group, setup
        self.runs, self.failure = [], None

    @property
    def label(self):
        return f"{self.section} / {self.name}"

    def run(self, bench, number):
        """Runs it once and keeps what it gave. Throws BenchError."""
        stem = bench.file(f"runs/{self.label.replace(' / ', '.').replace(' ', '_').replace('/', '_')}.{number}")
        if self.setup:
            self.setup()
        pulse = [bench.pulse()] if self.gemm else []
        commands = self.commands(stem)
        usage = machine.run_together(commands, stem, self.env, self.pinned)
        if self.gemm:
            pulse.append(bench.pulse())
        result = {**usage, "stem": stem, **self.read(stem)}
        if pulse:
            result["gemm"] = pulse
        self.runs.append(result)
        return result

    def values(self, key="rate"):
        return [run[key] for run in self.runs if run.get(key) is not None]

    def median(self, key="rate"):
        values = self.values(key)
        return statistics.median(values) if values else None

    def gemm_share(self, gflop):
        """Share of the GEMM rate around each run that the unavoidable arithmetic reached, median over runs."""
        shares = [run["rate"] * gflop / statistics.mean(run["gemm"]) for run in self.runs if run.get("gemm")]
        return statistics.median(shares) if shares else None


def read_json(path):
    with open(path) as file:
        return json.load(file)


def summary_reader(parts=1, rate="interventions_per_s"):
    """Reads STEM.<k>.json of every part; the run takes as long as its slowest part."""

    def read(stem):
        sums = [read_json(f"{stem}.{k}.json") for k in range(parts)]
        if rate == "tokens_per_s":
            value = sums[0][rate]
        else:
            value = sum(s["interventions"] for s in sums) / max(s["seconds"] for s in sums)
        out = {"rate": value, "peak_rss_mb": sum(s["peak_rss_mb"] for s in sums),
               "seconds": max(s["seconds"] for s in sums)}
        if "gemm_gflops_around" in sums[0]:
            out["gemm"] = sums[0]["gemm_gflops_around"]
        if "others_cores" in sums[0]:
            out["others_cores"] = sums[0]["others_cores"]
        return out

    return read


def split_job(path, parts, folder):
    """Writes a job's prompts to `parts` jobs, for as many processes; returns their paths."""
    job = read_json(path)
    paths = []
    for k in range(parts):
        out = os.path.join(folder, os.path.basename(path).replace(".json", f".part{k}of{parts}.json"))
        with open(out, "w") as file:
            json.dump(dict(job, prompts=job["prompts"][k::parts]), file)
        paths.append(out)
    return paths


def thin_job(path, neurons, folder):
    """Writes the job with `neurons` neurons, spread evenly over its list as the peers' --limit does."""
    job = read_json(path)
    if neurons < len(job["neurons"]):
        step = len(job["neurons"]) / neurons
        job["neurons"] = [job["neurons"][int(k * step)] for k in range(neurons)]
    out = os.path.join(folder, os.path.basename(path).replace(".json", f".{neurons}n.json"))
    with open(out, "w") as file:
        json.dump(job, file)
    return out
