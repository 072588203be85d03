"""HTTP to the gateway of this machine."""

from __future__ import annotations

import requests
import urllib3

from service_management.settings import Settings


def session(chosen: Settings) -> requests.Session:
    """With the operators' token."""
    made = requests.Session()
    # A .netrc would replace the token, and a proxy cannot reach this machine's loopback.
    made.trust_env = False
    made.headers["Authorization"] = f"Bearer {chosen.admin_token}"
    if chosen.tls_cert:
        # The certificate is for the name that clients use, not for this machine's loopback.
        made.verify = False
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    return made
