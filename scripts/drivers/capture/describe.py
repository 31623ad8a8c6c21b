"""Says what a recorded TDS message holds, without the project's own codec.

What it prints is the expectation that tests hold the codec to, so it is
written from MS-TDS alone and shares nothing with it.
"""

import struct

HEADER = 8

TOKENS = {
    0x79: "RETURNSTATUS", 0x81: "COLMETADATA", 0xA4: "TABNAME", 0xA5: "COLINFO", 0xA9: "ORDER", 0xAA: "ERROR",
    0xAB: "INFO", 0xAC: "RETURNVALUE", 0xAD: "LOGINACK", 0xAE: "FEATUREEXTACK", 0xD1: "ROW", 0xD2: "NBCROW",
    0xE3: "ENVCHANGE", 0xFD: "DONE", 0xFE: "DONEPROC", 0xFF: "DONEINPROC",
}

FIXED = {0x1F: 0, 0x30: 1, 0x32: 1, 0x34: 2, 0x38: 4, 0x3A: 4, 0x3B: 4, 0x3C: 8, 0x3D: 8, 0x3E: 8, 0x7A: 4, 0x7F: 8}
BYTE_LENGTH = {0x24, 0x26, 0x68, 0x6D, 0x6E, 0x6F}
LEGACY = {0x25, 0x27, 0x2D, 0x2F}
SCALED = {0x6A, 0x6C, 0x37, 0x3F}
SHORT_LENGTH = {0xA5, 0xAD}
SHORT_COLLATED = {0xA7, 0xAF, 0xE7, 0xEF}


class Truncated(Exception):
    """The recording ends before the message does."""


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if self.at + n > len(self.data):
            raise Truncated
        self.at += n
        return self.data[self.at - n:self.at]

    def number(self, n):
        return int.from_bytes(self.take(n), "little")

    def text(self, n):
        return self.take(2 * n).decode("utf-16-le", "replace")


def payload(raw):
    """Returns (type, packets, complete, payload) of the packets of one message."""
    parts, at, packets, complete = [], 0, 0, False
    while at + HEADER <= len(raw):
        length = int.from_bytes(raw[at + 2:at + 4], "big")
        complete = bool(raw[at + 1] & 1)
        parts.append(raw[at + HEADER:at + length])
        at += length
        packets += 1
    return raw[0], packets, complete, b"".join(parts)


def read_type(r):
    """Reads TYPE_INFO and returns how a value of it is skipped."""
    t = r.number(1)
    if t in FIXED:
        return "fixed", FIXED[t]
    if t in (0x28,):
        return "u8", 0
    if t in (0x29, 0x2A, 0x2B) or t in BYTE_LENGTH or t in LEGACY:
        r.take(1)
        return "u8", 0
    if t in SCALED:
        r.take(3)
        return "u8", 0
    if t in SHORT_LENGTH or t in SHORT_COLLATED:
        size = r.number(2)
        if t in SHORT_COLLATED:
            r.take(5)
        return ("plp", 0) if size == 0xFFFF else ("u16", 0)
    if t in (0x22, 0x23, 0x63):
        r.take(4 + (0 if t == 0x22 else 5))
        return "text", 0
    if t == 0x62:
        r.take(4)
        return "u32", 0
    if t == 0xF1:
        if r.number(1):
            r.text(r.number(1))
            r.text(r.number(1))
            r.text(r.number(2))
        return "plp", 0
    raise ValueError(f"type 0x{t:02x}")


def skip_value(r, how):
    kind, size = how
    if kind == "fixed":
        r.take(size)
    elif kind == "u8":
        r.take(r.number(1))
    elif kind == "u16":
        n = r.number(2)
        r.take(0 if n == 0xFFFF else n)
    elif kind == "u32":
        r.take(r.number(4))
    elif kind == "text":
        n = r.number(1)
        if n:
            r.take(n + 8)
            r.take(r.number(4))
    elif r.number(8) != 0xFFFFFFFFFFFFFFFF:
        while n := r.number(4):
            r.take(n)


def read_columns(r, wide):
    count = r.number(2)
    columns = []
    for _ in range(0 if count == 0xFFFF else count):
        r.take((4 if wide else 2) + 2)
        how = read_type(r)
        if how[0] == "text":
            for _ in range(r.number(1) if wide else 1):
                r.text(r.number(2))
        r.text(r.number(1))
        columns.append(how)
    return columns


