"""Writes the golden checkpoints of tests/golden/data and what transformers answers for them (see README.md).

    python3 -m venv venv && venv/bin/pip install torch==2.11.0 transformers==5.23.0
    venv/bin/python tests/golden/make_golden.py

Seeded, on the CPU, in float32: the same versions write the same files.
"""

import json
import math
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import (AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM,
                          Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM, logging)

DATA = Path(__file__).parent / "data"
LENGTHS = (5, 11, 19)  # of the input sequences, tokens
NEW_TOKENS = 24
MIN_GAP = 2e-3  # between the two best logits of every greedy step: other kernels must choose the same token
MIN_DISTINCT = 8  # tokens in every continuation: one that repeats itself would hide errors


# --- checkpoints ------------------------------------------------------------------------------------------------

def llama_gqa_llama3rope():
    """GQA, head_dim != D / H, biases in attention, llama3 rope whose original context is short."""
    rope = {"rope_type": "llama3", "rope_theta": 5000.0, "factor": 4.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 16}
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=101, hidden_size=36, intermediate_size=52, num_hidden_layers=3, num_attention_heads=6,
        num_key_value_heads=2, head_dim=10, max_position_embeddings=64, rope_parameters=rope, attention_bias=True,
        rms_norm_eps=1e-5, bos_token_id=1))


def llama_linear_rope_tied():
    """Linear rope scaling, tied head, biases in the MLP."""
    rope = {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.5}
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=89, hidden_size=40, intermediate_size=60, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=96, rope_parameters=rope, tie_word_embeddings=True, mlp_bias=True, bos_token_id=1))


def qwen2_tied():
    return Qwen2ForCausalLM(Qwen2Config(
        vocab_size=97, hidden_size=42, intermediate_size=50, num_hidden_layers=2, num_attention_heads=7,
        num_key_value_heads=1, max_position_embeddings=64, tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 1000000.0}))


def qwen3():
    return Qwen3ForCausalLM(Qwen3Config(
        vocab_size=83, hidden_size=40, intermediate_size=44, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, head_dim=14, max_position_embeddings=64,
        rope_parameters={"rope_type": "default", "rope_theta": 1000000.0}))


def gpt2():
    return GPT2LMHeadModel(GPT2Config(vocab_size=93, n_positions=50, n_embd=36, n_layer=3, n_head=3, n_inner=56,
                                      bos_token_id=0, eos_token_id=0))


def gpt2_erf():
    return GPT2LMHeadModel(GPT2Config(
        vocab_size=79, n_positions=48, n_embd=32, n_layer=2, n_head=4, activation_function="gelu",
        bos_token_id=0, eos_token_id=0))


def save_plain(model, folder):
    model.save_pretrained(folder)


def save_bf16_shards_with_old_config(model, folder):
    """Two shards, and a config.json in the style of transformers 4."""
    model.bfloat16().save_pretrained(folder, max_shard_size="40KB")

    def age(config):
        rope = config.pop("rope_parameters")
        config["rope_theta"] = rope["rope_theta"]
        config["rope_scaling"] = {"type": rope["rope_type"], "factor": rope["factor"]}
        config["torch_dtype"] = config.pop("dtype")

    edit_json(folder / "config.json", age)


def save_fp16(model, folder):
    model.half().save_pretrained(folder)


def save_without_prefix(model, folder):
    """As the first published GPT-2 files: no "transformer.", a causal mask in every layer, a short config.json."""
    model.save_pretrained(folder)
    file = folder / "model.safetensors"
    tensors = {name.removeprefix("transformer."): tensor for name, tensor in load_file(file).items()}
    mask = torch.tril(torch.ones(1, 1, model.config.n_positions, model.config.n_positions))
    for layer in range(model.config.n_layer):
        tensors[f"h.{layer}.attn.bias"] = mask.clone()
    save_file(tensors, file, metadata={"format": "pt"})
    kept = ("architectures", "model_type", "vocab_size", "n_positions", "n_embd", "n_layer", "n_head",
            "activation_function", "layer_norm_epsilon", "bos_token_id", "eos_token_id")

    def shorten(config):
        for key in [key for key in config if key not in kept]:
            del config[key]

    edit_json(folder / "config.json", shorten)
    (folder / "generation_config.json").unlink()


CHECKPOINTS = {
    "llama-gqa-llama3rope": (llama_gqa_llama3rope, save_plain),
    "llama-linear-rope-tied-bf16": (llama_linear_rope_tied, save_bf16_shards_with_old_config),
    "qwen2-tied": (qwen2_tied, save_plain),
    "qwen3-fp16": (qwen3, save_fp16),
    "gpt2": (gpt2, save_plain),
    "gpt2-without-prefix": (gpt2_erf, save_without_prefix),
}


def edit_json(path, edit):
    value = json.loads(path.read_text())
    edit(value)
    path.write_text(json.dumps(value, indent=2) + "\n")


EMBEDDING_SCALE = {"embed_tokens": 0.5, "wte": 0.4, "wpe": 1.0}


def randomize(model, generator):
    """Weights on a scale where logits vary, norms and biases that matter."""
    for name, weight in model.named_parameters():
        noise = torch.randn(weight.shape, generator=generator)
        if weight.dim() == 2:
            fan_in = weight.shape[0] if is_conv1d(name) else weight.shape[1]
            weight.data = noise * EMBEDDING_SCALE.get(name.split(".")[-2], 1.4 / math.sqrt(fan_in))
        elif name.endswith("bias"):
            weight.data = 0.3 * noise
        else:
            weight.data = 1 + 0.25 * noise


