"""Plain Python values as one line of JSON each, between the tests and the completion. Nothing else crosses."""

import builtins
import json
import os
import sys

if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)
sys.setrecursionlimit(20000)


def encode(value, handle):
    kind = type(value)
    if value is None or kind is bool or kind is str:
        return value
    if isinstance(value, int):
        return {"i": hex(int.__index__(value))}
    if isinstance(value, float):
        return {"f": float.hex(value)}
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, complex):
        return {"c": [value.real.hex(), value.imag.hex()]}
    if isinstance(value, (bytes, bytearray)):
        return {"b": bytes(value).hex(), "k": "bytes" if isinstance(value, bytes) else "bytearray"}
    for sequence in (list, tuple, set, frozenset):
        if isinstance(value, sequence):
            return {"l": [encode(each, handle) for each in sequence.__iter__(value)], "k": sequence.__name__}
    if isinstance(value, dict):
        return {"d": [[encode(k, handle), encode(v, handle)] for k, v in dict.items(value)]}
    if isinstance(value, type) and getattr(builtins, value.__name__, None) is value:
        return {"t": value.__name__}
    return {"r": handle(value)}


def decode(data, resolve):
    if not isinstance(data, dict):
        return data
    if "i" in data:
        return int(data["i"], 16)
    if "f" in data:
        return float.fromhex(data["f"])
    if "c" in data:
        return complex(float.fromhex(data["c"][0]), float.fromhex(data["c"][1]))
    if "b" in data:
        return {"bytes": bytes, "bytearray": bytearray}[data["k"]].fromhex(data["b"])
    if "l" in data:
        kinds = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
        return kinds[data["k"]](decode(each, resolve) for each in data["l"])
    if "d" in data:
        return {decode(k, resolve): decode(v, resolve) for k, v in data["d"]}
    if "t" in data:
        kind = getattr(builtins, data["t"])
        return kind if isinstance(kind, type) else None
    return resolve(data["r"])


class Line:
    """Lines of JSON over a pair of pipes."""

    def __init__(self, incoming, outgoing):
        self.incoming = os.fdopen(incoming, "r", encoding="ascii")
        self.outgoing = os.fdopen(outgoing, "w", encoding="ascii")

    def send(self, message):
        self.outgoing.write(json.dumps(message) + "\n")
        self.outgoing.flush()

    def receive(self):
        line = self.incoming.readline()
        if not line.endswith("\n"):
            raise EOFError("the other side ended")
        return json.loads(line)
