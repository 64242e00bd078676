"""Makes tests/golden/tokenizers: small tokenizers and what the Python package `tokenizers` says about hard texts.

Run with a Python that has `tokenizers` (0.23.3 was used): python tests/golden/make_tokenizers.py
Everything follows from the seeds below, so a second run writes the same files.

  texts.jsonl            one JSON string a line
  NAME/tokenizer.json    a trained tokenizer
  NAME/ids.txt           line i: ids of text i, with special tokens
  NAME/decoded.jsonl     line i: text of those ids without special tokens; null where it is text i
  NAME/soup.jsonl        [ids, text]: random ids, decoded with special tokens
  parts.jsonl            {"part", "spec", "text", "result"}: one normalizer or pre-tokenizer alone
"""

import json
import pathlib
import random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).parent / "tokenizers"

LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
QWEN2_SPLIT = LLAMA3_SPLIT.replace(r"\p{N}{1,3}", r"\p{N}")

HARD = [
    "", " ", "  ", "\n", "\t", "\r\n", "\n\n\n", " \n ", "a", " a", "a ", "  a  b   c    ", "\u00a0a\u00a0\u2003b\u3000c",
    "I'm you're we've she'd they'll it's can't O'Neil's", "I'M YOU'RE WE'VE SHE'D THEY'LL IT'S CAN'T", "'s'S 't ſ 'ſ",
    "1234567890", "3.14159 -2 +7 1,234,567.89 1e-9", "x1y22z333w4444", "²³¹ ½ ⅷ ٣٤٥ १२३ ５６７", "18 + 24 = 42\n#### 42",
    "naïve café résumé", "nai\u0308ve cafe\u0301 re\u0301sume\u0301", "Å Å Å", "ﬁ ﬀ ℃ ① Ⅳ", "İstanbul ıı STRASSE straße",
    "привет мир", "γειά σου Κόσμε ΣΑΣ", "你好，世界！", "こんにちは世界", "カタカナ ｶﾀｶﾅ", "안녕하세요 세계", "각",
    "שלום עולם", "مرحبا بالعالم", "हिन्दी में नमस्ते", "ไทยไม่มีวรรค", "தமிழ்", "🙂", "👩‍👩‍👧‍👦 family", "🇩🇪🇫🇷 👍🏽 ❤️",
    "\u200b\u200c\u200d\ufeff\u180e\u2060", "\u180ea \u180e b", "\u0085\u2028\u2029a\u1680b", "\x00\x01\x02\x1f\x7f\x80\x9f",
    "\U0010ffff\U000e0001\ue000", "a\u0301\u0302\u0303\u0327\u0328", "\u0301\u0302", "e\u0327\u0301 e\u0301\u0327", "_a_b__c___",
    "def f(x):\n    return x ** 2  # square\n\n\nprint(f(3))\n", "    \tmixed \t indent\n\t\tdeep", "a\r\nb\rc\nd\n\r",
    "http://example.org/a?b=c&d=%20#e", "{\"k\": [1, 2.5, null]}", "\\boxed{\\frac{1}{2}}", "...!!!???---___***", "a.b,c;d:e",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", " " * 70, "\n" * 30, "ab" * 60,
    "<|endoftext|>", "<|endoftext|><|endoftext|>", "text<|endoftext|>more", " <|endoftext|> ", "<|endoftext", "<|end<|endoftext|>",
    "<s>hello</s>", "<s> <unk> </s>", "<0x41>", "<tool>x</tool>", "a <tool> b", "a<left>b", "a  <left>  b", "a<right>  b",
    "a \n<right>\u3000 b", "word", "a word here", "swords wordy word. (word) word", "wordwordword", "WORD Word word",
    "<both> <both>  <both>", "caf\u00e9-token cafe\u0301-token", "Cafe\u0301-Token", "<long><longer><longest>", "<longe",
    "▁already ▁marked", "▁", " ▁ ", "tell me ,why", "one two three four unknownword",
]

