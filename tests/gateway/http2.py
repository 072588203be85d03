"""HTTP/2 as only a hostile client sends it: headers that the protocol forbids."""

from __future__ import annotations

import ssl

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded, StreamReset

from tests.gateway import client


def ask(port: int, trust: ssl.SSLContext, headers: list[tuple[str, str]]) -> tuple[int, bytes]:
    """Status and body; 0 where the stream was reset."""
    trust.set_alpn_protocols(["h2"])
    loose = H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False)
    http = H2Connection(loose)
    http.initiate_connection()
    status, body = 0, b""
    with client.connect(port, trust=trust) as connection:
        http.send_headers(1, headers, end_stream=True)
        connection.sendall(http.data_to_send())
        while data := connection.recv(65536):
            for event in http.receive_data(data):
                if isinstance(event, ResponseReceived):
                    status = int(dict(event.headers)[b":status"])
                elif isinstance(event, DataReceived):
                    body += event.data
                elif isinstance(event, StreamEnded | StreamReset):
                    return status, body
    return status, body
