package report

import (
	"time"

	"github.com/saker-sensor/saker/internal/enrich"
	"github.com/saker-sensor/saker/internal/metrics"
	"github.com/saker-sensor/saker/internal/output"
	"github.com/saker-sensor/saker/internal/pods"
)

// bySource is a count of each source that is no kernel.
func bySource(name, help string, count func(*Source) uint64) family {
	return split(name, help, "source", metrics.Counter, "", func(s *Scrape) map[string]uint64 {
		out := map[string]uint64{}
		for i := range s.Sources {
			out[s.Sources[i].Name] = count(&s.Sources[i])
		}
		return out
	})
}

// lossFamilies have one line for each place where something can be lost, and for what arrives incomplete.
func lossFamilies() []family {
	return []family{
		split("saker_ring_records_total", "Records that reached their ring.", "ring", metrics.Counter, "", func(s *Scrape) map[string]uint64 {
			return map[string]uint64{"critical": s.Kernel.CriticalSent, "bulk": s.Kernel.BulkSent}
		}),
		split("saker_ring_lost_total", "Records that found their ring full.", "ring", metrics.Counter, "", func(s *Scrape) map[string]uint64 {
			return map[string]uint64{"critical": s.Kernel.CriticalLost, "bulk": s.Kernel.BulkLost}
		}),
		split("saker_ring_lost_by_type_total", "The same, by the record's type.", "type", metrics.Counter, "", func(s *Scrape) map[string]uint64 {
			out := map[string]uint64{}
			for kind, name := range kindNames {
				out[name] = s.Kernel.LostByKind[kind]
			}
			return out
		}),
		single("saker_ring_gaps_total", "Records that are missing by their numbers.", metrics.Counter, "",
			func(s *Scrape) float64 { return float64(s.Stats.Gaps) }),
		single("saker_ring_overwritten_total",
			"Times that unread records were written over, because another process moved a ring's read position.",
			metrics.Counter, "", func(s *Scrape) float64 { return float64(s.Overwritten) }),
		split("saker_records_incomplete_total",
			"Records that lack something: paths or arguments cut, path strings unreadable, files closed too soon, requests of io_uring without "+
				"name or result, failed calls whose path was not copied at entry, records without room for what rules ask of the "+
				"caller; oversize ones were not sent.",
			"what", metrics.Counter, "", func(s *Scrape) map[string]uint64 {
				return map[string]uint64{
					"path_truncated": s.Kernel.PathTruncated, "path_unreadable": s.Kernel.RawUnreadable, "file_gone": s.Kernel.FileGone,
					"oversize":           s.Kernel.Oversize,
					"io_uring_unmatched": s.Kernel.UringUnmatched, "entry_missing": s.Kernel.EntryMissing,
					"caller_missing": s.Kernel.CallerMissing,
				}
			}),
		single("saker_decode_errors_total", "Records that could not be read.", metrics.Counter, "",
			func(s *Scrape) float64 { return float64(s.Stats.DecodeErrors) }),
		single("saker_events_total", "Events given to the rules.", metrics.Counter, "",
			func(s *Scrape) float64 { return float64(s.Stats.Events) }),
		single("saker_matches_total", "Matches of all rules.", metrics.Counter, "", func(s *Scrape) float64 { return float64(s.Stats.Matched) }),
		bySource("saker_source_events_total", "Events of a source that is no kernel, given to the rules.",
			func(src *Source) uint64 { return src.Events }),
		bySource("saker_source_matches_total", "Matches of its rules.", func(src *Source) uint64 { return src.Matched }),
		bySource("saker_source_malformed_total", "Parts of its input that were no events, and were skipped.",
			func(src *Source) uint64 { return src.Malformed }),
		split("saker_process_problems_total",
			"Processes that the table had to repair from /proc, could not find out, or evicted because it was full.",
			"what", metrics.Counter, "", func(s *Scrape) map[string]uint64 {
				return map[string]uint64{"repaired": s.Table.Repaired, "unknown": s.Table.Unknown, "evicted": s.Table.Evicted}
			}),
		split("saker_waiting_room_total", "Events that waited for their container, those that got it, and those that found the room full.",
			"what", metrics.Counter, "", func(s *Scrape) map[string]uint64 {
				return map[string]uint64{"held": s.Enrich.Held, "answered": s.Enrich.Answered, "overflow": s.Enrich.Overflow}
			}),
		split("saker_containers_known_total",
			"Containers that were known before or after their first event; those that ran before the sensor do not count.",
			"when", metrics.Counter, "", func(s *Scrape) map[string]uint64 {
				return map[string]uint64{"before": s.Enrich.KnownBefore, "after": s.Enrich.KnownAfter}
			}),
		{
			Name: "saker_containers_known_seconds_total", Help: "How long before or after, summed.", Type: metrics.Counter, Labels: []string{"when"},
			Collect: func(s *Scrape, emit emit) {
				emit(s.Enrich.BeforeTime.Seconds(), "when", "before")
				emit(s.Enrich.AfterTime.Seconds(), "when", "after")
			},
		},
		split("saker_container_unknown_total", "Events in a container that went on without its metadata, by reason.", "reason", metrics.Counter,
			"",
			func(s *Scrape) map[string]uint64 {
				return map[string]uint64{
					"runtime_absent": s.Enrich.RuntimeAbsent, "not_found": s.Enrich.NotFound, "too_slow": s.Enrich.TooSlow,
					"cgroup_gone":   s.Enrich.CgroupGone,
					"too_many_wait": s.Enrich.Overflow,
				}
			}),
		split("saker_enrich_lost_total", "What the container room had no space for or could not read.", "what", metrics.Counter, "",
			func(s *Scrape) map[string]uint64 {
				return map[string]uint64{
					"cgroups_evicted": s.Enrich.CgroupsEvicted, "containers_evicted": s.Enrich.ContainersEvicted,
					"containers_refused": s.Enrich.ContainersRefused,
					"labels_cut":         s.Enrich.LabelsCut, "requests_dropped": s.Enrich.RequestsDropped, "runtime_errors": s.Enrich.RuntimeErrors,
					"runtimes_refused": s.Enrich.RuntimesRefused,
					"accounts_failed":  s.Enrich.AccountsFailed, "panics": s.Enrich.Panics,
				}
			}),
		split("saker_names_lost_total",
			"Mounts, watched file names and containers' files that the names of a file lack: too many, or unreadable.", "what", metrics.Counter, "",
			func(s *Scrape) map[string]uint64 {
				return map[string]uint64{
					"mounts_cut": s.Names.MountsCut, "watched_cut": s.Names.WatchCut, "mount_tables_unreadable": s.Names.MountErrors,
					"visits_dropped": s.Names.ScansDropped, "containers_forgotten": s.Names.ContainersDropped,
				}
			}),
		split("saker_captures_total", "Matches that began a capture, and those that could not.", "what", metrics.Counter, "",
			func(s *Scrape) map[string]uint64 {
				return map[string]uint64{"begun": s.Captures.Begun, "refused": s.Captures.Refused}
			}),
		split("saker_capture_events_total", "Events of ended captures that were written, and those lost to a slow or full disk.", "what",
			metrics.Counter, "", func(s *Scrape) map[string]uint64 {
				return map[string]uint64{"written": s.Captures.Recorded, "lost": s.Captures.Lost}
			}),
		split("saker_hosts_lost_total", "Host names of rules and addresses of theirs beyond the bounds, and look-ups that failed.", "what",
			metrics.Counter, "", func(s *Scrape) map[string]uint64 {
				return map[string]uint64{"cut": s.Hosts.Cut, "lookups_failed": s.Hosts.Failures}
			}),
	}
}

