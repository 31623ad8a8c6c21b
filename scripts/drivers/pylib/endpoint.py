"""The TDS endpoint that a suite talks to, from the TDS_* variables of ../README.md."""

import os
from dataclasses import dataclass, field

KNOWN_MODES = ("off", "login", "on", "strict")

# What FreeTDS calls the encryption modes; its 1.3 series has no TDS 8.0.
FREETDS_ENCRYPTION = {"off": "off", "login": "request", "on": "require"}


def split_list(text):
    return [part for part in (text or "").replace(" ", ",").split(",") if part]


@dataclass
class Endpoint:
    host: str
    port: int
    user: str
    password: str
    database: str
    user2: str
    password2: str
    database2: str
    modes: list = field(default_factory=list)
    lacks: list = field(default_factory=list)

    @property
    def main_mode(self):
        """The mode of all cases but the login ones."""
        return next(m for m in self.modes if m in FREETDS_ENCRYPTION)


def endpoint_from_env(env=os.environ):
    """Reads the variables; raises ValueError if they make no sense."""
    endpoint = Endpoint(
        host=env.get("TDS_HOST") or "127.0.0.1",
        port=int(env.get("TDS_PORT") or 1433),
        user=env.get("TDS_USER", ""),
        password=env.get("TDS_PASSWORD", ""),
        database=env.get("TDS_DATABASE", ""),
        user2=env.get("TDS_USER2", ""),
        password2=env.get("TDS_PASSWORD2", ""),
        database2=env.get("TDS_DATABASE2", ""),
        modes=split_list(env.get("TDS_ENCRYPT") or "off"),
        lacks=split_list(env.get("TDS_LACKS")),
    )
    if not endpoint.user:
        raise ValueError("TDS_USER is not set")
    unknown = [m for m in endpoint.modes if m not in KNOWN_MODES]
    if unknown:
        raise ValueError(f"TDS_ENCRYPT: {unknown[0]} is none of {', '.join(KNOWN_MODES)}")
    if not any(m in FREETDS_ENCRYPTION for m in endpoint.modes):
        raise ValueError("TDS_ENCRYPT names no mode that FreeTDS has")
    return endpoint
