"""A node, its datasets and its pipes."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from . import transit

Entity = dict[str, Any]


class NodeError(Exception):
    """The node refuses a call, or cannot be reached."""

    def __init__(self, status: int, code: str, message: str, body: Any = None) -> None:
        super().__init__(message)
        #: The HTTP status; 0 when there was no answer.
        self.status = status
        #: What software matches on.
        self.code = code
        #: The whole answer.
        self.body = body


class RunFailed(Exception):
    """Running pipes did not end well."""

    def __init__(self, message: str, info: Any = None) -> None:
        super().__init__(message)
        #: What the node says of each pipe.
        self.info = info


@dataclass(frozen=True)
class Page:
    """Some entities of a dataset, in the order of its log."""

    #: The entities, with ``_updated`` and what else the node knows of them.
    entities: list[Entity]
    #: Where the next page begins: hand it back as ``since``.
    next: int | None
    #: Whether the dataset was written completely once.
    populated: bool
    #: Names this incarnation of the dataset: another one starts from nothing.
    generation: str


class Node:
    """A node somewhere, and the right to call it."""

    def __init__(self, url: str, token: str, *, timeout: float | None = 60) -> None:
        self.url = url.rstrip("/").removesuffix("/api")
        self._token = token
        self._timeout = timeout
        # Tokens go to the node and nowhere else: no proxy of the environment.
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def __repr__(self) -> str:
        return f"Node({self.url!r})"

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        kind: str = "application/json",
        timeout: float | None = None,
    ) -> tuple[bytes, Mapping[str, str]]:
        """Calls ``/api`` and ``path``; the body of the answer and its headers."""
        asked = {
            name: str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in (query or {}).items()
            if value is not None
        }
        url = f"{self.url}/api{path}" + (f"?{urllib.parse.urlencode(asked)}" if asked else "")
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = kind
        request = urllib.request.Request(url, body, headers, method=method)
        try:
            with self._open(request, timeout=timeout or self._timeout) as answer:
                return answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            raise _refused(error) from None
        except (urllib.error.URLError, TimeoutError) as error:
            reason = getattr(error, "reason", error)
            raise NodeError(0, "unreachable", f"{self.url}: {reason}") from None

    def ask(self, method: str, path: str, **more: Any) -> Any:
        """As :meth:`call`, with the JSON of the answer as it is."""
        body, _ = self.call(method, path, **more)
        return json.loads(body) if body else None

    def info(self) -> dict[str, Any]:
        """What the node is."""
        return self.ask("GET", "/")

    def datasets(self, *, internal: bool = False) -> list[Dataset]:
        """Every dataset; with ``internal`` the node's own, too."""
        query = {"include-internal-datasets": internal}
        return [Dataset(self, one["_id"]) for one in self.ask("GET", "/datasets", query=query)]

    def dataset(self, name: str) -> Dataset:
        """The dataset of this name. The node is not asked yet."""
        return Dataset(self, name)

    def pipes(self) -> list[Pipe]:
        """Every pipe."""
        return [Pipe(self, one["_id"]) for one in self.ask("GET", "/pipes", query={"fields": "storage"})]

    def pipe(self, name: str) -> Pipe:
        """The pipe of this name. The node is not asked yet."""
        return Pipe(self, name)

    def run_all(self, *, reset: bool = True, max_seconds: int = 900) -> Any:
        """Runs all pipes until nothing changes; what became of them.

        ``reset`` begins from nothing, as a test does.
        """
        query = {
            "request_mode": "sync",
            "max_run_time": max_seconds,
            "reset_pipes_and_delete_sink_datasets": reset,
            "output_run_statistics": True,
        }
        path = "/pipes/run-all-pipes"
        ended = self.ask("POST", path, query=query, timeout=max_seconds + 60)
        if ended.get("status") != "success":
            raise RunFailed(f"running all pipes ended as {ended.get('status')}", ended)
        return ended.get("additional_info")

    def config(self) -> list[dict[str, Any]]:
        """The config of all components, as it is written."""
        return self.ask("GET", "/config")


