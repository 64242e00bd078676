"""The arithmetic an intervention cannot avoid, and small random models of any size to check it on."""
import json
import os
import random
import struct


def shape(model):
    """Sizes of a checkpoint, from its config.json."""
    with open(os.path.join(model, "config.json")) as file:
        c = json.load(file)
    if c["model_type"] == "gpt2":
        heads = c["n_head"]
        return {"D": c["n_embd"], "L": c["n_layer"], "M": c.get("n_inner") or 4 * c["n_embd"], "H": heads, "kv": heads,
                "dim": c["n_embd"] // heads, "V": c["vocab_size"], "up": 1}
    heads = c["num_attention_heads"]
    return {"D": c["hidden_size"], "L": c["num_hidden_layers"], "M": c["intermediate_size"], "H": heads,
            "kv": c["num_key_value_heads"], "dim": c.get("head_dim") or c["hidden_size"] // heads,
            "V": c["vocab_size"], "up": 2}


def gflop_per_intervention(s, tokens, edited=None, scored=1):
    """GFLOP of one neuron's intervention on one prompt, averaged over the layers.

    Whole layers above the neuron's at the `edited` tokens (all of them unless given), the last layer's keys and
    values there but its queries, attention and MLP only at the `scored` ones, and the head at these. As
    'rank1-last' of the peers' physical_limits.py where all tokens are edited; attention is counted without
    leaving out the masked half, as there.
    """
    edited = tokens if edited is None else edited
    kv = 2 * 2 * s["D"] * s["kv"] * s["dim"]
    rest = 2 * (2 * s["D"] * s["H"] * s["dim"] + (s["up"] + 1) * s["D"] * s["M"])
    attention = 4 * s["H"] * s["dim"] * tokens
    whole = edited * (kv + rest + attention)
    last = edited * kv + scored * (rest + attention)
    below_last = (s["L"] - 1) / s["L"]
    layers = (s["L"] - 1) / 2 - below_last
    return (layers * whole + below_last * last + scored * 2 * s["D"] * s["V"]) / 1e9


def random_f32(rng, count, exponent):
    """Bytes of floats with a random sign, a random mantissa and one exponent: +-[1, 2) * 2^exponent."""
    bits = rng.getrandbits(32 * count)
    keep = int.from_bytes(struct.pack("<I", 0x807FFFFF) * count, "little")
    fixed = int.from_bytes(struct.pack("<I", (127 + exponent) << 23) * count, "little")
    return ((bits & keep) | fixed).to_bytes(4 * count, "little")


def write_random_safetensors(path, tensors, seed):
    """Random numbers on the scale 1/sqrt(columns) for every [rows, columns]; ones for every [n]."""
    header, offset = {}, 0
    for name, dims in tensors.items():
        size = 4 * dims[0] * (dims[1] if len(dims) > 1 else 1)
        header[name] = {"dtype": "F32", "shape": dims, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    rng = random.Random(seed)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for dims in tensors.values():
            if len(dims) == 1:
                file.write(struct.pack("<f", 1.0) * dims[0])
            else:  # +-[1, 2) has the standard deviation 1.53
                file.write(random_f32(rng, dims[0] * dims[1], -round((dims[1].bit_length() - 1) / 2) - 1))


def write_random_llama(folder, L, M, D=256, heads=4, vocab=2048, seed=1):
    """A random checkpoint of Llama type; weights have about the scale 1/sqrt(fan-in)."""
    if os.path.exists(os.path.join(folder, "model.safetensors")):
        return
    os.makedirs(folder, exist_ok=True)
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": D, "num_hidden_layers": L,
              "intermediate_size": M, "num_attention_heads": heads, "num_key_value_heads": heads,
              "head_dim": D // heads, "vocab_size": vocab, "max_position_embeddings": 1024, "rms_norm_eps": 1e-6,
              "hidden_act": "silu", "tie_word_embeddings": True, "rope_theta": 10000.0, "torch_dtype": "float32",
              "bos_token_id": None, "eos_token_id": 0}
    tensors = {"model.embed_tokens.weight": [vocab, D], "model.norm.weight": [D]}
    for l in range(L):
        layer = f"model.layers.{l}."
        for name in ("q", "k", "v", "o"):
            tensors[f"{layer}self_attn.{name}_proj.weight"] = [D, D]
        tensors.update({f"{layer}mlp.gate_proj.weight": [M, D], f"{layer}mlp.up_proj.weight": [M, D],
                        f"{layer}mlp.down_proj.weight": [D, M], f"{layer}input_layernorm.weight": [D],
                        f"{layer}post_attention_layernorm.weight": [D]})
    write_random_safetensors(os.path.join(folder, "model.safetensors.new"), tensors, seed)
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(config, file, indent=1)
    os.replace(os.path.join(folder, "model.safetensors.new"), os.path.join(folder, "model.safetensors"))


def write_random_job(path, model, name, prompts, tokens, per_layer, seed=3, answer=1):
    """A sweep job in the peers' format with random prompts and neurons."""
    if os.path.exists(path):
        return
    s, rng = shape(model), random.Random(seed)
    job = {"kind": "sweep", "name": name, "prompts": [], "neurons": []}
    for _ in range(prompts):
        ids = [rng.randrange(3, s["V"]) for _ in range(tokens + answer + 1)]
        job["prompts"].append({"context": ids[:tokens], "answer": ids[tokens:-1], "foil": ids[-1:]})
    for l in range(s["L"]):
        for i in sorted(rng.sample(range(s["M"]), per_layer)):
            job["neurons"].append({"layer": l, "index": i, "value": 0.0})
    with open(path, "w") as file:
        json.dump(job, file)


def write_random_steer_job(path, model, prompts, tokens, new_tokens, seed=5):
    """A steering job in the peers' format: one vector a layer, in a safetensors file beside the job."""
    if os.path.exists(path):
        return
    s, rng = shape(model), random.Random(seed)
    vectors = os.path.splitext(path)[0] + ".safetensors"
    rows = {f"layers.{l}": [1, s["M"]] for l in range(s["L"])}
    write_random_safetensors(vectors, rows, seed)
    job = {"kind": "steer", "name": "steer", "new_tokens": new_tokens, "vectors": os.path.basename(vectors),
           "prompts": [{"context": [rng.randrange(3, s["V"]) for _ in range(tokens)]} for _ in range(prompts)]}
    with open(path, "w") as file:
        json.dump(job, file)
