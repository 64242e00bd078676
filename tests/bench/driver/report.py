"""RESULTS.md: the requirements first, then one table a section."""
import json
import statistics

from . import arithmetic, peers, programs, requirements, studies
from .effects import rank_correlation
from .sweeps import BASE, OURS

SECTIONS_INTRO = {
    "sweep": "Zero-ablation of single neurons at every position, {prompts} prompts x 64 tokens, log-probability of the "
             "answer at the last position; interventions = neurons x prompts. Ratio: our faster way over the peer. "
             "Share: {gflop:.2f} GFLOP an intervention that cannot be avoided, times our rate, over the GEMM rate "
             "around the run.",
    "long traces": "512 prompt tokens and 64 answer tokens, all of the answer scored. Ours edits the answer's tokens "
                   "and runs only these; the peers edit, and run, all 575.",
    "scaling": "Our sweep on random models of Llama type (hidden 256, 4 heads, vocabulary 2,048); one size changes, "
               "the others stay at L = {L}, M = {M}, {prompts} prompts, {tokens} tokens. Time goes with the "
               "arithmetic where GFLOP/s stays level.",
}


def number(value, digits=None):
    if value is None:
        return "-"
    if digits is None:
        digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


def table(head, lines):
    text = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(text + ["| " + " | ".join(str(cell) for cell in line) + " |" for line in lines])


def spread(values):
    return f"{number(min(values))} .. {number(max(values))}" if values else "-"


def disturbance(row):
    return number(row.median("others_cores"), 2)


def absent(row, columns):
    """The line of a row that has no runs, with the reason."""
    return [row.name, f"skipped: {row.skip}" if row.skip else f"failed: {row.failure or 'not run'}"] + [""] * columns


def gemm_of(row):
    pulses = [statistics.mean(run["gemm"]) for run in row.runs if run.get("gemm")]
    return number(statistics.median(pulses)) if pulses else "-"


def rate_table(rows, best, extra_head=(), extra=None):
    lines = []
    for row in rows:
        more = extra(row) if extra and row.runs else []
        if not row.runs:
            lines.append(absent(row, 7 + len(extra_head)))
            continue
        ratio = "" if row.ours or not best else number(best.median() / row.median(), 2)
        lines.append([row.name, number(row.median()), spread(row.values()), ratio, number(row.median("peak_rss_mb")),
                      *more, gemm_of(row), disturbance(row), len(row.runs)])
    head = ["way", "per second", "min .. max", "ours / it", "peak MiB", *extra_head, "GEMM GFLOP/s", "others' cores",
            "runs"]
    return table(head, lines)


def sweep_section(bench, rows, name, gaps):
    mine = [row for row in rows if row.section == f"sweep {name}"]
    if not any(row.runs for row in mine):
        return skipped_section(mine)
    gflop = arithmetic.gflop_per_intervention(bench.shape(name), 64)

    def extra(row):
        gap, share = gaps.get(row), row.gemm_share(gflop) if row.group != "approximate" else None
        return ["-" if gap is None else f"{gap:.1e}", "-" if share is None else f"{100 * share:.0f} %"]

    intro = SECTIONS_INTRO["sweep"].format(prompts=bench.job_size(name), gflop=gflop)
    best = requirements.best_of_ours(rows, f"sweep {name}")
    return intro + "\n\n" + rate_table(mine, best, ("largest difference", "share of GEMM rate"), extra)


def skipped_section(rows):
    return "\n".join(f"- {row.name}: " + (f"skipped: {row.skip}" if row.skip else f"failed: {row.failure or 'not run'}")
                     for row in rows if not row.runs) or "- left out (--quick or --only)"


