BEGIN TRANSACTION;
CREATE TABLE events (
	id INTEGER NOT NULL, 
	route VARCHAR(64) NOT NULL, 
	at FLOAT NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	reason VARCHAR(32) NOT NULL, 
	text TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "events" VALUES(1,'digits',6.5,'failed','ended_at_start','it crashed; „ü“');
INSERT INTO "events" VALUES(2,'off',12.5,'disabled','disabled_by_operator','disabled');
INSERT INTO "events" VALUES(3,'digits',10.5,'ready','healthy','ready');
CREATE TABLE notes (
	"key" VARCHAR(32) NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "notes" VALUES('catalogue','["{\"name\":\"Service digits\",\"ssh_username\":\"jo\",\"ssh_key_file\":\"/keys/id\",\"remote_host\":\"login\",\"remote_port\":8080,\"bash_file\":\"/home/jo/run.sh\",\"check_health_path\":\"/health\",\"timeout\":60.0,\"route_name\":\"digits\",\"api_paths\":[\"/predict\",\"/v1/*\"],\"local_host\":null,\"local_port\":null,\"hold_timeout\":120.0,\"startup_timeout\":1800.0,\"queue_timeout\":3600.0,\"min_replicas\":0,\"max_replicas\":1,\"target_inflight\":8,\"sbatch_args\":[],\"env\":{},\"ssh_port\":22,\"ssh_connections\":1,\"proxy_jump\":null,\"known_hosts_file\":null,\"request_timeout\":600.0,\"max_body\":100000000,\"quiet_paths\":null}", "{\"name\":\"Service textgen\",\"ssh_username\":\"jo\",\"ssh_key_file\":\"/keys/id\",\"remote_host\":\"login\",\"remote_port\":8080,\"bash_file\":\"/home/jo/run.sh\",\"check_health_path\":\"/health\",\"timeout\":60.0,\"route_name\":\"textgen\",\"api_paths\":[\"/\"],\"local_host\":null,\"local_port\":null,\"hold_timeout\":120.0,\"startup_timeout\":1800.0,\"queue_timeout\":3600.0,\"min_replicas\":0,\"max_replicas\":1,\"target_inflight\":8,\"sbatch_args\":[],\"env\":{},\"ssh_port\":22,\"ssh_connections\":1,\"proxy_jump\":null,\"known_hosts_file\":null,\"request_timeout\":600.0,\"max_body\":100000000,\"quiet_paths\":null}"]');
INSERT INTO "notes" VALUES('access_log','{"services": {"digits": {"statuses": {"200": 41, "503": 1}, "answer": {"bounds": [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0], "counts": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "total": 0.0}, "cold": {"bounds": [0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0], "counts": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "total": 0.0}, "first_byte": {"bounds": [0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0], "counts": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "total": 0.0}, "received": 0, "sent": 0, "last": 9.5}}, "malformed": 0, "lost": 0, "positions": {"1-2": 300}}');
CREATE TABLE services (
	route VARCHAR(64) NOT NULL, 
	record TEXT NOT NULL, 
	PRIMARY KEY (route)
);
INSERT INTO "services" VALUES('digits','{"route":"digits","state":"draining","since":7.5,"reason":"idle","job":{"name":"io.digits.0.8080.ab12","port":8080,"intended_at":1.5,"spec":"{\"login\": {}}","job_id":"7","slurm_state":"PENDING","slurm_reason":"Priority","node":"n1","estimated_start":2.5,"end_time":3.5,"submitted_at":4.25,"started_at":4.5,"ending":true,"cancelled":true,"absent_since":5.5},"last_demand":8.5,"last_activity":9.5,"busy":true,"ready_since":10.5,"strikes":1,"failures":2,"retry_at":11.5,"last_failure":{"at":6.5,"reason":"ended_at_start","text":"it crashed; „ü“","job_id":"6","slurm_state":"FAILED","exit_code":3,"signal":9,"node":"n2","output":["Traceback","no such model"],"output_file":"/home/jo/slurm-6.out","command":"sbatch run_model.sh 8080"},"after":null,"again":true,"hurry":true}');
INSERT INTO "services" VALUES('textgen','{"route":"textgen","state":"cold","since":0.0,"reason":"","job":null,"last_demand":0.0,"last_activity":0.0,"busy":false,"ready_since":null,"strikes":0,"failures":0,"retry_at":0.0,"last_failure":null,"after":"cold","again":false,"hurry":false}');
INSERT INTO "services" VALUES('off','{"route":"off","state":"disabled","since":12.5,"reason":"disabled_by_operator","job":null,"last_demand":0.0,"last_activity":0.0,"busy":false,"ready_since":null,"strikes":0,"failures":0,"retry_at":0.0,"last_failure":null,"after":"cold","again":false,"hurry":false}');
CREATE INDEX ix_events_route ON events (route);
COMMIT;