class Dataset:
    """A dataset: a log of versions of entities."""

    def __init__(self, node: Node, name: str) -> None:
        self.node = node
        self.name = name
        self._path = f"/datasets/{urllib.parse.quote(name, safe='')}"

    def __repr__(self) -> str:
        return f"Dataset({self.name!r})"

    def info(self) -> dict[str, Any]:
        """How many entities it has, and what else the node knows of it."""
        return self.node.ask("GET", self._path)

    def __len__(self) -> int:
        return int(self.info()["runtime"]["count-index-exists"])

    def page(
        self,
        *,
        since: int | None = None,
        limit: int = 1000,
        history: bool = False,
        deleted: bool = False,
        subset: Sequence[Any] | None = None,
    ) -> Page:
        """At most ``limit`` entities that were stored after ``since``.

        With ``history`` every version comes, else only what is now; with
        ``deleted`` those that are gone, too. ``subset`` is
        ``["eq", expression, value]``, for which an index must be there.
        """
        query = {
            "since": since,
            "limit": limit,
            "history": history,
            "deleted": deleted,
            "subset": None if subset is None else json.dumps(transit.encode(subset)),
        }
        body, headers = self.node.call("GET", f"{self._path}/entities", query=query)
        entities = transit.loads(body)
        return Page(
            entities,
            entities[-1]["_updated"] if entities else since,
            headers.get("X-Dataset-Populated") == "true",
            headers.get("X-Dataset-Generation", ""),
        )

    def entities(
        self, *, since: int | None = None, history: bool = False, deleted: bool = False, page: int = 1000
    ) -> Iterator[Entity]:
        """All entities, page after page."""
        while found := self.page(since=since, limit=page, history=history, deleted=deleted).entities:
            yield from found
            since = found[-1]["_updated"]

    def __iter__(self) -> Iterator[Entity]:
        return self.entities()

    def get(self, entity_id: str) -> Entity | None:
        """One entity as it is now; ``None`` if there is none or it is gone."""
        try:
            found, _ = self.node.call("GET", f"{self._path}/entity", query={"entity_id": entity_id})
        except NodeError as error:
            if error.status == 404 and self.info():
                return None
            raise
        entity: Entity = transit.loads(found)
        return None if entity.get("_deleted") is True else entity

    def follow(
        self, *, since: int | None = None, pause: float = 1.0, seconds: float | None = None
    ) -> Iterator[Entity]:
        """Every version that is stored after ``since``, deletes too, and then
        those that come, for so many ``seconds`` or without end.

        When the dataset was made anew meanwhile, it begins from its start.
        """
        end = None if seconds is None else time.monotonic() + seconds
        generation = None
        while True:
            found = self.page(since=since, history=True, deleted=True)
            if generation not in (None, found.generation):
                since, generation = None, found.generation
                continue
            generation = found.generation
            yield from found.entities
            since = found.next
            if not found.entities:
                if end is not None and time.monotonic() >= end:
                    return
                time.sleep(pause)

    def write(self, entities: Iterable[Mapping[str, Any]], *, force: bool = False) -> dict[str, int]:
        """Writes entities as they are, past any pipe: how many changed
        something, and how many did not."""
        body = transit.dumps([dict(entity) for entity in entities])
        return self.node.ask("POST", f"{self._path}/entities", query={"force": force}, body=body)