def read_token(r, state, wide):
    """Reads one token and returns its description."""
    t = r.number(1)
    name = TOKENS.get(t)
    if name is None:
        raise ValueError(f"token 0x{t:02x}")
    if name == "COLMETADATA":
        state["columns"] = read_columns(r, wide)
        return f"COLMETADATA({len(state['columns'])})"
    if name == "ROW":
        for how in state["columns"]:
            skip_value(r, how)
        return "ROW"
    if name == "NBCROW":
        bitmap = r.take((len(state["columns"]) + 7) // 8)
        for i, how in enumerate(state["columns"]):
            if not bitmap[i // 8] >> (i % 8) & 1:
                skip_value(r, how)
        return "NBCROW"
    if name.startswith("DONE"):
        status, command, count = r.number(2), r.number(2), r.number(8 if wide else 4)
        return f"{name}(0x{status:x},0x{command:x},{count})"
    if name == "RETURNSTATUS":
        return f"RETURNSTATUS({struct.unpack('<i', r.take(4))[0]})"
    if name == "RETURNVALUE":
        r.take(2)
        parameter = r.text(r.number(1))
        r.take(1 + (4 if wide else 2) + 2)
        skip_value(r, read_type(r))
        return f"RETURNVALUE({parameter})"
    if name == "FEATUREEXTACK":
        features = []
        while (feature := r.number(1)) != 0xFF:
            r.take(r.number(4))
            features.append(f"0x{feature:02x}")
        return f"FEATUREEXTACK({','.join(features)})"
    body = Reader(r.take(r.number(2)))
    if name in ("ERROR", "INFO"):
        number = body.number(4)
        body.take(1)
        return f"{name}({number},{body.number(1)})"
    if name == "ENVCHANGE":
        return f"ENVCHANGE({body.number(1)})"
    if name == "LOGINACK":
        body.take(1)
        return f"LOGINACK(0x{body.take(4).hex()})"
    return name


def tokens(data, wide):
    """Lists the tokens of a response, a run of equal ones as NAME*count."""
    r, state, found = Reader(data), {"columns": []}, []
    try:
        while r.at < len(data):
            found.append(read_token(r, state, wide))
    except Truncated:
        found.append("...")
    runs = []
    for token in found:
        if runs and runs[-1][0] == token:
            runs[-1][1] += 1
        else:
            runs.append([token, 1])
    return " ".join(t if n == 1 else f"{t}*{n}" for t, n in runs)


def prelogin(data):
    r, options = Reader(data), []
    while (option := r.number(1)) != 0xFF:
        offset, length = int.from_bytes(r.take(2), "big"), int.from_bytes(r.take(2), "big")
        options.append(f"{option}:{data[offset:offset + length].hex() or '-'}")
    return "options " + " ".join(options)


def login7(data):
    fields = {"host": 36, "user": 40, "app": 48, "server": 52, "library": 60, "database": 68}

    def text(at):
        offset, length = struct.unpack_from("<HH", data, at)
        return data[offset:offset + 2 * length].decode("utf-16-le")
    version, size = struct.unpack_from("<II", data, 4)
    flags = data[24:28].hex()
    return f"version 0x{version:08x} packetsize {size} flags {flags} " + " ".join(f"{k}={text(v)!r}" for k, v in fields.items())


def request_headers(data):
    """Returns (description, rest) of ALL_HEADERS."""
    total = int.from_bytes(data[:4], "little")
    r, found = Reader(data[4:total]), []
    while r.at < len(r.data):
        length, kind = r.number(4), r.number(2)
        body = r.take(length - 6)
        found.append(f"tran 0x{body[:8][::-1].hex()}" if kind == 2 else f"header {kind}")
    return " ".join(found), data[total:]


def describe(raw, wide=True):
    """One line about a message. wide: TDS 7.2 or later."""
    kind, packets, complete, data = payload(raw)
    facts = f"type 0x{kind:02x} packets {packets} payload {len(data)} {'complete' if complete else 'cut'}"
    if kind == 0x12:
        return f"{facts}; {prelogin(data)}"
    if kind == 0x10:
        return f"{facts}; {login7(data)}"
    if kind in (0x01, 0x03, 0x0E):
        headers, rest = request_headers(data)
        if kind == 0x01:
            return f"{facts}; {headers}; text {rest.decode('utf-16-le', 'replace')[:60]!r}"
        if kind == 0x0E:
            return f"{facts}; {headers}; request {int.from_bytes(rest[:2], 'little')}"
        length = int.from_bytes(rest[:2], "little")
        procedure = f"id {int.from_bytes(rest[2:4], 'little')}" if length == 0xFFFF else repr(rest[2:2 + 2 * length].decode("utf-16-le"))
        return f"{facts}; {headers}; procedure {procedure}"
    if kind == 0x07:
        return f"{facts}; {tokens(data, wide)}"
    if kind == 0x04:
        # The answer to PRELOGIN is of the same type as a token stream.
        is_prelogin = data[:1] == b"\0"
        return f"{facts}; {prelogin(data) if is_prelogin else tokens(data, wide)}"
    return facts
