package config

import "slices"

// keys is the table of all keys, in the order of the documentation.
func keys() []key {
	return slices.Concat(ruleKeys(), formatKeys(), controlKeys(), sinkKeys(), logKeys(), operationKeys(), sourceKeys(), otherKeys())
}

func ruleKeys() []key {
	return []key{
		{
			name: "config_files",
			typ:  mixed,
			doc: "more configuration files and directories, merged in this order into the file that names them; a directory stands for its " +
				"files, sorted by name",
		},
		{name: "config_files[].path", typ: text, doc: "the file or directory"},
		{
			name:    "config_files[].strategy",
			typ:     text,
			allowed: []string{"append", "override", "add-only"},
			doc: "`append` (default): lists grow, other keys are replaced; `override`: lists are replaced too; `add-only`: keys that are " +
				"there stay",
		},
		{name: "watch_config_files", typ: boolean, doc: "reload when a configuration or rule file changes; SIGHUP does so too"},
		{
			name: "rules_files",
			typ:  texts,
			doc:  "rule files and directories, in the order in which they load; what is absent is skipped; none means the built-in rules",
		},
		{name: "rules_file", typ: texts, doc: "the old name of `rules_files`"},
		{
			name:   "rule_files",
			typ:    texts,
			doc:    "known to Falco's schema, but not read",
			effect: inapplicable,
			why:    "Falco's schema lists it, but the key that is read is rules_files",
		},
		{name: "rules", typ: sections, doc: "switch rules on and off once all are loaded, in this order"},
		{name: "rules[].enable", typ: section, doc: "switch on the rules that fit"},
		{name: "rules[].enable.rule", typ: text, doc: "a rule's name, `*` for any text"},
		{name: "rules[].enable.tag", typ: text, doc: "a tag"},
		{name: "rules[].disable", typ: section, doc: "switch off the rules that fit"},
		{name: "rules[].disable.rule", typ: text, doc: "a rule's name, `*` for any text"},
		{name: "rules[].disable.tag", typ: text, doc: "a tag"},
		{
			name:    "priority",
			typ:     text,
			allowed: []string{"emergency", "alert", "critical", "error", "warning", "notice", "informational", "info", "debug"},
			doc:     "the least severe priority that is loaded",
		},
		{
			name:    "rule_matching",
			typ:     text,
			allowed: []string{"first", "all"},
			doc:     "whether an event alerts by the `first` rule that matches, or by `all`",
		},
	}
}

func formatKeys() []key {
	return []key{
		{name: "json_output", typ: boolean, doc: "alerts as JSON, a line each, instead of text"},
		{name: "json_include_output_property", typ: boolean, doc: "`output` in JSON alerts"},
		{name: "json_include_message_property", typ: boolean, doc: "`message` in JSON alerts: the output without time and priority"},
		{name: "json_include_output_fields_property", typ: boolean, doc: "`output_fields` in JSON alerts"},
		{name: "json_include_tags_property", typ: boolean, doc: "`tags` in JSON alerts"},
		{
			name: "json_include_alert_id_property",
			typ:  boolean,
			doc:  "`alert_id` in JSON alerts: the same for every output, and if the alert comes twice",
		},
		{name: "time_format_iso_8601", typ: boolean, doc: "times as ISO 8601 in text alerts"},
		{name: "buffer_format_base64", typ: boolean, doc: "byte fields as base64"},
		{name: "append_output", typ: sections, doc: "add to the outputs of the rules that fit"},
		{name: "append_output[].match", typ: section, doc: "which rules; all of its parts must fit, none fits all"},
		{name: "append_output[].match.source", typ: text, doc: "the rule's source"},
		{name: "append_output[].match.rule", typ: text, doc: "the rule's name"},
		{name: "append_output[].match.tags", typ: texts, doc: "tags that the rule has"},
		{name: "append_output[].extra_output", typ: text, doc: "a text with fields, put behind the output"},
		{name: "append_output[].extra_fields", typ: mixed, doc: "names of fields, or a key with a text of fields, put into `output_fields`"},
		{name: "append_output[].suggested_output", typ: boolean, doc: "the container's and the pod's names behind the output"},
		{name: "static_fields", typ: textMap, doc: "constants that rules and outputs read as `static.NAME`; `suggested_output` appends them too"},
	}
}