class Pipe:
    """A pipe."""

    def __init__(self, node: Node, name: str) -> None:
        self.node = node
        self.name = name
        self._quoted = urllib.parse.quote(name, safe="")
        self._path = f"/pipes/{self._quoted}"

    def __repr__(self) -> str:
        return f"Pipe({self.name!r})"

    def config(self) -> dict[str, Any]:
        """Its config as it is written."""
        return self.node.ask("GET", f"{self._path}/config")

    def status(self) -> dict[str, Any]:
        """How it fares."""
        return self.node.ask("GET", f"{self._path}/pump")["runtime"]

    def entities(self, *, stage: str = "sink", limit: int | None = None) -> list[Entity]:
        """What it gives at a stage: ``source``, ``after-transforms`` or
        ``sink``. Nothing is stored and nothing is written outside."""
        query = {"stage": stage, "limit": limit}
        body, _ = self.node.call("GET", f"{self._path}/entities", query=query)
        return transit.loads(body)

    def published(self, *, since: Any = None, limit: int | None = None, **bound: Any) -> list[Entity]:
        """What it publishes, if it does; ``bound`` is ``_B`` in its DTL."""
        query = {"since": since, "limit": limit, **bound}
        path = f"/publishers/{self._quoted}/entities"
        body, _ = self.node.call("GET", path, query=query)
        return transit.loads(body)

    def preview(self, entity: Mapping[str, Any]) -> list[Entity]:
        """What its transforms make of one entity. Nothing is stored."""
        body = urllib.parse.urlencode(
            {"operation": "preview-pipe", "source": transit.dumps(dict(entity)).decode()}
        ).encode()
        kind = "application/x-www-form-urlencoded"
        made = self.node.ask("POST", f"{self._path}/preview", body=body, kind=kind)
        if "failure" in made:
            raise NodeError(200, "transform", made["failure"], made)
        sink: list[Entity] = transit.decode(made["sink"])
        return sink

    def operate(self, operation: str, **fields: Any) -> dict[str, Any]:
        """Something is done to its pump, such as ``stop`` or ``disable``."""
        body = urllib.parse.urlencode({"operation": operation, **fields}).encode()
        kind = "application/x-www-form-urlencoded"
        return self.node.ask("POST", f"{self._path}/pump", body=body, kind=kind)["runtime"]

    def run(self, *, rescan: bool = False, seconds: float = 600, pause: float = 0.1) -> dict[str, Any]:
        """Runs it and waits for the end; how it fares then."""
        end = time.monotonic() + seconds
        while True:
            before = self.status()["runs"]
            try:
                self.operate("start-rescan" if rescan else "start")
                break
            except NodeError as error:
                # It runs by itself just now.
                if error.status != 409 or time.monotonic() >= end:
                    raise
                time.sleep(pause)
        while True:
            now = self.status()
            if not now["is-running"] and now["runs"] > before:
                if now["success"]:
                    return now
                raise RunFailed(f"{self.name}: {now['last-message']}", now)
            if time.monotonic() >= end:
                raise RunFailed(f"{self.name} has not ended after {seconds} seconds", now)
            time.sleep(pause)

    def push(
        self, entities: Iterable[Mapping[str, Any]], *, full: bool = False, batch: int = 1000
    ) -> int:
        """Posts entities to it, if its source takes them; how many they were.

        With ``full`` they are all there is: what the pipe has of an earlier
        push and is not among them is deleted.
        """
        path = f"/receivers/{self._quoted}/entities"
        waiting = iter(entities)
        sequence, previous, sent = str(uuid.uuid4()), None, 0
        while True:
            some = [dict(entity) for entity in islice(waiting, batch)]
            is_last = len(some) < batch
            query: dict[str, Any] = {}
            if full:
                request = str(uuid.uuid4())
                query = {
                    "is_full": True,
                    "sequence_id": sequence,
                    "request_id": request,
                    "previous_request_id": previous,
                    "is_first": True if previous is None else None,
                    "is_last": True if is_last else None,
                }
                previous = request
            if some or full:
                self.node.ask("POST", path, query=query, body=transit.dumps(some))
                sent += len(some)
            if is_last:
                return sent


def _refused(error: urllib.error.HTTPError) -> NodeError:
    text = error.read().decode("utf-8", "replace")
    try:
        body = json.loads(text)
    except ValueError:
        body = text
    says = body if isinstance(body, dict) else {}
    message = says.get("message") or f"the node answers {error.code}: {text[:200]}"
    return NodeError(error.code, says.get("code", "http"), message, body)
