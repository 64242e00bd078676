"""Trains one bundled reasoner from scratch on the task stream.

Fresh items every step, several packed into each row behind a block-diagonal
causal mask with positions restarting per item; loss on completion tokens only.
A run may be resumed with another stage, other weights or another schedule.
"""

import argparse
import json
import math
import shutil
import time
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch.nn import functional
from transformers import (GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM,
                          Qwen3Config, Qwen3ForCausalLM)

from evaluate import accuracy, load_tasks
from make_tasks import WEIGHTS, completion_of, prompt_of, training_stream

ROW = 128  # tokens per packed row
SHARED = {"bos_token_id": None, "tie_word_embeddings": True}
LLAMA = {"max_position_embeddings": 128, "rope_theta": 10000.0, "rms_norm_eps": 1e-6}
MODELS = {
    "reasoner-small": (LlamaForCausalLM, LlamaConfig, {
        **LLAMA, "hidden_size": 96, "num_hidden_layers": 4, "intermediate_size": 256,
        "num_attention_heads": 4, "num_key_value_heads": 2}),
    "reasoner-large": (Qwen3ForCausalLM, Qwen3Config, {
        **LLAMA, "hidden_size": 128, "num_hidden_layers": 6, "intermediate_size": 384,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32}),
    "reasoner-gpt2": (GPT2LMHeadModel, GPT2Config, {
        "n_embd": 128, "n_layer": 4, "n_inner": 512, "n_head": 4, "n_positions": 128,
        "embd_pdrop": 0.0, "attn_pdrop": 0.0, "resid_pdrop": 0.0}),
}


def build(name, tokenizer, end):
    """A freshly initialised model of the given name."""
    model_class, config_class, options = MODELS[name]
    config = config_class(vocab_size=tokenizer.get_vocab_size(), eos_token_id=end,
                          pad_token_id=end, **SHARED, **options)
    config._attn_implementation = "sdpa"
    return model_class(config)


def encoded_stream(tokenizer, end, seed, weights, stage):
    """Endless (token ids, prompt length) pairs."""
    stream = training_stream(seed, weights, stage)
    while True:
        items = [next(stream) for _ in range(256)]
        prompts = tokenizer.encode_batch([prompt_of(i) for i in items])
        completions = tokenizer.encode_batch([completion_of(i) for i in items])
        for p, c in zip(prompts, completions):
            yield p.ids + c.ids + [end], len(p.ids)


def packed_batches(stream, rows, end):
    """Endless batches: tokens, positions, attention mask, targets (-100: no loss)."""
    waiting = []
    while True:
        tokens = np.full((rows, ROW), end, dtype=np.int64)
        positions = np.zeros((rows, ROW), dtype=np.int64)
        segments = np.zeros((rows, ROW), dtype=np.int64)
        targets = np.full((rows, ROW), -100, dtype=np.int64)
        for r in range(rows):
            used, segment = 0, 1
            while True:
                while len(waiting) < 48:
                    waiting.append(next(stream))
                fitting = [k for k, (ids, _) in enumerate(waiting) if used + len(ids) <= ROW]
                if not fitting:
                    break
                best = fitting[0] if used == 0 else max(fitting, key=lambda k: len(waiting[k][0]))
                ids, prompt = waiting.pop(best)
                end_at = used + len(ids)
                tokens[r, used:end_at] = ids
                positions[r, used:end_at] = np.arange(len(ids))
                segments[r, used:end_at] = segment
                targets[r, used + prompt - 1:end_at - 1] = ids[prompt:]
                used, segment = end_at, segment + 1
        segments = torch.from_numpy(segments)
        same = segments[:, :, None] == segments[:, None, :]
        mask = (same & torch.ones(ROW, ROW, dtype=torch.bool).tril())[:, None]
        yield torch.from_numpy(tokens), torch.from_numpy(positions), mask, torch.from_numpy(targets)


