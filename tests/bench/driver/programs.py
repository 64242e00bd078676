"""Rows of decoding, and of loading, tokenizer and store."""
import json
import os

from . import peers
from .rows import Row, read_json, summary_reader

PARTS = "load, tokenizer, store"
HERE = os.path.dirname(os.path.abspath(__file__))
DECODE = "neurosweep"


def decode_rows(bench):
    """Greedy generation on the 54M model's steering job."""
    name, skip = peers.MODELS[0], bench.peers.skip
    model, job = bench.peers.model(name), bench.peers.steer_job(name)

    def ours(stem):
        command = [bench.program("neurosweep_bench_decode"), "--model", model, "--job", short_job(job),
                   "--threads", str(bench.threads), "--pairs", "1" if bench.quick else "2",
                   "--out", f"{stem}.0.jsonl", "--summary", f"{stem}.0.json"]
        return [command]

    def short_job(path):
        if not bench.quick:
            return path
        out = path.replace(".steer.json", ".short.json")
        with open(out, "w") as file:
            json.dump(dict(read_json(path), new_tokens=16), file)
        return out

    def read(stem):
        summary = read_json(f"{stem}.0.json")
        made = {f"{c['name']} {c['sequences']}": c for c in summary["comparisons"]}
        return {"comparisons": made, "rate": made["steered-hook 16"]["edited_tokens_per_s"],
                "peak_rss_mb": summary["peak_rss_mb"]}

    rows = [Row("decode", DECODE, ours, read, None, 10 if bench.quick else 45, ours=True, rounds=2)]
    for label, extra in (("hf-generate", ["--plain"]), ("hf-generate with a hook", [])):
        if bench.quick and "--plain" in extra:
            continue

        def peer(stem, extra=tuple(extra)):
            return [[bench.peers.python(), bench.peers.program("steer_generate.py"), "--model", model,
                     "--job", short_job(job), "--threads", str(bench.threads), "--out", f"{stem}.0.jsonl",
                     "--summary", f"{stem}.0.json", *extra]]

        rows.append(Row("decode", label, peer, summary_reader(rate="tokens_per_s"), skip, 8 if bench.quick else 14,
                        rounds=2))
    return rows


def part_rows(bench):
    """Loading, tokenizer and store: our google-benchmark programs, and the peers' packages for the first two."""
    skip = bench.peers.skip
    tokenizer = os.path.join(bench.root, "experiments", "models", "reasoner-small")
    env = {"NEUROSWEEP_BENCH_MODEL": bench.peers.model(peers.MODELS[0]), "OMP_NUM_THREADS": str(bench.threads)}

    def ours(stem):
        return [[bench.program("neurosweep_bench"), f"--benchmark_out={stem}.0.json", "--benchmark_out_format=json",
                 f"--benchmark_min_time={0.05 if bench.quick else 0.5}"]]

    def read(stem):
        parts = {}
        for b in read_json(f"{stem}.0.json")["benchmarks"]:
            if b.get("error_occurred"):
                continue
            unit = {"ns": 1e-6, "us": 1e-3, "ms": 1.0}[b["time_unit"]]
            parts[b["name"]] = {"ms": b["real_time"] * unit, "items_per_s": b.get("items_per_second"),
                                "mb_per_s": b["bytes_per_second"] / 1e6 if "bytes_per_second" in b else None}
        return {"parts": parts}

    def peer(stem):
        return [[bench.peers.python(), os.path.join(HERE, "peer_parts.py"), bench.peers.model(peers.MODELS[0]),
                 os.path.join(tokenizer, "tokenizer.json"), f"{stem}.0.json"]]

    def read_peer(stem):
        return {"parts": read_json(f"{stem}.0.json")}

    rows = [Row(PARTS, "neurosweep", ours, read, None, 4 if bench.quick else 15, ours=True, env=env, rounds=2)]
    if not bench.quick:
        rows.append(Row(PARTS, "transformers, tokenizers", peer, read_peer, skip, 10, env=env, rounds=2))
    return rows