// controlKeys are Saker's own.
func controlKeys() []key {
	return []key{
		{name: "redaction", typ: section, doc: "replace secrets in alerts; rules see them. Falco has no such key"},
		{name: "redaction.enabled", typ: boolean, doc: "on or off"},
		{name: "redaction.defaults", typ: boolean, doc: "the built-in forms of passwords, tokens and keys"},
		{
			name: "redaction.patterns",
			typ:  texts,
			doc:  "more of them, as RE2 regular expressions: what the groups match is replaced, or all without a group",
		},
		{
			name: "deduplication",
			typ:  section,
			doc:  "hold alerts back that tell the same again: rule, container, executable and file. Falco has no such key",
		},
		{
			name: "deduplication.window",
			typ:  duration,
			zero: true,
			doc:  "how long after an alert others are held back and counted; 0 holds none. Rules of priority critical and above never are",
		},
		{name: "deduplication.rules", typ: sections, doc: "rules with a window of their own; the last entry that fits a rule counts"},
		{name: "deduplication.rules[].rule", typ: text, doc: "a rule's name, `*` for any text"},
		{name: "deduplication.rules[].tag", typ: text, doc: "a tag"},
		{name: "deduplication.rules[].window", typ: duration, zero: true, doc: "its window; 0 holds none back"},
	}
}