def optimizer_of(model, lr, decay):
    """AdamW, weight decay on matrices only."""
    matrices = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.98), eps=1e-8, fused=True)


def rate(step, steps, warmup, cooldown):
    """Share of the peak learning rate: linear warm-up, plateau, cosine to two per cent.

    States are saved on the plateau only, so that a resumed run may change its length.
    """
    if step < warmup:
        return (step + 1) / warmup
    done = max(0.0, (step - steps + cooldown) / cooldown)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done))


def save(model, tokenizer_dir, out, dtype):
    """Write config, weights in the given type, and the tokenizer files."""
    out.mkdir(parents=True, exist_ok=True)
    state = {k: v.to(dtype) for k, v in model.state_dict().items() if k != "lm_head.weight"}
    model.save_pretrained(out, state_dict=state)
    config = json.loads((out / "config.json").read_text())
    config["dtype"] = str(dtype).removeprefix("torch.")
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tokenizer_dir / name, out / name)


def main():
    """Train, log, checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--tasks", type=Path, required=True, help="folder of task files")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--until", type=int, help="stop earlier, at this step of the schedule")
    parser.add_argument("--rows", type=int, default=24, help="packed rows per step")
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--warmup", type=int, default=200)
    parser.add_argument("--cooldown", type=int, default=1500, help="steps of the cosine")
    parser.add_argument("--decay", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--weights", type=float, nargs=5, default=list(WEIGHTS.values()),
                        metavar="W", help="of the families: " + " ".join(WEIGHTS))
    parser.add_argument("--stage", type=int, choices=(1, 2), default=2, help="of the stream")
    parser.add_argument("--every", type=int, default=500, help="steps between checkpoints")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--resume", action="store_true", help="from the last state of --out")
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    weights = dict(zip(WEIGHTS, args.weights))
    tokenizer = Tokenizer.from_file(str(args.tokenizer / "tokenizer.json"))
    end = tokenizer.token_to_id("<|endoftext|>")
    model = build(args.model, tokenizer, end)
    optimizer = optimizer_of(model, args.lr, args.decay)
    stream = encoded_stream(tokenizer, end, args.seed, weights, args.stage)
    batches = packed_batches(stream, args.rows, end)
    tasks = load_tasks(args.tasks, "validate")
    forward = torch.compile(model) if args.compile else model
    state_file, first = args.out / "state.pt", 0
    if args.resume:
        state = torch.load(state_file)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]
        for _ in range(first):
            next(batches)
    started, seen, recent = time.time(), first * args.rows * ROW, []
    print(json.dumps({"model": args.model, "parameters": model.num_parameters()}), flush=True)
    last = args.until or args.steps
    for step in range(first + 1, last + 1):
        for group in optimizer.param_groups:
            group["lr"] = args.lr * rate(step - 1, args.steps, args.warmup, args.cooldown)
        tokens, positions, mask, targets = next(batches)
        logits = forward(input_ids=tokens, position_ids=positions, attention_mask=mask,
                         use_cache=False).logits
        loss = functional.cross_entropy(logits.flatten(0, 1), targets.flatten(),
                                        ignore_index=-100)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        seen += tokens.numel()
        recent.append(loss.item())
        if step % 50 == 0:
            print(json.dumps({"step": step, "tokens": seen, "loss": round(float(np.mean(recent)), 4),
                              "seconds": round(time.time() - started)}), flush=True)
            recent = []
        if step % args.every == 0 or step == last:
            scores = {f: round(accuracy(model, tokenizer, items[:60]), 3)
                      for f, items in tasks.items()}
            print(json.dumps({"step": step, "accuracy": scores,
                              "seconds": round(time.time() - started)}), flush=True)
            save(model, args.tokenizer, args.out, getattr(torch, args.dtype))
            if step <= args.steps - args.cooldown:
                torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(),
                            "step": step}, state_file)


if __name__ == "__main__":
    main()
