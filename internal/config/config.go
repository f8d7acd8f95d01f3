// Package config is the sensor's settings, under the names that they have in falco.yaml.
//
// [Load] reads a configuration file, the files that it includes and the overrides of -o into a [Config]. One table of
// keys (keys.go) says what each key is and does; the check of files, the JSON schema, docs/config.md and the hints come
// from it.
package config

import (
	"net"
	"os"
	"strings"
	"time"
)

// Config holds the settings that the sensor knows. The zero value of a list means the built-in default. The table of keys
// says of each whether it has an effect.
type Config struct {
	// RulesFiles are rule files and directories in the order in which they load; none means the built-in rules.
	RulesFiles []string `yaml:"rules_files"`
	// Rules switch rules on and off once all files are loaded, in this order.
	Rules []RuleSwitch `yaml:"rules"`
	// Priority is the least severe priority that is loaded.
	Priority string `yaml:"priority"`
	// RuleMatching is "first" or "all".
	RuleMatching string `yaml:"rule_matching"`
	WatchFiles   bool   `yaml:"watch_config_files"`

	JSONOutput              bool              `yaml:"json_output"`
	JSONIncludeOutput       bool              `yaml:"json_include_output_property"`
	JSONIncludeMessage      bool              `yaml:"json_include_message_property"`
	JSONIncludeOutputFields bool              `yaml:"json_include_output_fields_property"`
	JSONIncludeTags         bool              `yaml:"json_include_tags_property"`
	JSONIncludeID           bool              `yaml:"json_include_alert_id_property"`
	TimeISO8601             bool              `yaml:"time_format_iso_8601"`
	BufferBase64            bool              `yaml:"buffer_format_base64"`
	BufferedOutputs         bool              `yaml:"buffered_outputs"`
	AppendOutput            []Append          `yaml:"append_output"`
	StaticFields            map[string]string `yaml:"static_fields"`

	Redaction     Redaction     `yaml:"redaction"`
	Deduplication Deduplication `yaml:"deduplication"`

	OutputsQueue OutputsQueue `yaml:"outputs_queue"`
	Spool        Spool        `yaml:"spool"`
	// OutputTimeout is in milliseconds.
	OutputTimeout int        `yaml:"output_timeout"`
	Stdout        Stdout     `yaml:"stdout_output"`
	File          File       `yaml:"file_output"`
	Syslog        Syslog     `yaml:"syslog_output"`
	Program       Program    `yaml:"program_output"`
	HTTP          HTTP       `yaml:"http_output"`
	OTLP          OTLP       `yaml:"otlp_output"`
	GRPC          GRPC       `yaml:"grpc"`
	GRPCOutput    GRPCOutput `yaml:"grpc_output"`

	LogLevel  string `yaml:"log_level"`
	LogStderr bool   `yaml:"log_stderr"`
	LogSyslog bool   `yaml:"log_syslog"`

	Webserver Webserver `yaml:"webserver"`
	Metrics   Metrics   `yaml:"metrics"`
	Drops     Drops     `yaml:"syscall_event_drops"`
	Timeouts  Timeouts  `yaml:"syscall_event_timeouts"`
	Guard     Guard     `yaml:"guard"`
	Narrow    Narrow    `yaml:"narrow"`
	Top       Top       `yaml:"top"`

	Privileges Privileges `yaml:"privileges"`

	Engines      Engines      `yaml:"container_engines"`
	Kubernetes   Kubernetes   `yaml:"kubernetes"`
	Engine       Engine       `yaml:"engine"`
	BaseSyscalls BaseSyscalls `yaml:"base_syscalls"`
	Libs         Libs         `yaml:"falco_libs"`
	Capture      Capture      `yaml:"capture"`

	// Plugins are what may be loaded, LoadPlugins the names of those that are.
	Plugins     []Plugin `yaml:"plugins"`
	LoadPlugins []string `yaml:"load_plugins"`
	// Sources are chosen by flags alone.
	Sources SourceChoice `yaml:"-"`
}