func sinkKeys() []key {
	return []key{
		{name: "buffered_outputs", typ: boolean, doc: "keep alerts back until a buffer is full or nothing waits"},
		{name: "outputs_queue", typ: section, doc: "the queue before the sinks"},
		{name: "outputs_queue.capacity", typ: integer, most: 1 << 24, doc: "alerts that may wait; 0, without bound in Falco, is 16384"},
		{name: "spool", typ: section, doc: "alerts on disk, of the outputs that have `spool: true`"},
		{name: "spool.directory", typ: text, doc: "the folder; each output has one of its own in it"},
		{name: "spool.max_size_mb", typ: integer, least: 1, most: 1 << 20, doc: "MB on disk that an output may take"},
		{
			name: "output_timeout",
			typ:  integer,
			most: 1 << 31,
			doc: "milliseconds that an output may take for an alert before the log says so, looked at each second; 0 never does. It delays no " +
				"other output",
		},
		{name: "stdout_output", typ: section, doc: "alerts on standard output"},
		{name: "stdout_output.enabled", typ: boolean, doc: "on or off"},
		{name: "file_output", typ: section, doc: "alerts appended to a file"},
		{name: "file_output.enabled", typ: boolean, doc: "on or off"},
		{name: "file_output.keep_alive", typ: boolean, doc: "keep the file open between alerts"},
		{name: "file_output.filename", typ: text, doc: "the file; SIGUSR1 opens it anew"},
		{
			name: "file_output.max_size_mb",
			typ:  integer,
			most: 1 << 20,
			doc:  "size in MB from which the file is moved to FILE.1, that to FILE.2, …; 0 lets it grow",
		},
		{name: "file_output.max_files", typ: integer, most: 1000, doc: "how many moved files stay"},
		{name: "syslog_output", typ: section, doc: "alerts to the local syslog daemon"},
		{name: "syslog_output.enabled", typ: boolean, doc: "on or off"},
		{name: "program_output", typ: section, doc: "alerts to a program's standard input"},
		{name: "program_output.enabled", typ: boolean, doc: "on or off"},
		{name: "program_output.keep_alive", typ: boolean, doc: "one program for all alerts, instead of one each"},
		{name: "program_output.program", typ: text, doc: "the shell command"},
		{name: "http_output", typ: section, doc: "alerts posted to an HTTP server"},
		{name: "http_output.enabled", typ: boolean, doc: "on or off"},
		{name: "http_output.url", typ: text, doc: "where to post"},
		{name: "http_output.user_agent", typ: text, doc: "the User-Agent header"},
		{name: "http_output.insecure", typ: boolean, doc: "do not check the server's certificate"},
		{name: "http_output.ca_cert", typ: text, doc: "file with the certificate of the authority to trust"},
		{name: "http_output.ca_bundle", typ: text, doc: "file with the certificates of several"},
		{name: "http_output.ca_path", typ: text, doc: "directory of such files"},
		{name: "http_output.mtls", typ: boolean, doc: "show a client certificate"},
		{name: "http_output.client_cert", typ: text, doc: "the client's certificate"},
		{name: "http_output.client_key", typ: text, doc: "the client's private key"},
		{name: "http_output.echo", typ: boolean, doc: "log the server's answers"},
		{name: "http_output.compress_uploads", typ: boolean, doc: "gzip what is posted"},
		{name: "http_output.keep_alive", typ: boolean, doc: "keep the connection open between alerts"},
		{
			name:   "http_output.max_consecutive_timeouts",
			typ:    integer,
			most:   255,
			doc:    "timeouts in a row after which alerts are given up without trying",
			effect: inapplicable,
			why:    "an alert is tried again until the server takes it, and others wait in a queue",
		},
		{name: "http_output.spool", typ: boolean, doc: "keep alerts on disk until the server has taken them, see `spool`"},
		{name: "otlp_output", typ: section, doc: "alerts to an OpenTelemetry collector, as log records"},
		{name: "otlp_output.enabled", typ: boolean, doc: "on or off"},
		{
			name: "otlp_output.endpoint",
			typ:  text,
			doc:  "`http://HOST:PORT`, in the clear, or `https://HOST:PORT`; over HTTP, `/v1/logs` is put behind it",
		},
		{name: "otlp_output.protocol", typ: text, allowed: []string{"http/protobuf", "grpc"}, doc: "OTLP over HTTP or over gRPC"},
		{name: "otlp_output.headers", typ: textMap, doc: "headers of each request, for instance `authorization`"},
		{name: "otlp_output.insecure", typ: boolean, doc: "do not check the collector's certificate"},
		{name: "otlp_output.ca_cert", typ: text, doc: "file with the certificate of the authority to trust"},
		{name: "otlp_output.mtls", typ: boolean, doc: "show a client certificate"},
		{name: "otlp_output.client_cert", typ: text, doc: "the client's certificate"},
		{name: "otlp_output.client_key", typ: text, doc: "the client's private key"},
		{name: "otlp_output.compress_uploads", typ: boolean, doc: "gzip what is sent"},
		{name: "otlp_output.spool", typ: boolean, doc: "keep alerts on disk until the collector has taken them, see `spool`"},
		{name: "grpc", typ: section, doc: "the gRPC server, which Falco had until 0.43"},
		{name: "grpc.enabled", typ: boolean, doc: "on or off"},
		{
			name: "grpc.bind_address",
			typ:  text,
			doc:  "`unix:///PATH`, for root and the socket's group, or `HOST:PORT`, which needs the three files of mTLS",
		},
		{name: "grpc.threadiness", typ: integer, most: 1 << 16, doc: "threads", effect: inapplicable, why: "each consumer has a goroutine"},
		{name: "grpc.private_key", typ: text, doc: "the server's private key"},
		{name: "grpc.cert_chain", typ: text, doc: "the server's certificates"},
		{name: "grpc.root_certs", typ: text, doc: "the authority of the clients' certificates"},
		{name: "grpc_output", typ: section, doc: "alerts to the consumers of the gRPC server"},
		{name: "grpc_output.enabled", typ: boolean, doc: "on or off"},
		{
			name: "grpc_output.spool",
			typ:  boolean,
			doc:  "keep alerts on disk, for consumers that come again after a restart or a long time, see `spool`",
		},
	}
}

func logKeys() []key {
	return []key{
		{
			name:    "log_level",
			typ:     text,
			allowed: []string{"emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"},
			doc:     "the least severe level of the sensor's own log",
		},
		{name: "log_stderr", typ: boolean, doc: "the sensor's own log on standard error"},
		{name: "log_syslog", typ: boolean, doc: "the sensor's own log to the local syslog daemon"},
		{
			name:   "libs_logger",
			typ:    section,
			doc:    "the log of Falco's libraries",
			effect: inapplicable,
			why:    "there are no such libraries; see log_level",
		},
		{name: "libs_logger.enabled", typ: boolean, doc: "on or off"},
		{name: "libs_logger.severity", typ: text, doc: "the least severe level"},
	}
}