def is_conv1d(name):
    return any(part in name for part in ("c_attn", "c_proj", "c_fc"))


def make_checkpoint(name, seed, eos):
    build, save = CHECKPOINTS[name]
    folder = DATA / name
    shutil.rmtree(folder, ignore_errors=True)
    model = build()
    randomize(model, torch.Generator().manual_seed(seed))
    model.config.eos_token_id = model.generation_config.eos_token_id = eos
    save(model, folder)
    return folder


# --- answers ----------------------------------------------------------------------------------------------------

def down_maps(model):
    layers = model.model.layers if hasattr(model, "model") else model.transformer.h
    return [layer.mlp.down_proj if hasattr(layer.mlp, "down_proj") else layer.mlp.c_proj for layer in layers]


class Neurons:
    """Records the input of one layer's down map, and multiplies one of its coordinates at some positions."""

    def __init__(self, down, neuron=0, factor=1.0, end=None):
        self.neuron, self.factor, self.end = neuron, factor, end
        self.handle = down.register_forward_pre_hook(self.visit)
        self.seen = []

    def visit(self, _, arguments):
        neurons = arguments[0].clone()
        first = sum(part.shape[1] for part in self.seen)
        end = neurons.shape[1] if self.end is None else max(self.end - first, 0)
        neurons[:, :end, self.neuron] *= self.factor
        self.seen.append(neurons)
        return (neurons,)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.handle.remove()


def logits_of(model, tokens):
    return model(tokens[None]).logits[0]


def neurons_of(model, tokens):
    hooks = [Neurons(down) for down in down_maps(model)]
    logits_of(model, tokens)
    for hook in hooks:
        hook.handle.remove()
    return torch.stack([hook.seen[0][0] for hook in hooks])


def greedy(model, tokens, eos=None):
    """The continuation, and the smallest gap between the two best logits on the way."""
    out = model.generate(tokens[None], attention_mask=torch.ones_like(tokens[None]), max_new_tokens=NEW_TOKENS,
                         do_sample=False, eos_token_id=eos, pad_token_id=0, output_logits=True,
                         return_dict_in_generate=True)
    best = torch.cat(out.logits).topk(2).values
    return out.sequences[0, len(tokens):], (best[:, 0] - best[:, 1]).min().item()


def choose_edits(model, neurons):
    """Three neurons that matter: the largest activation x output weight of the first and last layers."""
    downs = down_maps(model)
    chosen = []
    for layer, rank in ((0, 0), (len(downs) - 1, 0), (0, 1)):
        weight = downs[layer].weight if downs[layer].weight.shape[1] == neurons.shape[2] else downs[layer].weight.T
        strength = neurons[layer].abs().mean(0) * weight.norm(dim=0)
        chosen.append((layer, strength.argsort(descending=True)[rank].item()))
    return chosen


def sequence_answers(model, tokens, edits, eos):
    """The tensors of one sequence, and the smallest greedy gap among them."""
    downs = down_maps(model)
    answers = {"tokens": tokens, "logits": logits_of(model, tokens), "neurons": neurons_of(model, tokens)}
    answers["generated"], gap = greedy(model, tokens)
    answers["generated_eos"], _ = greedy(model, tokens, eos)
    for number, (layer, neuron) in enumerate(edits[:2]):
        with Neurons(downs[layer], neuron, 0.0):
            answers[f"zero.{number}"] = logits_of(model, tokens)
    layer, neuron = edits[2]
    with Neurons(downs[layer], neuron, 0.5, end=len(tokens)):
        answers["half.generated"], half_gap = greedy(model, tokens)
    with Neurons(downs[layer], neuron, 0.5, end=len(tokens)):
        answers["half.logits"] = logits_of(model, torch.cat([tokens, answers["half.generated"]]))
    return answers, min(gap, half_gap)


def load(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def last_new_token(tokens):
    """The token whose first appearance is the latest."""
    order = tokens.tolist()
    return max(order, key=order.index)


def make_golden(name, seed):
    """Writes one folder; returns whether its continuations are varied and free of near ties."""
    model = load(make_checkpoint(name, seed, eos=0))
    generator = torch.Generator().manual_seed(seed + 1)
    inputs = [torch.randint(model.config.vocab_size, (length,), generator=generator) for length in LENGTHS]
    eos = last_new_token(greedy(model, inputs[0])[0])
    folder = make_checkpoint(name, seed, eos)
    model = load(folder)
    edits = choose_edits(model, neurons_of(model, inputs[-1]))
    expected = {"edits": torch.tensor(edits), "eos": torch.tensor([eos])}
    usable = True
    for number, tokens in enumerate(inputs):
        answers, gap = sequence_answers(model, tokens, edits, eos)
        expected |= {f"{number}.{key}": value.contiguous() for key, value in answers.items()}
        usable &= gap >= MIN_GAP and len(answers["generated"].unique()) >= MIN_DISTINCT
    save_file(expected, folder / "expected.safetensors")
    return usable


def main():
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    logging.disable_progress_bar()
    for name in CHECKPOINTS:
        seed = 1
        while not make_golden(name, seed):
            seed += 1
        size = sum(file.stat().st_size for file in (DATA / name).iterdir())
        print(f"{name}: seed {seed}, {size} bytes")


if __name__ == "__main__":
    main()
