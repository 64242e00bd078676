"""Compares a checkpoint edited by neurosweep with the steered model, both as transformers runs them in float32.

    edit_parity.py SOURCE EDITED STEERING.json STRENGTH [and so on]

Prints, for each four words, the largest difference of two logits, and how far steering moved the logits at all, as a
JSON array.
"""

import json
import sys

import torch
from transformers import AutoModelForCausalLM, logging


def down_maps(model):
    layers = model.model.layers if hasattr(model, "model") else model.transformer.h
    return [layer.mlp.down_proj if hasattr(layer.mlp, "down_proj") else layer.mlp.c_proj for layer in layers]


def steer(model, steering, strength):
    """Changes the input of the down maps as the steering file says, at every token."""
    pull = steering["form"] == "pull"

    def hook(layer):
        chosen = [i for i, other in enumerate(steering["layer"]) if other == layer]
        neurons = [steering["neuron"][i] for i in chosen]
        values = torch.tensor([steering["value"][i] for i in chosen])

        def change(_, arguments):
            activations = arguments[0].clone()
            now = activations[..., neurons]
            activations[..., neurons] = now + strength * (values - now if pull else values)
            return (activations,)

        return change

    for layer, down in enumerate(down_maps(model)):
        down.register_forward_pre_hook(hook(layer))


def load(folder):
    model, info = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    problems = {key: sorted(value) for key, value in info.items() if value}
    problems = {key: [name for name in names if not str(name).endswith(".attn.bias")] for key, names in problems.items()}
    assert not any(problems.values()), problems
    return model.eval()


@torch.no_grad()
def compare(source, edited, steering_path, strength):
    with open(steering_path) as file:
        steering = json.load(file)
    model, changed = load(source), load(edited)
    tokens = torch.randint(0, model.config.vocab_size, (3, 20), generator=torch.Generator().manual_seed(7))
    plain = model(tokens).logits
    steer(model, steering, float(strength))
    steered = model(tokens).logits
    return {"difference": (changed(tokens).logits - steered).abs().max().item(),
            "effect": (steered - plain).abs().max().item(), "class": type(changed).__name__}


logging.set_verbosity_error()
words = sys.argv[1:]
print(json.dumps([compare(*words[i:i + 4]) for i in range(0, len(words), 4)]))
