#!/usr/bin/env python3
"""Verifies an exported audit, or a receipt, with Python's standard library alone.

    verify_ledger.py [--key FILE]... [--held FILE]... [--merchant ID] [--accept-restore SEQUENCE]... PATH

PATH is the folder of an export or the file of a receipt. --key is a public key (PEM) that you trust; without one an
export's own keys are trusted. --held is a checkpoint that somebody kept: a note, or lines of the header
Audit-Checkpoint. --merchant says whose events an export has that was made of one merchant's; --accept-restore accepts
the restored backup that is declared at a sequence. The last line is the verdict; the exit codes are those of
`audit verify`.

It follows docs/ledger.md and shares nothing with the program that it is to check. It keeps everything in memory and
verifies some fifty signatures a second: it is for reading, and for exports of moderate size.
"""
import base64, calendar, glob, hashlib, json, os, re, struct, sys

CODES = {"OK": 0, "MODIFIED": 10, "MISSING": 11, "INSERTED": 12, "REORDERED": 13, "TRUNCATED": 14, "FORK": 15,
         "BAD_SIGNATURE": 16, "UNSEALED": 17}
WEIGHT = ["BAD_SIGNATURE", "FORK", "TRUNCATED", "MODIFIED", "MISSING", "INSERTED", "REORDERED", "UNSEALED"]

NUMBER, STRING, UUID = rb"(0|[1-9]\d*)", rb'("(?:[^"\\]|\\.)*")', rb'"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"'
TIME, NULL = rb'"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)"', lambda pattern: rb"(?:null|" + pattern + rb")"
EVENT = re.compile(
    rb'\{"sequence":' + NUMBER + rb',"leaf_index":' + NULL(NUMBER) + rb',"event_id":' + UUID + rb',"stream_id":' + UUID
    + rb',"version":' + NUMBER + rb',"type":' + STRING + rb',"tenant":' + STRING + rb',"timestamp":' + TIME
    + rb',"recorded_at":' + NULL(TIME) + b"".join(
        b',"' + name + b'":' + NULL(STRING) for name in (b"user_name", b"correlation_id", b"causation_id"))
    + rb',"headers":(null|\{.*?\}),"data":(.+)\}', re.S)
LEAF = re.compile(rb'\{"index":' + NUMBER + rb',"sequence":' + NUMBER + rb',"leaf":"([0-9a-f]{64})"\}')
CHECKPOINT = re.compile(rb'\{"size":' + NUMBER + rb',"note":' + STRING + rb"\}")
NOTE = re.compile(r"([^\s+]+)\n(0|[1-9][0-9]*)\n([A-Za-z0-9+/]{43}=)\nsequence (0|[1-9][0-9]*)\ntime (\S+)\n"
                  r"((?:key [0-9a-f]{64}\n){1,16})\n(?P<by>(?:— [^\s+]+ [A-Za-z0-9+/=]+\n){1,16})")
RESTORE = re.compile(r"([^\s+]+)\nlost (0|[1-9][0-9]*) ([A-Za-z0-9+/]{43}=)\n"
                     r"resumed (0|[1-9][0-9]*) ([A-Za-z0-9+/]{43}=)\n\n(?P<by>(?:— [^\s+]+ [A-Za-z0-9+/=]+\n){1,16})")


class Unusable(Exception):
    pass


# --- the tree: RFC 9162 section 2.1 --------------------------------------------------------------------------------

def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def root_of_peaks(peaks):
    root = peaks[-1][1] if peaks else sha256()
    for _, peak in reversed(peaks[:-1]):
        root = sha256(b"\1", peak, root)
    return root


def grow(peaks, leaf):
    size = 1
    while peaks and peaks[-1][0] == size:
        size, leaf = 2 * size, sha256(b"\1", peaks.pop()[1], leaf)
    peaks.append((size, leaf))


def root_of_proof(leaf, index, size, proof):
    """What the tree's root is if the proof is good; None when it has another length than such a proof has."""
    if not 0 <= index < size:
        return None
    if size == 1:
        return leaf if not proof else None
    if not proof:
        return None
    half = 1 << ((size - 1).bit_length() - 1)
    left = index < half
    below = root_of_proof(leaf, index if left else index - half, half if left else size - half, proof[:-1])
    return below and (sha256(b"\1", below, proof[-1]) if left else sha256(b"\1", proof[-1], below))


