#!/bin/sh
#SBATCH --output=%x-%j.out
# sbatch [options] fast.sh <port>
# A service as quick as they come: whatever a request costs, it is not the service.
sleep "${LOAD_SECONDS:-0}"
place=$(mktemp -d)
cat >"$place/nginx.conf" <<END
daemon off;
worker_processes auto;
pid nginx.pid;
events { worker_connections 4096; }
http {
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    default_type text/plain;
    server {
        listen $1 backlog=4096;
        location = /health { return 200 "ok\n"; }
        location = /echo { return 200 "\$arg_n\n"; }
    }
}
END
# exec: scancel's SIGTERM reaches nginx itself, and the job ends at once.
exec /usr/sbin/nginx -p "$place" -e stderr -c nginx.conf
