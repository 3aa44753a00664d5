"""The sender against a real HTTP server that fails in every way, and really killed: nothing is lost, doubled or reordered."""

import base64
import contextlib
import functools
import hashlib
import html
import json
import os
import posixpath
import random
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from urllib.parse import quote, quote_plus, unquote

import duckdb
import pytest
import requests
from warehouse import PROJECT, compiled, model_sql, sync_log

from onboarding_health.cli import run
from onboarding_health.delivery import sender
from onboarding_health.delivery.messages import KeyOutsideOfPath, message
from onboarding_health.delivery.store import Change, Store

TOKEN = "s3cret-token"
LOG = ("sync_attempts", "sync_acknowledgements", "sync_dead_letters")
OBJECTS = {"fct_sync_account_health": "account_health", "fct_sync_milestones": "milestone", "fct_sync_tasks": "task"}
FAST = {
    "requests": "10000", "per_seconds": "1", "timeout_seconds": "5", "max_attempts": "3", "first_wait_seconds": "0.002",
    "max_wait_seconds": "1.5", "stop_after_failures": "3",
}  # fmt: skip
# What the receiver does: whether it applies the change, and what becomes of its answer.
FAULTS = (
    "timeout", "applied_timeout", "429", "503", "500", "applied_500", "dropped", "applied_dropped", "applied_half",
    "applied_garbage", "applied_twice_answered",
)  # fmt: skip
KILLS = ("killed_on_arrival", "applied_killed", "applied_answered_killed")


@dataclass(frozen=True)
class Arrival:
    """A request as the receiver got it, deduplicated or not, and the build that was current then."""

    change_id: str
    object_key: tuple
    sequence_number: int
    payload: str
    build: int
    at: float


class Receiver(ThreadingHTTPServer):
    """Applies a change once per Idempotency-Key, as the contract says, and fails as `choose` says per request."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, choose=lambda: "ok"):
        super().__init__(("127.0.0.1", 0), Handler)
        self.choose, self.lock = choose, Lock()
        self.arrivals, self.applied, self.requests = [], {}, []
        self.build, self.kill = 0, lambda: None
        self.say, self.headers = lambda handler: f'{{"said": "{handler.headers["Authorization"]} at {handler.path}"}}', {}
        self.address = f"http://127.0.0.1:{self.server_port}/hook-{TOKEN[::-1]}"
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def handle_error(self, request, client_address):
        """Say nothing: broken connections are the point."""


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        """Apply or not, answer or not."""
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        body, change_id = json.loads(text), self.headers["Idempotency-Key"]
        receiver = self.server
        with receiver.lock:
            key = (body["object_type"], body["sync_key"])
            payload = json.dumps(body["payload"])
            arrival = Arrival(change_id, key, body["sequence_number"], payload, receiver.build, time.monotonic())
            receiver.arrivals.append(arrival)
            receiver.requests.append((self.path, dict(self.headers), text))
            fault = receiver.choose()
            if fault == "ok" or fault.startswith("applied"):
                receiver.applied.setdefault(change_id, arrival)
        self.close_connection = fault not in ("ok", "applied_twice_answered")
        if fault in ("timeout", "applied_timeout"):
            time.sleep(0.55)
        elif fault in ("killed_on_arrival", "applied_killed"):
            receiver.kill()
        elif fault == "applied_half":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        elif fault == "applied_garbage":
            self.wfile.write(b"\x00\xff no http\r\n\r\n")
        elif fault == "applied_twice_answered":
            self.answer(200)
            self.wfile.flush()
            time.sleep(0.1)
            self.answer(200)
        elif fault == "applied_answered_killed":
            self.answer(200)
            receiver.kill()
        elif fault == "ok":
            self.answer(200)
        elif fault not in ("dropped", "applied_dropped"):
            code, _, header = fault.removeprefix("applied_").partition(" ")
            self.answer(int(code), {"Retry-After": header or "0"} if code in ("429", "503") else self.server.headers)
        if fault != "ok" and fault != "applied_twice_answered":
            self.connection.shutdown(socket.SHUT_RDWR)

    do_PUT = do_PATCH = do_POST

    def answer(self, code, headers=()):
        """Echo what a careless receiver would: the secret and the path of its address."""
        text = self.server.say(self).encode()
        head = "".join(f"{name}: {value}\r\n" for name, value in dict(headers).items())
        self.wfile.write(f"HTTP/1.1 {code} x\r\n{head}Content-Length: {len(text)}\r\n\r\n".encode() + text)

    def log_message(self, *arguments):
        """Say nothing."""


@pytest.fixture(scope="session")
def empty(tmp_path_factory):
    """A warehouse file with the sender's tables as the hook makes them, the seeds and the live models; no objects."""
    path = tmp_path_factory.mktemp("delivery") / "memory.duckdb"  # the compiled models name their catalog "memory"
    seeds = [n for n in compiled()["nodes"].values() if "seeds/sync/" in n["original_file_path"]]
    with duckdb.connect(str(path)) as connection:
        connection.execute(sync_log())
        for node in seeds:
            types = json.dumps(node["config"]["column_types"]).replace('"string"', '"varchar"')
            file = PROJECT / node["original_file_path"]
            connection.execute(f"create table {node['name']} as from read_csv('{file}', header=true, columns={types})")
        connection.execute("update sync_destinations set " + ", ".join(f"{k} = {v}" for k, v in FAST.items()))
        for table in OBJECTS:
            columns = "sync_key varchar, payload varchar, payload_hash varchar, closed_on date, status varchar"
            connection.execute(f"create table {table} ({columns})")
        connection.execute("create table base_build_moment as select now()::timestamp as known_at, today() as as_of")
        for view in ("int_sync_changes", "fct_sync_outbox", "rpt_sync_deliveries"):
            connection.execute(f"create view {view} as {model_sql(view)}")
    return path


