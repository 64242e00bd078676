"""Agreement of effect files: JSON lines {"layer", "neuron", "prompt", "delta_logprob", "delta_logit_diff"}."""
import json


def read_effects(paths, prompt_of=None):
    """(layer, neuron, prompt) -> delta_logprob; `prompt_of(file, prompt)` renumbers the prompts of split jobs."""
    effects = {}
    for k, path in enumerate(paths):
        with open(path) as file:
            for line in file:
                row = json.loads(line)
                prompt = prompt_of(k, row["prompt"]) if prompt_of else row["prompt"]
                effects[(row["layer"], row["neuron"], prompt)] = row["delta_logprob"]
    return effects


def largest_difference(reference, other):
    """The largest |difference| over what both have, or None where they share nothing."""
    common = reference.keys() & other.keys()
    return max((abs(reference[key] - other[key]) for key in common), default=None)


def rank_correlation(reference, other):
    """Spearman's correlation over what both have; ties share no rank here, effects are never equal by design."""
    keys = sorted(reference.keys() & other.keys())
    n = len(keys)
    if n < 3:
        return None

    def ranks(values):
        order = sorted(keys, key=values.__getitem__)
        return {key: rank for rank, key in enumerate(order)}

    a, b = ranks(reference), ranks(other)
    return 1 - 6 * sum((a[key] - b[key]) ** 2 for key in keys) / (n * (n * n - 1))
