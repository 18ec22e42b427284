"""The HTTP server of the documentation answers requests by rows and by columns."""

import importlib.util
import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest

import zoo

SERVER = Path(__file__).parents[3] / "docs/examples/serve_saved_model.py"


@pytest.mark.on_tensorflow
def test_a_server_of_the_standard_library_votes(tmp_path):
    zoo.export(zoo.build("ball_cfnn", seed=0), tmp_path / "ball", serving=True, class_names=("inside", "outside"))
    command = [sys.executable, str(SERVER), str(tmp_path / "ball"), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        address = server.stdout.readline().strip()

        def post(request):
            data = request if isinstance(request, bytes) else json.dumps(request).encode()
            with urllib.request.urlopen(f"{address}/v1/models/ball:predict", data) as answer:
                return json.load(answer)

        def ask(**request):
            answer = post(request)
            assert list(answer) == ["predictions" if "instances" in request else "outputs"]
            return next(iter(answer.values()))

        points = [[0.1, 0.2], [3.0, 3.0]]
        try:
            rows = ask(signature_name="vote", instances=[{"images": one, "samples": 301} for one in points])
            columns = ask(signature_name="vote", inputs={"images": points, "samples": 301})
            assert np.argmax(rows, axis=1).tolist() == np.argmax(columns, axis=1).tolist() == [0, 1]
            np.testing.assert_allclose(np.array(rows) * 301, np.rint(np.array(rows) * 301), atol=1e-3)
            assert ask(signature_name="class_names", inputs={}) == ["inside", "outside"]
            assert np.shape(ask(instances=points)) == (2, 2)
            decided = {"error": 0.001, "max_samples": 10_000}
            rows = ask(signature_name="adaptive", instances=[{"images": one, **decided} for one in points])
            assert [set(row) for row in rows] == [{"classes", "samples", "status", "counts"}] * 2
            assert [row["classes"] for row in rows] == [0, 1]
            unasked = [{"signature_name": "class_names", name: [1]} for name in ("instances", "inputs")]
            deep = b"[" * 100_000
            for request in ([1, 2], "text", None, {"instances": []}, {"instances": 5}, {}, *unasked, deep):
                with pytest.raises(urllib.error.HTTPError) as refused:
                    post(request)
                assert refused.value.code == 400
                assert json.load(refused.value)["error"]
            with pytest.raises(urllib.error.HTTPError) as refused:
                ask(signature_name="vote", instances=[{"images": one, "samples": n} for n, one in enumerate(points, 1)])
            error = json.load(refused.value)["error"]
            assert "`samples` must be the same in all rows. Received:" in error
            assert "[1 2]" in error
        finally:
            server.kill()


@pytest.mark.on_tensorflow
def test_texts_keep_their_shape():
    """As the status of each label or pixel: rows would not fit the other outputs."""
    spec = importlib.util.spec_from_file_location("serve_saved_model", SERVER)
    server = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(server)
    status = np.array([[b"certified", b"open"], [b"open", "höchstens".encode()]], object)
    assert server._plain(status) == [["certified", "open"], ["open", "höchstens"]]