// RuleSwitch switches the rules that fit; one of its parts is set.
type RuleSwitch struct {
	// Place is where it was written: FILE:LINE:COLUMN, or the option.
	Place   string     `yaml:"-"`
	Enable  *RuleMatch `yaml:"enable"`
	Disable *RuleMatch `yaml:"disable"`
}

// RuleMatch picks rules by name, in which * stands for any text, or by tag.
type RuleMatch struct {
	Rule string `yaml:"rule"`
	Tag  string `yaml:"tag"`
}

// Append adds to the outputs of the rules that fit.
type Append struct {
	// Place is where it was written: FILE:LINE:COLUMN, or the option.
	Place       string      `yaml:"-"`
	Match       AppendMatch `yaml:"match"`
	ExtraOutput string      `yaml:"extra_output"`
	// ExtraFields are names of fields, or maps of a key to a text with fields in it.
	ExtraFields     []any `yaml:"extra_fields"`
	SuggestedOutput bool  `yaml:"suggested_output"`
}

// AppendMatch is what a rule must have; what is empty asks for nothing.
type AppendMatch struct {
	Source string   `yaml:"source"`
	Rule   string   `yaml:"rule"`
	Tags   []string `yaml:"tags"`
}

// Engines are the container runtimes to ask.
type Engines struct {
	Docker     Runtime `yaml:"docker"`
	Podman     Runtime `yaml:"podman"`
	Containerd Runtime `yaml:"containerd"`
	CRI        Runtime `yaml:"cri"`
}

// Runtime names the sockets of a container runtime; none means the usual ones.
type Runtime struct {
	Enabled bool     `yaml:"enabled"`
	Sockets []string `yaml:"sockets"`
}

// Kubernetes says whom to ask about pods, beside the container runtime.
type Kubernetes struct {
	// Source is SourceNone, SourceAPI or SourceKubelet.
	Source string `yaml:"source"`
	// Node is this node's name in Kubernetes; empty means that of [Hostname].
	Node string `yaml:"node"`
	// Kubeconfig says how to reach the API server; empty means by the pod's service account.
	Kubeconfig string  `yaml:"kubeconfig"`
	Kubelet    Kubelet `yaml:"kubelet"`
}

// Kubelet says how to ask this node's kubelet about pods.
type Kubelet struct {
	// Address is https://HOST:PORT; see [Kubelet.URL].
	Address  string        `yaml:"address"`
	CAFile   string        `yaml:"ca_file"`
	Insecure bool          `yaml:"insecure"`
	Interval time.Duration `yaml:"interval"`
}

// Sources of what is known of pods.
const (
	SourceNone    = "none"
	SourceAPI     = "api"
	SourceKubelet = "kubelet"
)

// Engine is the event source.
type Engine struct {
	Kind   string     `yaml:"kind"`
	BPF    ModernEBPF `yaml:"modern_ebpf"`
	Replay Replay     `yaml:"replay"`
}

// Values of [Engine.Kind]: one takes events from a file, the other takes none from a kernel.
const (
	KindReplay = "replay"
	KindNone   = "nodriver"
)

// Replay is where recorded events are.
type Replay struct {
	CaptureFile string `yaml:"capture_file"`
}

// ModernEBPF sizes the rings by Falco's presets: 4 is 8 MiB.
type ModernEBPF struct {
	BufSizePreset int `yaml:"buf_size_preset"`
}

// BaseSyscalls are the system calls beyond those that rules name.
type BaseSyscalls struct {
	// All: rules without an event type are about reads and writes, too.
	All bool `yaml:"all"`
}

// Libs are the limits that Falco's libraries have.
type Libs struct {
	// Snaplen is how many bytes of a buffer are captured.
	Snaplen int `yaml:"snaplen"`
}