# --- signatures: ECDSA on P-256 with SHA-256 (FIPS 186-5) ----------------------------------------------------------

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
     0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)
SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")


def add(p, q):
    if p is None or q is None:
        return p or q
    if p[0] == q[0]:
        if (p[1] + q[1]) % P == 0:
            return None
        slope = (3 * p[0] * p[0] - 3) * pow(2 * p[1], -1, P)
    else:
        slope = (q[1] - p[1]) * pow(q[0] - p[0], -1, P)
    x = (slope * slope - p[0] - q[0]) % P
    return x, (slope * (p[0] - x) - p[1]) % P


def combine(u, p, v, q):
    """u times p and v times q, in one way through the bits of both."""
    total, both = None, add(p, q)
    for bit in reversed(range(256)):
        total = add(total, total)
        total = add(total, (None, p, q, both)[(u >> bit & 1) | (v >> bit & 1) << 1])
    return total


def is_signed(point, message, der):
    def integer(n):
        body = n.to_bytes(n.bit_length() // 8 + 1, "big")
        return b"\2" + bytes([len(body)]) + body
    try:
        r_end = 4 + der[3]
        r, s = int.from_bytes(der[4:r_end], "big"), int.from_bytes(der[r_end + 2:], "big")
    except IndexError:
        return False
    if not (0 < r < N and 0 < s < N and der == b"\x30" + bytes([len(der) - 2]) + integer(r) + integer(s)):
        return False
    w = pow(s, -1, N)
    found = combine(int.from_bytes(sha256(message), "big") * w % N, G, r * w % N, point)
    return found is not None and found[0] % N == r


def read_key(path):
    """The id of a key, which is the SHA-256 of its DER, and its point."""
    text = open(path, encoding="utf-8").read()
    found = re.fullmatch(r"\s*-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*", text)
    der = base64.b64decode(found.group(1)) if found else b""
    x, y = int.from_bytes(der[27:59], "big"), int.from_bytes(der[59:], "big")
    if not der.startswith(SPKI) or len(der) != 91 or (y * y - x * x * x + 3 * x - B) % P or not (x < P and y < P):
        raise Unusable(f"{path} is no public key on P-256")
    return hashlib.sha256(der).hexdigest(), (x, y)


# --- checkpoints: C2SP tlog-checkpoint and signed-note -------------------------------------------------------------

class Signed:
    def __init__(self, pattern, text):
        self.match = pattern.fullmatch(text)
        if not self.match:
            raise ValueError("no note of that kind")
        self.text, self.signatures = text[:self.match.start("by") - 1], []
        for name, coded in re.findall("— (.*) (.*)\n", self.match["by"]):
            blob = canonical(coded)
            if len(blob) < 5 or (name, blob[:4]) in [s[:2] for s in self.signatures]:
                raise ValueError("no signature")
            self.signatures.append((name, blob[:4], blob[4:]))
        self.name = self.match[1]

    def is_by(self, keys):
        """Signed by one of the keys, and by none of them falsely."""
        signed = [is_signed(point, self.text.encode(), signature) for name, short, signature in self.signatures
                  for key, point in keys.items() if name == self.name and bytes.fromhex(key[:8]) == short]
        return bool(signed) and all(signed)


class Note(Signed):
    def __init__(self, text):
        super().__init__(NOTE, text)
        self.origin, self.size, self.sequence = self.name, int(self.match[2]), int(self.match[4])
        self.root, self.keys = canonical(self.match[3]), re.findall("key (.*)\n", self.match[6])
        seconds(self.match[5].encode())
        if self.keys != sorted(set(self.keys)):
            raise ValueError("no checkpoint")


class Restore(Signed):
    """An operator's signed word that a backup was restored; None of that when it is anything else."""

    def __init__(self, text):
        super().__init__(RESTORE, text)
        self.lost, self.resumed = ((int(self.match[at]), canonical(self.match[at + 1])) for at in (2, 4))
        if self.resumed[0] >= self.lost[0]:
            raise ValueError("nothing lost")

    def covers(self, n):
        return n.size > self.resumed[0] and (n.size < self.lost[0] or (n.size, n.root) == self.lost)


def canonical(coded):
    blob = base64.b64decode(coded, validate=True)
    if base64.b64encode(blob).decode() != coded:
        raise ValueError("not base64 as it is written here")
    return blob


def note(text):
    try:
        return Note(text)
    except ValueError:
        return None


def read_held(path):
    text = open(path, encoding="utf-8", newline="").read()
    if "\n\n" in text:
        return [note(text)]
    lines = [re.sub("^audit-checkpoint:", "", line.strip(), flags=re.I).strip() for line in text.split("\n") if line.strip()]
    return [note(base64.b64decode(line[1:-1]).decode()) for line in lines]


# --- events --------------------------------------------------------------------------------------------------------

def seconds(text):
    match = re.fullmatch(rb"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{6})Z", text)
    if not match:
        raise ValueError("no instant")
    year, month, day, hour, minute, second, micro = map(int, match.groups())
    if not (1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1] and hour < 24 and minute < 60 and second < 60):
        raise ValueError("no instant")
    return calendar.timegm((year, month, day, hour, minute, second)) * 1_000_000 + micro


