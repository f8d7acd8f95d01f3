package report

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/output/render"
	"github.com/saker-sensor/saker/internal/probe"
)

func TestDropAlertNamesTheFlooder(t *testing.T) {
	proc := &event.Process{Comm: "flood", ExePath: "/bin/flood", Cmdline: "flood -x"}
	pod := &event.Container{Name: "shop", Pod: &event.Pod{Name: "shop-1", Namespace: "checkout"}}
	for _, tt := range []struct {
		name   string
		who    event.Event
		says   string
		fields map[string]any
	}{
		{"nobody", event.Event{}, "dropped in last second.", map[string]any{"n_drops": "3", "proc.name": nil}},
		{"on the host", event.Event{Tgid: 7, Process: proc, ContainerID: event.HostID},
			"Most of them by flood (pid=7 exepath=/bin/flood) in container host (host).",
			map[string]any{"proc.pid": int32(7), "container.id": "host", "container.name": "host", "k8s.pod.name": nil}},
		{"in a pod", event.Event{Tgid: 7, Process: proc, ContainerID: "abc", Container: pod},
			"in container shop (abc).",
			map[string]any{"proc.cmdline": "flood -x", "container.name": "shop", "k8s.pod.name": "shop-1", "k8s.ns.name": "checkout"}},
		{"in a container without a name", event.Event{Tgid: 7, Process: proc, ContainerID: "abc"},
			"in container <NA> (abc).", map[string]any{"container.id": "abc", "container.name": "<NA>"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := dropAlert(time.Now(), &probe.Counters{BulkLost: 3, BulkSent: 7}, &flooder{tt.who})
			if !strings.HasPrefix(a.Message,
				"Falco internal: syscall event drop. 3 system calls dropped in last second.") || !strings.HasSuffix(a.Message, tt.says) {
				t.Errorf("it says %q", a.Message)
			}
			for name, want := range tt.fields {
				if a.Fields[name] != want {
					t.Errorf("%s = %v, want %v", name, a.Fields[name], want)
				}
			}
		})
	}
}

// alertsOf are the internal alerts of some notices.
func alertsOf(notices []Notice) (alerts []render.Internal) {
	for _, n := range notices {
		if n.Alert != nil {
			alerts = append(alerts, *n.Alert)
		}
	}
	return alerts
}

// TestDropSettings: what of syscall_event_drops becomes of losses, a look each second.
func TestDropSettings(t *testing.T) {
	alert := []string{"alert"}
	looks := func(lost ...uint64) (k []probe.Counters) { // with 100 records each
		sum := probe.Counters{LostByKind: map[event.Kind]uint64{}}
		for _, n := range lost {
			sum.BulkSent += 100 - n
			sum.BulkLost += n
			sum.LostByKind[event.KindOpen] += n
			k = append(k, probe.Counters{BulkSent: sum.BulkSent, BulkLost: sum.BulkLost, LostByKind: maps.Clone(sum.LostByKind)})
		}
		return k
	}
	for name, tt := range map[string]struct {
		drops config.Drops
		lost  []uint64
		want  []string // n_drops of n_evts
		exit  bool
	}{
		"any": {config.Drops{Actions: alert, Rate: 1e6, MaxBurst: 1}, []uint64{0, 1, 0, 2},
			[]string{"1 of 200", "2 of 200"}, false},
		"above the threshold": {config.Drops{Threshold: .1, Actions: alert, Rate: 1e6, MaxBurst: 1}, []uint64{10, 11, 5},
			[]string{"21 of 200"}, false},
		"bucket empty": {config.Drops{Actions: alert, MaxBurst: 2}, []uint64{1, 2, 3, 4}, []string{"1 of 100", "2 of 100"},
			false},
		"no bucket": {config.Drops{Actions: alert, Rate: 1e6}, []uint64{50}, nil, false},
		"ignored":   {config.Drops{Actions: []string{"ignore"}, Rate: 1e6, MaxBurst: 1}, []uint64{50}, nil, false},
		"logged":    {config.Drops{Actions: []string{"log"}, Rate: 1e6, MaxBurst: 1}, []uint64{50}, nil, false},
		"exit": {config.Drops{Actions: []string{"EXIT", "alert"}, Rate: 1e6, MaxBurst: 1}, []uint64{0, 1},
			[]string{"1 of 200"}, true},
		"exit not before the threshold": {config.Drops{Threshold: .5, Actions: []string{"exit"}, Rate: 1e6, MaxBurst: 1}, []uint64{0, 1}, nil,
			false},
		"simulated": {config.Drops{Threshold: 1, Actions: alert, MaxBurst: 1, Simulate: true}, []uint64{0, 0},
			[]string{"1 of 101"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config.Default()
			cfg.Drops = tt.drops
			r := NewReporter(&cfg, &Snapshot{})
			var notices []Notice
			var err error
			for _, k := range looks(tt.lost...) {
				if err == nil {
					var more []Notice
					more, err = r.Report(&Snapshot{Wall: time.Now(), Kernel: k}, nil)
					notices = append(notices, more...)
				}
			}
			if errors.Is(err, ErrExit) != tt.exit {
				t.Errorf("it ends with %v", err)
			}
			var got []string
			for _, a := range alertsOf(notices) {
				f := a.Fields
				if f["n_drops_buffer_total"] != f["n_drops"] || a.Priority != "Debug" {
					t.Errorf("%v", a)
				}
				got = append(got, f["n_drops"].(string)+" of "+f["n_evts"].(string))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestDropFields: those of Falco's alert are there, as texts; ours is a number.
func TestDropFields(t *testing.T) {
	k := probe.Counters{BulkLost: 7, CriticalLost: 2, BulkSent: 1, Oversize: 3, LostByKind: map[event.Kind]uint64{
		event.KindOpen: 5, event.KindExit: 1, event.KindExec: 1, event.KindCanary: 2,
	}}
	a := dropAlert(time.Now(), &k, &flooder{})
	want := map[string]any{
		"ebpf_enabled": "1", "n_drops": "9", "n_drops_buffer_clone_fork_exit": "0", "n_drops_buffer_close_exit": "0",
		"n_drops_buffer_connect_exit":  "0",
		"n_drops_buffer_dir_file_exit": "0", "n_drops_buffer_execve_exit": "1", "n_drops_buffer_open_exit": "5",
		"n_drops_buffer_other_interest_exit": "2",
		"n_drops_buffer_proc_exit":           "1", "n_drops_buffer_total": "9", "n_drops_bug": "0", "n_drops_critical": uint64(2),
		"n_drops_page_faults": "0",
		"n_drops_scratch_map": "3", "n_evts": "10",
	}
	if diff := cmp.Diff(want, a.Fields); diff != "" {
		t.Error(diff)
	}
}
