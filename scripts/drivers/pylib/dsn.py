"""Turns a DSN into shell lines that export the TDS_* variables.

tds://USER:PASSWORD@HOST:PORT/DATABASE?encrypt=off,on&lacks=...&user2=...
User and password may be percent-encoded. Every key is listed in ../README.md.
"""

import shlex
import sys
from urllib.parse import parse_qs, unquote, urlsplit

QUERY = {
    "user2": "TDS_USER2",
    "password2": "TDS_PASSWORD2",
    "database2": "TDS_DATABASE2",
    "encrypt": "TDS_ENCRYPT",
    "cert": "TDS_SERVER_CERT",
    "certname": "TDS_SERVER_NAME",
    "lacks": "TDS_LACKS",
}


def variables(dsn):
    """Returns the variables of a DSN; raises ValueError for one that is malformed."""
    url = urlsplit(dsn)
    if url.scheme != "tds" or not url.hostname or not url.username:
        raise ValueError(f"not of the form tds://user:password@host:port/database: {dsn}")
    found = {
        "TDS_HOST": url.hostname,
        "TDS_PORT": str(url.port or 1433),
        "TDS_USER": unquote(url.username),
        "TDS_PASSWORD": unquote(url.password or ""),
        "TDS_DATABASE": unquote(url.path.lstrip("/")),
        **{name: "" for name in QUERY.values()},
    }
    for key, values in parse_qs(url.query, keep_blank_values=True, strict_parsing=bool(url.query)).items():
        if key not in QUERY:
            raise ValueError(f"unknown key {key!r} in the DSN; known are {', '.join(QUERY)}")
        found[QUERY[key]] = values[-1]
    return found


if __name__ == "__main__":
    try:
        for name, value in variables(sys.argv[1]).items():
            print(f"export {name}={shlex.quote(value)}")
    except ValueError as error:
        sys.exit(f"DSN: {error}")
