"""supervisord with its own log lines as JSON, for `LOG_FORMAT=json` in a container."""

from __future__ import annotations

import sys

from supervisor import loggers, options, supervisord

from service_management.host import logs

_LEVELS = {"CRIT": "critical", "ERRO": "error", "WARN": "warning", "INFO": "info"}


class _JsonHandler(loggers.StreamHandler):  # type: ignore[misc]
    def emit(self, record: loggers.LogRecord) -> None:
        fields = record.asdict()
        level = _LEVELS.get(fields["levelname"], "debug")
        self.stream.write(logs.json_line(fields["message"], level) + "\n")
        self.flush()


class _Options(options.ServerOptions):  # type: ignore[misc]
    def make_logger(self) -> None:
        self.logger = loggers.getLogger(self.loglevel)
        handler = _JsonHandler(sys.stdout)
        handler.setLevel(self.logger.level)
        self.logger.addHandler(handler)
        for message in (*self.parse_criticals, *self.parse_warnings):
            self.logger.warn(message)
        for message in self.parse_infos:
            self.logger.info(message)


if __name__ == "__main__":
    supervisord.ServerOptions = _Options  # the name that its main() looks up
    supervisord.main()
