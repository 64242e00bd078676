"""The machine: facts about it, its GEMM rate, and running programs with a note of who else was busy."""
import json
import os
import subprocess
import time

HZ = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """A fault the user can act on, told in one line."""


def first_match(path, key):
    try:
        with open(path) as file:
            for line in file:
                if line.startswith(key):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return "unknown"


def facts(root):
    """What RESULTS.md says about the machine; no names or paths."""
    flags = first_match("/proc/cpuinfo", "flags").split()
    wide = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in flags]
    commit = subprocess.run(["git", "-C", root, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True)
    dirty = subprocess.run(["git", "-C", root, "status", "--porcelain", "-uno"], capture_output=True, text=True)
    memory = first_match("/proc/meminfo", "MemTotal").split()[0]
    return {
        "cpu": first_match("/proc/cpuinfo", "model name"),
        "instructions": " ".join(wide),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(int(memory) / 2**20) if memory.isdigit() else None,
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "commit": commit.stdout.strip() + (" with local changes" if dirty.stdout.strip() else ""),
    }


def busy_ticks():
    try:
        with open("/proc/stat") as file:
            ticks = [int(word) for word in file.readline().split()[1:9]]
    except OSError:
        return 0
    return sum(ticks[k] for k in (0, 1, 2, 5, 6))


def wait_quiet(limit, busy_cores=0.1, need=1):
    """Returns once the machine was nearly idle for `need` seconds on end, or after `limit` seconds."""
    end, good = time.time() + limit, 0
    while time.time() < end and good < need:
        before = busy_ticks()
        time.sleep(1.0)
        good = good + 1 if (busy_ticks() - before) / HZ < busy_cores else 0


class Child:
    """A program under way, its output in files."""

    def __init__(self, command, log, env=None, cpus=None, cwd=None):
        def pin():
            if cpus:
                os.sched_setaffinity(0, cpus)

        self.command, self.log = command, log
        with open(log, "w") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, cwd=cwd, preexec_fn=pin,
                                            env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1", **(env or {})))

    def wait(self):
        """Returns CPU seconds and peak MiB. Throws BenchError with the program's last line when it failed."""
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        if self.process.returncode:
            with open(self.log) as file:
                lines = [line.strip() for line in file if line.strip()] or ["no output"]
            raise BenchError(f"exit {self.process.returncode}: {lines[-1][:200]}")
        return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def run_together(commands, log, env=None, pinned=False, cwd=None):
    """Runs programs at the same time and returns wall_seconds, cpu_seconds, peak_rss_mb (summed), others_cores.

    `pinned` gives program k the k-th core.
    """
    cores = sorted(os.sched_getaffinity(0))
    before, begin = busy_ticks(), time.perf_counter()
    children = [Child(command, f"{log}.{k}.log", env, {cores[k % len(cores)]} if pinned else None, cwd)
                for k, command in enumerate(commands)]
    cpu = rss = 0.0
    failure = None
    for child in children:
        try:
            used, peak = child.wait()
            cpu, rss = cpu + used, rss + peak
        except BenchError as error:
            failure = failure or error
    if failure:
        raise failure
    wall = time.perf_counter() - begin
    others = max(0.0, (busy_ticks() - before) / HZ - cpu) / wall
    return {"wall_seconds": wall, "cpu_seconds": cpu, "peak_rss_mb": rss, "others_cores": others}


def output_of(command, env=None):
    """Text of a short program. Throws BenchError with its last line when it fails."""
    done = subprocess.run(command, capture_output=True, text=True,
                          env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1", **(env or {})))
    if done.returncode:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()] or ["no output"]
        raise BenchError(f"{os.path.basename(command[0])}: exit {done.returncode}: {lines[-1][:200]}")
    return done.stdout


def gemm_rate(program, threads):
    """GFLOP/s that torch reaches right now for one fixed fp32 product."""
    return json.loads(output_of([program, "--threads", str(threads)]))["pulse_gflops"]
