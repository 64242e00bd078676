"""Times what Hugging Face's packages need to load a model and to tokenize; run in the peers' environment.

usage: peer_parts.py MODEL_DIR TOKENIZER_JSON OUT_JSON
"""
import json
import os
import statistics
import sys
import time

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")

import torch  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

# The text of neurosweep_bench's bench_tokenize.
LINE = "calc:7*7*7-8+7\n7*7=9;9*7=3;3-8=5;5+7=2\nA: 2\n"


def median_ms(function, times):
    function()
    took = []
    for _ in range(times):
        begin = time.perf_counter()
        function()
        took.append(1000 * (time.perf_counter() - begin))
    return statistics.median(took)


def main():
    model, tokenizer_json, out = sys.argv[1:4]
    load = median_ms(lambda: AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32), 5)
    tokenizer = Tokenizer.from_file(tokenizer_json)
    text = ""
    while len(text) < 100000:
        text += LINE
    encode = median_ms(lambda: tokenizer.encode(text, add_special_tokens=False), 9)
    parts = {"bench_load_model": {"ms": load},
             "bench_tokenize": {"ms": encode, "mb_per_s": len(text) / 1e3 / encode}}
    with open(out, "w") as file:
        json.dump(parts, file)


if __name__ == "__main__":
    main()