func operationKeys() []key {
	return []key{
		{name: "webserver", typ: section, doc: "the web server: `/healthz`, `/versions`, `/metrics`"},
		{name: "webserver.enabled", typ: boolean, doc: "on or off"},
		{name: "webserver.threadiness", typ: integer, most: 1 << 16, doc: "threads", effect: inapplicable, why: "each request has a goroutine"},
		{name: "webserver.listen_port", typ: integer, most: 65535, doc: "port"},
		{name: "webserver.listen_address", typ: text, doc: "IP address"},
		{name: "webserver.k8s_healthz_endpoint", typ: text, doc: "path of the health check"},
		{
			name:   "webserver.k8s_audit_endpoint",
			typ:    text,
			doc:    "path of audit events, in old files",
			effect: inapplicable,
			why:    "audit events are not received",
		},
		{name: "webserver.prometheus_metrics_enabled", typ: boolean, doc: "serve `/metrics`, if `metrics.enabled` is set too"},
		{name: "webserver.ssl_enabled", typ: boolean, doc: "serve by TLS"},
		{name: "webserver.ssl_certificate", typ: text, doc: "file with certificate and key"},
		{name: "metrics", typ: section, doc: "what the sensor tells of itself"},
		{name: "metrics.enabled", typ: boolean, doc: "on or off"},
		{name: "metrics.interval", typ: duration, doc: "time between two snapshots, at least 100ms; the first comes at the start"},
		{name: "metrics.output_rule", typ: boolean, doc: "snapshots as [internal alerts](metrics.md#snapshots)"},
		{name: "metrics.output_file", typ: text, doc: "snapshots appended to this file, a line of JSON each"},
		{name: "metrics.rules_counters_enabled", typ: boolean, doc: "matches by rule"},
		{name: "metrics.resource_utilization_enabled", typ: boolean, doc: "CPU and memory"},
		{name: "metrics.state_counters_enabled", typ: boolean, doc: "the state of the tables"},
		{name: "metrics.kernel_event_counters_enabled", typ: boolean, doc: "events and losses in the kernel"},
		{name: "metrics.libbpf_stats_enabled", typ: boolean, doc: "run time of the kernel programs", effect: notYet, why: "it is not measured"},
		{name: "metrics.convert_memory_to_mb", typ: boolean, doc: "memory in MB, in snapshots"},
		{name: "metrics.include_empty_values", typ: boolean, doc: "zeros in snapshots too; `/metrics` always has them"},
		{
			name:   "metrics.kernel_event_counters_per_cpu_enabled",
			typ:    boolean,
			doc:    "events and losses by CPU",
			effect: inapplicable,
			why:    "counters are summed over the CPUs",
		},
		{
			name:   "metrics.kernel_iter_event_counters_enabled",
			typ:    boolean,
			doc:    "events of Falco's iterators",
			effect: inapplicable,
			why:    "they count Falco's iterators",
		},
		{name: "metrics.plugins_metrics_enabled", typ: boolean, doc: "metrics of plugins", effect: inapplicable, why: "there are no plugins"},
		{name: "metrics.jemalloc_stats_enabled", typ: boolean, doc: "metrics of jemalloc", effect: inapplicable, why: "Go has its own allocator"},
		{
			name: "syscall_event_drops",
			typ:  section,
			doc:  "what to do when events are lost; what is not told is counted all the same, and shown by /metrics and at the end",
		},
		{
			name: "syscall_event_drops.threshold",
			typ:  number,
			most: 1,
			doc:  "share of a second's events that may be lost without an alert; the log tells, once in 30 s. Falco's default is .1",
		},
		{
			name:    "syscall_event_drops.actions",
			typ:     texts,
			allowed: []string{"ignore", "log", "alert", "exit"},
			doc:     "`ignore`, `log`, `alert`, `exit`: nothing, an error in the log, an internal alert, ending with exit code 1",
		},
		{name: "syscall_event_drops.rate", typ: number, most: 1e6, doc: "how often to do it, per second; .03333 is once in 30 s"},
		{name: "syscall_event_drops.max_burst", typ: integer, most: 1e6, doc: "how often at once"},
		{name: "syscall_event_drops.simulate_drops", typ: boolean, doc: "for tests: act as if events were lost"},
		{name: "syscall_event_timeouts", typ: section, doc: "the alert about a kernel that sends nothing, not even a canary"},
		{
			name:  "syscall_event_timeouts.max_consecutives",
			typ:   integer,
			least: 1,
			most:  1 << 31,
			doc:   "reads of 30 ms without an event before the alert, but at least two times guard.canary_interval",
		},
		{name: "guard", typ: section, doc: "how the sensor watches itself; not a section of Falco's"},
		{
			name: "guard.canary_interval",
			typ:  duration,
			doc:  "time between two canaries, at least 1s; after two without an answer the capture counts as stalled",
		},
		{name: "guard.state_file", typ: text, doc: "tells the next start how the last run ended; empty for none"},
		{name: "top", typ: section, doc: "what `sensor top` reads; not a section of Falco's"},
		{name: "top.socket", typ: text, doc: "a Unix socket, for the sensor's own user; empty for none"},
		{
			name: "privileges",
			typ:  section,
			doc:  "what the sensor may do when it has started, and with it the programs that it starts; not a section of Falco's",
		},
		{
			name: "privileges.drop",
			typ:  boolean,
			doc:  "keep the capabilities that [are needed](privileges.md) and no others, and set no-new-privileges",
		},
		{name: "capture", typ: section, doc: "write what was seen around a match to a file", effect: notYet, why: "nothing is recorded"},
		{name: "capture.enabled", typ: boolean, doc: "on or off"},
		{name: "capture.path_prefix", typ: text, doc: "how the files' names begin"},
		{name: "capture.mode", typ: text, allowed: []string{"rules", "all_rules"}, doc: "for rules that ask for it, or for `all_rules`"},
		{name: "capture.default_duration", typ: integer, most: 1 << 31, doc: "milliseconds after the match"},
		{name: "capture.max_file_size_mb", typ: integer, most: 1 << 20, doc: "bound of a file; 0 is none"},
	}
}

