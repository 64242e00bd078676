"""Accuracy of the bundled reasoners by model, family and split, decoding greedily."""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

from make_tasks import FAMILIES, prompt_of, SPLITS

LONGEST = 128  # tokens of prompt and completion together


def load_tasks(folder, split):
    """Items of one split by family."""
    tasks = {}
    for family in FAMILIES:
        lines = (Path(folder) / f"{family}.jsonl").read_text(encoding="utf-8").splitlines()
        tasks[family] = [i for i in map(json.loads, lines) if i["split"] == split]
    return tasks


@torch.no_grad()
def write(model, prompts, end, temperature=0.0):
    """Completions (token ids without the end) of equally long prompts."""
    tokens = torch.tensor(prompts)
    length, cache, done = tokens.shape[1], None, torch.zeros(len(prompts), dtype=torch.bool)
    new = tokens
    while tokens.shape[1] < LONGEST and not done.all():
        out = model(input_ids=new, past_key_values=cache, use_cache=True)
        cache, logits = out.past_key_values, out.logits[:, -1].float()
        if temperature > 0:
            new = torch.multinomial(torch.softmax(logits / temperature, -1), 1)
        else:
            new = logits.argmax(-1, keepdim=True)
        new = torch.where(done[:, None], end, new)
        done |= new[:, 0] == end
        tokens = torch.cat([tokens, new], 1)
    rows = (row[:row.index(end)] if end in row else row for row in tokens[:, length:].tolist())
    return list(rows)


def right(text, item):
    """Whether the text after the last "A: " is the answer."""
    return "A: " in text and text.rsplit("A: ", 1)[1] == item["answer"]


def graded(model, tokenizer, items, temperature=0.0):
    """One truth value per item, in order."""
    model.eval()
    end = model.config.eos_token_id
    groups = defaultdict(list)
    for k, item in enumerate(items):
        ids = tokenizer.encode(prompt_of(item)).ids
        groups[len(ids)].append((k, ids))
    result = [False] * len(items)
    for group in groups.values():
        for (k, _), ids in zip(group, write(model, [p for _, p in group], end, temperature)):
            result[k] = right(tokenizer.decode(ids, skip_special_tokens=False), items[k])
    model.train()
    return result


def accuracy(model, tokenizer, items):
    """Share of the items answered right, greedily."""
    return sum(graded(model, tokenizer, items)) / len(items)


def main():
    """Print one Markdown row per model and split."""
    here = Path(__file__).parent.parent
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path, nargs="*", default=sorted(here.glob("reasoner-*")))
    parser.add_argument("--tasks", type=Path, default=here / "tasks")
    parser.add_argument("--difficulty", action="store_true", help="also by difficulty")
    args = parser.parse_args()
    print("| model | split | n | " + " | ".join(FAMILIES) + " | mean |")
    print("|---" * (len(FAMILIES) + 4) + "|")
    for folder in args.models:
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        for split, count in SPLITS:
            marks = {f: (items, graded(model, tokenizer, items))
                     for f, items in load_tasks(args.tasks, split).items()}
            shares = [sum(m) / len(m) for _, m in marks.values()]
            cells = [f"{100 * s:.1f}" for s in [*shares, sum(shares) / len(shares)]]
            print(f"| {folder.name} | {split} | {count} | " + " | ".join(cells) + " |", flush=True)
            for family, (items, m) in marks.items() if args.difficulty else ():
                by = defaultdict(list)
                for item, ok in zip(items, m):
                    by[item["difficulty"]].append(ok)
                print(family, {d: round(sum(v) / len(v), 2) for d, v in sorted(by.items())})


if __name__ == "__main__":
    main()