// spoolFamilies are about the outputs that keep alerts on disk.
func spoolFamilies() []family {
	of := func(name, help string, kind metrics.Type, value func(*output.SpoolCounters) float64) family {
		return family{Name: name, Help: help, Type: kind, Labels: []string{"sink"}, Collect: func(s *Scrape, emit emit) {
			for i := range s.Queue.Sinks {
				if c := s.Queue.Sinks[i].Spool; c != nil {
					emit(value(c), "sink", s.Queue.Sinks[i].Name)
				}
			}
		}}
	}
	return []family{
		of("saker_spool_alerts", "Alerts on disk: not delivered yet, or kept for consumers of gRPC.", metrics.Gauge,
			func(c *output.SpoolCounters) float64 { return float64(c.Records) }),
		of("saker_spool_bytes", "What the spool takes on disk.", metrics.Gauge,
			func(c *output.SpoolCounters) float64 { return float64(c.Bytes) }),
		of("saker_spool_failing", "1 if the latest alert could not be kept on disk and waited in memory, else 0.", metrics.Gauge,
			func(c *output.SpoolCounters) float64 {
				if c.Err != nil {
					return 1
				}
				return 0
			}),
		of("saker_spool_restored_total", "Alerts that an earlier run had left on disk.", metrics.Counter,
			func(c *output.SpoolCounters) float64 { return float64(c.Restored) }),
		of("saker_spool_damaged_total", "Places on disk that held no whole alert: a torn end, or damage.", metrics.Counter,
			func(c *output.SpoolCounters) float64 { return float64(c.Damaged) }),
	}
}