func sourceKeys() []key {
	const noName = "its containers are recognised by their cgroup, without a name"
	const kmod = "Saker brings its own kernel programs; see engine.modern_ebpf"
	const percpu = "all CPUs share two rings"
	const failed = "the rules decide whether failed calls are sent"
	return []key{
		{name: "container_engines", typ: section, doc: "the container runtimes to ask; the settings of Falco's container plugin count as these"},
		{name: "container_engines.containerd", typ: section, doc: "containerd"},
		{name: "container_engines.containerd.enabled", typ: boolean, doc: "on or off"},
		{name: "container_engines.containerd.sockets", typ: texts, doc: "its sockets; none means the usual ones"},
		{
			name: "container_engines.cri",
			typ:  section,
			doc:  "runtimes with Kubernetes' CRI; those of the sockets that are containerd's are asked by its own interface",
		},
		{name: "container_engines.cri.enabled", typ: boolean, doc: "on or off"},
		{name: "container_engines.cri.sockets", typ: texts, doc: "their sockets; none means the usual ones"},
		{
			name:   "container_engines.cri.disable_async",
			typ:    boolean,
			doc:    "wait for the runtime's answer",
			effect: inapplicable,
			why:    "an alert that needs the answer always waits a moment for it, the events never do",
		},
		{name: "container_engines.docker", typ: section, doc: "Docker"},
		{name: "container_engines.docker.enabled", typ: boolean, doc: "on or off"},
		{name: "container_engines.docker.sockets", typ: texts, doc: "its sockets; none means the usual ones, those of users too"},
		{name: "container_engines.podman", typ: section, doc: "Podman"},
		{name: "container_engines.podman.enabled", typ: boolean, doc: "on or off"},
		{name: "container_engines.podman.sockets", typ: texts, doc: "its sockets; none means the usual ones, those of users too"},
		{name: "container_engines.lxc", typ: section, doc: "LXC", effect: inapplicable, why: noName},
		{name: "container_engines.lxc.enabled", typ: boolean, doc: "on or off"},
		{name: "container_engines.libvirt_lxc", typ: section, doc: "libvirt's LXC", effect: inapplicable, why: noName},
		{name: "container_engines.libvirt_lxc.enabled", typ: boolean, doc: "on or off"},
		{name: "container_engines.bpm", typ: section, doc: "BOSH's process manager", effect: inapplicable, why: noName},
		{name: "container_engines.bpm.enabled", typ: boolean, doc: "on or off"},
		{name: "kubernetes", typ: section, doc: "whom to ask about pods, beside the container runtime; not a section of Falco's"},
		{
			name:    "kubernetes.source",
			typ:     text,
			allowed: []string{SourceNone, SourceAPI, SourceKubelet},
			doc: "`none`: pods have what the runtime says; `api`: the API server is watched for this node's pods, which sets the fields " +
				"`k8smeta.*`; `kubelet`: this node's kubelet is asked for them instead",
		},
		{
			name: "kubernetes.node",
			typ:  text,
			doc:  "this node's name in Kubernetes; empty takes that of the variable FALCO_HOSTNAME, else the host's",
		},
		{name: "kubernetes.kubeconfig", typ: text, doc: "a file that says how to reach the API server; empty takes the pod's service account"},
		{name: "kubernetes.kubelet", typ: section, doc: "the kubelet, where it is the source; the service account's token is sent to it"},
		{
			name: "kubernetes.kubelet.address",
			typ:  text,
			doc:  "`https://HOST:PORT`; empty means port 10250 of FALCO_HOST_IP, an environment variable for `status.hostIP`",
		},
		{
			name: "kubernetes.kubelet.ca_file",
			typ:  text,
			doc: "the authority of its certificate; empty means the service account's, which is the cluster's. A kubelet without " +
				"`serverTLSBootstrap` has signed its certificate itself",
		},
		{
			name: "kubernetes.kubelet.insecure",
			typ:  boolean,
			doc:  "take any certificate: whoever takes the address over then gets the token, and says what pods there are",
		},
		{
			name: "kubernetes.kubelet.interval",
			typ:  duration,
			doc:  "time between two questions, at least 1s; an event of a pod that is not known brings the next one forward",
		},
		{name: "engine", typ: section, doc: "the source of events"},
		{name: "engine.kind", typ: text, allowed: engineKinds(), doc: "`modern_ebpf`; `kmod` and `ebpf` stand for it"},
		{name: "engine.modern_ebpf", typ: section, doc: "the kernel programs"},
		{
			name:  "engine.modern_ebpf.buf_size_preset",
			typ:   integer,
			least: 1,
			most:  10,
			doc:   "size of the bulk ring: 1 is 1 MiB, each next one twice the last",
		},
		{
			name:   "engine.modern_ebpf.cpus_for_each_buffer",
			typ:    integer,
			most:   1 << 16,
			doc:    "CPUs that share a buffer",
			effect: inapplicable,
			why:    percpu,
		},
		{name: "engine.modern_ebpf.drop_failed_exit", typ: boolean, doc: "leave out failed calls", effect: inapplicable, why: failed},
		{
			name:   "engine.modern_ebpf.disable_iterators",
			typ:    boolean,
			doc:    "do without BPF iterators",
			effect: inapplicable,
			why:    "/proc is read by itself where the iterator does not work",
		},
		{name: "engine.kmod", typ: section, doc: "Falco's kernel module", effect: inapplicable, why: kmod},
		{name: "engine.kmod.buf_size_preset", typ: integer, doc: "size of its buffers"},
		{name: "engine.kmod.drop_failed_exit", typ: boolean, doc: "leave out failed calls"},
		{name: "engine.ebpf", typ: section, doc: "Falco's old eBPF probe, until 0.43", effect: inapplicable, why: kmod},
		{name: "engine.ebpf.probe", typ: text, doc: "its file"},
		{name: "engine.ebpf.buf_size_preset", typ: integer, doc: "size of its buffers"},
		{name: "engine.ebpf.drop_failed_exit", typ: boolean, doc: "leave out failed calls"},
		{
			name:   "engine.replay",
			typ:    section,
			doc:    "events from a file",
			effect: inapplicable,
			why:    "it counts with engine.kind replay, which is refused",
		},
		{name: "engine.replay.capture_file", typ: text, doc: "the file"},
		{
			name:   "engine.gvisor",
			typ:    section,
			doc:    "gVisor, until 0.43",
			effect: inapplicable,
			why:    "it counts with engine.kind gvisor, which is refused",
		},
		{name: "engine.gvisor.config", typ: text, doc: "its configuration"},
		{name: "engine.gvisor.root", typ: text, doc: "its root directory"},
		{name: "base_syscalls", typ: section, doc: "system calls to collect beyond those of the rules"},
		{
			name: "base_syscalls.all",
			typ:  boolean,
			doc:  "rules without an event type are about reads and writes, too (`read`, `writev`, `sendfile`, …), as if they named them",
		},
		{name: "base_syscalls.custom_set", typ: texts, doc: "these", effect: inapplicable, why: beyondRules},
		{name: "base_syscalls.repair", typ: boolean, doc: "what Falco's state needs", effect: inapplicable, why: beyondRules},
		{name: "falco_libs", typ: section, doc: "the limits of Falco's libraries"},
		{name: "falco_libs.thread_table_size", typ: integer, doc: "threads", effect: inapplicable, why: ownBounds},
		{
			name:   "falco_libs.thread_table_auto_purging_interval_s",
			typ:    integer,
			doc:    "seconds between two clean-ups",
			effect: inapplicable,
			why:    ownBounds,
		},
		{
			name:   "falco_libs.thread_table_auto_purging_thread_timeout_s",
			typ:    integer,
			doc:    "seconds that a silent thread stays",
			effect: inapplicable,
			why:    ownBounds,
		},
		{name: "falco_libs.snaplen", typ: integer, least: 1, most: 4096,
			doc: "bytes of a buffer that are captured (`evt.buffer`, `evt.arg.data`)"},
	}
}

