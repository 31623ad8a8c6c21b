package main

// family is one metric of the reference: what is written as HELP and TYPE, and
// as a row of docs/metrics.md.
type family struct {
	name   string
	kind   string // counter, gauge, histogram, summary
	labels string // separated by spaces
	help   string
	when   string // what it takes for it to be there: "", or one of conditions
}

// conditions says in the reference when a metric is there.
var conditions = map[string]string{
	"fleet":       "in a fleet",
	"transaction": "with transaction pooling",
	"observe":     "with `proxy.pooling: observe`",
	"tls":         "with TLS for clients",
	"event":       "once it has happened",
	"system":      "where the operating system tells",
}

// section is a part of the reference.
type section struct {
	title    string
	families []family
}

// reference lists every metric that a node may show. What is not here is not
// shown; a test compares.
var reference = []section{
	{"Backend connections", []family{
		{"proxy_connections_active", "gauge", "bucket_id", "Backend connections leased to clients.", ""},
		{"proxy_connections_idle", "gauge", "bucket_id", "Backend connections that wait for a client.", ""},
		{"proxy_connections_opening", "gauge", "bucket_id", "Backend logins under way.", ""},
		{"proxy_connections_cleaning", "gauge", "bucket_id", "Backend connections being cleaned or checked.", ""},
		{"proxy_connections_closing", "gauge", "bucket_id", "Backend connections being closed; they count until that is complete.", ""},
		{"proxy_connections_open", "gauge", "bucket_id", "All backend connections, from before their dial until they are closed: the sum of the five above. Never above the limit, unless that was lowered.", ""},
		{"proxy_connections_max", "gauge", "bucket_id", "The configured max_connections.", ""},
		{"proxy_connections_min_idle", "gauge", "bucket_id", "The configured min_idle.", ""},
		{"proxy_connections_total", "counter", "bucket_id status", "Ends of requests for a connection: acquired, acquired_after_wait, timeout, cancelled (the client left), rejected_queue_full, error (a backend login failed); and released.", ""},
		{"proxy_backend_up", "gauge", "bucket_id", "1 if the server could be reached when it was last tried, or was not tried yet.", ""},
		{"proxy_backend_dials_total", "counter", "bucket_id result", "Backend logins by how they ended: opened, refused (by the server), unreachable, called_off (not tried, or cut).", ""},
		{"proxy_backend_closes_total", "counter", "bucket_id reason", "Pooled backend connections closed by this node, by reason: broken, clean_failed, died_while_idle, evicted (its slot was needed for another login), fits_no_client, max_idle_time, max_lifetime, over_the_limit, paused, shutting_down, slot_lost, target_changed.", "event"},
		{"proxy_backend_cleans_total", "counter", "bucket_id kind result", "Cleans and health checks of backend connections: kind is clean or check, result ok or failed.", ""},
		{"proxy_backend_login_seconds", "histogram", "bucket_id", "Dial, TLS and login at the server.", ""},
	}},
	{"Queue", []family{
		{"proxy_queue_length", "gauge", "bucket_id", "Requests that wait for a connection.", ""},
		{"proxy_bucket_paused", "gauge", "bucket_id", "1 while an operator has paused the bucket on this node.", ""},
		{"proxy_queue_max", "gauge", "bucket_id", "The configured max_queue_size.", ""},
		{"proxy_queue_oldest_wait_seconds", "gauge", "bucket_id", "For how long the request that has waited longest waits; 0 if none does.", ""},
		{"proxy_queue_wait_seconds", "histogram", "bucket_id", "Time spent waiting, 0 for those who did not, and the whole wait of those who timed out.", ""},
		{"proxy_acquire_seconds", "histogram", "bucket_id", "From a request for a connection to its grant, a backend login included.", ""},
	}},
	{"Requests", []family{
		{"proxy_requests_total", "counter", "bucket_id type", "Requests of clients by type of message: sql_batch, rpc, transaction_manager, bulk_load.", ""},
		{"proxy_query_duration_seconds", "histogram", "bucket_id", "From the end of a request to the end of its response.", ""},
		{"proxy_cancels_total", "counter", "bucket_id by", "Requests cancelled: by the client, or by the proxy since the client had left.", ""},
		{"proxy_connection_errors_total", "counter", "bucket_id error_type", "Errors told to clients, by the names of errors.md; login_refused for the server's own, clean_failed for connections that could not be cleaned or checked.", ""},
		{"proxy_tds_packets_total", "counter", "bucket_id direction type", "TDS packets passed on, by direction (client is from the client, server is to it) and type of message.", ""},
	}},
	{"Clients", []family{
		{"proxy_clients_connected", "gauge", "", "Client connections of this node.", ""},
		{"proxy_clients_max", "gauge", "", "The configured max_client_connections, 0 for no limit.", ""},
		{"proxy_clients_accepted_total", "counter", "", "Client connections taken.", ""},
		{"proxy_clients_dropped_total", "counter", "reason", "Clients dropped before their login was complete: login_timeout, hung_up, protocol, tls, encryption, strict_disabled, network, no_route, max_client_connections.", ""},
		{"proxy_login_seconds", "histogram", "", "From accept to the answered login.", ""},
		{"proxy_sessions", "gauge", "bucket_id state", "Sessions by state: login (until it is answered), idle, idle_in_transaction, waiting (a request has no backend yet), busy (the server is at work), closing.", ""},
		{"proxy_transactions_open", "gauge", "bucket_id", "Sessions with a transaction open, as far as requests and responses tell.", ""},
		{"proxy_transaction_oldest_seconds", "gauge", "bucket_id", "For how long the oldest open transaction is open; 0 if there is none.", ""},
		{"proxy_tls_handshakes_total", "counter", "version", "TLS handshakes with clients.", "tls"},
		{"proxy_tls_handshake_failures_total", "counter", "", "TLS handshakes with clients that failed.", "tls"},
		{"proxy_tls_certificate_expiry_timestamp_seconds", "gauge", "", "When the certificate that clients are shown expires, in Unix time.", "tls"},
	}},
	{"Transaction pooling", []family{
		{"proxy_connections_pinned", "gauge", "bucket_id pin_reason", "Sessions that keep their backend for that reason now.", "transaction"},
		{"proxy_pinning_duration_seconds", "histogram", "bucket_id pin_reason", "How long they did, once it is over.", "transaction"},
		{"proxy_pin_oldest_seconds", "gauge", "bucket_id", "For how long the session that is pinned longest is; 0 if none is.", ""},
		{"proxy_settings_replays_total", "counter", "bucket_id", "Batches sent to give a backend the settings of the client that gets it.", ""},
		{"proxy_backend_resets_total", "counter", "bucket_id", "Backends reset with the request of the client that gets them.", ""},
		{"proxy_prepared_statements", "gauge", "bucket_id", "Texts of prepared statements held.", "transaction"},
		{"proxy_prepared_bytes", "gauge", "bucket_id", "Memory that they take.", "transaction"},
		{"proxy_prepared_cache_hits_total", "counter", "bucket_id", "Statements that were prepared on the backend that a request got.", "transaction"},
		{"proxy_prepared_cache_misses_total", "counter", "bucket_id", "Statements that were not, and were prepared there first.", "transaction"},
		{"proxy_prepared_cache_evictions_total", "counter", "bucket_id", "Statements that a backend had no more room for.", "transaction"},
		{"proxy_observed_requests_total", "counter", "bucket_id app", "Requests looked at; of 100 applications, the rest is app other.", "observe"},
		{"proxy_observed_pins_total", "counter", "bucket_id app pin_reason", "Those of them that transaction pooling would have pinned the session for.", "observe"},
	}},
	{"Slots", []family{
		{"proxy_slots_usable", "gauge", "bucket_id", "Connections that this node may have open now.", ""},
		{"proxy_slots_owned", "gauge", "bucket_id", "Slots that this node owns by the ledger, those it has lent included; alone, it owns all.", ""},
		{"proxy_slots_borrowed", "gauge", "bucket_id", "Slots of other nodes that this one may use.", ""},
		{"proxy_slots_lent", "gauge", "bucket_id", "Slots of this node that others may use.", ""},
		{"proxy_slots_owed", "gauge", "bucket_id", "Slots that go back to the ledger as they become free.", ""},
		{"proxy_fleet_limit", "gauge", "bucket_id", "The max_connections of the ledger, which holds for all nodes together.", ""},
		{"proxy_fleet_slots_owned", "gauge", "bucket_id", "Slots owned by all nodes together, as gossip tells this one.", ""},
		{"proxy_fleet_connections_open", "gauge", "bucket_id", "Backend connections of all nodes together, as gossip tells this one.", ""},
		{"proxy_fleet_connections_active", "gauge", "bucket_id", "Those of them in use.", ""},
		{"proxy_fleet_queue_length", "gauge", "bucket_id", "Requests that wait on all nodes together, as gossip tells this one.", ""},
		{"proxy_slots_borrowed_total", "counter", "", "Slots borrowed from other nodes so far.", ""},
		{"proxy_slots_lent_total", "counter", "", "Slots lent to other nodes so far.", ""},
	}},
	{"Ledger", []family{
		{"proxy_ledger_state", "gauge", "", "0 not heard yet, 1 open, 2 recovering, 3 unreachable.", ""},
		{"proxy_ledger_valid_seconds", "gauge", "", "For how long the node may use its slots if nobody hears it any more.", ""},
		{"proxy_ledger_members", "gauge", "", "Nodes that the ledger knows.", ""},
		{"proxy_ledger_relayed_total", "counter", "", "Calls to the ledger made for nodes that are cut off from it.", ""},
		{"proxy_fleet_inside", "gauge", "", "1 if this node is part of the fleet and may use slots.", ""},
		{"proxy_fences_total", "counter", "", "Times this node lost the right to its slots and closed its backend connections.", ""},
		{"proxy_fleet_conflicts", "gauge", "", "Problems of the fleet that the health page shows, such as differing configurations.", ""},
		{"proxy_witnesses_heard", "gauge", "", "Witnesses that promised this node its slots within the hold time.", ""},
		{"proxy_witnesses_quorum", "gauge", "", "How many witnesses it takes.", ""},
		{"proxy_instance_heartbeat", "gauge", "instance_id", "Seconds since the ledger last answered this node; -1 if it never did.", ""},
		{"proxy_redis_operations_total", "counter", "operation status", "Calls to the ledger on Redis and how they ended; ERROR for those without an answer.", "fleet"},
		{"proxy_redis_seconds", "histogram", "operation", "Time of these calls.", "fleet"},
	}},
	{"Gossip", []family{
		{"proxy_gossip_members", "gauge", "", "Nodes alive by gossip, this one included.", ""},
		{"proxy_gossip_bytes_total", "counter", "", "Bytes sent in packets of gossip; exchanges of the whole state are not counted.", "fleet"},
		{"proxy_gossip_packets_total", "counter", "", "Packets of gossip sent.", "fleet"},
		{"proxy_gossip_queue_length", "gauge", "", "News that wait to be sent.", "fleet"},
		{"proxy_gossip_malformed_total", "counter", "", "Messages of gossip that could not be read.", "fleet"},
		{"proxy_gossip_health", "gauge", "", "0 if this process keeps the times of gossip, up to 7 if it does not.", "fleet"},
		{"proxy_peers_connected", "gauge", "", "Nodes that this one has a link to.", "fleet"},
		{"proxy_peer_bytes_total", "counter", "direction", "Bytes of messages between nodes: in, out.", "fleet"},
		{"proxy_peer_messages_total", "counter", "direction", "Messages between nodes: in, out.", "fleet"},
		{"proxy_peer_dropped_total", "counter", "", "Messages to other nodes lost with a link, or for want of room.", "fleet"},
	}},
	{"Node", []family{
		{"proxy_uptime_seconds", "gauge", "", "Since the node started.", ""},
		{"proxy_build_info", "gauge", "version instance_id", "Always 1.", ""},
		{"proxy_node_ready", "gauge", "", "1 if the node wants traffic, as /health/ready says.", ""},
		{"proxy_node_draining", "gauge", "", "1 while the node waits for its clients to leave.", ""},
		{"proxy_config_reloads_total", "counter", "result", "Reloads of the configuration: applied, refused.", ""},
		{"proxy_config_last_reload_successful", "gauge", "", "1 if the last reload was applied, or there was none yet.", ""},
		{"proxy_config_last_reload_success_timestamp_seconds", "gauge", "", "When the running configuration was read, in Unix time.", ""},
		{"proxy_actors", "gauge", "kind", "Actors alive.", ""},
		{"proxy_actor_messages_total", "counter", "kind", "Messages handled by actors.", ""},
		{"proxy_actor_mailbox_depth", "gauge", "kind", "Messages that wait in the mailboxes of the governors of buckets (bucket) and of the keeper of the slots (keeper).", ""},
		{"proxy_actor_mailbox_dropped_total", "counter", "kind", "Messages refused because a mailbox was full.", ""},
		{"proxy_actor_restarts_total", "counter", "kind", "Restarts of actors.", ""},
	}},
	runtimeMetrics,
	processMetrics,
}

// byFamily finds a family by its name.
func byFamily() map[string]family {
	all := map[string]family{}
	for _, s := range reference {
		for _, f := range s.families {
			all[f.name] = f
		}
	}
	return all
}
