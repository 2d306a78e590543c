"""Reads, writes and runs what a Pipewright node holds.

>>> from pipewright import Node
>>> node = Node("http://127.0.0.1:9042", token)        # doctest: +SKIP
>>> for entity in node.dataset("person").entities():   # doctest: +SKIP
...     print(entity["_id"], entity.get("name"))

Nothing but Python's own library is needed.
"""

from .node import Dataset, Node, NodeError, Page, Pipe, RunFailed
from .transit import NI, URI, Bytes, Time, decode, encode

__all__ = [
    "NI",
    "URI",
    "Bytes",
    "Dataset",
    "Node",
    "NodeError",
    "Page",
    "Pipe",
    "RunFailed",
    "Time",
    "decode",
    "encode",
]
