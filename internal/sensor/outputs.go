package sensor

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/field"
	"github.com/saker-sensor/saker/internal/output"
	"github.com/saker-sensor/saker/internal/output/otlp"
	"github.com/saker-sensor/saker/internal/output/sinks"
	"github.com/saker-sensor/saker/internal/output/spool"
	"github.com/saker-sensor/saker/internal/output/stream"
	"github.com/saker-sensor/saker/internal/output/tlsfiles"
)

// outputs are the places that the configuration sends alerts to, each behind its queue.
type outputs struct {
	queue *output.Queue
	// file and grpc are nil if there is none.
	file *sinks.File
	grpc *server
}

// openOutputs opens what is on. What a sink says besides alerts goes to stderr and the log. Of outputs that run already,
// those that keep alerts are taken over if their settings are the same.
func openOutputs(cfg *config.Config, settings *Settings, running *outputs) (*outputs, error) {
	stdout, stderr := settings.Stdout, settings.Stderr
	o := &outputs{}
	var all []output.Named
	add := func(name string, sink output.Sink) { all = append(all, output.Named{Name: name, Sink: sink}) }
	if cfg.Stdout.Enabled {
		add("stdout", sinks.NewWriter(stdout, cfg.BufferedOutputs))
	}
	if cfg.Syslog.Enabled {
		add("syslog", sinks.NewSyslog(""))
	}
	if p := cfg.Program; p.Enabled {
		add("program", sinks.NewProgram(sinks.ProgramSettings{Command: p.Program, KeepAlive: p.KeepAlive, Output: stderr}))
	}
	if f := cfg.File; f.Enabled {
		var err error
		o.file, err = sinks.NewFile(sinks.FileSettings{
			Path: f.Filename, KeepOpen: f.KeepAlive, MaxBytes: int64(f.MaxSizeMB) << 20, Keep: f.MaxFiles,
		})
		if err != nil {
			return nil, errors.Join(err, closeSinks(all))
		}
		add("file", o.file)
	}
	if cfg.HTTP.Enabled {
		h, err := sinks.NewHTTP(httpSettings(cfg, stderr))
		if err != nil {
			return nil, errors.Join(err, closeSinks(all))
		}
		all = append(all, output.Named{Name: "http", Sink: h, Spool: newSpool(cfg, "http", cfg.HTTP.Spool)})
	}
	if cfg.OTLP.Enabled {
		sink, err := otlp.New(otlpSettings(cfg, settings.Version))
		if err != nil {
			return nil, errors.Join(err, closeSinks(all))
		}
		all = append(all, output.Named{Name: "otlp", Sink: sink, JSON: true, Batch: otlp.Batch, Spool: newSpool(cfg, "otlp", cfg.OTLP.Spool)})
	}
	if cfg.GRPC.Enabled {
		var err error
		if o.grpc, err = openServer(cfg, settings, running); err != nil {
			return nil, errors.Join(err, closeSinks(all))
		}
		all = append(all, output.Named{Name: "grpc", Sink: o.grpc, JSON: true, Later: true})
	}
	if cfg.GRPC.Enabled != cfg.GRPCOutput.Enabled {
		settings.Log.Warn("no alerts over gRPC: set both grpc.enabled and grpc_output.enabled to true")
	}
	o.queue = output.NewQueue(output.QueueSettings{Capacity: cfg.OutputsQueue.Capacity, IncludeID: cfg.JSONIncludeID,
		Wait: settings.replaying}, all...)
	return o, nil
}

// newSpool is nil for an output that has none.
func newSpool(cfg *config.Config, name string, on bool) *spool.Spool {
	if !on {
		return nil
	}
	return spool.New(spoolSettings(&cfg.Spool, name))
}

func spoolSettings(c *config.Spool, name string) spool.Settings {
	return spool.Settings{Dir: filepath.Join(c.Directory, name), MaxBytes: int64(c.MaxSizeMB) << 20}
}

// server is the gRPC server. Consumers stay while other outputs are exchanged, so its queue does not close it.
type server struct {
	*stream.Server
	settings grpcSettings
}

