package config

import "time"

// Redaction says what alerts must not show.
type Redaction struct {
	Enabled bool `yaml:"enabled"`
	// Defaults are the built-in forms of secrets, Patterns more of them in RE2's syntax.
	Defaults bool     `yaml:"defaults"`
	Patterns []string `yaml:"patterns"`
}

// Deduplication holds alerts back that tell the same again within a window; 0 holds none.
type Deduplication struct {
	Window time.Duration `yaml:"window"`
	// Rules have windows of their own; the last entry that fits a rule counts.
	Rules []RuleWindow `yaml:"rules"`
}

// RuleWindow is the window of rules by name, in which * stands for any text, or by tag.
type RuleWindow struct {
	// Place is where it was written: FILE:LINE:COLUMN, or the option.
	Place  string        `yaml:"-"`
	Rule   string        `yaml:"rule"`
	Tag    string        `yaml:"tag"`
	Window time.Duration `yaml:"window"`
}

// Stdout is the sink that is on by default.
type Stdout struct {
	Enabled bool `yaml:"enabled"`
}

// Syslog is the sink of the local syslog daemon.
type Syslog struct {
	Enabled bool `yaml:"enabled"`
}

// File is the sink that appends to a file.
type File struct {
	Enabled   bool   `yaml:"enabled"`
	KeepAlive bool   `yaml:"keep_alive"`
	Filename  string `yaml:"filename"`
	// MaxSizeMB is the size from which the file is moved aside, 0 for none; MaxFiles how many such files stay.
	MaxSizeMB int `yaml:"max_size_mb"`
	MaxFiles  int `yaml:"max_files"`
}

// Program is the sink that runs a shell command.
type Program struct {
	Enabled   bool   `yaml:"enabled"`
	KeepAlive bool   `yaml:"keep_alive"`
	Program   string `yaml:"program"`
}

// HTTP is the sink that posts alerts.
type HTTP struct {
	Enabled                bool   `yaml:"enabled"`
	URL                    string `yaml:"url"`
	UserAgent              string `yaml:"user_agent"`
	Insecure               bool   `yaml:"insecure"`
	CACert                 string `yaml:"ca_cert"`
	CABundle               string `yaml:"ca_bundle"`
	CAPath                 string `yaml:"ca_path"`
	MTLS                   bool   `yaml:"mtls"`
	ClientCert             string `yaml:"client_cert"`
	ClientKey              string `yaml:"client_key"`
	Echo                   bool   `yaml:"echo"`
	CompressUploads        bool   `yaml:"compress_uploads"`
	KeepAlive              bool   `yaml:"keep_alive"`
	MaxConsecutiveTimeouts int    `yaml:"max_consecutive_timeouts"`
	// Spool keeps alerts on disk until they are delivered.
	Spool bool `yaml:"spool"`
}

// OTLP is the sink that sends log records to an OpenTelemetry collector.
type OTLP struct {
	Enabled bool `yaml:"enabled"`
	// Endpoint is http://HOST:PORT or https://HOST:PORT, Protocol "http/protobuf" or "grpc".
	Endpoint        string            `yaml:"endpoint"`
	Protocol        string            `yaml:"protocol"`
	Headers         map[string]string `yaml:"headers"`
	Insecure        bool              `yaml:"insecure"`
	CACert          string            `yaml:"ca_cert"`
	MTLS            bool              `yaml:"mtls"`
	ClientCert      string            `yaml:"client_cert"`
	ClientKey       string            `yaml:"client_key"`
	CompressUploads bool              `yaml:"compress_uploads"`
	Spool           bool              `yaml:"spool"`
}

// GRPC is the server that consumers read alerts from, under the keys that it had until Falco 0.43.
type GRPC struct {
	Enabled bool `yaml:"enabled"`
	// BindAddress is unix:///PATH or HOST:PORT.
	BindAddress string `yaml:"bind_address"`
	PrivateKey  string `yaml:"private_key"`
	CertChain   string `yaml:"cert_chain"`
	RootCerts   string `yaml:"root_certs"`
}

// GRPCOutput sends alerts to the server's consumers.
type GRPCOutput struct {
	Enabled bool `yaml:"enabled"`
	// Spool keeps them on disk, too.
	Spool bool `yaml:"spool"`
}

// OutputsQueue bounds the rendered alerts that wait for the sinks. Falco's 0, "without bound", is the default bound here.
type OutputsQueue struct {
	Capacity int `yaml:"capacity"`
}

