package report

import (
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/metrics"
	"github.com/saker-sensor/saker/internal/output/render"
)

// The keys of falco.yaml that show a family.
const (
	rulesSwitch    = "metrics.rules_counters_enabled"
	resourceSwitch = "metrics.resource_utilization_enabled"
	stateSwitch    = "metrics.state_counters_enabled"
	kernelSwitch   = "metrics.kernel_event_counters_enabled"
)

type (
	family = metrics.Family[Scrape]
	emit   = metrics.Emit
)

// single is a family of one value.
func single(name, help string, typ metrics.Type, on string, value func(*Scrape) float64) family {
	return family{Name: name, Help: help, Type: typ, Switch: on, Collect: func(s *Scrape, emit emit) { emit(value(s)) }}
}

// split is a family of one value by kind.
func split(name, help, label string, typ metrics.Type, on string, values func(*Scrape) map[string]uint64) family {
	return family{Name: name, Help: help, Type: typ, Labels: []string{label}, Switch: on, Collect: func(s *Scrape, emit emit) {
		for value, n := range values(s) {
			emit(float64(n), label, value)
		}
	}}
}

// Families are all metrics. Those with Falco's names have Falco's meaning.
func Families() []metrics.Family[Scrape] {
	var all []family
	for _, group := range [][]family{falcoFamilies(), falcoEventFamilies(), lossFamilies(), alertFamilies(), spoolFamilies(), watchFamilies(),
		stateFamilies(), resourceFamilies()} {
		all = append(all, group...)
	}
	return all
}

func falcoFamilies() []family {
	info := func(name, help, label string, value func(*Scrape) string) family {
		return family{Name: name, Help: help, Type: metrics.Gauge, Labels: []string{label}, Collect: func(s *Scrape, emit emit) {
			emit(1, label, value(s))
		}}
	}
	return []family{
		info("falcosecurity_evt_hostname_info", "The host's name, as in alerts.", "hostname", func(*Scrape) string { return config.Hostname() }),
		info("falcosecurity_falco_kernel_release_info", "The kernel's release.", "kernel_release",
			func(*Scrape) string { return kernelRelease() }),
		info("falcosecurity_falco_version_info", "The sensor's version.", "version", func(s *Scrape) string { return s.Version }),
		{
			Name: "falcosecurity_scap_engine_name_info", Help: "The source of events.", Type: metrics.Gauge,
			Labels: []string{"engine_name", "evt_source"}, Collect: func(_ *Scrape, emit emit) {
				emit(1, "engine_name", engineName, "evt_source", render.SourceSyscall)
			},
		},
		digests("rules", "The rule files that run, by their digests."),
		digests("config", "The configuration files that run, by their digests."),
		single("falcosecurity_falco_duration_seconds_total", "How long the sensor runs.", metrics.Counter, "",
			func(s *Scrape) float64 { return time.Since(s.Started).Seconds() }),
		single("falcosecurity_falco_start_timestamp_nanoseconds", "When the sensor started, since the epoch.", metrics.Gauge, "",
			func(s *Scrape) float64 { return float64(s.Started.UnixNano()) }),
		single("falcosecurity_falco_reload_timestamp_nanoseconds", "When the rules that run were loaded, since the epoch.", metrics.Gauge, "",
			func(s *Scrape) float64 { return float64(s.Reloaded.UnixNano()) }),
		single("falcosecurity_falco_host_boot_timestamp_nanoseconds", "When the machine booted, since the epoch.", metrics.Gauge, "",
			func(s *Scrape) float64 { return float64(s.BootTime) }),
		single("falcosecurity_falco_host_num_cpus_total", "The number of processors.", metrics.Gauge, "",
			func(*Scrape) float64 { return float64(runtime.NumCPU()) }),
		single("falcosecurity_falco_outputs_queue_num_drops_total", "Alerts that found the queue full.", metrics.Counter, "",
			func(s *Scrape) float64 { return float64(s.Queue.Dropped) }),
		{
			Name: "falcosecurity_falco_rules_matches_total", Help: "Matches of a rule.",
			Labels: []string{"rule_name", "priority", "source", "tag_*"}, Switch: rulesSwitch, Collect: ruleMatches,
		},
	}
}

// engineName is Falco's name for a source of events like this one.
const engineName = "modern_bpf"

func digests(kind, help string) family {
	return family{Name: "falcosecurity_falco_sha256_" + kind + "_files_info", Help: help, Type: metrics.Gauge,
		Labels: []string{"file_name", "sha256"},
		Collect: func(s *Scrape, emit emit) {
			for _, f := range s.Files {
				if f.Kind == kind {
					emit(1, "file_name", f.Name, "sha256", f.Sum)
				}
			}
		}}
}

// ruleMatches shows every rule, also one that has not matched: its metric is there from the start.
func ruleMatches(s *Scrape, emit emit) {
	for _, r := range s.Rules {
		if !r.Enabled {
			continue
		}
		labels := []string{"rule_name", r.Name, "priority", strconv.Itoa(int(r.Priority) - 1), "source", r.Source}
		for _, tag := range r.Tags {
			labels = append(labels, "tag_"+tag, "true")
		}
		emit(float64(r.Matches()), labels...)
	}
}

func falcoEventFamilies() []family {
	return []family{
		single("falcosecurity_scap_n_drops_scratch_map_total", "Records that did not fit the kernel programs' buffer.", metrics.Counter,
			kernelSwitch,
			func(s *Scrape) float64 { return float64(s.Kernel.Oversize) }),
		single("falcosecurity_scap_n_threads_total", "Processes in the table; threads are not kept.", metrics.Gauge, stateSwitch,
			func(s *Scrape) float64 { return float64(s.Table.Processes) }),
		single("falcosecurity_scap_n_drops_full_threadtable_total", "Processes evicted from the table because it was full.", metrics.Counter,
			stateSwitch,
			func(s *Scrape) float64 { return float64(s.Table.Evicted) }),
		single("falcosecurity_scap_n_failed_thread_lookups_total", "Events whose process could not be found out.", metrics.Counter, stateSwitch,
			func(s *Scrape) float64 { return float64(s.Table.Unknown) }),
		single("falcosecurity_scap_n_evts_total", "Records that the kernel programs made, lost ones too.", metrics.Counter, kernelSwitch,
			func(s *Scrape) float64 { return float64(s.Kernel.CriticalSent + s.Kernel.BulkSent + s.Kernel.Lost()) }),
		single("falcosecurity_scap_n_drops_total", "Records that found their ring full.", metrics.Counter, kernelSwitch,
			func(s *Scrape) float64 { return float64(s.Kernel.Lost()) }),
		{
			Name: "falcosecurity_scap_n_drops_buffer_total", Help: "Records that found their ring full, in Falco's classes.",
			Labels: []string{"drop", "dir"}, Switch: kernelSwitch, Collect: func(s *Scrape, emit emit) {
				for class, n := range lostByClass(&s.Kernel) {
					emit(float64(n), "drop", class, "dir", "exit")
				}
			},
		},
	}
}

func kernelRelease() string {
	var u unix.Utsname
	_ = unix.Uname(&u) // it has no reason to fail
	return unix.ByteSliceToString(u.Release[:])
}
