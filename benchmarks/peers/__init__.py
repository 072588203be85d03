"""Other gateways, proxies and on-demand starters, each configured as its own documentation says."""