// Spool is where outputs keep alerts on disk, each in a folder of its own.
type Spool struct {
	Directory string `yaml:"directory"`
	// MaxSizeMB is each output's bound.
	MaxSizeMB int `yaml:"max_size_mb"`
}

// Webserver serves /healthz, /versions and /metrics.
type Webserver struct {
	Enabled           bool   `yaml:"enabled"`
	ListenPort        int    `yaml:"listen_port"`
	ListenAddress     string `yaml:"listen_address"`
	HealthzEndpoint   string `yaml:"k8s_healthz_endpoint"`
	PrometheusMetrics bool   `yaml:"prometheus_metrics_enabled"`
	SSLEnabled        bool   `yaml:"ssl_enabled"`
	SSLCertificate    string `yaml:"ssl_certificate"`
}

// Metrics are what the sensor tells of itself.
type Metrics struct {
	Enabled             bool          `yaml:"enabled"`
	Interval            time.Duration `yaml:"interval"`
	OutputRule          bool          `yaml:"output_rule"`
	OutputFile          string        `yaml:"output_file"`
	RulesCounters       bool          `yaml:"rules_counters_enabled"`
	ResourceUtilization bool          `yaml:"resource_utilization_enabled"`
	StateCounters       bool          `yaml:"state_counters_enabled"`
	KernelEventCounters bool          `yaml:"kernel_event_counters_enabled"`
	LibbpfStats         bool          `yaml:"libbpf_stats_enabled"`
	ConvertMemoryToMB   bool          `yaml:"convert_memory_to_mb"`
	IncludeEmptyValues  bool          `yaml:"include_empty_values"`
}

// Drops are the limits of the alert about lost events.
type Drops struct {
	// Threshold is the share of lost events, of 1, below which nothing is said.
	Threshold float64  `yaml:"threshold"`
	Actions   []string `yaml:"actions"`
	// Rate is in alerts per second.
	Rate     float64 `yaml:"rate"`
	MaxBurst int     `yaml:"max_burst"`
	Simulate bool    `yaml:"simulate_drops"`
}

// Timeouts are the limit of the alert about a silent kernel.
type Timeouts struct {
	MaxConsecutives int `yaml:"max_consecutives"`
}

// Guard is how the sensor watches itself.
type Guard struct {
	// CanaryInterval is the time between two canaries. After two without an answer the capture counts as stalled.
	CanaryInterval time.Duration `yaml:"canary_interval"`
	// StateFile tells the next start how the last run ended; empty for none.
	StateFile string `yaml:"state_file"`
}

// Narrow is what the kernel leaves out because no rule can match it.
type Narrow struct {
	Enabled bool `yaml:"enabled"`
}

// Top is where sensor top finds the running sensor.
type Top struct {
	// Socket is a Unix socket; empty for none.
	Socket string `yaml:"socket"`
}

// Privileges are what the sensor keeps when it has started.
type Privileges struct {
	Drop bool `yaml:"drop"`
}

// Capture writes what was seen around a match to a file.
type Capture struct {
	Enabled    bool   `yaml:"enabled"`
	PathPrefix string `yaml:"path_prefix"`
	// Mode is "rules" or "all_rules".
	Mode string `yaml:"mode"`
	// DefaultDuration is in milliseconds, DefaultEvents a number of events, DefaultFilesize in kB; the latter two are no limit if 0.
	DefaultDuration int `yaml:"default_duration"`
	DefaultEvents   int `yaml:"default_events"`
	DefaultFilesize int `yaml:"default_filesize"`
	MaxFileSizeMB   int `yaml:"max_file_size_mb"`
	// Before is how far back a capture goes, in milliseconds, and BeforeMB how much memory the events take until then.
	Before   int `yaml:"before"`
	BeforeMB int `yaml:"before_max_size_mb"`
	// Format is that of the files: "skr", a recording of Saker's, or [CaptureScap].
	Format string `yaml:"format"`
	// PerContainer captures the events of the match's container alone.
	PerContainer bool `yaml:"per_container"`
	// MaxFiles is how many files there may be.
	MaxFiles int `yaml:"max_files"`
}

// CaptureScap is the [Capture.Format] that Falco's tools read.
const CaptureScap = "scap"

// CaptureAllRules is the [Capture.Mode] in which each match is captured.
const CaptureAllRules = "all_rules"