POOLS = [
    "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", "     ", "\n\r\t ", ".,;:!?'\"()[]{}<>|/\\@#$%^&*-_=+~`",
    "éèüñçøåßœ", "\u0300\u0301\u0302\u0303\u0308\u030a\u0323\u0327\u0328", "абвгдежз", "αβγδς", "你好世界数学", "あいうアイウ",
    "가나다각ᄀ\u1161\u11a8", "אבגד\u05b0", "ابتث\u064e", "हिन्दी\u093c", "🙂👍❤\ufe0f\u200d👩🏽🇩🇪", "\u00a0\u2003\u2009\u3000\u200b\u200d\u180e\ufeff",
    "\x00\x01\x07\x1b\x7f\x85", "½²³ⅣⅷⅠ①⑨٣५", "ﬁ℃ŁıİſK", "∑∫√≤≠∞×÷−", "\u2028\u2029\u202e\u2066",
]
SNIPPETS = [
    " the ", "ing", "'s", "'LL", "'re", " 12", "1000", "<|endoftext|>", "<s>", "</s>", "<tool>", "<left>", "<right>", "<both>",
    "word", "caf\u00e9-token", "cafe\u0301-token", "<long>", "<longest>", "\r\n", "   ", "\n\n", " answer", "<0xE2>", "▁", "two", " plus",
]


def fuzz_texts(count, seed):
    rng = random.Random(seed)
    texts = []
    for _ in range(count):
        pools = rng.sample(POOLS, rng.randint(1, 4))
        text = ""
        for _ in range(rng.randint(1, 12)):
            if rng.random() < 0.25:
                text += rng.choice(SNIPPETS)
            elif rng.random() < 0.05:
                code = rng.choice([rng.randrange(0x20, 0x3000), rng.randrange(0x3000, 0xD800), rng.randrange(0xE000, 0x20000)])
                text += chr(code)
            else:
                text += "".join(rng.choice(rng.choice(pools)) for _ in range(rng.randint(1, 4)))
        texts.append(text)
    return texts


def training_texts():
    rng = random.Random(7)
    names = "Anna Ben Carla David Emma Farid Grace Hugo Ines Jonas".split()
    things = "apples books coins pencils stones tickets marbles cups plates shells".split()
    verbs = "buys finds gives sells loses counts carries collects".split()
    lines = []
    for _ in range(1500):
        a, b = rng.randint(2, 999), rng.randint(2, 99)
        name, thing = rng.choice(names), rng.choice(things)
        lines.append(f"{name} {rng.choice(verbs)} {a} {thing}, and it's {b} more than before. How many {thing} are there?")
        lines.append(f"The answer is {a} + {b} = {a + b}.\nSo {name} doesn't have {a - b} {thing}!  #### {a + b}\n")
    lines += ["привет мир " * 5, "你好世界数学 " * 5, "naïve café résumé " * 5, "for i in range(10):\n    print(i)\n" * 5, "γειά σου κόσμε " * 5]
    return lines


def byte_level_trainer(size, special=()):
    return trainers.BpeTrainer(vocab_size=size, special_tokens=list(special), show_progress=False,
                               initial_alphabet=pre_tokenizers.ByteLevel.alphabet())


def make_gpt2():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.train_from_iterator(training_texts(), byte_level_trainer(700, ["<|endoftext|>"]))
    return tokenizer


def make_gpt2_prefix():
    tokenizer = make_gpt2()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    return tokenizer


def make_llama3():
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(LLAMA3_SPLIT), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(training_texts(), byte_level_trainer(700))
    spec = json.loads(tokenizer.to_str())
    for word in ["unmergeable", "\u0120zebra", "qqq", "\u00e6\u0137\u00b0\u00e5\u0143\u00a6"]:  # reached without merges only
        spec["model"]["vocab"].setdefault(word, len(spec["model"]["vocab"]))
    tokenizer = Tokenizer.from_str(json.dumps(spec))
    tokenizer.add_special_tokens(["<s>", "</s>"])
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B:1", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))])])
    return tokenizer


def make_qwen2():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(QWEN2_SPLIT), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.train_from_iterator(training_texts(), byte_level_trainer(700))
    tokenizer.add_special_tokens(["<|endoftext|>", AddedToken("<left>", lstrip=True), AddedToken("<right>", rstrip=True)])
    tokenizer.add_tokens([
        AddedToken("<tool>", normalized=False), AddedToken("</tool>", normalized=False), AddedToken("word", single_word=True),
        AddedToken("<both>", lstrip=True, rstrip=True, normalized=False), AddedToken("cafe\u0301-token", normalized=True),
        AddedToken("<long>"), AddedToken("<long><longer>"), AddedToken("<longest>")])
    return tokenizer


