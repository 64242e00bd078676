"""The peers' programs, their virtual environments, models and jobs."""
import json
import os
import subprocess
import sys

from .arithmetic import write_random_job, write_random_llama, write_random_steer_job
from .machine import BenchError, output_of

CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "neurosweep", "peers")
NO_PEERS = "no peer programs (NEUROSWEEP_PEERS)"
MODELS = ("qwen3-54m", "llama-7m", "gpt2-6m")
# Stand-ins of Llama type and the same sizes, where there are no peers to make the models.
STAND_INS = {"qwen3-54m": {"L": 12, "M": 1536, "D": 512, "heads": 8, "vocab": 32000},
             "llama-7m": {"L": 6, "M": 768, "D": 256, "heads": 4, "vocab": 4096}}

# What glibc can be told so that large buffers are not returned to the kernel after every use.
MALLOC = {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "8589934592",
          "MALLOC_TOP_PAD_": "67108864"}
RANK1_LAST = ["--mode", "rank1-last"]


class Variant:
    """One way to run a peer's sweep.

    group: "documented" (the way its manual shows), "suffix" (by hand, layers above only), "other"
    rate:  interventions/s on the 54M model by the peers' own figures, for the estimate of time only
    core:  "all" models, the "large" or the "small" ones only, or "" for --all only
    """

    def __init__(self, name, program, extra, group, rate, core="all", venv="venv"):
        self.name, self.program, self.extra, self.group = name, program, extra, group
        self.rate, self.core, self.venv = rate, core, venv
        self.env = MALLOC if name.endswith("-malloc") else {}


VARIANTS = (
    Variant("hf-loop", "peer_hf_hooks.py", [], "documented", 13),
    Variant("tlens4", "peer_transformerlens.py", [], "documented", 13),
    Variant("tlens3-hooked", "peer_hookedtransformer.py", [], "documented", 12, core="large", venv="venv-tl3"),
    Variant("nnsight-loop", "peer_nnsight.py", [], "documented", 17),
    Variant("pyvene", "peer_pyvene.py", [], "documented", 14),
    Variant("hf-loop-last", "peer_hf_hooks.py", ["--last-only"], "other", 21, core=""),
    Variant("tlens4-start", "peer_transformerlens.py", ["--last-only", "--start-at-layer"], "other", 22, core=""),
    Variant("tlens3-hooked-start", "peer_hookedtransformer.py", ["--start-at-layer"], "other", 15, core="",
            venv="venv-tl3"),
    Variant("nnsight-skip-last", "peer_nnsight.py", ["--mode", "skip", "--last-only"], "other", 32, core="large"),
    Variant("pyvene-last", "peer_pyvene.py", ["--last-only"], "other", 17, core=""),
    Variant("suffix-rank1-last", "peer_hf_suffix.py", RANK1_LAST, "suffix", 50, core="small"),
    Variant("suffix-rank1-last-b4-malloc", "peer_hf_suffix.py", RANK1_LAST + ["--group", "4"], "suffix", 54),
    Variant("suffix-rank1-last-compile", "peer_hf_suffix.py", RANK1_LAST + ["--compile"], "suffix", 52, core=""),
    Variant("suffix-rank1-last-b4-compile-malloc", "peer_hf_suffix.py",
            RANK1_LAST + ["--group", "4", "--compile"], "suffix", 56),
)


def make_venv(name, requirements):
    """The interpreter of a virtual environment, made once under the user's cache folder."""
    folder = os.path.join(CACHE, name)
    python, mark = os.path.join(folder, "bin", "python"), os.path.join(folder, ".complete")
    if os.path.exists(mark):
        return python
    print(f"bench: installing the peers' packages to {folder} (about 5 GB, a few minutes)", file=sys.stderr)
    os.makedirs(CACHE, exist_ok=True)
    if not os.path.exists(python):
        output_of([sys.executable, "-m", "venv", folder])
    output_of([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements])
    open(mark, "w").close()
    return python


class Peers:
    """The peers' folder with an interpreter for each environment, or the reason why there is none."""

    def __init__(self, folder, work):
        self.folder, self.work = folder, work
        self.skip, self.pythons, self.reasons = None, {}, {}
        if not folder:
            self.skip = NO_PEERS
            return
        if not os.path.exists(os.path.join(folder, "common.py")):
            raise BenchError(f"{folder}: no peer programs there (common.py is missing): correct NEUROSWEEP_PEERS")
        for venv, listed in (("venv", "requirements.txt"), ("venv-tl3", "requirements-tl3.txt")):
            given = os.environ.get("NEUROSWEEP_PEERS_PYTHON") if venv == "venv" else None
            try:
                self.pythons[venv] = given or make_venv(venv, os.path.join(folder, listed))
            except (BenchError, OSError, subprocess.SubprocessError) as error:
                self.reasons[venv] = f"its Python packages cannot be installed ({error})"
                print(f"bench: {listed}: {self.reasons[venv]}", file=sys.stderr)
        self.skip = self.reasons.get("venv")

    def reason(self, venv="venv"):
        """Why rows of this environment are skipped, or None."""
        return self.skip or self.reasons.get(venv)

    def program(self, name):
        return os.path.join(self.folder, name)

    def python(self, venv="venv"):
        return self.pythons[venv]

    def own_reason(self, model):
        """Why our own rows on this model are skipped, or None."""
        return self.skip if self.skip and model not in STAND_INS else None

    def make_inputs(self):
        """Writes the models and their jobs to the work folder, once."""
        if self.skip:
            return self.make_stand_ins()
        models = os.path.join(self.work, "models")
        if not all(os.path.exists(os.path.join(models, name, "tokenizer.json")) for name in MODELS):
            output_of([self.python(), self.program("make_models.py"), models])
        for name in MODELS:
            self.make_job("sweep", name, self.job(name), ["--per-layer", "8"])
            self.make_job("steer", name, self.steer_job(name), [])
        self.make_job("sweep", MODELS[0], self.job("long"),
                      ["--per-layer", "4", "--prompts", "4", "--tokens", "512", "--answer-tokens", "64"])

    def make_stand_ins(self):
        for name, size in STAND_INS.items():
            write_random_llama(self.model(name), **size)
            write_random_job(self.job(name), self.model(name), name, 16, 64, 8)
        first = self.model(MODELS[0])
        write_random_steer_job(self.steer_job(MODELS[0]), first, 16, 64, 64)
        write_random_job(self.job("long"), first, "long", 4, 512, 4, answer=64)

    def make_job(self, kind, model, path, extra):
        if not os.path.exists(path):
            stem = os.path.splitext(os.path.basename(path))[0]
            output_of([self.python(), self.program("make_job.py"), kind, "--model", self.model(model), "--name", stem,
                       "--out", path + ".new"] + extra)
            if kind == "steer":
                with open(path + ".new") as file:
                    job = json.load(file)
                os.replace(os.path.join(os.path.dirname(path), job["vectors"]),
                           os.path.splitext(path)[0] + ".safetensors")
                job["vectors"] = stem + ".safetensors"
                with open(path + ".new", "w") as file:
                    json.dump(job, file)
            os.replace(path + ".new", path)

    def model(self, name):
        return os.path.join(self.work, "stand-ins" if self.skip else "models", name)

    def job(self, name):
        return self.model(name) + ".sweep.json"

    def steer_job(self, name):
        return self.model(name) + ".steer.json"
