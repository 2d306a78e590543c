"""The client against a node that is served for the test."""

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import unittest
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from pipewright import NI, Node, NodeError, RunFailed

COUNT = 2500


def pipe(name: str, source: dict, *rules: list, **more: object) -> dict:
    config = {"_id": name, "type": "pipe", "source": source, **more}
    if rules:
        config["transform"] = {"type": "dtl", "rules": {"default": [["copy", "*"], *rules]}}
    return config


PIPES = [
    pipe(
        "people",
        {
            "type": "embedded",
            "entities": [
                {"_id": str(n), "n": n, "sum": f"~f{n}.50", "of": "~:team:a"} for n in range(COUNT)
            ],
        },
    ),
    pipe("doubled", {"type": "dataset", "dataset": "people"}, ["add", "double", ["*", 2, "_S.n"]]),
    pipe("letterbox", {"type": "http_endpoint"}),
    pipe("out", {"type": "dataset", "dataset": "people"}, ["add", "who", "_B.who"], sink={"type": "http_endpoint"}),
    pipe("broken", {"type": "dataset", "dataset": "people"}, ["fail!", "on purpose"], pump={"mode": "manual"}),
]


class Served(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.home = tempfile.TemporaryDirectory()
        folder = Path(cls.home.name) / "project"
        (folder / "pipes").mkdir(parents=True)
        for one in PIPES[:4]:
            (folder / "pipes" / f"{one['_id']}.conf.json").write_text(json.dumps(one))
        program = os.environ["PIPEWRIGHT"]
        environment = {**os.environ, "PIPEWRIGHT_HOME": str(Path(cls.home.name) / "settings")}
        command = [program, "serve", str(folder), "--port", "0", "--trust"]
        cls.served = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True
        )
        assert cls.served.stdout is not None
        for line in cls.served.stdout:
            if line.startswith("access link: "):
                url, _, token = line.removeprefix("access link: ").strip().partition("/#token=")
                break
        else:
            raise AssertionError("the node ends before it serves")
        cls.node = Node(url, token)
        cls.node.run_all()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.served.kill()
        cls.served.communicate()
        cls.home.cleanup()

    def test_a_dataset_is_read_in_pages(self) -> None:
        people = self.node.dataset("people")
        self.assertEqual(len(people), COUNT)
        first = people.page(limit=1000)
        self.assertTrue(first.populated and first.generation)
        second = people.page(since=first.next, limit=1000)
        self.assertEqual(second.entities[0]["_updated"], first.next + 1)
        entities = list(people.entities(page=700))
        self.assertEqual([entity["n"] for entity in entities], list(range(COUNT)))
        self.assertEqual(entities[3]["sum"], Decimal("3.50"))
        self.assertEqual(entities[3]["of"], NI("team:a"))
        self.assertEqual(people.get("7")["n"], 7)
        self.assertIsNone(people.get("none"))
        self.assertIn("doubled", [one.name for one in self.node.datasets()])
        with self.assertRaises(NodeError) as refused:
            self.node.dataset("none").page()
        self.assertEqual((refused.exception.status, refused.exception.code), (404, "not-found"))

    def test_pushed_entities_are_followed(self) -> None:
        letterbox, stored = self.node.pipe("letterbox"), self.node.dataset("letterbox")
        sent = [{"_id": str(n), "n": n, "price": Decimal("1.10")} for n in range(250)]
        self.assertEqual(letterbox.push(sent, full=True, batch=100), 250)
        self.assertEqual(len(stored), 250)
        seen: list = []

        def follow() -> None:
            for version in stored.follow(pause=0.05, seconds=600):
                seen.append(version)
                if version["_id"] == "last":
                    return

        follower = threading.Thread(target=follow)
        follower.start()
        # What is not sent again is deleted.
        letterbox.push(sent[:200], full=True, batch=100)
        letterbox.push([{"_id": "last"}])
        follower.join(timeout=120)
        self.assertFalse(follower.is_alive())
        self.assertEqual([version["_updated"] for version in seen], list(range(301)))
        self.assertEqual(sum(version["_deleted"] for version in seen), 50)
        self.assertEqual(len(stored), 201)
        self.assertEqual(stored.get("3")["price"], Decimal("1.10"))
        self.assertIsNone(stored.get("240"))
        # As an admin's hand would.
        self.assertEqual(stored.write([{"_id": "last"}]), {"written": 0, "unchanged": 1})
        self.assertEqual(stored.write([{"_id": "last"}], force=True), {"written": 1, "unchanged": 0})

    def test_pipes_are_tried_and_run(self) -> None:
        doubled = self.node.pipe("doubled")
        self.assertEqual(doubled.preview({"_id": "x", "n": 21})[0]["double"], 42)
        self.assertEqual(doubled.entities(stage="source", limit=1)[0]["n"], 0)
        self.assertEqual(doubled.config()["_id"], "doubled")
        self.node.dataset("people").write([{"_id": "0", "n": 0, "new": True}])
        self.assertTrue(doubled.run(rescan=True)["success"])
        self.assertTrue(self.node.dataset("doubled").get("0")["new"])
        published = self.node.pipe("out").published(limit=2, who="me")
        self.assertEqual([entity["who"] for entity in published], ["me", "me"])
        with self.assertRaises(NodeError):
            self.node.pipe("doubled").operate("dance")

    def test_the_notebook_runs(self) -> None:
        notebook = json.loads((Path(__file__).parents[1] / "explore.ipynb").read_text())
        os.environ["PIPEWRIGHT_URL"], os.environ["PIPEWRIGHT_TOKEN"] = self.node.url, self.node._token
        around: dict = {}
        with contextlib.redirect_stdout(io.StringIO()):
            for cell in notebook["cells"]:
                if cell["cell_type"] == "code":
                    exec("".join(cell["source"]), around)
        self.assertGreaterEqual(len(around["versions"]), 1)

    def test_a_run_that_fails_says_so(self) -> None:
        body = json.dumps(PIPES[4]).encode()
        self.node.ask("POST", "/pipes", body=body)
        try:
            with self.assertRaises(RunFailed):
                self.node.pipe("broken").run()
        finally:
            self.node.ask("DELETE", "/pipes/broken")

    def test_a_node_that_is_not_there_is_an_error(self) -> None:
        with self.assertRaises(NodeError) as refused:
            Node("http://127.0.0.1:9", "token", timeout=5).info()
        self.assertEqual(refused.exception.status, 0)
        with self.assertRaises(NodeError) as refused:
            Node(self.node.url, "wrong").pipes()
        self.assertEqual(refused.exception.status, 401)


if __name__ == "__main__":
    unittest.main()
