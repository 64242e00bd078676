"""Trains the byte-level BPE tokenizer shared by the bundled models.

Merges are learnt on generated task text cut into words, single marks and single
digits, so that brackets, operators and letters stay one token each.  The saved
tokenizer then uses Qwen2's own pre-tokenizer.
"""

import argparse
import itertools
import json
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer

from make_tasks import completion_of, file_items, FAMILIES, prompt_of, training_stream

END = "<|endoftext|>"
QWEN2 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
         r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
TRAINING_PIECES = r" ?\p{L}+| ?[<>]|[\s\S]"
SEED, ITEMS, VOCABULARY = 7, 20000, 448


def splitter(pattern):
    """A pre-tokenizer that isolates the pattern's matches, then maps bytes."""
    return pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def train():
    """Train on generated items and return the finished tokenizer."""
    tokenizer = Tokenizer(BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = splitter(TRAINING_PIECES)
    tokenizer.decoder = decoders.ByteLevel()
    items = itertools.islice(training_stream(SEED, stage=1), ITEMS)
    trainer = BpeTrainer(vocab_size=VOCABULARY, special_tokens=[END], show_progress=False,
                         initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.train_from_iterator((prompt_of(i) + completion_of(i) for i in items), trainer)
    tokenizer.pre_tokenizer = splitter(QWEN2)
    return tokenizer


def check(tokenizer):
    """Every held-out item: the prompt boundary is a token boundary; decoding is exact."""
    for item in itertools.chain.from_iterable(map(file_items, FAMILIES)):
        prompt, completion = prompt_of(item), completion_of(item)
        parts = tokenizer.encode(prompt).ids + tokenizer.encode(completion).ids
        whole = tokenizer.encode(prompt + completion).ids
        if parts != whole or tokenizer.decode(whole) != prompt + completion:
            raise SystemExit(f"irregular tokenisation: {item['id']}")


def main():
    """Write tokenizer.json and tokenizer_config.json into the given folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = train()
    check(tokenizer)
    tokenizer.save(str(out / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": END, "pad_token": END,
              "bos_token": None, "clean_up_tokenization_spaces": False, "model_max_length": 128}
    (out / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")


if __name__ == "__main__":
    main()