// alertFamilies are about alerts on their way out.
func alertFamilies() []family {
	return []family{
		split("saker_alerts_total",
			"Alerts that the queues took, had no room for, tried again, or gave up at the end, once for every sink; "+
				"outputs that a reload replaced count too.", "what", metrics.Counter, "", func(s *Scrape) map[string]uint64 {
				return map[string]uint64{"queued": s.Queue.Queued, "dropped": s.Queue.Dropped, "retried": s.Queue.Retries, "given_up": s.Queue.Lost}
			}),
		sinkFamily("saker_sink_written_total", "Alerts that left a sink.", metrics.Counter,
			func(c *output.SinkCounters) uint64 { return c.Written }),
		droppedFamily(),
		sinkFamily("saker_sink_errors_total", "Alerts that a sink lost, or may have lost.", metrics.Counter,
			func(c *output.SinkCounters) uint64 { return c.Errors }),
		sinkFamily("saker_sink_retries_total", "Times that a sink's alerts were tried again.", metrics.Counter,
			func(c *output.SinkCounters) uint64 { return c.Retries }),
		single("saker_log_errors_total", "Lines of the sensor's own log that could not be written.", metrics.Counter, "",
			func(s *Scrape) float64 {
				return float64(s.LogErrors)
			}),
		sinkFamily("saker_sink_failing", "1 if the sink did not take the latest alert, else 0.", metrics.Gauge,
			func(c *output.SinkCounters) uint64 {
				if c.Failing {
					return 1
				}
				return 0
			}),
		sinkFamily("saker_sink_waiting", "Alerts in a sink's queue now.", metrics.Gauge,
			func(c *output.SinkCounters) uint64 { return uint64(c.Waiting) }),
		split("saker_deduplication_total",
			"Matches that a window held back, alerts that tell how many, and matches that alerted because the table was full.", "what",
			metrics.Counter, "", func(s *Scrape) map[string]uint64 {
				return map[string]uint64{"held_back": s.Dedup.Suppressed, "told": s.Dedup.Emitted, "overflow": s.Dedup.Overflow}
			}),
		single("saker_deduplication_windows", "Windows that hold matches back now.", metrics.Gauge, "",
			func(s *Scrape) float64 { return float64(s.Dedup.Open) }),
		single("saker_redacted_secrets_total", "Secrets that alerts do not show.", metrics.Counter, "",
			func(s *Scrape) float64 { return float64(s.Redacted) }),
	}
}

func sinkFamily(name, help string, typ metrics.Type, value func(*output.SinkCounters) uint64) family {
	return family{Name: name, Help: help, Type: typ, Labels: []string{"sink"}, Collect: func(s *Scrape, emit emit) {
		for i := range s.Queue.Sinks {
			emit(float64(value(&s.Queue.Sinks[i])), "sink", s.Queue.Sinks[i].Name)
		}
	}}
}