def text_of(value):
    return value and (json.loads(value).encode() if b"\\" in value else value[1:-1])


class Event:
    def __init__(self, line):
        match = EVENT.fullmatch(line)
        if not match or match[1] == b"0":
            raise ValueError("no event")
        (self.sequence, index, event, self.stream, version, kind, tenant, time, recorded, user, correlation, causation,
         headers, self.data) = match.groups()
        self.index, self.type = None if index is None else int(index), text_of(kind)
        self.recorded = recorded and str(seconds(recorded)).encode()
        self.before = [event, self.stream, version, self.type, text_of(tenant), str(seconds(time)).encode()]
        self.after = [text_of(user), text_of(correlation), text_of(causation), None if headers == b"null" else headers,
                      self.data]

    def leaf(self, sequence=None, recorded=None):
        fields = [b"reports-event-v1", self.sequence if sequence is None else str(sequence).encode(), *self.before,
                  recorded or self.recorded, *self.after]
        return sha256(b"\0", *(struct.pack(">i", -1) if f is None else struct.pack(">i", len(f)) + f for f in fields))


# --- an export -----------------------------------------------------------------------------------------------------

def lines(path):
    content = open(path, "rb").read()
    if content and not content.endswith(b"\n"):
        raise Unusable(f"the last line of {path} is cut off")
    return content.split(b"\n")[:-1]


def matches(pattern, path):
    for number, line in enumerate(lines(path), 1):
        match = pattern.fullmatch(line)
        yield match.groups() if match else unusable(f"{path}, line {number}")


def restore(data, index, origin, trusted, tree):
    """The declaration in an event, if it is signed and goes on from the tree that is there."""
    try:
        said = Restore(json.loads(data)["declaration"])
    except (ValueError, KeyError, TypeError):
        return None
    size, peaks = said.resumed[0], []
    if said.name != origin + "/restored" or not said.is_by(trusted) or size > min(index, len(tree)):
        return None
    for leaf in tree[:size]:
        grow(peaks, leaf)
    return said if root_of_peaks(peaks) == said.resumed[1] else None


def unusable(where):
    raise Unusable(f"{where} is not what it should be")