def make_byte_fallback():
    trained = Tokenizer(models.BPE(unk_token="<unk>"))
    prepare = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    trained.normalizer = prepare
    trained.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    trained.train_from_iterator(training_texts()[:3000], trainers.BpeTrainer(vocab_size=400, show_progress=False))
    model = json.loads(trained.to_str())["model"]
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    tokens += [token for token in model["vocab"] if token not in tokens]
    merges = [tuple(merge) for merge in model["merges"]]
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges, unk_token="<unk>",
                                     byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = prepare
    tokenizer.decoder = decoders.Sequence([
        decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    return tokenizer


def make_metaspace():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Metaspace(prepend_scheme="first"), pre_tokenizers.Digits(individual_digits=True)])
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="first")
    tokenizer.train_from_iterator(training_texts(), trainers.BpeTrainer(vocab_size=300, special_tokens=["<unk>"], show_progress=False))
    tokenizer.add_tokens([AddedToken("word", single_word=True), AddedToken("Cafe\u0301-Token")])
    return tokenizer


def make_word_level():
    words = ["<unk>", "<s>", "a", "b", "one", "two", "three", "plus", "is", "=", "+", "18", "24", "42", "мир", "word"]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens(["<s>"])
    return tokenizer


def part_specs():
    for behavior in ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]:
        for invert in [False, True]:
            for pattern in [{"String": "a."}, {"Regex": r"\s|\d+"}, {"Regex": r"(?i)[\w&]+"}]:
                yield "pre_tokenizer", {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}
    for individual in [False, True]:
        yield "pre_tokenizer", {"type": "Digits", "individual_digits": individual}
    yield "pre_tokenizer", {"type": "Whitespace"}
    yield "pre_tokenizer", {"type": "WhitespaceSplit"}
    yield "pre_tokenizer", {"type": "Split", "pattern": {"Regex": r"\w+|\W"}, "behavior": "Isolated", "invert": False}
    yield "pre_tokenizer", {"type": "Split", "pattern": {"Regex": r"^.|[\S]\h|\s$"}, "behavior": "Isolated", "invert": False}
    for scheme in ["always", "first", "never"]:
        for split in [False, True]:
            yield "pre_tokenizer", {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split}
    for form in ["NFC", "NFD", "NFKC", "NFKD", "Lowercase"]:
        yield "normalizer", {"type": form}
    yield "normalizer", {"type": "Replace", "pattern": {"Regex": r"\s{2,}"}, "content": " "}


PART_TEXTS = [
    "a.b a. a.a.a.", " 1 22  333a.b", "A1\u00b2&\u0301b\u24b6\u200dc\u2163 _x\u203f", "x\n\ny \n z.", "\u180e\u0085\u3000a\u00a0", "▁a ▁b c",
    "e\u0301\u0327 \u1e9b\u0323 ﬁ ① İIıſ ΑΣ", "각 \u1100\u1161\u11a8",
]


def write_lines(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def compact(value):
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def write_cases(name, tokenizer, texts):
    folder = HERE / name
    folder.mkdir(parents=True, exist_ok=True)
    spec = json.loads(tokenizer.to_str())
    (folder / "tokenizer.json").write_text(json.dumps(spec, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    ids = [tokenizer.encode(text).ids for text in texts]
    decoded = [tokenizer.decode(row) for row in ids]
    rng = random.Random(11)
    size = tokenizer.get_vocab_size()
    soup = [[rng.randrange(min(size, rng.choice([64, 260, size]))) for _ in range(rng.randint(0, 9))] for _ in range(60)]
    write_lines(folder / "ids.txt", [" ".join(map(str, row)) for row in ids])
    write_lines(folder / "decoded.jsonl", [compact(None if d == t else d) for d, t in zip(decoded, texts)])
    write_lines(folder / "soup.jsonl", [compact([row, tokenizer.decode(row, skip_special_tokens=False)]) for row in soup])


def apply_part(part, spec, text):
    tokenizer = Tokenizer.from_str(json.dumps({
        "version": "1.0", "added_tokens": [], "normalizer": None, "pre_tokenizer": None, "post_processor": None, "decoder": None,
        "model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}, part: spec}))
    if part == "normalizer":
        return tokenizer.normalizer.normalize_str(text)
    return [piece for piece, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text)]


def main():
    texts = HARD + fuzz_texts(300, seed=20)
    write_lines(HERE / "texts.jsonl", [compact(text) for text in texts])
    for make in [make_gpt2, make_gpt2_prefix, make_llama3, make_qwen2, make_byte_fallback, make_metaspace, make_word_level]:
        write_cases(make.__name__.removeprefix("make_"), make(), texts)
    write_lines(HERE / "parts.jsonl", [
        compact({"part": part, "spec": spec, "text": text, "result": apply_part(part, spec, text)})
        for part, spec in part_specs() for text in PART_TEXTS])


if __name__ == "__main__":
    main()