class House:
    """A warehouse whose objects the test sets, as builds would, and its receiver."""

    def __init__(self, path, receiver):
        self.path, self.receiver, self.objects, self.day, self.kills = path, receiver, {}, 0, 0

    def build(self, objects, day=None):
        """Replace all objects: {(object type, key): value}. Each build is one day later unless `day` says otherwise."""
        self.objects, self.day = dict(objects), self.day + 1 if day is None else day
        self.receiver.build += 1
        with duckdb.connect(str(self.path)) as connection:
            for table, object_type in OBJECTS.items():
                rows = [
                    (key, text, hashlib.md5(text.encode()).hexdigest())
                    for (kind, key), value in objects.items()
                    for text in [json.dumps({"sync_key": key, "is_withdrawn": False, "score": value})]
                    if kind == object_type
                ]
                connection.execute(f"delete from {table}")
                if rows:
                    connection.executemany(f"insert into {table} values (?, ?, ?, null, null)", rows)
            connection.execute(
                "update base_build_moment set known_at = timestamp '2025-01-01' + to_days(?), as_of = date '2025-01-01' + ?",
                [self.day, self.day],
            )

    def set(self, **settings):
        """Change the destination's row of the seed."""
        with duckdb.connect(str(self.path)) as connection:
            connection.execute("update sync_destinations set " + ", ".join(f"{k} = {v}" for k, v in settings.items()))

    def send(self):
        """Run the sender in this process; returns its exit code."""
        return run(["sync", "--send", "--warehouse", str(self.path)])

    def rows(self, query):
        """Rows of the warehouse."""
        with duckdb.connect(str(self.path), read_only=True) as connection:
            return connection.execute(query).fetchall()

    def states(self):
        """State by object and key, of what is in the outbox."""
        return {(kind, key): state for kind, key, state in self.rows("select object_type, sync_key, state from fct_sync_outbox")}


@pytest.fixture
def house(empty, tmp_path, monkeypatch):
    """A house of its own for a test, and a receiver that takes everything."""
    receiver = Receiver()
    path = tmp_path / "memory.duckdb"
    shutil.copy(empty, path)
    monkeypatch.setenv("ONBOARDING_HEALTH_WEBHOOK_URL", receiver.address)
    monkeypatch.setenv("ONBOARDING_HEALTH_WEBHOOK_TOKEN", TOKEN)
    yield House(path, receiver)
    receiver.shutdown()
    receiver.server_close()


ONE = {("account_health", "a"): 1}
THREE = {("account_health", "a"): 1, ("milestone", "a|M1"): 1, ("task", "t"): 1}


