package config

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
		{
			name: "engine.kind", typ: text, allowed: engineKinds(),
			doc: "`modern_ebpf`, for which `kmod` and `ebpf` stand, too; `replay` takes events from a file, `nodriver` none from the kernel",
		},
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
		{name: "engine.replay", typ: section, doc: "events from a file, with engine.kind `replay`"},
		{name: "engine.replay.capture_file", typ: text, doc: "a recording of Saker's, or a capture (`.scap`)"},
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