def decode_section(rows):
    mine = [row for row in rows if row.section == "decode"]
    lines, rates = [], {}
    for row in mine:
        if not row.runs:
            lines.append(absent(row, 4))
        elif not row.ours:
            rates[row.name] = row.median()
            lines.append([row.name, 16, number(row.median()), spread(row.values()), "", disturbance(row)])
    ours = next((row for row in mine if row.ours and row.runs), None)
    for name in ours.runs[0]["comparisons"] if ours else ():
        made = [run["comparisons"][name] for run in ours.runs]
        label = f"neurosweep, {made[0]['name'].replace('-', ' ')}"
        for key, text in (("plain_tokens_per_s", "neurosweep, none (paired with the next)"),
                          ("edited_tokens_per_s", label)):
            values = [one[key] for one in made]
            over = "" if key.startswith("plain") else number(statistics.median(o["edited_over_plain"] for o in made), 3)
            lines.append([text, made[0]["sequences"], number(statistics.median(values)), spread(values), over,
                          disturbance(ours)])
    agree = same_tokens(ours, mine)
    return table(["way", "sequences", "tokens/s", "min .. max", "over none", "others' cores"], lines) + agree


def same_tokens(ours, rows):
    """How many of the generated sequences are the same as HF's, token by token."""
    said = ""
    for peer, run in (("hf-generate", "plain"), ("hf-generate with a hook", "steered-hook"),
                      ("hf-generate with a hook", "steered-interventions")):
        row = next((row for row in rows if row.name == peer and row.runs), None)
        if not ours or not row:
            continue
        theirs = {line["prompt"]: line["tokens"] for line in bench_lines(row)}
        mine = {line["prompt"]: line["tokens"] for line in bench_lines(ours)
                if line["run"] == run and line["sequences"] == len(theirs)}
        said += f"\n- {run}: {sum(mine.get(p) == t for p, t in theirs.items())} of {len(theirs)} sequences as {peer}'s"
    return "\n" + said if said else ""


def bench_lines(row):
    with open(f"{row.runs[0]['stem']}.0.jsonl") as file:
        return [json.loads(line) for line in file]


def parts_section(rows):
    mine = [row for row in rows if row.section == programs.PARTS]
    ours = next((row for row in mine if row.ours and row.runs), None)
    peer = next((row for row in mine if not row.ours), None)
    if not ours:
        return skipped_section(mine)
    names = {"bench_load_model": "load the 54M model", "bench_load": "load the small reasoner",
             "bench_tokenize": "tokenizer, 100 kB of text", "bench_store": "store: write 500 units, merge"}
    lines = []
    for key, text in names.items():
        ms, mb, items = (median_part(ours, key, field) for field in ("ms", "mb_per_s", "items_per_s"))
        theirs = median_part(peer, key, "ms") if peer and peer.runs else None
        said = number(theirs) if theirs else (f"skipped: {peer.skip}" if peer and peer.skip and key in
                                              ("bench_load_model", "bench_tokenize") else "")
        lines.append([text, number(ms), number(mb), number(items), said,
                      number(theirs / ms, 2) if theirs and ms else ""])
    return table(["part", "ms", "MB/s", "units/s", "transformers, tokenizers: ms", "times as fast"], lines)


def median_part(row, key, field):
    values = [run["parts"][key][field] for run in row.runs if run["parts"].get(key, {}).get(field)]
    return statistics.median(values) if values else None


def scaling_section(rows):
    lines = []
    for row in (row for row in rows if row.section == "scaling"):
        if not row.runs:
            lines.append(absent(row, 4))
            continue
        lines.append([row.name, number(row.median("milliseconds"), 3), number(row.runs[0]["gflop"], 4),
                      number(row.median("gflops")), spread(row.values("gflops")), disturbance(row)])
    head = ["size", "ms an intervention", "GFLOP an intervention", "GFLOP/s", "min .. max", "others' cores"]
    return SECTIONS_INTRO["scaling"].format(**BASE) + "\n\n" + table(head, lines)


