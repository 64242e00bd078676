"""The kinds of fault, and the storm that draws them."""
import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time

from study import Study, kill

ENOUGH = 20  # seconds after which a start that its fault did not end is told to stop
PATIENCE = 90  # seconds after which a start that was told to stop counts as hung

# Statuses that a start may end with when something happened to it.
KILLED = {-9, 137}
PEER_DIED = {1, 6, 85, 134, 143}  # the launcher's or a rank's own word after another rank died
IN_ORDER = {0, 85}


class Wrong(Exception):
    """An outcome that must not be."""


def told(number):
    return {-number, 128 + number}  # the signal came before its handler stood


def fault_kill_rank(storm):
    return storm.strike(lambda start: kill(storm.pick(start.ranks()), signal.SIGKILL), KILLED | PEER_DIED)


def fault_kill_launcher(storm):
    return storm.strike(lambda start: kill(start.process.pid, signal.SIGKILL), KILLED, least=2)


def fault_kill_all(storm):
    return storm.strike(lambda start: start.kill_all(), KILLED)


def fault_crash_rank(storm):
    number = storm.random.choice([signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL])
    return storm.strike(lambda start: kill(storm.pick(start.ranks()), number), told(number) | PEER_DIED | KILLED)


def drain(storm, number, statuses):
    return storm.strike(lambda start: kill(storm.pick(start.ranks()), number), statuses | told(number) | PEER_DIED)


def fault_drain_usr1(storm):
    return drain(storm, signal.SIGUSR1, IN_ORDER)


def fault_drain_term(storm):
    return drain(storm, signal.SIGTERM, IN_ORDER)


def fault_drain_launcher(storm):
    return storm.strike(lambda start: kill(start.process.pid, signal.SIGTERM),
                        IN_ORDER | told(signal.SIGTERM) | KILLED | PEER_DIED, least=2)


def failing_files(storm, fault, statuses):
    settings = storm.shim({"NS_FAULT": fault, "NS_FAULT_FILE": storm.study.store,
                           "NS_FAULT_AT": str(storm.random.randint(1, 400))})
    return storm.endure(storm.ranks(), settings, statuses | PEER_DIED)


def fault_torn_write(storm):
    return failing_files(storm, "torn", KILLED)


def fault_power_cut(storm):
    return failing_files(storm, "power", KILLED)


def fault_no_space(storm):
    return failing_files(storm, "enospc", {4})


def fault_io_error(storm):
    return failing_files(storm, "eio", {4})


