#!/usr/bin/env python3
"""A report generator in plain Python: takes orders, makes CSV files, uploads them, and answers.

It needs no access to the storage of the reports and no library of the service. Orders come and answers go either
through two things in PostgreSQL (needs psycopg2) or through two queues of RabbitMQ (needs pika); both libraries are
packages of Debian: python3-psycopg2, python3-pika. docs/generators.md explains each step.
"""

import argparse
import base64
import csv
import hashlib
import json
import os
import signal
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

NAME = "generator-python/1.0"
ORDERS, ANSWERS = "reports.generation.orders", "reports.generation.answers"
COLUMNS = [
    "transaction_id", "occurred_at", "type", "original_transaction_id", "order_reference", "customer_name",
    "payment_method", "currency", "gross_amount", "fee_amount", "net_amount",
]


class Refused(Exception):
    """What is asked for can never be made: answered with a failure that is not tried again."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


HEARTBEAT = "reports.generation-heartbeat.v1"


def cloud_event(message_type, answer):
    """The id is made from what is answered, so that whoever answers twice sends one message twice."""
    name = f"{message_type} {answer['attempt']} {answer.get('file_name') or answer.get('code')}"
    made = uuid.uuid4() if message_type == HEARTBEAT else uuid.uuid5(uuid.UUID(answer["report_id"]), name)
    return {
        "specversion": "1.0",
        "id": str(made),
        "source": NAME,
        "type": message_type,
        "datacontenttype": "application/json",
        "data": answer,
    }


class Postgres:
    """Orders by a function that hands each to one taker at a time; answers by a plain insert."""

    def __init__(self, url, lease):
        import psycopg2
        self.connect = lambda: psycopg2.connect(url, application_name=NAME)
        self.lease = lease
        self.lock = threading.Lock()  # heartbeats come from a thread of their own
        self.connection = self.connect()
        self.connection.autocommit = True

    def orders(self):
        while True:
            with self.lock, self.connection.cursor() as cursor:
                cursor.execute("select id, body from ingress.take_orders(%s, 1, %s::interval)", (NAME, self.lease))
                row = cursor.fetchone()
            if row is None:
                yield None
            else:
                yield row[1]["data"], lambda: None  # an answered order is gone by itself

    def send(self, message_type, answer):
        event = cloud_event(message_type, answer)
        with self.lock, self.connection.cursor() as cursor:
            cursor.execute(
                "insert into ingress.messages (id, body, message_type) values (%s, %s, %s)",
                (event["id"], json.dumps(answer), message_type))


class RabbitMq:
    """Orders and answers as CloudEvents on two queues. An order is acknowledged when its answer is with the broker."""

    def __init__(self, url):
        import pika
        self.pika = pika
        self.url = url
        parameters = pika.URLParameters(url)
        parameters.heartbeat = 0  # while a file is made, nobody answers the broker's
        self.consuming = pika.BlockingConnection(parameters)
        self.channel = self.consuming.channel()
        self.channel.basic_qos(prefetch_count=1)

    def orders(self):
        for method, _, body in self.channel.consume(ORDERS, inactivity_timeout=1):
            if method is None:
                yield None
            else:
                tag = method.delivery_tag
                yield json.loads(body)["data"], lambda tag=tag: self.channel.basic_ack(tag)

    def send(self, message_type, answer):
        # A connection for each message: heartbeats come from a thread of their own, and a connection belongs to one.
        connection = self.pika.BlockingConnection(self.pika.URLParameters(self.url))
        try:
            channel = connection.channel()
            channel.confirm_delivery()
            channel.basic_publish(
                "", ANSWERS, json.dumps(cloud_event(message_type, answer)).encode(),
                self.pika.BasicProperties(content_type="application/cloudevents+json", delivery_mode=2), mandatory=True)
        finally:
            connection.close()


class Heartbeats(threading.Thread):
    """Tells that the generator is at work, until the block ends."""

    def __init__(self, road, answer, seconds):
        super().__init__(daemon=True)
        self.road, self.answer, self.pause = road, answer, max(min(seconds / 3, 20), 0.2)
        self.records, self.over = 0, threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()

    def run(self):
        while not self.over.wait(self.pause):
            try:
                self.road.send(HEARTBEAT, {**self.answer, "records": self.records})
            except Exception as e:  # the work goes on; the answer itself is what counts
                print(f"A heartbeat was lost: {e}", file=sys.stderr)


def transactions(path, merchant, start, end):
    """The merchant's transactions of the period, in the order of a report: by time, then by id."""
    if path is None:
        return
    rows = []
    with open(path, newline="", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            at = datetime.fromisoformat(row["occurred_at"].replace("Z", "+00:00"))
            if row["merchant_id"].lower() == merchant and start <= at < end:
                rows.append((at, row["transaction_id"].encode(), row))
    for at, _, row in sorted(rows, key=lambda r: r[:2]):
        yield at, row


def text(value):
    """What a spreadsheet would take for a formula is made text."""
    return "'" + value if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def write(order, path, file, heartbeats):
    """Writes the report; its number of rows and its sums by currency."""
    if order["format"] != "csv":
        raise Refused("unsupported_format", "This generator makes CSV files only.")
    layout, period = order["layout"], order["period"]
    columns = layout.get("columns") or COLUMNS
    for column in columns:
        if column not in COLUMNS:
            raise Refused("unknown_column", f"This generator has no column {column}.")
    start, end = (datetime.fromisoformat(period[name]) for name in ("start", "end"))
    zone = ZoneInfo(period["time_zone"])
    if layout.get("byte_order_mark"):
        file.write("\ufeff")
    rows = csv.writer(file, lineterminator="\r\n")
    rows.writerow(columns)
    totals = defaultdict(lambda: [0, Decimal(0), Decimal(0)])
    for at, row in transactions(path, order["merchant_id"], start, end):
        gross, fee = Decimal(row["gross_amount"]), Decimal(row["fee_amount"])
        values = {
            **{name: text(value) for name, value in row.items()},
            "occurred_at": at.astimezone(zone).isoformat(timespec="milliseconds"),
            "gross_amount": f"{gross}", "fee_amount": f"{fee}", "net_amount": f"{gross + fee}",
        }
        rows.writerow(values[column] for column in columns)
        total = totals[row["currency"]]
        total[0], total[1], total[2] = total[0] + 1, total[1] + gross, total[2] + fee
        heartbeats.records += 1
    return heartbeats.records, [
        {"currency": currency, "records": n, "gross": float(gross), "fee": float(fee), "net": float(gross + fee)}
        for currency, (n, gross, fee) in sorted(totals.items())]


def upload(url, file, sha256, tries=30):
    """Sends the file to the service, which names it; what is sent twice is one file, so it is sent until it is taken."""
    digest = base64.b64encode(bytes.fromhex(sha256)).decode()
    file.seek(0)
    request = urllib.request.Request(url, data=file, method="PUT", headers={
        "Content-Type": "text/csv", "Content-Length": str(os.fstat(file.fileno()).st_size),
        "Content-Digest": f"sha-256=:{digest}:",
    })
    try:
        with urllib.request.urlopen(request, timeout=300) as answer:
            return json.load(answer)
    except (urllib.error.URLError, OSError) as e:
        if isinstance(e, urllib.error.HTTPError) and e.code != 503 or tries == 1:
            raise
        time.sleep(1)
        return upload(url, file, sha256, tries - 1)


def generate(road, order, arguments):
    answer = {name: order[name] for name in ("report_id", "attempt", "grant")} | {"generator": NAME}
    road.send("reports.generation-started.v1", answer)
    url = order.get("upload_url") or f"{arguments.url}/b/api/v1/generation/{order['grant']}/file"
    try:
        with Heartbeats(road, answer, order.get("heartbeat_seconds") or 30) as heartbeats, \
                tempfile.TemporaryFile() as file:
            lines = open(file.fileno(), "w", newline="", encoding="utf-8", closefd=False)
            records, totals = write(order, arguments.transactions, lines, heartbeats)
            lines.flush()
            file.seek(0)
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            stored = upload(url, file, sha256)
    except Refused as refusal:
        road.send("reports.generation-failed.v1", answer | {
            "code": refusal.code, "message": str(refusal), "retryable": False})
        return f"refused: {refusal}"
    except urllib.error.HTTPError as e:
        if e.code == 409:
            return "not waited for any more"
        road.send("reports.generation-failed.v1", answer | {
            "code": "upload_failed", "message": f"The service refused the file with {e.code}.", "retryable": True})
        return f"the upload was refused with {e.code}"
    road.send("reports.generation-completed.v1", answer | {
        "file_name": stored["file_name"], "file_size": stored["file_size"], "sha256": sha256,
        "records": records, "totals": totals})
    return f"{records} records, {stored['file_size']} bytes"


def check(path):
    """A wrong file is told of at once, and not by an order that nobody can meet."""
    if path is not None:
        with open(path, newline="", encoding="utf-8-sig") as file:
            missing = {"transaction_id", "merchant_id", "occurred_at", "currency", "gross_amount", "fee_amount"} \
                - set(next(csv.reader(file), []))
        if missing:
            sys.exit(f"{path} is no file of transactions: it has no column {', '.join(sorted(missing))}.")


def serve(arguments, done):
    """Takes orders until the connection breaks, or until there were as many as were wanted."""
    road = RabbitMq(arguments.rabbitmq) if arguments.rabbitmq else Postgres(arguments.postgres, arguments.lease)
    print(f"{NAME} waits for orders.", flush=True)
    for item in road.orders():
        if item is None:
            time.sleep(0.5)
            continue
        order, acknowledge = item
        outcome = generate(road, order, arguments)
        acknowledge()
        print(f"{order['report_id']}, attempt {order['attempt']}: {outcome}", flush=True)
        done.append(order["report_id"])
        if len(done) == arguments.most:
            return


def broken(e):
    """Whether it is the connection to the database or to the broker that has ended."""
    return type(e).__module__.split(".")[0] in ("psycopg2", "pika") or isinstance(e, OSError)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--postgres", metavar="URL", default=os.environ.get("REPORTS_GENERATOR_DATABASE_URL"),
                        help="orders and answers through PostgreSQL; by default $REPORTS_GENERATOR_DATABASE_URL")
    parser.add_argument("--rabbitmq", metavar="URL", help="orders and answers through RabbitMQ")
    parser.add_argument("--url", default=os.environ.get("REPORTS_URL", "http://127.0.0.1:8080"),
                        help="the service's address, where an order names none; by default $REPORTS_URL")
    parser.add_argument("--transactions", metavar="FILE", help="a CSV file of transactions, as `import` takes it")
    parser.add_argument("--lease", default="1 minute",
                        help="how long an order is this generator's alone; heartbeats prolong it (PostgreSQL)")
    parser.add_argument("--most", type=int, default=0, help="stop after so many orders")
    arguments = parser.parse_args()
    if not (arguments.rabbitmq or arguments.postgres):
        parser.error("one of --postgres and --rabbitmq is needed")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    check(arguments.transactions)
    done = []
    while True:
        try:
            return serve(arguments, done)
        except Exception as e:
            if not broken(e):
                raise
            print(f"The connection broke ({type(e).__name__}); trying again.", file=sys.stderr, flush=True)
            time.sleep(2)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
