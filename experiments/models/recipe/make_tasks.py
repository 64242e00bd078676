"""Seeded generator of five families of step-by-step reasoning tasks.

Text of one item: prompt = question + "\\n", completion = reasoning + "\\nA: " +
answer, then the end-of-text token.  An item's question decides, by a hash,
whether it belongs to the held-out share (task files) or to the training stream.

Run it to write tasks/<family>.jsonl; the output is byte-identical on each run.
"""

import argparse
import hashlib
import json
import random
from pathlib import Path

SPLITS = (("identify", 200), ("validate", 200), ("test", 400))
HELD_OUT_SHARE = 16  # one question in sixteen is never trained on
SEED = 20251
LETTERS = "abcdefghijklmnopqrstuvwxyz"
NAMES = ("Ann Bob Cat Dan Eve Fay Gus Hal Ida Jim Kay Lee Max Ned Pam Ray Sue Tom").split()
OPEN, CLOSE = "([{", dict(zip("([{", ")]}"))


def apply(op, a, b):
    """One arithmetic step modulo ten."""
    return (a + b if op == "+" else a - b if op == "-" else a * b) % 10


def arith(rng, d):
    """d operations, evaluated from left to right modulo ten, in d written steps."""
    value = rng.randrange(10)
    question, steps = [f"calc:{value}"], []
    for _ in range(d):
        op = rng.choice("+-*")
        b = rng.choice((3, 7, 9)) if op == "*" and rng.random() < 0.5 else rng.randrange(1, 10)
        result = apply(op, value, b)
        question.append(f"{op}{b}")
        steps.append(f"{value}{op}{b}={result}")
        value = result
    return "".join(question), ";".join(steps), str(value)


def variables(rng, d, restate=True):
    """d assignments, each to a new variable; the value of one of them is asked.

    Restating writes every operand's name before its value, and the asked one at the end.
    """
    names = rng.sample(LETTERS, d)
    state, question, steps = {}, [], []
    for target in names:
        known = list(state)
        kind = min(len(known), rng.choice((0, 1, 1, 1, 2, 2)))
        op = rng.choice("+-")
        if kind == 0:
            value = rng.randrange(10)
            text, work = f"{value}", ""
        elif kind == 1:
            a, b = rng.choice(known), rng.randrange(1, 10)
            value, text = apply(op, state[a], b), f" {a}{op}{b}"
            work = f" {target}={f' {a}' if restate else ''}{state[a]}{op}{b}"
        else:
            a, b = rng.sample(known, 2)
            value, text = apply(op, state[a], state[b]), f" {a}{op} {b}"
            left, right = (f" {a}", f" {b}") if restate else ("", "")
            work = f" {target}={left}{state[a]}{op}{right}{state[b]}"
        state[target] = value
        question.append(f" {target}={text}")
        steps.append(f"{work} {target}{value}")
    asked = rng.choice(names)
    last = f"? {asked}{state[asked]}" if restate else ""
    return f"vars:{';'.join(question)}; {asked}?", f"so{';'.join(steps)}{last}", str(state[asked])


def sort(rng, d):
    """Selection sort of d distinct letters, the remaining ones written at each step."""
    left = rng.sample(LETTERS, d)
    question = "sort: " + " ".join(left)
    picked, steps = [], []
    while left:
        smallest = min(left)
        left.remove(smallest)
        picked.append(smallest)
        steps.append(" ".join([smallest, "left", *left]) if left else smallest)
    return question, "take " + ", ".join(steps), " ".join(picked)


def brackets(rng, d):
    """Close an open prefix of d brackets; each bracket is written with its depth."""
    while True:
        stack, prefix, steps = [], [], []
        for i in range(d):
            if not stack or (rng.random() < 0.57 and len(stack) < 9):
                stack.append(rng.choice(OPEN))
                prefix.append(stack[-1])
            else:
                prefix.append(CLOSE[stack.pop()])
            steps.append(f"{prefix[-1]}{len(stack)}")
        if 2 <= len(stack) <= 6:
            break
    open_ones = [f"{depth}{stack[depth - 1]}" for depth in range(len(stack), 0, -1)]
    answer = "".join(CLOSE[s] for s in reversed(stack))
    return "close:" + "".join(prefix), "".join(steps) + ";" + "".join(open_ones), answer


def compare(rng, d):
    """Order d names from d - 1 shuffled comparisons, some reversed, and the least."""
    order = rng.sample(NAMES, d)
    facts = []
    for a, b in zip(order, order[1:]):
        facts.append(f" {a} < {b}" if rng.random() < 0.8 else f" {b} > {a}")
    rng.shuffle(facts)
    links = ",".join(f" {a} < {b}" for a, b in zip(order, order[1:]))
    return f"order:{','.join(facts)}; least {order[0]}", f"so{links}", " ".join(order)


FAMILIES = {f.__name__: f for f in (arith, variables, sort, brackets, compare)}
TRAINING = {  # difficulties of the training stream, uniform
    "arith": range(3, 11),
    "variables": range(3, 6),
    "sort": range(4, 10),
    "brackets": range(9, 21),
    "compare": range(4, 9),
}
WEIGHTS = {"arith": 2, "variables": 4, "sort": 4, "brackets": 3, "compare": 4}  # of training
FILES = {  # difficulties of the task files, uniform, the same for every split
    "arith": range(3, 11),
    "variables": range(3, 6),
    "sort": range(4, 10),
    "brackets": range(9, 21),
    "compare": range(4, 9),
}


def held_out(question):
    """Whether a question belongs to the share that training never sees."""
    digest = hashlib.blake2b(question.encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little") % HELD_OUT_SHARE == 0


def prompt_of(item):
    """The text a model is given."""
    return item["question"] + "\n"


def completion_of(item):
    """The text a model is to write, before the end-of-text token."""
    return item["reasoning"] + "\nA: " + item["answer"]


def training_stream(seed, weights=None, stage=2):
    """Endless training items, no question from the held-out share.

    Stage 1 has variables without restated names, and up to six of them.
    """
    rng = random.Random(seed)
    names, weights = list(WEIGHTS), list((weights or WEIGHTS).values())
    while True:
        family = rng.choices(names, weights)[0]
        if stage == 1 and family == "variables":
            question, reasoning, answer = variables(rng, rng.choice(range(3, 7)), restate=False)
        else:
            question, reasoning, answer = FAMILIES[family](rng, rng.choice(TRAINING[family]))
        if not held_out(question):
            yield {"question": question, "reasoning": reasoning, "answer": answer,
                   "family": family}


def file_items(family):
    """All held-out items of one family, in file order, questions distinct."""
    rng = random.Random(f"{SEED}/{family}")
    seen, items = set(), []
    for split, count in SPLITS:
        kept = 0
        while kept < count:
            difficulty = FILES[family][kept % len(FILES[family])]
            question, reasoning, answer = FAMILIES[family](rng, difficulty)
            if question in seen or not held_out(question):
                continue
            seen.add(question)
            items.append({"id": f"{family}-{split}-{kept:03d}", "question": question,
                          "reasoning": reasoning, "answer": answer, "split": split,
                          "family": family, "difficulty": difficulty})
            kept += 1
    return items


def main():
    """Write one JSONL file per family."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "tasks")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for family in FAMILIES:
        lines = [json.dumps(item, separators=(",", ":")) + "\n" for item in file_items(family)]
        (out / f"{family}.jsonl").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
