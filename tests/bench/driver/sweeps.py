"""Rows of exact sweeps: the three models, long traces, bf16, and scaling."""
import json
import os

from . import arithmetic, peers
from .rows import Row, read_json, split_job, summary_reader, thin_job

OURS, OURS_SPLIT = "neurosweep, one process", "neurosweep, two processes of one thread"
BF16 = "neurosweep, bf16"
LAYERS = {"qwen3-54m": 12, "llama-7m": 6, "gpt2-6m": 6}
SPEED = {"qwen3-54m": 1.0, "llama-7m": 8.0, "gpt2-6m": 8.0}  # peers' rates against the 54M model's, for the estimate
START = 5.0  # seconds a peer needs to import its packages and load


def sweep_command(bench, model, job, stem, part=0, threads=None, extra=()):
    return [bench.neurosweep, "sweep", "--model", model, "--job", job, "--threads", str(threads or bench.threads),
            "--out", f"{stem}.{part}.jsonl", "--summary", f"{stem}.{part}.json", *extra]


def peer_command(bench, variant, model, job, stem, limit):
    command = [bench.peers.python(variant.venv), bench.peers.program(variant.program), "--model", model, "--job", job,
               "--threads", str(bench.threads), "--out", f"{stem}.0.jsonl", "--summary", f"{stem}.0.json"]
    return command + (["--limit", str(limit)] if limit else []) + variant.extra


def wanted(bench, variant, model):
    """Whether this invocation runs the variant on the model."""
    if bench.quick:
        return variant.name in ("hf-loop", "suffix-rank1-last")
    return bench.everything or variant.core in ("all", "large" if model == peers.MODELS[0] else "small")


def model_rows(bench, name):
    """Ours and the peers' programs on one model's job."""
    section, rows = f"sweep {name}", []
    skip = bench.peers.own_reason(name)
    model, job = bench.peers.model(name), bench.peers.job(name)
    layers = LAYERS[name]
    own_limit = layers if bench.quick else 8 * layers
    used = (lambda: thin_job(job, own_limit, bench.work)) if bench.quick else (lambda: job)
    expected = 16 * own_limit / (65 * SPEED[name])

    def ours(stem):
        return [sweep_command(bench, model, used(), stem)]

    def split(stem):
        return [sweep_command(bench, model, part, stem, k, 1)
                for k, part in enumerate(split_job(used(), 2, bench.work))]

    rows.append(Row(section, OURS, ours, summary_reader(), skip, expected + 4, ours=True, gemm=True))
    if not bench.quick:
        rows.append(Row(section, OURS_SPLIT, split, summary_reader(2), skip, expected + 4, ours=True, gemm=True,
                        pinned=True, env={"OMP_NUM_THREADS": "1"}))
    for variant in peers.VARIANTS:
        if not wanted(bench, variant, name):
            continue
        documented = variant.group != "suffix"
        limit = bench.limit or (max(2, layers // 3) if bench.quick else 24 if documented else 8 * layers)
        rows.append(Row(
            section, variant.name, lambda stem, v=variant, n=limit: [peer_command(bench, v, model, job, stem, n)],
            summary_reader(), bench.peers.reason(variant.venv), START + 16 * limit / (variant.rate * SPEED[name]),
            env=dict(variant.env, **bench.compile_cache()), group=variant.group,
            rounds=max(1, bench.rounds - 1) if documented else bench.rounds))
    if name == peers.MODELS[0] and not bench.quick:
        attribution = peers.Variant("attribution (approximate)", "peer_attribution.py", [], "approximate", 1e5)
        rows.append(Row(section, attribution.name,
                        lambda stem: [peer_command(bench, attribution, model, job, stem, 0)], summary_reader(),
                        bench.peers.skip, START + 4, group="approximate", rounds=1))
    return rows


def long_rows(bench):
    """512 prompt tokens and an answer of 64, edits on the answer only; peers edit, and run, everything."""
    section, skip = "long traces", bench.peers.skip
    name = peers.MODELS[0]
    model, job = bench.peers.model(name), bench.peers.job("long")
    no_span = None if bench.source_has("experiments/sweep_job.cpp", '"span"') else "sweep jobs have no key 'span' yet"

    def ours(stem):
        spanned = job.replace(".json", ".generated.json")
        with open(spanned, "w") as file:
            json.dump(dict(read_json(job), span="generated"), file)
        return [sweep_command(bench, model, thin_job(spanned, 12, bench.work) if bench.quick else spanned, stem)]

    rows = [Row(section, OURS, ours, summary_reader(), no_span, 8, ours=True, gemm=True)]
    for variant in peers.VARIANTS:
        if variant.name == "suffix-rank1-last" or bench.everything and variant.name == "suffix-rank1-last-compile":
            limit = bench.limit or (4 if bench.quick else 12)
            rows.append(Row(section, variant.name,
                            lambda stem, v=variant, n=limit: [peer_command(bench, v, model, job, stem, n)],
                            summary_reader(), skip, START + 4 * limit / 6.0, env=bench.compile_cache(),
                            group="suffix"))
    return rows


def bf16_rows(bench):
    """The 54M model's job computed in bf16."""
    skip = None
    if "--dtype" not in bench.help_of("sweep"):
        skip = "neurosweep sweep has no --dtype yet"
    name = peers.MODELS[0]

    def ours(stem):
        job = bench.peers.job(name)
        return [sweep_command(bench, bench.peers.model(name),
                              thin_job(job, LAYERS[name], bench.work) if bench.quick else job, stem,
                              extra=("--dtype", "bfloat16"))]

    return [Row("bf16", BF16, ours, summary_reader(), skip, 20, ours=True, gemm=True)]


# axis: the sizes tried, the others at the base's
BASE = {"L": 8, "M": 1024, "prompts": 8, "tokens": 64}
AXES = {"L": (4, 8, 16, 24), "M": (512, 1024, 2048, 4096), "prompts": (4, 8, 16, 32), "tokens": (32, 64, 128, 256)}


def scaling_points(quick):
    """(row name, sizes): the base, then one size changed at a time."""
    yield "base", BASE
    for axis, values in AXES.items():
        for value in values[-2:-1] if quick else values:
            if value != BASE[axis]:
                yield f"{axis} = {value}", dict(BASE, **{axis: value})


def scaling_rows(bench):
    """Our sweep on random models of Llama type, one size changed at a time."""
    rows = []
    for name, size in scaling_points(bench.quick):
        folder = bench.file(f"scaling/L{size['L']}-M{size['M']}")
        job = bench.file(f"scaling/{name.replace(' = ', '-')}.json")

        def setup(folder=folder, job=job, size=size):
            arithmetic.write_random_llama(folder, size["L"], size["M"])
            arithmetic.write_random_job(job, folder, os.path.basename(job), size["prompts"], size["tokens"],
                                        max(2, 48 // size["L"]))

        def ours(stem, folder=folder, job=job):
            return [sweep_command(bench, folder, job, stem)]

        def read(stem, folder=folder, size=size):
            out = summary_reader()(stem)
            gflop = arithmetic.gflop_per_intervention(arithmetic.shape(folder), size["tokens"])
            return dict(out, gflop=gflop, milliseconds=1000 / out["rate"], gflops=gflop * out["rate"])

        rows.append(Row("scaling", name, ours, read, None, 2.5, ours=True, setup=setup, rounds=2))
    return rows
