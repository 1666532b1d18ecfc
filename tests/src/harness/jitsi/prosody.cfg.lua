-- Prosody as a Jitsi deployment has it, on loopback: guests, a hidden domain with one account, rooms, and who answers as their focus.
run_as_root = true
daemonize = false
pidfile = "@FOLDER@/prosody.pid"
data_path = "@FOLDER@/data"
plugin_paths = { "@FOLDER@/modules" }
certificates = "@FOLDER@"
log = { { levels = { min = "info" }, to = "console" } }

interfaces = { "127.0.0.1" }
http_interfaces = { "127.0.0.1" }
http_ports = { @PORT@ }
https_ports = {}
http_default_host = "meet.test"
consider_websocket_secure = true
consider_bosh_secure = true

modules_enabled = { "disco", "ping", "saslauth", "websocket", "bosh" }
-- WebSockets and BOSH are ways into it; by itself it listens nowhere.
c2s_ports = {}
c2s_direct_tls_ports = {}
modules_disabled = { "s2s", "offline" }

VirtualHost "meet.test"
    authentication = "@GUESTS@"
    modules_enabled = { "test_rooms" }

VirtualHost "recorder.meet.test"
    authentication = "internal_plain"

Component "conference.meet.test" "muc"
    restrict_room_creation = false
    muc_room_default_public_jids = true
    muc_room_locking = false

Component "focus.meet.test" "test_focus"
