"""Flask: demand, hold, info, admin, and the pages a person reads."""
