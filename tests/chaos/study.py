"""A study under test: its file, its starts and what stands in its store."""
import json
import os
import signal
import subprocess

STUDY = """[study]
name = "chaos"
seed = 5
unit_deadline = 4

[models.small]
path = "{models}/reasoner-small"

[tasks.arith]
file = "{models}/tasks/arith.jsonl"
target = "{{reasoning}}\\nA: {{answer}}"
grader = "after"

[tasks.sort]
file = "{models}/tasks/sort.jsonl"
target = "{{reasoning}}\\nA: {{answer}}"
grader = "after"

[[experiment]]
kind = "trace"
items = {trace_items}
attempts = 6
items_per_unit = {trace_unit}

[[experiment]]
kind = "identify"
from = "trace"
top = 30
polarity = false

[[experiment]]
kind = "sweep"
candidates = "identify"
items = {sweep_items}
controls = {controls}
arms_per_unit = 50
fdr = 0.5

[[experiment]]
kind = "suppress"
from = "identify"
items = {suppress_items}
top = 10
random_sets = 3
items_per_unit = 2
"""


def write_study(path, sources, size):
    text = STUDY.format(models=os.path.join(sources, "experiments", "models"), trace_items=12 * size,
                        trace_unit=2, sweep_items=10 * size, controls=60 * size, suppress_items=12 * size)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def descendants(pid):
    """Ids of the processes under `pid`, by name of their program."""
    children = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                name, rest = file.read().rsplit(")", 1)
        except OSError:
            continue
        children.setdefault(int(rest.split()[1]), []).append((int(entry), name.split("(", 1)[1]))
    found, left = [], [pid]
    while left:
        for child in children.get(left.pop(), []):
            found.append(child)
            left.append(child[0])
    return found


def kill(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


class Start:
    """One start of the study, alone or under mpirun."""

    def __init__(self, study, ranks, settings=None):
        environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                           OMP_NUM_THREADS="1", **(settings or {}))
        words = [study.program, "run", study.path, "--store", study.store]
        if ranks > 1:
            words = ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(ranks)] + words
        self.alone = ranks == 1
        self.output_path = study.store + ".out"
        with open(self.output_path, "wb") as output:
            self.process = subprocess.Popen(words, env=environment, stdout=output, stderr=output,
                                            start_new_session=True)

    def ranks(self):
        """Ids of the ranks that run."""
        if self.alone:
            return [self.process.pid] if self.running() else []
        return [pid for pid, name in descendants(self.process.pid) if name.startswith("neurosweep")]

    def everyone(self):
        return [self.process.pid] + [pid for pid, _ in descendants(self.process.pid)]

    def running(self):
        return self.process.poll() is None

    def wait(self, seconds):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill_all(self):
        for pid in self.everyone():
            kill(pid, signal.SIGKILL)
        self.process.wait()

    def what_it_waits_for(self):
        """A line for each thread: process, thread, and what it sleeps in within the kernel; then the locks of files."""
        lines = []
        for pid in self.everyone():
            for task in sorted(os.listdir(f"/proc/{pid}/task")) if os.path.exists(f"/proc/{pid}/task") else []:
                words = []
                for name in ("comm", "wchan", "syscall"):
                    try:
                        with open(f"/proc/{pid}/task/{task}/{name}", encoding="utf-8", errors="replace") as file:
                            words.append(file.read().strip())
                    except OSError:
                        words.append("?")
                lines.append(f"process {pid} thread {task}: {' | '.join(words)}\n")
        with open("/proc/locks", encoding="utf-8") as file:
            return "".join(lines) + file.read()

    def output(self):
        with open(self.output_path, encoding="utf-8", errors="replace") as file:
            return file.read()


class Study:
    def __init__(self, program, path, store):
        self.program, self.path, self.store = program, path, store

    def start(self, ranks, settings=None):
        return Start(self, ranks, settings)

    def finish(self, ranks=1):
        """Runs to the end, however often it must start."""
        for _ in range(5):
            start = self.start(ranks)
            status = start.process.wait()
            if status == 0:
                return
        raise RuntimeError(f"the study does not end: status {status}\n{start.output()}")

    def verify(self):
        """(status, report) of `neurosweep verify`."""
        words = [self.program, "verify", self.store, "--json"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        try:
            return done.returncode, json.loads(done.stdout)
        except json.JSONDecodeError:
            return done.returncode, {"problems": [done.stderr.strip()], "units": 0}

    def sound_hash(self):
        """The content hash, where results.db is sound and complete; else what is wrong."""
        status, report = self.verify()
        mine = [problem for problem in report["problems"] if not problem.startswith("launch-")]
        if mine or report["units_missing"]:
            return f"status {status}: {mine}, {report.get('units_missing')} units missing"
        return report["content_hash"]

    def files(self, start, end):
        """Paths of the store's files whose names start and end like this."""
        found = []
        for folder, _, names in os.walk(self.store):
            found += [os.path.join(folder, name) for name in names if name.startswith(start) and name.endswith(end)]
        return sorted(found)