def verify_export(folder, pinned, held, merchant, accepted, found):
    about = json.load(open(os.path.join(folder, "export.json"), encoding="utf-8"))
    if about.get("format") != "reports-audit-export-v1" or about.get("complete") is not True:
        raise Unusable("that is no finished export")
    if about["scope"] != (merchant or "all"):
        raise Unusable(f"the export says that it has the events of {about['scope']}: give --merchant if you asked for that")
    known = dict(read_key(path) for path in glob.glob(os.path.join(folder, "keys", "*.pem")))
    trusted = dict(pinned or known) or unusable("keys")
    own = [(int(size), note(json.loads(text))) for size, text in matches(CHECKPOINT, os.path.join(folder, "checkpoints.ndjson"))]
    if [size for size, _ in own] != sorted({size for size, _ in own}):
        unusable("the order of the checkpoints")
    held = sorted(((n.size, n) for n in held), key=lambda mark: mark[0])

    # A key that a believed checkpoint names is believed from then on, and for what came before.
    learnt = True
    while learnt and known.keys() - trusted.keys():
        learnt = False
        for _, n in own + held:
            news = {key: known[key] for key in n.keys if key in known and key not in trusted} if n else {}
            if news and n.is_by(trusted):
                learnt = trusted.update(news) or True

    marks = []
    for is_own, (size, n) in sorted([(True, m) for m in own] + [(False, m) for m in held], key=lambda m: (m[1][0], not m[0])):
        if n and n.size == size and n.origin == about["origin"] and n.is_by(trusted):
            marks.append((size, is_own, n))
        else:
            found("BAD_SIGNATURE", n and n.sequence, f"the checkpoint of {size} leaves")

    events, order = {}, []
    for line in lines(os.path.join(folder, "events.ndjson")):
        start = re.match(rb'\{"sequence":([1-9]\d*)(?!\d)', line) or unusable(f"an event behind {order[-1:]}")
        if order and int(start[1]) <= order[-1]:
            unusable(f"the order of events at {int(start[1])}")
        order.append(int(start[1]))
        try:
            events[order[-1]] = Event(line)
        except ValueError:
            events[order[-1]] = None

    is_whole = about["scope"] == "all"
    peaks, count, high, broken, forked, newest, own_newest, unsealed = [], 0, 0, False, False, None, None, []
    altered, restores, held_findings, leaves, tree = {}, [], [], {}, []

    def compare():
        nonlocal forked, newest, own_newest, unsealed
        while marks and marks[0][0] == count and not broken:
            _, is_own, n = marks.pop(0)
            if n.root == root_of_peaks(peaks):
                newest = n if is_own or not newest or n.size > newest.size else newest
                unsealed, forked, own_newest = [], forked and not is_own, n if is_own else own_newest
            elif not is_own:
                held_findings.append(("FORK", n))
            elif not forked:
                forked = True
                found("FORK", n.sequence, f"{n.size} leaves do not make the root that was signed")

    compare()
    for index, sequence, leaf in matches(LEAF, os.path.join(folder, "leaves.ndjson")):
        index, sequence, leaf = int(index), int(sequence) or unusable("a leaf"), bytes.fromhex(leaf.decode())
        if index != count and not broken:
            broken = True
            found("FORK", sequence, f"leaf {index} stands where leaf {count} belongs")
        closed = newest.sequence if newest else 0
        grow(peaks, leaf)
        tree.append(leaf)
        count += 1
        unsealed.append(sequence)
        compare()
        if high < sequence <= closed:
            found("INSERTED", sequence, f"it was sealed late, as leaf {index}: a checkpoint had closed the record up to {closed}")
        if sequence <= high:
            found("INSERTED", sequence, f"it was sealed late, as leaf {index}")
            leaves.setdefault(sequence, leaf)
            continue
        high, leaves[sequence] = sequence, leaf
        if sequence not in events:
            is_whole and found("MISSING", sequence, f"leaf {index} has no event")
        elif events[sequence] is None:
            found("MODIFIED", sequence, "its line cannot be read")
        elif events[sequence].leaf() != leaf:
            altered[sequence] = leaf
        elif events[sequence].index not in (None, index):
            found("MODIFIED", sequence, f"it is leaf {index}")
        elif events[sequence].type == b"audit.restored-from-backup.v1":
            restores.append((sequence, index, events[sequence].data))

    beyond = [] if broken else [(is_own, n) for _, is_own, n in marks]
    for n in [n for is_own, n in beyond if is_own][-1:]:
        found("TRUNCATED", n.sequence, f"a checkpoint covers {n.size} leaves, of which {count} are there")
    if count < about["size"] and not broken and not any(is_own for is_own, _ in beyond):
        found("TRUNCATED", None, f"export.json says that there are {about['size']} leaves, and {count} are there")
    if count > about["size"] or own_newest and own_newest.size == about["size"] \
            and own_newest.sequence != about["sequence"]:
        raise Unusable("export.json describes another export")
    held_findings += [("TRUNCATED", n) for is_own, n in beyond if not is_own]
    restores = [(sequence, restore(data, index, about["origin"], trusted, [] if broken else tree))
                for sequence, index, data in restores]
    restores = [(s, r) for s, r in restores if r and any((n.size, n.root) == r.lost for _, n in held_findings)]
    for verdict, n in held_findings:
        about_it = [s for s, r in restores if r.covers(n)]
        if not accepted.intersection(about_it):
            hint = f"; declared: --accept-restore {about_it[0]} if you were told of it" if about_it else ""
            found(verdict, n.sequence, f"a checkpoint of {n.size} leaves that was kept elsewhere{hint}")

    for sequence in altered:
        owner = [s for s, leaf in altered.items() if s != sequence
                 and leaf in (events[sequence].leaf(s), events[sequence].leaf(s, events[s].recorded))]
        found("REORDERED" if owner else "MODIFIED", sequence, f"it is that of {owner[0]}" if owner else "it is not what was sealed")
    for sequence in order:
        if sequence not in leaves:
            if sequence <= max(high, newest.sequence if newest else 0):
                found("INSERTED", sequence, "it has no leaf")
            else:
                unsealed.append(sequence)
    for sequence in unsealed:
        found("UNSEALED", sequence, "it is in no good checkpoint yet")


