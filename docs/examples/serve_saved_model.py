"""Serve a SavedModel over HTTP with Python's standard library and TensorFlow, by TensorFlow Serving's REST requests.

python serve_saved_model.py FOLDER [PORT]

    curl -d '{"signature_name": "vote", "inputs": {"images": [[0.1, 0.2]], "samples": 100}}' \
        http://localhost:8501/v1/models/model:predict

FOLDER is what `zoo.export` wrote: the SavedModel, or versions of it. This is an example: TensorFlow Serving batches,
measures and reloads.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import tensorflow as tf


def _plain(array):
    """Return an array as JSON has it, in its shape; texts come as bytes."""
    return _texts(array.tolist()) if array.dtype == object else array.tolist()


def _texts(value):
    return [_texts(one) for one in value] if isinstance(value, list) else value.decode()


def _only(inputs: dict) -> str:
    """Return the name of the input that a request without names means."""
    if not inputs:
        raise ValueError('this signature takes no inputs; ask for it by {"inputs": {}}')
    return next(iter(inputs))


def main(folder: Path, port: int) -> None:
    """Load the newest version and answer requests until the process ends."""
    versions = [int(one.name) for one in folder.iterdir() if one.name.isdecimal()]
    loaded = tf.saved_model.load(str(folder / str(max(versions)) if versions else folder))

    def predict(request: dict) -> dict:
        if not isinstance(request, dict):
            raise ValueError(f"the request must be a JSON object. Received: {type(request).__name__}")
        serve = loaded.signatures[request.get("signature_name", "serving_default")]
        inputs = serve.structured_input_signature[1]
        if "instances" in request:  # by rows: every input once per example
            rows = request["instances"]
            if not isinstance(rows, list) or not rows:
                raise ValueError("`instances` must be a list of one row at least")
            rows = rows if isinstance(rows[0], dict) else [{_only(inputs): row} for row in rows]
            given = {name: [row[name] for row in rows] for name in rows[0]}
        else:
            given = request["inputs"]
            given = given if isinstance(given, dict) else {_only(inputs): given}
        found = serve(**{name: tf.constant(value, inputs[name].dtype) for name, value in given.items()})
        plain = {name: _plain(x.numpy()) for name, x in found.items()}
        if "instances" not in request:
            return {"outputs": plain if len(plain) > 1 else next(iter(plain.values()))}
        if len(plain) == 1:
            return {"predictions": next(iter(plain.values()))}
        return {"predictions": [dict(zip(plain, row, strict=True)) for row in zip(*plain.values(), strict=True)]}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            try:
                code, answer = 200, predict(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            except (KeyError, IndexError, TypeError, ValueError, RecursionError, tf.errors.OpError) as error:
                code, answer = 400, {"error": str(error)}
            body = json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 8501)