def fault_full_disk(storm):
    if not storm.mounted:
        return None
    filler = os.path.join(storm.disk_path, "filler")

    def fill(_):
        with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(1 << 20))
        with open(filler, "ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(512))

    def make_room():
        with contextlib.suppress(FileNotFoundError):
            os.remove(filler)

    return storm.strike(fill, {4} | PEER_DIED, afterwards=make_room)


def in_a_unit(storm, act, statuses):
    unit = storm.pending_unit()
    if unit is None:
        return None
    return storm.endure(storm.ranks(), storm.shim({"NS_FAULT_UNIT": unit, "NS_FAULT_DO": act}), statuses | PEER_DIED)


def fault_unit_crashes(storm):
    number = storm.random.choice([signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT])
    return in_a_unit(storm, str(int(number)), told(number) | KILLED)


def fault_unit_hangs(storm):
    outcome = in_a_unit(storm, "hang", {85})
    return outcome if outcome and "longer than its deadline" in storm.last_output else None


def fault_clock_jumps(storm):
    return storm.strike(lambda start: kill(storm.pick(start.ranks()), signal.SIGKILL), KILLED | PEER_DIED,
                        settings=storm.shim({"NS_FAULT_CLOCK": "1"}))


def fault_two_at_once(storm):
    first = storm.study.start(storm.random.randint(1, 2))
    time.sleep(storm.random.uniform(0, 1))
    second = storm.study.start(storm.random.randint(1, 2))
    victim = storm.random.choice([first, second, None])
    if victim and victim.wait(storm.random.uniform(0.2, 4)) is None:
        victim.kill_all()
    return " and ".join(storm.judge(start, KILLED, settle=False) for start in (first, second))


def damage(storm, start, ending, change):
    files = [path for path in storm.study.files(start, ending) if os.path.getsize(path) > 0]
    if not files:
        return None
    change(storm.pick(files))
    status, _ = storm.study.verify()
    return "found by verify" if status in (4, 5) else "left no trace"


def flip(storm, path):
    with open(path, "r+b") as file:
        for _ in range(storm.random.randint(1, 20)):
            at = storm.random.randrange(100, max(101, os.path.getsize(path)))
            file.seek(at)
            byte = file.read(1) or b"\0"
            file.seek(at)
            file.write(bytes([byte[0] ^ (1 << storm.random.randrange(8))]))


def cut(storm, path):
    os.truncate(path, storm.random.randrange(os.path.getsize(path)))


def blank(storm, path):
    with open(path, "r+b") as file:
        file.seek(4096 * storm.random.randrange(1 + os.path.getsize(path) // 4096))
        file.write(bytes(4096))


def remove_database(path):
    for part in ("", "-wal", "-shm", "-journal"):
        with contextlib.suppress(FileNotFoundError):
            os.remove(path + part)


def fault_flip_shard(storm):
    return damage(storm, "shard-", ".db", lambda path: flip(storm, path))


def fault_cut_shard(storm):
    return damage(storm, "shard-", ".db", lambda path: cut(storm, path))


def fault_blank_shard(storm):
    return damage(storm, "shard-", ".db", lambda path: blank(storm, path))


def fault_lose_shard(storm):
    return damage(storm, "shard-", ".db", remove_database)


def fault_spoil_results(storm):
    how = storm.random.choice([flip, cut, blank])
    return damage(storm, "results", ".db", lambda path: how(storm, path))


def fault_lose_results(storm):
    return damage(storm, "results", ".db", remove_database)


def fault_spoil_wal(storm):
    how = storm.random.choice([flip, cut, blank])
    return damage(storm, "", "-wal", lambda path: how(storm, path))


def fault_spoil_journal(storm):
    return damage(storm, "rank-", ".now", lambda path: blank(storm, path))


ALL_KINDS = {name[len("fault_"):]: each for name, each in list(globals().items()) if name.startswith("fault_")}


class Storm:
    def __init__(self, options, generator: random.Random, path, folder, expected):
        self.options, self.random, self.expected = options, generator, expected
        self.path, self.disk_path = path, os.path.join(folder, "disk")
        self.mounted = False
        self.log = []  # (kind, outcome)
        self.last_output = ""
        self.completed = self.wrong = 0
        self.began = time.monotonic()
        self.begin_study()

    def begin_study(self):
        self.study = Study(self.options.program, self.path, os.path.join(self.disk_path, f"store-{self.completed}"))
        self.broken_units = set()

    def seconds(self):
        return time.monotonic() - self.began

    @contextlib.contextmanager
    def disk(self):
        """A small file system for the store, where one may be mounted: to be filled."""
        os.makedirs(self.disk_path)
        words = ["mount", "-t", "tmpfs", "-o", "size=512m", "tmpfs", self.disk_path]
        self.mounted = os.geteuid() == 0 and subprocess.run(words, check=False, capture_output=True).returncode == 0
        if not self.mounted:
            print("no tmpfs can be mounted here: the disk is never really full", flush=True)
        try:
            yield
        finally:
            if self.mounted:
                subprocess.run(["umount", "-l", self.disk_path], check=False)

    def rage(self):
        deck = []
        while self.seconds() < self.options.seconds or len(self.log) < self.options.faults:
            if not deck:
                deck = list(self.options.kinds)
                self.random.shuffle(deck)
            kind = deck.pop()
            at = self.seconds()
            try:
                outcome = ALL_KINDS[kind](self)
            except Wrong as failure:
                self.wrong += 1
                outcome = f"WRONG: {failure}"
            if outcome is None:
                continue
            self.log.append((kind, outcome.splitlines()[0]))
            print(f"{at:7.1f} s  {len(self.log):3}  {kind:<16} {outcome}", flush=True)

    def end(self):
        """Lets the study end undisturbed; returns how many ended wrong."""
        try:
            self.study.finish(ranks=2)
            self.complete()
        except (RuntimeError, Wrong) as failure:
            print(f"at the end: {failure}", flush=True)
            self.wrong += 1
        return self.wrong

    def complete(self):
        found = self.study.sound_hash()
        self.completed += 1
        if found != self.expected:
            store, self.study = self.study.store, None
            self.begin_study()
            raise Wrong(f"{store} completed with {found}")
        shutil.rmtree(self.study.store)
        self.begin_study()

    def pick(self, choices):
        return self.random.choice(choices) if choices else 0x7FFFFFFF  # no process has this id

    def ranks(self, least=1):
        return self.random.randint(least, 4)

    def shim(self, settings):
        return dict(settings, LD_PRELOAD=self.options.shim)

    def strike(self, act, statuses, least=1, settings=None, afterwards=lambda: None):
        """Starts the study, acts at a random moment, and waits for the end. No fault if it ended before.

        afterwards undoes what the act left, before anyone looks at the store."""
        start = self.study.start(self.ranks(least), settings)
        if start.wait(self.random.uniform(0.1, 5)) is None:
            act(start)
            try:
                return self.judge(start, statuses, afterwards=afterwards)
            finally:
                afterwards()
        self.judge(start, set())
        return None

    def endure(self, ranks, settings, statuses):
        """Starts the study with a fault built in and waits for the end. No fault if it did not come so far."""
        start = self.study.start(ranks, settings)
        outcome = self.judge(start, statuses)
        return None if start.process.returncode in IN_ORDER - statuses else outcome

    def judge(self, start, statuses, settle=True, afterwards=lambda: None):
        status = start.wait(ENOUGH)
        if status is None:
            for pid in start.ranks():
                kill(pid, signal.SIGUSR1)
            status = start.wait(PATIENCE)
        if status is None:
            waits = start.what_it_waits_for()
            start.kill_all()
            raise Wrong(f"did not stop within {PATIENCE} s\n{waits}" + start.output()[-2000:])
        afterwards()
        self.last_output = output = start.output()
        if status not in statuses | IN_ORDER:
            lines = [line for line in output.splitlines() if "error" in line or "warning" in line]
            raise Wrong(f"status {status}\n" + "\n".join(lines[-8:]))
        if status == 0 and settle:
            self.complete()
            return "completed, hash right"
        return {0: "completed", 85: "status 85: run again", 4: "status 4: file error"}.get(status, "dead")

    def pending_unit(self):
        """A unit that is not measured yet and was not broken before, as "round:unit"."""
        path = os.path.join(self.study.store, "results.db")
        pending = []
        subprocess.run([self.study.program, "merge", self.study.store], check=False, capture_output=True)
        try:
            with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
                done = set(db.execute("SELECT round_id, unit FROM unit"))
                for round_id, n_units in db.execute("SELECT round_id, n_units FROM round"):
                    pending += [(round_id, unit) for unit in range(n_units) if (round_id, unit) not in done]
        except sqlite3.Error:
            return None
        pending = [unit for unit in pending if unit not in self.broken_units]
        if not pending:
            return None
        unit = self.random.choice(pending)
        self.broken_units.add(unit)
        return f"{unit[0]}:{unit[1]}"
