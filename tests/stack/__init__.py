"""The whole product on the demo cluster, as tests use it: nothing in it is a fake."""