// droppedFamily counts by reason the alerts that a sink was never given, or had not taken when it was closed.
func droppedFamily() family {
	const help = "Alerts that a sink did not get: its queue was full, or a reload closed the sink before it had taken them."
	return family{Name: "saker_sink_dropped_total", Help: help, Type: metrics.Counter, Labels: []string{"sink", "reason"},
		Collect: func(s *Scrape, emit emit) {
			for i := range s.Queue.Sinks {
				c := &s.Queue.Sinks[i]
				emit(float64(c.Dropped), "sink", c.Name, "reason", "queue_full")
				emit(float64(c.Lost), "sink", c.Name, "reason", "closed")
			}
		}}
}

// watchFamilies are about the sensor itself.
func watchFamilies() []family {
	canaries := func(name, help string, value func(CanaryCounts) uint64) family {
		return split(name, help, "way", metrics.Counter, "", func(s *Scrape) map[string]uint64 {
			return map[string]uint64{"hook": value(s.Self.CallCanary), "critical": value(s.Self.RingCanary)}
		})
	}
	return []family{
		single("saker_healthy", "1 while the capture runs, 0 while it is stalled.", metrics.Gauge, "", func(s *Scrape) float64 {
			if s.Stalled != "" {
				return 0
			}
			return 1
		}),
		canaries("saker_canary_sent_total", "Canaries that were made.", func(c CanaryCounts) uint64 { return c.Sent }),
		canaries("saker_canary_seen_total", "The newest canary that came back.", func(c CanaryCounts) uint64 { return c.Seen }),
		single("saker_stalls_total", "Times that the capture stalled.", metrics.Counter, "",
			func(s *Scrape) float64 { return float64(s.Self.Stalls) }),
		single("saker_stops_total", "Times that the process did not run for a while.", metrics.Counter, "",
			func(s *Scrape) float64 { return float64(s.Self.Stops) }),
		single("saker_stopped_seconds_total", "How long it did not run.", metrics.Counter, "",
			func(s *Scrape) float64 { return s.Self.Stopped.Seconds() }),
		split("saker_reloads_total", "Reloads of rules and settings, and those that were refused because something was wrong.", "result",
			metrics.Counter, "",
			func(s *Scrape) map[string]uint64 {
				return map[string]uint64{"done": s.Reloads.Done, "refused": s.Reloads.Refused}
			}),
		single("saker_signals_total", "Signals that other processes sent to the sensor.", metrics.Counter, "",
			func(s *Scrape) float64 { return float64(s.Self.Signals) }),
		single("saker_last_loop_timestamp_seconds", "When the event loop last came by, since the epoch.", metrics.Gauge, "",
			func(s *Scrape) float64 { return float64(s.Wall.UnixNano()) / float64(time.Second) }),
		{
			Name: "saker_program_missing", Help: "1 for each kernel program that this kernel refuses.", Type: metrics.Gauge,
			Labels: []string{"program"},
			Collect: func(s *Scrape, emit emit) {
				for i := range s.Coverage {
					emit(1, "program", s.Coverage[i].Program)
				}
			},
		},
		{
			Name: "saker_rules_losing_events", Help: "Rules that lose events because a program is missing.", Type: metrics.Gauge,
			Labels: []string{"program"},
			Collect: func(s *Scrape, emit emit) {
				for i := range s.Coverage {
					emit(float64(len(s.Coverage[i].Rules)), "program", s.Coverage[i].Program)
				}
			},
		},
	}
}

