"""Cases that look for the state of one connection in the next."""

from suite import Case
from values import state_leaks


def leak_cases(prefix, connection, batch):
    """Returns a case for each kind of state, through one driver.

    prefix starts the names of the objects that the cases make; connection opens
    a connection to an endpoint, for with; batch runs a text on one and returns
    what was seen.
    """
    return [_leak_case(connection, batch, *leak) for leak in state_leaks(prefix)]


def _leak_case(connection, batch, name, needs, set_up, ask, clean):
    def run(endpoint):
        with connection(endpoint) as conn:
            for sql in set_up:
                said = batch(conn, sql)
                assert "error(" not in said, f"{sql}: {said}"
        with connection(endpoint) as conn:
            said = batch(conn, ask)
            for sql in clean:
                batch(conn, sql)
            return said
    return Case("reconnect/" + name, run, needs)