def race_section(rows):
    mine, lines = [row for row in rows if row.section == studies.RACE], []
    if not any(row.runs for row in mine):
        return skipped_section(mine)
    for row in mine:
        if not row.runs:
            lines.append(absent(row, 6))
            continue
        r = row.runs[-1]["result"]
        spent = r["screen_forwards"] + r["exact_forwards"]
        lines.append([row.name, number(row.median("wall_seconds")), number(row.median("peak_rss_mb")),
                      f"{r['n_in']} of {r['top']}",
                      f"{r['recall']:.3f} ({r['recall_low']:.3f} .. {r['recall_high']:.3f})",
                      f"{100 * spent / r['brute_forwards']:.2f} %", f"{100 * spent / r['documented_forwards']:.3f} %",
                      disturbance(row)])
    return table(["way", "seconds, whole run", "peak MiB", "proved in the top", "estimated recall",
                  "forwards of exact brute force", "of the documented loop", "others' cores"], lines)


def bf16_section(rows):
    mine = [row for row in rows if row.section == "bf16"]
    fp32 = requirements.named(rows, f"sweep {peers.MODELS[0]}", OURS)
    if not mine or not mine[0].runs:
        return skipped_section(mine)
    text = rate_table(mine, None)
    if fp32:
        rho = rank_correlation(requirements.effects_of(fp32), requirements.effects_of(mine[0]))
        text += (f"\n\n{number(mine[0].median() / fp32.median(), 2)} x the fp32 rate ({OURS}); rank correlation of "
                 f"effects with fp32: {rho:.4f}")
    return text


def plan_section(rows):
    mine = [row for row in rows if row.section == studies.PLAN]
    if not any(row.runs for row in mine):
        return skipped_section(mine)
    lines = [[row.name, number(row.median("planned")), number(row.median("wall_seconds")), disturbance(row)]
             for row in mine if row.runs]
    return table(["study", "seconds by plan", "seconds of the run", "others' cores"], lines)


def write_results(bench, rows, path):
    gaps = requirements.differences(rows)
    checks = requirements.checks(bench, rows, gaps)
    f = bench.facts
    pulses = [p for row in rows for run in row.runs for p in run.get("gemm", ())]
    parts = [
        "# Bench results", "Written by `./dev bench`; how and what: README.md beside this file.",
        f"- machine: {f['cpu']} ({f['instructions']}), {f['cores']} cores, {f['memory_gib']} GiB, {f['date']}\n"
        f"- commit {f['commit']}; torch {f['torch']}; {bench.threads} threads for everyone; {bench.rounds} rounds, "
        f"round-robin{'; a quick run' if bench.quick else ''}\n"
        f"- fp32 GEMM rate around the runs (1024 x 512 by 512 x 1536): {spread(pulses)} GFLOP/s; best at the shapes of "
        f"the 54M model's layers: {number(bench.layer_rate)} GFLOP/s\n"
        + (f"- {bench.peers.skip}: ours ran on random models of Llama type and the same sizes\n"
           if bench.peers.skip else "") +
        "- others' cores: what other programs used of the machine during a run; above 0.06 a two-thread figure is "
        "not to be quoted",
        "## Requirements",
        table(["requirement", "required", "measured", "met"], [[c.text, c.required, c.value, c.met] for c in checks])]
    for name in peers.MODELS:
        parts += [f"## Sweep, {name}", sweep_section(bench, rows, name, gaps)]
    long_rows = [row for row in rows if row.section == "long traces"]
    parts += ["## Long traces", SECTIONS_INTRO["long traces"],
              rate_table(long_rows, requirements.best_of_ours(rows, "long traces")),
              "## Screen and race", race_section(rows), "## Decode", decode_section(rows),
              "## Scaling", scaling_section(rows), "## Load, tokenizer, store", parts_section(rows),
              "## bf16", bf16_section(rows), "## Plan", plan_section(rows)]
    with open(path, "w") as file:
        file.write("\n\n".join(parts) + "\n")
    return checks