def started(house):
    """A sender in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "src")}
    arguments = [sys.executable, "-m", "onboarding_health", "sync", "--send", "--warehouse", str(house.path)]
    return subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def live(house, seed, faults, builds=3, run=House.send):
    """A random history: objects that change, come back, go and return, and runs that fail; then one healthy run."""
    draw, receiver = random.Random(seed), house.receiver
    house.set(timeout_seconds=0.4)
    random.seed(seed)
    keys = [("account_health", "a"), ("account_health", "b"), ("milestone", "a|M1"), ("task", "t")]
    history = []
    for _ in range(builds):
        house.build({key: draw.randrange(2) for key in keys if draw.random() < 0.85})
        history.append((receiver.build, house.objects))
        for _ in range(draw.randrange(3)):
            receiver.choose = lambda: draw.choice(faults) if draw.random() < 0.6 else "ok"
            run(house)
    receiver.choose = lambda: "ok"
    house.set(timeout_seconds=5)
    assert house.send() == 0
    return history


def check(house, history):
    """What must hold after any history that ended with a healthy run."""
    receiver = house.receiver
    before = len(receiver.arrivals)
    assert house.send() == 0
    assert len(receiver.arrivals) == before, "a further run sent something"

    # While an object stays as it is, its change has one id, however often it is sent; another payload in between makes
    # it another change, also when the first comes back.
    periods, last = defaultdict(int), {}
    period_of = {}
    for build, objects in history:
        for key in {*last, *objects}:
            if last.get(key) != objects.get(key):
                periods[key] += 1
            period_of[build, key] = (key, periods[key])
        last |= {key: objects.get(key) for key in {*last, *objects}}
    ids, values = defaultdict(set), dict(history)
    latest, spells, payloads = {}, defaultdict(list), {}
    for arrival in receiver.arrivals:
        key = arrival.object_key
        ids[period_of[arrival.build, key]].add(arrival.change_id)
        payload = json.loads(arrival.payload)
        now = values[arrival.build].get(key)
        assert payload["is_withdrawn"] == (now is None) and payload.get("score") == now, "an old state was sent"
        assert latest.get(key, 0) <= arrival.sequence_number, "an older change arrived after a newer one"
        latest[key] = arrival.sequence_number
        if payloads.get(key) != arrival.payload:
            spells[key].append(set())
        payloads[key] = arrival.payload
        spells[key][-1].add(arrival.change_id)
    assert all(len(found) == 1 for found in ids.values()), "one change went out under two ids"
    told = [change_id for found in spells.values() for spell in found for change_id in spell]
    assert len(told) == len(set(told)), "two changes shared an id"

    # The receiver is where the house is, and every success is recorded once.
    at_receiver = {}
    for change_id, arrival in receiver.applied.items():
        assert change_id == arrival.change_id
        at_receiver[arrival.object_key] = json.loads(arrival.payload).get("score")
    assert {key: value for key, value in at_receiver.items() if value is not None} == house.objects
    acknowledged = Counter(row[0] for row in house.rows("select change_id from sync_acknowledgements"))
    assert all(count == 1 for count in acknowledged.values()), "acknowledged twice"
    assert set(acknowledged) <= set(receiver.applied), "acknowledged but never applied"
    final = {arrival.object_key: change_id for change_id, arrival in receiver.applied.items()}
    assert set(final.values()) <= set(acknowledged), "a success is not recorded"

    # Each request left a trace, written before it.
    traces = Counter(row[0] for row in house.rows("select change_id from sync_attempts"))
    sent = Counter(arrival.change_id for arrival in receiver.arrivals)
    assert all(count <= traces[change_id] for change_id, count in sent.items()), "a request without a trace"
    assert house.rows("select count(*) from fct_sync_outbox where is_due") == [(0,)]
    assert house.rows("select count(*) from sync_dead_letters") == [(0,)]


@pytest.mark.parametrize("seed", range(6))
def test_every_change_is_applied_once_whatever_fails(house, seed):
    check(house, live(house, seed, FAULTS, run=crash))


def come_back(house):
    """A history: the answer to a change is lost each time, and then the object is again what was acknowledged before."""
    history = []
    for value, fault in ((1, "ok"), (2, "applied_dropped"), (1, "ok")):
        house.build({("account_health", "a"): value})
        history.append((house.receiver.build, house.objects))
        house.receiver.choose = lambda fault=fault: fault
        assert house.send() == (fault != "ok")
    return history


def test_a_change_whose_answer_was_lost_is_undone_by_the_next(house):
    check(house, come_back(house))


def run_and_kill(house):
    """A run that the receiver kills when it draws so."""
    process = started(house)
    house.receiver.kill = process.kill
    process.communicate(timeout=60)
    assert process.returncode in (0, 1, -9)
    house.kills += process.returncode == -9


@pytest.mark.parametrize("seed", range(2))
def test_every_change_is_applied_once_although_the_sender_is_killed(house, seed):
    history = live(house, seed, (*KILLS, *KILLS, "applied_dropped", "500"), run=run_and_kill)
    check(house, history)
    assert house.kills > 0
    assert house.rows("select count(*) from sync_attempts where finished_at is null")[0][0] <= house.kills


def test_killed_at_any_moment_of_the_clock(house):
    draw = random.Random(3)
    house.build({("account_health", f"a{n:02}"): 1 for n in range(20)})
    history = [(house.receiver.build, house.objects)]
    for _ in range(3):
        process = started(house)
        while process.poll() is None and len(house.receiver.arrivals) < 1:
            time.sleep(0.01)
        time.sleep(draw.uniform(0, 0.2))
        process.kill()
        process.communicate()
    assert house.send() == 0
    check(house, history)


def crash(house):
    """A run in this process that ends as if it were killed, sometimes after a request and before its record."""
    end, draw = Store.end, random.Random(len(house.receiver.arrivals))

    def dying(self, *facts):
        if draw.random() < 0.3:
            raise KeyboardInterrupt
        end(self, *facts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "end", dying)
        with contextlib.suppress(KeyboardInterrupt):
            house.send()


# What the histories above must notice: each fault is put into the sender or the outbox, and some history fails.
def acknowledge_first(monkeypatch, house):
    begin, end = Store.begin, Store.end

    def early(self, change):
        started_at = begin(self, change)
        end(self, change, started_at, sender.Outcome("acknowledged", 200))
        return started_at

    monkeypatch.setattr(Store, "begin", early)
    monkeypatch.setattr(Store, "end", lambda self, *facts: None)


def new_key_at_each_attempt(monkeypatch, house):
    request = sender._request

    def renamed(destination, access, asked, change):
        return request(destination, access, asked, replace(change, change_id=f"{change.change_id}{random.random()}"))

    monkeypatch.setattr(sender, "_request", renamed)


def no_trace_before_the_request(monkeypatch, house):
    begin, end = Store.begin, Store.end
    monkeypatch.setattr(Store, "begin", lambda self, change: None)

    def late(self, change, started_at, outcome):
        end(self, change, begin(self, change), outcome)

    monkeypatch.setattr(Store, "end", late)


def take_any_answer(monkeypatch, house):
    judge = sender._judge
    monkeypatch.setattr(
        sender, "_judge", lambda destination, answer: replace(judge(destination, answer), status="acknowledged")
    )


def take_no_answer_for_success(monkeypatch, house):
    request = sender._request

    def hopeful(*arguments):
        outcome = request(*arguments)
        return outcome if outcome.http_status else replace(outcome, status="acknowledged")

    monkeypatch.setattr(sender, "_request", hopeful)


def forget_acknowledgements(monkeypatch, house):
    monkeypatch.setattr("onboarding_health.delivery.store._ACKNOWLEDGE", "select $change_id")


def chain_on_what_was_acknowledged(monkeypatch, house):
    sql = model_sql("int_sync_changes").replace(
        "order by sequence_number desc", "order by acknowledged_at is null, sequence_number desc"
    )
    with duckdb.connect(str(house.path)) as connection:
        connection.execute(f"create or replace view int_sync_changes as {sql}")


def name_changes_by_payload_alone(monkeypatch, house):
    sql = model_sql("fct_sync_outbox").replace("coalesce(latest_change_id, '')", "''").replace("cast(known_at as TEXT)", "''")
    with duckdb.connect(str(house.path)) as connection:
        connection.execute(f"create or replace view fct_sync_outbox as {sql}")


def send_an_earlier_state(monkeypatch, house):
    due, seen = Store.due, {}

    def stale(self, destination):
        found = due(self, destination)
        for change in found:
            seen.setdefault((change.object_type, change.sync_key), change)
        return [replace(change, payload=seen[change.object_type, change.sync_key].payload) for change in found]

    monkeypatch.setattr(Store, "due", stale)


@pytest.mark.parametrize(
    "fault",
    [
        acknowledge_first, new_key_at_each_attempt, no_trace_before_the_request, take_any_answer,
        take_no_answer_for_success, forget_acknowledgements, chain_on_what_was_acknowledged,
        name_changes_by_payload_alone, send_an_earlier_state,
    ],
    ids=lambda fault: fault.__name__,
)  # fmt: skip
def test_the_histories_notice_a_faulty_sender(empty, house, fault, monkeypatch):
    histories = [come_back, *(functools.partial(live, seed=seed, faults=FAULTS, run=crash) for seed in range(6))]
    for history in histories:
        shutil.copy(empty, house.path)
        house.receiver.arrivals, house.receiver.applied, house.receiver.build, house.day = [], {}, 0, 0
        with monkeypatch.context() as patch:
            fault(patch, house)
            try:
                check(house, history(house))
            except AssertionError:
                return
    pytest.fail("no history noticed")


@pytest.mark.parametrize("keeps_connections", [False, True])
def test_a_late_second_answer_is_not_taken_for_that_of_the_next_change(house, monkeypatch, keeps_connections):
    answers = iter(["applied_twice_answered", "500", "ok"])
    house.receiver.choose = lambda: next(answers)
    if keeps_connections:  # as the sender would be wrong to do
        monkeypatch.setattr(requests, "request", requests.Session().request)
    house.build({("account_health", "a"): 1, ("account_health", "b"): 1})
    assert house.send() == 0
    with pytest.raises(AssertionError) if keeps_connections else contextlib.nullcontext():
        check(house, [(house.receiver.build, house.objects)])


def test_a_dry_run_shows_and_changes_nothing(house, capsys):
    house.build(THREE)
    before = house.path.read_bytes()
    assert run(["sync", "--warehouse", str(house.path)]) == 0
    assert house.path.read_bytes() == before and house.receiver.arrivals == []
    said = capsys.readouterr().out
    assert "3 changes would be sent (1 account_health, 1 milestone, 1 task)" in said
    assert '"sync_key": "a"' in said and "Nothing was sent" in said


def test_what_is_missing_is_named_before_anything_is_sent(house, capsys, monkeypatch, tmp_path):
    house.build(ONE)
    for variable, value in (
        ("ONBOARDING_HEALTH_WEBHOOK_URL", ""),
        ("ONBOARDING_HEALTH_WEBHOOK_TOKEN", None),
        ("ONBOARDING_HEALTH_WEBHOOK_URL", "http://receiver.example/hook"),
        ("ONBOARDING_HEALTH_TARGET", "postgres"),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(variable, value) if value is not None else patch.delenv(variable)
            assert house.send() == 1
        said = capsys.readouterr().err
        assert (variable in said) != (value == "postgres") and said.count("\n") == 1
    assert run(["sync", "--send", "--warehouse", str(tmp_path / "none.duckdb")]) == 1
    assert "make build" in capsys.readouterr().err
    assert house.receiver.arrivals == []


def test_a_warehouse_in_use_is_explained(house):
    house.build(ONE)
    with duckdb.connect(str(house.path)):
        process = started(house)
        said = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 1 and "is in use" in said and said.count("\n") == 1
    assert house.receiver.arrivals == []


def test_address_and_secret_appear_nowhere(house, capsys):
    faults = iter(["400", "500", "429", "403", "ok"])
    house.receiver.choose = lambda: next(faults)
    house.build(THREE)
    house.send()
    written = " ".join(str(row) for table in LOG for row in house.rows(f"select * from {table}"))
    said = "".join(capsys.readouterr())
    for secret in (TOKEN, house.receiver.address, TOKEN[::-1]):
        assert secret not in written and secret not in said
    assert "HTTP 400" in written
    assert all(head["Authorization"] == f"Bearer {TOKEN}" for _, head, _ in house.receiver.requests)


@pytest.mark.parametrize("token, names", [(TOKEN, ", and the answer names object_type"), ("my object_type", ""), ("ject", "")])
def test_a_record_names_the_field_that_the_receiver_refused(house, monkeypatch, token, names):
    monkeypatch.setenv("ONBOARDING_HEALTH_WEBHOOK_TOKEN", token)
    house.receiver.choose, house.receiver.say = lambda: "400", lambda handler: '{"error": "no object_type Q7x"}'
    house.build(ONE)
    house.send()
    assert house.rows("select reason from sync_dead_letters") == [(f"HTTP 400{names}",)]


# What a header can carry, and what none can; none shares five characters in a row with what the sender says.
CARRIED = [
    "Qz7%40w%0Ax%%s%(x)d{0}", "Jd'\"<&>\\u0041\\n;kB4", "Zx9vYmFy+/Qw==", "J4 kV2 m9Tz", "7391850264", "QX",
    "Q" * 300 + "9W",
]  # fmt: skip
NOT_CARRIED = ["Vq3x\nJ8wK", "Vq3x\r\nX-J8wK: Zt5", "Vq3xé€J8wK", "Vq3x\u2028J8wK😀", "Vq3x\x7fJ8wK", "Vq3x\x01\tJ8wK"]


def forms(secret):
    """The texts in which a secret could be repeated."""
    bytes_ = secret.encode()
    return [
        secret, json.dumps(secret), json.dumps(json.dumps(secret)), quote(secret), quote(secret, safe=""), quote_plus(secret),
        html.escape(secret), repr(secret), repr(bytes_), secret[::-1], secret.upper(), secret.swapcase(), bytes_.hex(),
        *(base64.b64encode(b"x" * shift + bytes_).decode() for shift in range(3)),
        base64.b64encode(f"Bearer {secret}".encode()).decode(), base64.urlsafe_b64encode(bytes_).decode(),
        " ".join(secret), "\n".join(secret), "_".join(secret), secret[: len(secret) // 2],
    ]  # fmt: skip


def pieces(text):
    """What must not be seen of a text: any five characters in a row, or all of it where it is shorter."""
    return {text[start : start + 5] for start in range(max(1, len(text) - 4))}


def seen(house, capsys, caplog):
    """All that the sender has printed, logged and recorded, but for the times and ids that it makes up itself."""
    columns = "destination, object_type, sync_key, sequence_number, payload"
    records = [house.rows(f"select status, http_status, error, {columns.rpartition(',')[0]} from sync_attempts")]
    records.append(house.rows(f"select {columns}, http_status, reason from sync_dead_letters"))
    return "".join(capsys.readouterr()) + caplog.text + str(records)


@pytest.mark.slow
@pytest.mark.parametrize("secret", CARRIED)
def test_an_odd_secret_appears_nowhere_whatever_the_answer(house, capsys, caplog, monkeypatch, secret):
    caplog.set_level("DEBUG")
    monkeypatch.setenv("ONBOARDING_HEALTH_WEBHOOK_TOKEN", secret)
    monkeypatch.setenv("ONBOARDING_HEALTH_WEBHOOK_URL", f"{house.receiver.address}?key={quote_plus(secret)}")
    house.build(THREE)
    said = [*forms(secret), " and ".join(forms(secret))]
    for code, headers in (
        ("400", {}), ("500", {}), ("200", {}), ("403", {}), ("302", {"Location": f"http://x/{quote(secret)}"}),
        ("302", {"Location": f"http://[{quote(secret)}"}), ("401", {"WWW-Authenticate": f"Bearer {secret}"}),
        ("400", {"Content-Type": "text/plain; charset=undefined"}), ("400", {"Content-Encoding": "gzip"}),
        ("429 7391850264", {}),
    ):  # fmt: skip
        house.receiver.headers = headers
        house.receiver.choose = lambda code=code: code
        for text in said if code == "400" and not headers else said[-1:]:
            house.receiver.say = lambda handler, text=text: text
            assert house.send() == (code != "200")
            written = seen(house, capsys, caplog)
            for form in forms(secret):
                assert len(form) < 2 or not any(piece in written for piece in pieces(form)), (code, form)
            with duckdb.connect(str(house.path)) as connection:
                connection.execute("; ".join(f"delete from {table}" for table in LOG))
    assert all(head["Authorization"] == f"Bearer {secret}" for _, head, _ in house.receiver.requests)


@pytest.mark.parametrize("variable", ["TOKEN", "URL"])
@pytest.mark.parametrize("secret", NOT_CARRIED)
def test_a_secret_that_no_request_can_carry_is_refused_and_not_said(house, capsys, caplog, monkeypatch, variable, secret):
    caplog.set_level("DEBUG")
    value = secret if variable == "TOKEN" else f"https://user:{secret}@x.example/{secret}"
    monkeypatch.setenv(f"ONBOARDING_HEALTH_WEBHOOK_{variable}", value)
    house.build(ONE)
    assert house.send() == 1 and house.receiver.arrivals == []
    said = seen(house, capsys, caplog)
    assert f"ONBOARDING_HEALTH_WEBHOOK_{variable} holds a line break" in said
    assert not any(part in said for part in ("Vq3x", "J8wK", "Zt5"))


@pytest.mark.parametrize("address", ["https://[Vq3x", "https://x:Vq3x/", "https://Vq3x℀.example", "http://Vq3x.ex", "//Vq3x"])
def test_an_address_that_is_none_is_not_said(house, capsys, monkeypatch, address):
    monkeypatch.setenv("ONBOARDING_HEALTH_WEBHOOK_URL", address)
    house.build(ONE)
    assert house.send() == 1
    said = capsys.readouterr().err
    assert "ONBOARDING_HEALTH_WEBHOOK_URL" in said and "Vq3x" not in said and said.count("\n") == 1


@pytest.mark.parametrize("place", ["_request", "_judge", "message"])
def test_an_error_with_the_secret_in_its_text_is_not_said(house, capsys, caplog, monkeypatch, place):
    def fail(*arguments):
        raise ValueError(f"Invalid header value b'Bearer {TOKEN}' for {house.receiver.address}")

    monkeypatch.setattr(sender, place, fail)
    house.build(ONE)
    assert house.send() == 1
    said = seen(house, capsys, caplog)
    assert "ValueError" in said and TOKEN not in said and TOKEN[::-1] not in said


# Whether a key may stand in a path. One that may not never leaves the house.
KEYS = {
    "a/1": True, "a.b": True, "..a": True, "100%": True, ".a": True, "a b": True, "ü%20x": True, "a;b": True,
    "..": False, ".": False, "...": False, "/": False, "//": False, "a/../b": False, "../x": False, "a/": False, "%2e%2e": False,
    "%2E.": False, "%252e%252e": False, "..%2fx": False, "a\\..\\b": False, "．．": False, "․․": False, "‥": False,
    ".. ": False, " ": False, "..;x": False, "..\x00": False, "a／．．": False,
}  # fmt: skip


def test_a_key_does_not_lead_out_of_its_path(house):
    with duckdb.connect(str(house.path)) as connection:
        connection.execute("update sync_routes set path = '/objects/{sync_key}' where destination = 'webhook'")
    house.build({("account_health", key): 1 for key in KEYS})
    assert house.send() == 1
    base = house.receiver.address.rpartition("/")[2]
    paths = {unquote(path.removeprefix(f"/{base}/objects/")) for path, _, _ in house.receiver.requests}
    assert paths == {key for key, is_sent in KEYS.items() if is_sent}
    for path, _, _ in house.receiver.requests:
        for _ in range(3):
            path = unquote(path)
        assert posixpath.normpath(path).startswith(f"/{base}/objects/") and ".." not in path.split("/")
    refused = house.rows("select sync_key, reason from sync_dead_letters")
    assert {key for key, _ in refused} == {key for key, is_sent in KEYS.items() if not is_sent}
    assert all("no part of a path" in reason for _, reason in refused)
    assert house.send() == 0 and len(house.receiver.arrivals) == len(paths)


def test_an_empty_key_is_no_path(house):
    with pytest.raises(KeyOutsideOfPath):
        sent_as(house, "salesforce", "account_health", {"sync_key": "", "is_withdrawn": True})


def test_attempts_are_bounded_and_further_apart_each_time(house):
    house.receiver.choose = lambda: "500"
    house.set(max_attempts=4, first_wait_seconds=0.1, stop_after_failures=1)
    house.build(THREE)
    assert house.send() == 1
    at = [arrival.at for arrival in house.receiver.arrivals]
    gaps = [later - earlier for earlier, later in zip(at, at[1:], strict=False)]
    assert len(at) == 4 and all(gap >= least for gap, least in zip(gaps, (0.1, 0.2, 0.4), strict=True))
    assert house.rows("select attempt_number, status, http_status from sync_attempts order by 1") == [
        (number, "failed", 500) for number in range(1, 5)
    ]
    assert set(house.states().values()) == {"new"}


def test_retry_after_is_kept(house):
    answers = iter(["429 1", "ok", "503 " + time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 900))])
    house.receiver.choose = lambda: next(answers)
    house.build({("account_health", "a"): 1, ("account_health", "b"): 1, ("account_health", "c"): 1})
    assert house.send() == 1
    first, second, third = house.receiver.arrivals
    assert second.at - first.at >= 1 and second.change_id == first.change_id
    assert house.rows("select status, count(*) from sync_attempts group by all order by all") == [
        ("acknowledged", 1), ("failed", 1), ("stopped", 1),
    ]  # fmt: skip
    assert third.object_key == ("account_health", "b") and house.states()["account_health", "b"] == "new"


def test_no_more_requests_than_the_seed_allows(house):
    house.set(requests=4, per_seconds=1)
    house.build({("account_health", f"a{n}"): 1 for n in range(9)})
    assert house.send() == 0
    at = [started_at.timestamp() for (started_at,) in house.rows("select started_at from sync_attempts order by 1")]
    assert len(at) == 9 and all(later - earlier > 0.9 for earlier, later in zip(at, at[4:], strict=False))


def test_a_refused_change_is_put_aside_with_its_reason(house):
    house.receiver.choose = lambda: "400" if house.receiver.arrivals[-1].object_key[1] == "a" else "ok"
    house.build(THREE)
    assert house.send() == 1
    ((key, payload, code, reason),) = house.rows("select sync_key, payload, http_status, reason from sync_dead_letters")
    assert (key, code) == ("a", 400) and json.loads(payload)["score"] == 1 and "HTTP 400" in reason
    assert Counter(house.states().values()) == {"refused": 1, "unchanged": 2}
    assert house.send() == 0 and len(house.receiver.arrivals) == 3
    house.receiver.choose = lambda: "ok"
    with duckdb.connect(str(house.path)) as connection:  # somebody has corrected the cause
        connection.execute("begin; delete from sync_dead_letters")
        assert connection.execute("select is_due from fct_sync_outbox where sync_key = 'a'").fetchall() == [(True,)]
        connection.execute("rollback")
    house.build(THREE | {("account_health", "a"): 2})
    assert house.send() == 0 and set(house.states().values()) == {"unchanged"}


def test_a_destination_that_refuses_the_sender_is_left_at_once(house):
    house.receiver.choose = lambda: "401"
    house.build(THREE)
    assert house.send() == 1
    assert len(house.receiver.arrivals) == 1 and house.rows("select count(*) from sync_dead_letters") == [(0,)]
    house.receiver.choose = lambda: "ok"
    assert house.send() == 0 and set(house.states().values()) == {"unchanged"}


def test_a_destination_that_is_down_is_left_and_what_always_fails_comes_last(house):
    objects = {("account_health", f"a{n}"): 1 for n in range(5)}
    house.build(objects)
    house.receiver.choose = lambda: "500"
    assert house.send() == 1
    tried = {arrival.object_key[1] for arrival in house.receiver.arrivals}
    assert len(tried) == 3 and len(house.receiver.arrivals) == 9
    house.receiver.choose = lambda: "500" if house.receiver.arrivals[-1].object_key[1] in tried else "ok"
    assert house.send() == 1
    assert {key for (_, key), state in house.states().items() if state == "unchanged"} == {"a3", "a4"}


def test_replays_and_full_refreshes_send_nothing_twice(house):
    house.build(THREE)
    now = house.day
    assert house.send() == 0
    for objects, day in (
        (THREE, now),  # a full refresh: the same rows, made anew
        (THREE | {("account_health", "a"): 0}, now - 1),  # a replay of the past, in which the score was another
        ({("milestone", "a|M1"): 1}, now - 5),  # and one of before the account
        (THREE, now),
        (THREE, now + 1),  # a night in which nothing happened
    ):
        house.build(objects, day)
        assert house.send() == 0 and len(house.receiver.arrivals) == 3


def test_changes_reversals_and_withdrawals_go_out_with_ids_of_their_own(house):
    for value in (1, 2, 1, None, 1):
        house.build({} if value is None else {("account_health", "a"): value})
        assert house.send() == 0
    arrivals = house.receiver.arrivals
    assert len({arrival.change_id for arrival in arrivals}) == 5
    assert [arrival.sequence_number for arrival in arrivals] == [1, 2, 3, 4, 5]
    assert [json.loads(arrival.payload).get("score") for arrival in arrivals] == [1, 2, 1, None, 1]
    assert json.loads(arrivals[3].payload) == {"sync_key": "a", "is_withdrawn": True}
    assert house.rows("select changes, acknowledged, success_share, meets_service_level from rpt_sync_deliveries") == [
        (5, 5, 1, True)
    ]


def test_an_acknowledgement_outlives_the_attempts(house):
    house.build(ONE)
    assert house.send() == 0
    with duckdb.connect(str(house.path)) as connection:
        connection.execute("delete from sync_attempts")
    assert house.send() == 0 and len(house.receiver.arrivals) == 1
    house.build({("account_health", "a"): 2})
    assert house.send() == 0 and house.receiver.arrivals[1].sequence_number == 2


def test_a_change_is_not_taken_for_one_of_a_lost_warehouse(house):
    for value in (1, 2, 1):
        house.build({("account_health", "a"): value})
        assert house.send() == 0
        with duckdb.connect(str(house.path)) as connection:
            connection.execute("; ".join(f"delete from {table}" for table in LOG))
    assert [json.loads(arrival.payload)["score"] for arrival in house.receiver.applied.values()] == [1, 2, 1]


@pytest.mark.parametrize(
    ("code", "text", "status"),
    [
        (200, '{"data": {"count": 1}}', "acknowledged"),
        (204, "", "acknowledged"),
        (200, '{"data": {"count": 0}}', "refused"),
        (207, '{"data": {"count": 1}}', "refused"),
        (300, "", "refused"),
        (422, "", "refused"),
        (200, '{"data": null}', "failed"),
        (200, "[]", "failed"),
        (200, "{", "failed"),
        (200, "", "failed"),
        (409, "", "failed"),
        (599, "", "failed"),
        (302, "", "stopped"),
        (404, "", "stopped"),
    ],
)
def test_what_an_answer_means(empty, code, text, status):
    answer = requests.Response()
    answer.status_code, answer._content = code, text.encode()
    store = Store(str(empty), read_only=True)
    (destination,) = store.destinations()
    store.close()
    assert sender._judge(replace(destination, success_field="data.count", success_value="1"), answer).status == status


TASK = {
    "sync_key": "t1", "is_withdrawn": False, "account_id": "a/1", "play_name": "Call \"them\"", "reason": "Logins fell",
    "owner_role": "csm", "is_high_risk": True, "priority": 48.36, "due_at": "2025-01-29T00:00:00Z", "status": "overdue",
}  # fmt: skip
HEALTH = {
    "sync_key": "a/1", "is_withdrawn": False, "account_id": "a/1", "status": "scored", "score": 44.8, "band": "red",
    "band_reason": "capped", "change_7d": -0.13, "top_driver_up": "dau_mau", "top_driver_down": None,
}  # fmt: skip
# Method, path and body, exactly. HubSpot: batch upsert by a property with unique values, properties as text. Salesforce:
# upsert by external id in the path, which the body must not repeat. Gainsight: update by keys, at most 50 records.
SHAPES = {
    ("hubspot", "account_health"): (
        "POST", "/crm/v3/objects/companies/batch/upsert",
        '{"inputs": [{"idProperty": "onboarding_account_id", "id": "a/1", "properties": {"onboarding_health_band": "red", '
        '"onboarding_health_score": "44.8", "onboarding_health_status": "scored", "onboarding_health_top_risk": ""}}]}',
    ),
    ("salesforce", "account_health"): (
        "PATCH", "/services/data/v61.0/sobjects/Account/Onboarding_Account_Id__c/a%2F1",
        '{"Onboarding_Health_Band__c": "red", "Onboarding_Health_Score__c": 44.8, "Onboarding_Health_Status__c": "scored", '
        '"Onboarding_Top_Risk__c": null}',
    ),
    ("gainsight", "account_health"): (
        "PUT", "/v1/data/objects/Company?keys=Onboarding_Account_Id__gc",
        '{"records": [{"Onboarding_Account_Id__gc": "a/1", "Onboarding_Health_Band__gc": "red", '
        '"Onboarding_Health_Score__gc": 44.8, "Onboarding_Health_Status__gc": "scored", "Onboarding_Top_Risk__gc": null}]}',
    ),
    ("hubspot", "task"): (
        "POST", "/crm/v3/objects/tasks/batch/upsert",
        '{"inputs": [{"idProperty": "onboarding_task_id", "id": "t1", "properties": {"hs_task_body": "Logins fell", '
        '"hs_task_priority": "HIGH", "hs_task_status": "NOT_STARTED", "hs_task_subject": "Call \\"them\\"", '
        '"hs_timestamp": "2025-01-29T00:00:00Z", "onboarding_account_id": "a/1", "onboarding_owner_role": "csm"}}]}',
    ),
    ("salesforce", "task"): (
        "PATCH", "/services/data/v61.0/sobjects/Onboarding_Task__c/Sync_Key__c/t1",
        '{"Due_At__c": "2025-01-29T00:00:00Z", "Name": "Call \\"them\\"", "Onboarding_Account_Id__c": "a/1", '
        '"Owner_Role__c": "csm", "Priority__c": 48.36, "Reason__c": "Logins fell", "Status__c": "overdue"}',
    ),
    ("webhook", "account_health"): (
        "POST", "",
        '{"change_id": "c1", "object_type": "account_health", "sync_key": "a/1", "sequence_number": 3, "payload": '
        + json.dumps(HEALTH) + "}",
    ),
}  # fmt: skip


def sent_as(house, destination, object_type, payload):
    """The message that a change of this payload becomes."""
    house.set(is_active="true")
    store = Store(str(house.path), read_only=True)
    to = {found.name: found for found in store.destinations()}[destination]
    store.close()
    change = Change(destination, object_type, payload["sync_key"], "c1", 3, json.dumps(payload), "h", 0, None, None)
    return message(to, change)


@pytest.mark.parametrize(("destination", "object_type"), SHAPES)
def test_payload_has_the_shape_that_the_destination_documents(house, destination, object_type):
    sent = sent_as(house, destination, object_type, TASK if object_type == "task" else HEALTH)
    assert (sent.method, sent.path, sent.body) == SHAPES[destination, object_type]


def test_every_route_makes_a_message_and_a_withdrawal_empties_the_fields(house):
    for destination, object_type in house.rows("select destination, object_type from sync_routes"):
        sent = sent_as(house, destination, object_type, {"sync_key": "k", "is_withdrawn": True})
        assert "{" not in sent.path and '"{' not in sent.body and "k" in sent.path + sent.body
    withdrawn = sent_as(house, "salesforce", "account_health", {"sync_key": "k", "is_withdrawn": True})
    assert set(json.loads(withdrawn.body).values()) == {None}
    withdrawn = json.loads(sent_as(house, "hubspot", "task", {"sync_key": "k", "is_withdrawn": True}).body)
    properties = withdrawn["inputs"][0]["properties"]
    assert properties["hs_task_status"] == "DEFERRED" and "hs_timestamp" not in properties


def test_payload_is_json_whatever_an_id_holds(house):
    ids = ['"', "\\", "\\\"", "a\tb", "\n\x01\x1f", "ü€😀", "{}'", "\\u0041"]
    with duckdb.connect() as connection:
        columns = "'red' as band, 'measured' as band_reason, 1.50::decimal(9, 2) as change_7d"
        connection.execute(
            f"create table fct_current_health as select unnest(?) as account_id, 'scored' as status, 5.00 as score, "
            f"{columns}, 'x' as top_driver_up, 'y' as top_driver_down, date '2025-01-01' as score_date",
            [ids],
        )
        connection.execute("create table metric_advice as from (values ('x', 'more'), ('y', 'less')) as advice (metric, label)")
        payloads = connection.execute(model_sql("fct_sync_account_health")).fetchdf()["payload"]
    said = [json.loads(payload)["account_id"] for payload in payloads]
    assert sorted(said) == sorted("".join(" " if char < " " else char for char in text) for text in ids)
