package config

func otherKeys() []key {
	const gone = "Falco dropped it before 0.40"
	return []key{
		{
			name: "plugins",
			typ:  sections,
			doc: "plugins that may be loaded; those of Falco named `k8saudit`, `cloudtrail` and `json` are built in, see docs/sources.md; " +
				"of one named `container`, the runtimes and sockets in `init_config.engines` count as `container_engines`",
		},
		{name: "plugins[].name", typ: text, doc: "its name"},
		{name: "plugins[].library_path", typ: text, doc: "its file; what is built in needs none"},
		{name: "plugins[].init_config", typ: anything, doc: "its settings"},
		{name: "plugins[].open_params", typ: text, doc: "what it opens"},
		{name: "load_plugins", typ: texts, doc: "the plugins to load, by name; without it, all"},
		{name: "plugins_hostinfo", typ: boolean, doc: "tell plugins about the host", effect: inapplicable, why: "what is built in knows it"},
		{name: "metadata_download", typ: anything, doc: "limits of the Kubernetes client, in old files", effect: inapplicable, why: gone},
		{name: "modern_bpf", typ: anything, doc: "now `engine.modern_ebpf`", effect: inapplicable, why: gone},
		{name: "syscall_buf_size_preset", typ: anything, doc: "now `engine.modern_ebpf.buf_size_preset`", effect: inapplicable, why: gone},
		{name: "syscall_drop_failed_exit", typ: anything, doc: "now `engine.modern_ebpf.drop_failed_exit`", effect: inapplicable, why: gone},
		{name: "outputs", typ: anything, doc: "limits of the rate of alerts, in old files", effect: inapplicable, why: gone},
	}
}
