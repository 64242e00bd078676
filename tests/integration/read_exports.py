"""Reads exported directions as the programs that they are for do, and prints them as JSON: {file: {layer: [...]}}.

    read_exports.py FILE.gguf|FILE.safetensors ...
"""

import json
import sys


def read_gguf(path):
    import gguf
    reader = gguf.GGUFReader(path)
    assert reader.get_field("general.architecture").contents() == "controlvector"
    assert reader.get_field("controlvector.model_hint").contents()
    assert reader.get_field("controlvector.layer_count").contents() == len(reader.tensors)
    assert all(tensor.tensor_type == gguf.GGMLQuantizationType.F32 for tensor in reader.tensors)
    return {tensor.name: tensor.data for tensor in reader.tensors}


def read_safetensors(path):
    from safetensors.numpy import load_file
    return load_file(path)


readers = {"gguf": read_gguf, "safetensors": read_safetensors}
print(json.dumps({path: {name.removeprefix("direction."): [float(x) for x in values]
                         for name, values in readers[path.rsplit(".")[-1]](path).items()} for path in sys.argv[1:]}))
