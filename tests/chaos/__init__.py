"""Parts of the gateway die, change and come back while clients go on."""