func stateFamilies() []family {
	return []family{
		single("saker_rules", "Rules that are loaded and enabled.", metrics.Gauge, stateSwitch, func(s *Scrape) float64 {
			n := 0
			for _, r := range s.Rules {
				if r.Enabled {
					n++
				}
			}
			return float64(n)
		}),
		single("saker_processes", "Processes in the table.", metrics.Gauge, stateSwitch,
			func(s *Scrape) float64 { return float64(s.Table.Processes) }),
		single("saker_processes_bytes", "The process table's size.", metrics.Gauge, stateSwitch,
			func(s *Scrape) float64 { return float64(s.Table.Bytes) }),
		single("saker_cgroups", "Cgroups in the table.", metrics.Gauge, stateSwitch,
			func(s *Scrape) float64 { return float64(s.Enrich.Cgroups) }),
		single("saker_cgroups_bytes", "The cgroup table's size.", metrics.Gauge, stateSwitch,
			func(s *Scrape) float64 { return float64(s.Enrich.CgroupBytes) }),
		single("falcosecurity_plugins_container_n_containers_total", "Containers that are known now.", metrics.Gauge, stateSwitch,
			func(s *Scrape) float64 { return float64(s.Enrich.Containers) }),
		single("saker_waiting_events", "Events that wait for their container now.", metrics.Gauge, stateSwitch,
			func(s *Scrape) float64 { return float64(s.Enrich.Waiting) }),
		single("saker_waiting_alerts", "Alerts in the queue now.", metrics.Gauge, stateSwitch,
			func(s *Scrape) float64 { return float64(s.Queue.Waiting) }),
		{
			Name: "saker_runtime_connected", Help: "1 while a container runtime answers, else 0; none for a usual place where there never was one.",
			Type: metrics.Gauge, Labels: []string{"kind", "socket"}, Switch: stateSwitch,
			Collect: func(s *Scrape, emit emit) {
				for _, r := range s.Runtimes {
					if r.Connection == enrich.Absent && r.Err == nil {
						continue
					}
					connected := 0.0
					if r.Connection == enrich.Connected {
						connected = 1
					}
					emit(connected, "kind", string(r.Kind), "socket", r.Socket)
				}
			},
		},
		kubernetes("saker_kubernetes_connected", "1 while the API server or kubelet answers, else 0; absent if neither is asked.", metrics.Gauge,
			func(p *Pods) float64 {
				if p.State == pods.Connected {
					return 1
				}
				return 0
			}),
		kubernetes("saker_kubernetes_pods", "Pods that are known from the API server or kubelet.", metrics.Gauge,
			func(p *Pods) float64 { return float64(p.Pods) }),
		kubernetes("saker_kubernetes_requests_total", "Requests to the API server or kubelet.", metrics.Counter,
			func(p *Pods) float64 { return float64(p.Requests) }),
		kubernetes("saker_kubernetes_failures_total", "Requests to the API server or kubelet that failed.", metrics.Counter,
			func(p *Pods) float64 { return float64(p.Failures) }),
		kubernetes("saker_kubernetes_received_bytes_total", "Bytes received from the API server or kubelet.", metrics.Counter,
			func(p *Pods) float64 { return float64(p.Received) }),
		kubernetes("saker_kubernetes_pods_refused_total", "Pods for which there was no space.", metrics.Counter,
			func(p *Pods) float64 { return float64(p.Refused) }),
		kubernetes("saker_kubernetes_labels_cut_total",
			"Pods and objects around them that were kept without labels, because these are too long.", metrics.Counter,
			func(p *Pods) float64 { return float64(p.Cut) }),
		kubernetes("saker_kubernetes_objects", "Namespaces, owners and services of pods that are known from the API server.", metrics.Gauge,
			func(p *Pods) float64 { return float64(p.Objects) }),
		kubernetes("saker_kubernetes_objects_left_out", "Those for which there is no space.", metrics.Gauge,
			func(p *Pods) float64 { return float64(p.ObjectsLeft) }),
		kubernetes("saker_kubernetes_object_failures_total", "Requests for them that failed.", metrics.Counter,
			func(p *Pods) float64 { return float64(p.ObjectFailures) }),
	}
}

// kubernetes is a family of one value of the watch at the API server.
func kubernetes(name, help string, typ metrics.Type, value func(*Pods) float64) family {
	return family{Name: name, Help: help, Type: typ, Switch: stateSwitch, Collect: func(s *Scrape, emit emit) {
		if s.Pods != nil {
			emit(value(s.Pods))
		}
	}}
}
