"""A web service with the accounts of the web shop, for the profile `local`.

GET /accounts answers with a JSON list of entities, GET /health with nothing.
Needs nothing but Python.
"""

import csv
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def accounts():
    with open(os.environ["ACCOUNTS"], encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            del row["note"]
            filled = {name: value for name, value in row.items() if value != ""}
            yield {"_id": row["account"], **filled}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.partition("?")[0]
        if path == "/accounts":
            self.answer(200, json.dumps(list(accounts())).encode())
        else:
            self.answer(200 if path == "/health" else 404, b"")

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
