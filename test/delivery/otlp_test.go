package delivery

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/saker-sensor/saker/internal/output"
	"github.com/saker-sensor/saker/internal/output/otlp"
	"github.com/saker-sensor/saker/internal/output/spool"
	"github.com/saker-sensor/saker/internal/output/tlsfiles"
	"github.com/saker-sensor/saker/internal/testutil"
	"github.com/saker-sensor/saker/internal/testutil/authority"
	"github.com/saker-sensor/saker/internal/testutil/faulty"
)

// TestCollectorFaults: whatever happens to the network, the collector and its certificate, at the start and in the middle,
// every alert arrives, in order, and twice only with the same id.
func TestCollectorFaults(t *testing.T) {
	type rig struct {
		*collector
		network *faulty.Network
		a       *authority.Authority
	}
	mode := func(m faulty.Mode) func(*rig, bool) {
		return func(r *rig, on bool) {
			if on {
				r.network.Set(m)
			} else {
				r.network.Set(faulty.Pass)
			}
		}
	}
	for name, fault := range map[string]func(r *rig, on bool){
		"refused": mode(faulty.Refuse),
		"hangs":   mode(faulty.Hang),
		"reset":   mode(faulty.Reset),
		"the collector is away": func(r *rig, on bool) {
			if on {
				r.stop()
			} else {
				r.start()
			}
		},
		"an expired certificate": func(r *rig, on bool) {
			until := time.Hour
			if on {
				until = -time.Minute
			}
			r.a.Issue("server", time.Now().Add(until))
			r.network.Set(faulty.Reset) // so that the next connection sees it
			r.network.Set(faulty.Pass)
		},
	} {
		for _, protocol := range []string{otlp.ProtocolHTTP, otlp.ProtocolGRPC} {
			t.Run(name+", "+protocol, func(t *testing.T) {
				a := authority.New(t)
				a.Issue("server", time.Now().Add(time.Hour))
				a.Issue("client", time.Now().Add(time.Hour))
				r := &rig{collector: newCollector(t, a), a: a}
				r.start()
				target := map[string]string{otlp.ProtocolHTTP: r.http, otlp.ProtocolGRPC: r.grpc}[protocol]
				r.network = faulty.New(t, target)
				sink, err := otlp.New(otlp.Settings{
					Endpoint: "https://" + r.network.Addr, Protocol: protocol, Timeout: 300 * time.Millisecond, Compress: true,
					TLS: tlsfiles.Settings{Section: "otlp_output", CACert: a.Path("ca.crt"), ClientCert: a.Path("client.crt"),
						ClientKey: a.Path("client.key")},
				})
				if err != nil {
					t.Fatal(err)
				}
				q := output.NewQueue(output.QueueSettings{RetryFirst: time.Millisecond, RetryMost: 100 * time.Millisecond}, output.Named{
					Name: "otlp", Sink: sink, JSON: true, Batch: otlp.Batch, Spool: spool.New(spool.Settings{Dir: t.TempDir(), MaxBytes: 1 << 20}),
				})
				q.Start()
				var bodies []string
				put := func(n int) {
					for range n {
						body := fmt.Sprint("alert ", len(bodies))
						if !q.Put(nil, fmt.Appendf(nil, `{"output":%q,"priority":"Notice","rule":"r","time":"2026-07-14T03:33:20Z"}`, body), "Notice", "r") {
							t.Fatal("an alert is dropped")
						}
						bodies = append(bodies, body)
					}
				}
				for range 2 {
					before := q.Counters().Retries
					fault(r, true)
					put(50)
					until(t, "tries that fail", func() bool { return q.Counters().Retries >= before+2 })
					fault(r, false)
					put(50)
					until(t, "the alerts delivered", func() bool { return q.Counters().Written == uint64(len(bodies)) })
				}
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				defer cancel()
				if err := q.Close(ctx); err != nil {
					t.Fatal(err)
				}
				r.stop()
				r.want(bodies)
				if c := q.Counters(); c.Errors != 0 || c.Lost != 0 || c.Kept != 0 {
					t.Errorf("got %+v", c)
				}
			})
		}
	}
}

// example is the n-th YAML block of a page in docs/outputs.
func example(t *testing.T, page string, n int) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../docs/outputs", page))
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) <= n {
		t.Fatalf("%s has %d examples", page, len(blocks))
	}
	return blocks[n][1]
}

// TestExample: the examples of docs/outputs/otlp.md, over both protocols, but for ports of their own. The sensor is killed
// while the collector is away; what it had seen comes once the next one has started.
func TestExample(t *testing.T) {
	const n = 30
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		t.Run(protocol, func(t *testing.T) {
			c := newCollector(t, nil)
			config := strings.NewReplacer("localhost:4317", c.grpc, "localhost:4318", c.http, "alerts.json",
				c.file).Replace(example(t, "otlp.md", 1))
			if err := os.WriteFile(c.config, []byte(config), 0o600); err != nil {
				t.Fatal(err)
			}
			dir, kept := t.TempDir(), filepath.Join(t.TempDir(), "spool")
			rules := testutil.RulesFile(t,
				fmt.Sprintf("- rule: Numbered\n  desc: d\n  condition: evt.type = openat and fd.name startswith %s/n\n  output: opened %%fd.name\n  "+
					"priority: NOTICE\n  tags: [t]\n", dir))
			at := map[string]string{"http/protobuf": c.http, "grpc": c.grpc}[protocol]
			settings := strings.NewReplacer("localhost:4318", at, "http/protobuf ", protocol+" ", "# spool: true",
				"spool: true").Replace(example(t, "otlp.md", 0))
			conf := filepath.Join(t.TempDir(), "saker.yaml")
			if err := os.WriteFile(conf, []byte(settings+"json_output: true\nrules_files: ["+rules+"]\nspool: {directory: "+kept+"}\n"),
				0o600); err != nil {
				t.Fatal(err)
			}
			open := func(from, to int) {
				for i := from; i < to; i++ {
					if err := os.WriteFile(fmt.Sprintf("%s/n%d", dir, i), nil, 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			s := testutil.LaunchSensor(t, sensorBinary, "-c", conf)
			s.WaitLog("ready")
			open(0, n)
			until(t, "alerts on disk", func() bool {
				segments, _ := filepath.Glob(kept + "/otlp/*.alerts")
				text := ""
				for _, f := range segments {
					b, _ := os.ReadFile(f)
					text += string(b)
				}
				return strings.Contains(text, fmt.Sprintf(`"fd.name":"%s/n%d"`, dir, n-1))
			})
			if err := s.Cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			<-s.Ended
			c.start()
			s = testutil.LaunchSensor(t, sensorBinary, "-c", conf)
			s.WaitLog("ready")
			open(n, 2*n)
			numbered := func() (found []record) {
				for _, r := range c.records() {
					if r.attributes["rule"] == "Numbered" {
						found = append(found, r)
					}
				}
				return found
			}
			until(t, "every alert", func() bool { return len(numbered()) >= 2*n })
			s.Stop()
			for i, r := range numbered() {
				if want := fmt.Sprintf("%s/n%d", dir, i); r.attributes["fd.name"] != want || r.severity != "Notice" ||
					!strings.Contains(r.body, ": Notice opened "+want) ||
					r.attributes["source"] != "syscall" || r.attributes["log.record.uid"] == "" {
					t.Fatalf("record %d is %+v", i, r)
				}
			}
		})
	}
}