# --- a receipt -----------------------------------------------------------------------------------------------------

def raw_events(text):
    """The events as they stand in the receipt: what JSON does not tell apart, a hash does."""
    decoder = json.JSONDecoder()
    for match in re.finditer(r'"event":(?=\{)', text):
        yield text[match.end():decoder.raw_decode(text, match.end())[1]].encode()


def hash_of(text):
    blob = base64.b64decode(text, validate=True)
    return blob if len(blob) == 32 else unusable("a hash")


def verify_receipt(path, keys, found):
    text = open(path, encoding="utf-8", newline="").read()
    receipt = json.loads(text)
    parts, raw = receipt.get("events", [receipt]), list(raw_events(text))
    if not parts or len(parts) != len(raw) or not keys:
        unusable("the receipt, or no --key was given and so it")
    attempt, last = receipt["attempt"] if "events" in receipt else None, None
    for place, (part, line) in enumerate(zip(parts, raw), 1):
        head, sequence = note(part["checkpoint"]), part["sequence"]
        leaf, proof = hash_of(part["leaf"]), [hash_of(h) for h in part["proof"]]
        if not head or not head.is_by(keys):
            found("BAD_SIGNATURE", sequence, "its checkpoint")
        try:
            event = Event(line)
        except ValueError:
            event = None
        if (not event or event.leaf() != leaf or int(event.sequence) != sequence
                or event.index not in (None, part["leaf_index"])
                or attempt is not None and event.stream.decode() != attempt):
            found("MODIFIED", sequence, "its event is not that of the leaf")
        last = event and event.type
        if attempt is not None and (not event or int(event.before[2]) != place):
            found("MISSING", sequence, f"it stands where event {place} of the attempt belongs")
        if head and (head.size != part["tree_size"]
                     or root_of_proof(leaf, part["leaf_index"], head.size, proof) != head.root):
            found("FORK", sequence, "its proof does not lead to the signed root")
    if attempt is not None and last not in (b"download.completed.v1", b"download.failed.v1"):
        print("The end of the attempt is not in the receipt: it had not ended, or the end was left out.")


def main(arguments):
    keys, held, paths, merchant, accepted = {}, [], [], None, set()
    counts = dict.fromkeys(WEIGHT, 0)

    def found(verdict, sequence, text):
        counts[verdict] += 1
        print(f"{verdict} {'-' if sequence is None else sequence}: {text}")

    try:
        arguments = iter(arguments)
        for argument in arguments:
            if argument == "--key":
                keys.update([read_key(next(arguments))])
            elif argument == "--held":
                held += read_held(next(arguments))
            elif argument == "--merchant":
                merchant = next(arguments)
            elif argument == "--accept-restore":
                accepted.add(int(next(arguments)))
            else:
                paths.append(argument)
        if len(paths) != 1 or None in held:
            raise Unusable(__doc__ if len(paths) != 1 else "what is held is no checkpoint")
        if os.path.isdir(paths[0]):
            verify_export(paths[0], keys, held, merchant, accepted, found)
        else:
            verify_receipt(paths[0], keys, found)
    except (Unusable, OSError, ValueError, KeyError, TypeError, StopIteration) as e:
        print(f"unusable: {e}", file=sys.stderr)
        return 2
    verdicts = [v for v in WEIGHT if counts[v]]
    print(", ".join(f"{v} {counts[v]}" for v in verdicts) or "OK")
    return CODES[verdicts[0] if verdicts else "OK"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