// grpcSettings are those that a running server has to have to stay.
type grpcSettings struct {
	config.GRPC
	keep  bool
	spool config.Spool
}

// Close implements [output.Sink].
func (*server) Close() error { return nil }

func openServer(cfg *config.Config, settings *Settings, running *outputs) (*server, error) {
	g := grpcSettings{GRPC: cfg.GRPC, keep: cfg.GRPCOutput.Spool}
	if g.keep {
		g.spool = cfg.Spool
	}
	if running != nil && running.grpc != nil && running.grpc.settings == g {
		return running.grpc, nil
	}
	var disk *spool.Spool
	if g.keep {
		history := spoolSettings(&g.spool, "grpc")
		history.DropOldest = true
		disk = spool.New(history)
	}
	srv, err := stream.New(stream.Settings{
		Address: g.BindAddress, PrivateKey: g.PrivateKey, CertChain: g.CertChain, RootCerts: g.RootCerts,
		Version: settings.Version, EngineVersion: rulefile.Version, FieldsChecksum: field.Syscall().Checksum(),
		Hostname: config.Hostname(), Log: settings.Log, Spool: disk,
	})
	return &server{srv, g}, err
}

// serve opens what outputs before them may still have had: spools, and the address of consumers. What can't be had costs its
// output alone.
func (o *outputs) serve() {
	if o.grpc != nil {
		o.grpc.Start()
	}
	o.queue.Start()
}

// closeSinks is for sinks that no queue has taken over.
func closeSinks(all []output.Named) error {
	var errs []error
	for _, n := range all {
		errs = append(errs, n.Sink.Close())
	}
	return errors.Join(errs...)
}

// drain writes what waits and closes the sinks, by the deadline, but for what the next outputs have taken over. Those
// are nil at the end.
func (o *outputs) drain(deadline time.Duration, next *outputs) error {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	err := o.queue.Close(ctx)
	if o.grpc != nil && (next == nil || next.grpc != o.grpc) {
		err = errors.Join(err, o.grpc.Server.Close())
	}
	return err
}

// sameOutputs tells whether two configurations send alerts to the same places in the same manner.
func sameOutputs(a, b *config.Config) bool {
	return reflect.DeepEqual(sinkSections(a), sinkSections(b))
}

func sinkSections(c *config.Config) []any {
	return []any{c.Stdout, c.File, c.Syslog, c.Program, c.HTTP, c.OTLP, c.GRPC, c.GRPCOutput, c.OutputsQueue, c.BufferedOutputs, c.JSONOutput,
		c.Spool, c.JSONIncludeID}
}

func httpSettings(cfg *config.Config, stderr io.Writer) sinks.HTTPSettings {
	h := cfg.HTTP
	out := sinks.HTTPSettings{
		URL: h.URL, ShowID: h.Spool || cfg.JSONIncludeID, UserAgent: h.UserAgent, Compress: h.CompressUploads, KeepAlive: h.KeepAlive,
		TLS: tlsfiles.Settings{Section: "http_output", Insecure: h.Insecure, CACert: h.CACert, CABundle: h.CABundle},
	}
	// Falco's default directory is the machine's own, which is trusted anyway.
	if h.CAPath != config.Default().HTTP.CAPath {
		out.TLS.CAPath = h.CAPath
	}
	if h.MTLS {
		out.TLS.ClientCert, out.TLS.ClientKey = h.ClientCert, h.ClientKey
	}
	if h.Echo {
		out.Echo = stderr
	}
	return out
}

func otlpSettings(cfg *config.Config, version string) otlp.Settings {
	o := cfg.OTLP
	out := otlp.Settings{
		Endpoint: o.Endpoint, Protocol: strings.ToLower(o.Protocol), Headers: o.Headers, Compress: o.CompressUploads, Version: version,
		Hostname: config.Hostname(),
		TLS:      tlsfiles.Settings{Section: "otlp_output", Insecure: o.Insecure, CACert: o.CACert},
	}
	if o.MTLS {
		out.TLS.ClientCert, out.TLS.ClientKey = o.ClientCert, o.ClientKey
	}
	return out
}
