"""Runs a completion and answers requests of its tests, which are in another process."""


def serve():
    objects = []

    def handle(value):
        objects.append(value)
        return len(objects) - 1

    def find(number):
        return objects[number]

    def answer(request):
        what = request["do"]
        if what == "name":
            return namespace[request["name"]]
        target = find(request["on"])
        if what == "call":
            return target(*decode(request["args"], find), **decode(request["named"], find))
        if what == "get":
            return getattr(target, request["name"])
        if what == "set":
            return setattr(target, request["name"], decode(request["value"], find))
        return [each for each in target]

    line = Line(3, 4)
    source = os.fdopen(5, "r", encoding="utf-8").read()
    namespace = {"__name__": "completion", "__builtins__": __builtins__}
    exec(compile(source, "completion", "exec"), namespace)
    line.send([name for name in namespace if not name.startswith("__")])
    while True:
        request = line.receive()
        try:
            reply = {"value": encode(answer(request), handle) if request["do"] != "name" else
                     {"r": handle(answer(request))}}
        except BaseException as failure:
            reply = {"error": type(failure).__name__, "text": str(failure)[:500]}
        line.send(reply)


serve()