// Default is the configuration without any file or flag. The values are Falco's where it has one, but for the share of
// events that may be lost without an alert, which is 0; only what goes to standard output and standard error is on.
func Default() Config {
	return Config{
		Priority:                "debug",
		RuleMatching:            "first",
		WatchFiles:              true,
		JSONIncludeOutput:       true,
		JSONIncludeOutputFields: true,
		JSONIncludeTags:         true,
		AppendOutput:            []Append{{SuggestedOutput: true}},
		Redaction:               Redaction{Enabled: true, Defaults: true},
		OutputTimeout:           2000,
		Spool:                   Spool{Directory: "/var/lib/saker/spool", MaxSizeMB: 256},
		Stdout:                  Stdout{Enabled: true},
		File:                    File{MaxFiles: 5},
		HTTP: HTTP{
			UserAgent: "falcosecurity/falco", CAPath: "/etc/ssl/certs", ClientCert: "/etc/ssl/certs/client.crt",
			ClientKey: "/etc/ssl/certs/client.key", MaxConsecutiveTimeouts: 5,
		},
		OTLP: OTLP{Endpoint: "http://localhost:4318", Protocol: "http/protobuf"},
		GRPC: GRPC{
			BindAddress: "unix:///run/falco/falco.sock", PrivateKey: "/etc/falco/certs/server.key",
			CertChain: "/etc/falco/certs/server.crt", RootCerts: "/etc/falco/certs/ca.crt",
		},
		LogLevel:  "info",
		LogStderr: true,
		Webserver: Webserver{
			Enabled: true, ListenPort: 8765, ListenAddress: "0.0.0.0", HealthzEndpoint: "/healthz", SSLCertificate: "/etc/falco/falco.pem",
		},
		Metrics: Metrics{
			Interval: time.Hour, RulesCounters: true, ResourceUtilization: true, StateCounters: true, KernelEventCounters: true,
			LibbpfStats: true, ConvertMemoryToMB: true,
		},
		Drops:      Drops{Actions: []string{"log", "alert"}, Rate: .03333, MaxBurst: 1},
		Timeouts:   Timeouts{MaxConsecutives: 1000},
		Guard:      Guard{CanaryInterval: 5 * time.Second, StateFile: "/run/saker/state"},
		Narrow:     Narrow{Enabled: true},
		Top:        Top{Socket: "/run/saker/top.sock"},
		Privileges: Privileges{Drop: true},
		Engines: Engines{
			Docker: Runtime{Enabled: true}, Podman: Runtime{Enabled: true}, Containerd: Runtime{Enabled: true}, CRI: Runtime{Enabled: true},
		},
		Kubernetes: Kubernetes{Source: SourceNone, Kubelet: Kubelet{Interval: 10 * time.Second}},
		Engine:     Engine{Kind: "modern_ebpf", BPF: ModernEBPF{BufSizePreset: 4}},
		Libs:       Libs{Snaplen: 80},
		Capture: Capture{
			PathPrefix: "/tmp/falco", Mode: "rules", DefaultDuration: 5000, Before: 5000, BeforeMB: 8, Format: "skr", MaxFiles: 64,
		},
	}
}

// BulkBytes is the bulk ring's size: preset 1 is 1 MiB, each next one twice the last (falco.yaml, buf_size_preset).
func (c *Config) BulkBytes() int { return 1 << (19 + c.Engine.BPF.BufSizePreset) }

// SuggestedOutput tells whether the container and pod fields are appended to each output.
func (c *Config) SuggestedOutput() bool {
	for _, a := range c.AppendOutput {
		if a.SuggestedOutput {
			return true
		}
	}
	return false
}

// Hostname is FALCO_HOSTNAME, or the node's name.
func Hostname() string {
	if h := os.Getenv("FALCO_HOSTNAME"); h != "" {
		return h
	}
	h, _ := os.Hostname()
	return h
}

// URL is where to ask this node's kubelet; empty if that is not known. Kubernetes gives a pod FALCO_HOST_IP by the downward
// API's status.hostIP; 10250 is the kubelet's port unless its configuration has another.
func (k *Kubelet) URL() string {
	if host := os.Getenv("FALCO_HOST_IP"); k.Address == "" && host != "" {
		return "https://" + net.JoinHostPort(host, "10250")
	}
	return strings.TrimSuffix(k.Address, "/")
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// HostRoot is HOST_ROOT, under which Falco's images expect the host's files; "" on the host itself.
func HostRoot() string { return os.Getenv("HOST_ROOT") }