// Why keys about Falco's state set nothing.
const (
	beyondRules = "processes are followed in any case; beyond that the rules decide what the kernel sends"
	ownBounds   = "tables have bounds of their own"
)

// engineKinds are those that Falco has or had; checkEngine refuses some.
func engineKinds() []string {
	return []string{"modern_ebpf", "kmod", "ebpf", "replay", "nodriver", "gvisor"}
}

func otherKeys() []key {
	const gone = "Falco dropped it before 0.40"
	return []key{
		{
			name: "plugins",
			typ:  sections,
			doc: "plugins that may be loaded; of one named `container`, the runtimes and sockets in `init_config.engines` count as " +
				"`container_engines`",
			effect: inapplicable,
			why:    "Saker loads no plugins; the runtimes of a container plugin count as container_engines",
		},
		{name: "plugins[].name", typ: text, doc: "its name"},
		{name: "plugins[].library_path", typ: text, doc: "its file"},
		{name: "plugins[].init_config", typ: anything, doc: "its settings"},
		{name: "plugins[].open_params", typ: text, doc: "what it opens"},
		{name: "load_plugins", typ: texts, doc: "the plugins to load, by name", effect: inapplicable, why: "Saker loads no plugins"},
		{name: "plugins_hostinfo", typ: boolean, doc: "tell plugins about the host", effect: inapplicable, why: "Saker loads no plugins"},
		{name: "metadata_download", typ: anything, doc: "limits of the Kubernetes client, in old files", effect: inapplicable, why: gone},
		{name: "modern_bpf", typ: anything, doc: "now `engine.modern_ebpf`", effect: inapplicable, why: gone},
		{name: "syscall_buf_size_preset", typ: anything, doc: "now `engine.modern_ebpf.buf_size_preset`", effect: inapplicable, why: gone},
		{name: "syscall_drop_failed_exit", typ: anything, doc: "now `engine.modern_ebpf.drop_failed_exit`", effect: inapplicable, why: gone},
		{name: "outputs", typ: anything, doc: "limits of the rate of alerts, in old files", effect: inapplicable, why: gone},
	}
}
