"""Rows of whole studies: screen and race on the 54M model, and what `plan` estimates against what a run takes."""
import json
import os
import re
import shutil

from . import peers
from .effects import read_effects
from .machine import output_of, run_together
from .rows import Row, read_json
from .sweeps import sweep_command

RACE, PLAN = "screen + race", "plan"
TOP = 50
WANTED = {"split": '"all"', "items": "0", "top": str(TOP), "error": "0.05"}


def keys_of(bench, kind):
    """Keys of an experiment kind by `neurosweep keys`, or None where there is no such kind."""
    text = output_of([bench.neurosweep, "keys"])
    found = re.search(rf'^\[\[experiment\]\] kind = "{kind}".*\n((?:  .*\n)*)', text, re.M)
    return {line.split()[0] for line in found.group(1).splitlines()} if found else None


def link_model_without_eos(bench, name):
    """A model folder whose targets end with the answer, as the jobs do: a study appends eos where there is one.

    Its tokenizer has no added tokens: t0, t1 and t2 would be found inside t28344.
    """
    source, folder = bench.peers.model(name), bench.file("race/model")
    os.makedirs(folder, exist_ok=True)
    link = os.path.join(folder, "model.safetensors")
    if not os.path.lexists(link):
        os.symlink(os.path.join(source, "model.safetensors"), link)
    words = os.path.join(folder, "tokenizer.json")
    if os.path.lexists(words):
        os.remove(words)
    with open(words, "w") as file:
        json.dump(dict(read_json(os.path.join(source, "tokenizer.json")), added_tokens=[]), file)
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(dict(read_json(os.path.join(source, "config.json")), eos_token_id=None), file)
    return folder


def write_race_study(bench, keys):
    """The 54M model's job as a study: its tokenizer's words are t0 t1 ..., one a token."""
    name = peers.MODELS[0]
    prompts = read_json(bench.peers.job(name))["prompts"]
    with open(bench.file("race/items.jsonl"), "w") as file:
        for k, prompt in enumerate(prompts):
            words = {key: " ".join(f"t{token}" for token in prompt[key]) for key in ("context", "answer")}
            file.write(json.dumps({"id": f"item{k}", "question": words["context"], "answer": words["answer"]}) + "\n")
    settings = "\n".join(f"{key} = {value}" for key, value in WANTED.items() if key in keys)
    with open(bench.file("race/study.toml"), "w") as file:
        file.write(f'[study]\nname = "race"\n\n[models.m]\npath = {json.dumps(link_model_without_eos(bench, name))}\n\n'
                   f'[tasks.t]\nfile = "items.jsonl"\nprompt = "{{question}}"\n\n[[experiment]]\nkind = "race"\nname = "race"\n{settings}\n')
    return bench.file("race/study.toml")


def query(bench, store, sql):
    return json.loads(output_of([bench.neurosweep, "query", store, sql, "--format", "json"]))


def race_rows(bench):
    """All neurons of the 54M model on its job's prompts, once with two threads and once with two ranks."""
    if bench.quick:
        return []
    keys, skip = keys_of(bench, "race"), bench.peers.skip
    if not skip and keys is None:
        skip = 'no experiment kind "race" yet (neurosweep keys)'
    mpirun = shutil.which("mpirun")
    rows = []
    for ranks in (1, 2) if bench.everything else (1,):
        store = bench.file(f"race/store-{ranks}")

        def setup(store=store):
            shutil.rmtree(store, ignore_errors=True)

        def ours(stem, ranks=ranks, store=store):
            command = [bench.neurosweep, "run", write_race_study(bench, keys), "--store", store, "--set",
                       f"study.threads={bench.threads if ranks == 1 else 1}"]
            return [[mpirun, "--oversubscribe", "-n", str(ranks)] + command if ranks > 1 else command]

        def read(stem, store=store):
            result = query(bench, store, "SELECT * FROM race_result")[0]
            best = query(bench, store, "SELECT layer, neuron FROM race_neuron WHERE rank_no IS NOT NULL "
                                       f"ORDER BY rank_no LIMIT {result['top']}")
            return {"result": result, "best": [(b["layer"], b["neuron"]) for b in best]}

        name = "neurosweep, one rank" if ranks == 1 else "neurosweep, two ranks of one thread"
        rows.append(Row(RACE, name, ours, read, skip or (None if ranks == 1 or mpirun else "no mpirun"), 150, ours=True,
                        rounds=1, setup=setup))
    return rows


def plan_rows(bench):
    """A sweep of every neuron of the large bundled reasoner on 20 items: time by `plan`, time of the run."""
    def study():
        models = os.path.join(bench.root, "experiments", "models")
        path = bench.file("plan/study.toml")
        with open(path, "w") as file:
            file.write(f'[study]\nname = "plan"\nthreads = {bench.threads}\n\n[models.large]\n'
                       f'path = {json.dumps(os.path.join(models, "reasoner-large"))}\n\n[tasks.arith]\n'
                       f'file = {json.dumps(os.path.join(models, "tasks", "arith.jsonl"))}\n'
                       'target = "{reasoning}\\nA: {answer}"\ngrader = "after"\n\n[[experiment]]\nkind = "sweep"\n'
                       'name = "all"\nitems = 20\n')
        return path

    if bench.quick:
        return []
    store = bench.file("plan/store")

    def setup():
        shutil.rmtree(store, ignore_errors=True)

    def ours(stem):
        planned = json.loads(output_of([bench.neurosweep, "plan", study(), "--json"]))
        with open(f"{stem}.plan.json", "w") as file:
            json.dump(planned, file)
        return [[bench.neurosweep, "run", study(), "--store", store]]

    def read(stem):
        planned = [p for p in read_json(f"{stem}.plan.json") if p.get("experiment") == "all"]
        return {"planned": seconds_of(planned[0]["time"])} if planned else {}

    return [Row(PLAN, "sweep of reasoner-large", ours, read, None, 25, ours=True, setup=setup, rounds=1)]


def seconds_of(text):
    """Seconds of "1 min 54 s", as `plan` prints them."""
    units = {"d": 86400, "h": 3600, "min": 60, "s": 1, "ms": 1e-3}
    parts = re.findall(r"([\d.]+) (d|h|min|ms|s)\b", text)
    return sum(float(number) * units[unit] for number, unit in parts) if parts else None


def brute_truth(bench):
    """Mean effect of every neuron of the 54M model by our exact sweep: from an earlier run, or run now (an hour)."""
    name, path = peers.MODELS[0], bench.file("race/brute.json")
    if bench.peers.skip:
        return None
    if not os.path.exists(path):
        if not bench.brute:
            return None
        job = bench.peers.job("brute")
        bench.peers.make_job("sweep", name, job, ["--all"])
        prompts = read_json(bench.peers.job(name))["prompts"]
        if read_json(job)["prompts"] != prompts:
            raise ValueError(f"{job}: other prompts than the race's")
        stem = bench.file("race/brute.run")
        run_together([sweep_command(bench, bench.peers.model(name), job, stem)], stem)
        means = {}
        for (layer, neuron, _), effect in read_effects([f"{stem}.0.jsonl"]).items():
            means[(layer, neuron)] = means.get((layer, neuron), 0.0) + effect / len(prompts)
        with open(path, "w") as file:
            json.dump([[layer, neuron, mean] for (layer, neuron), mean in means.items()], file)
    return {(layer, neuron): mean for layer, neuron, mean in read_json(path)}


def recall(truth, best):
    """Share of the neurons with the most negative mean effect that the race found."""
    order = sorted(truth, key=truth.__getitem__)[:len(best)]
    return len(set(order) & set(best)) / len(order)
