package sensor

import (
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/event"
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
			map[string]any{"proc.pid": "7", "container.id": "host", "container.name": "host", "k8s.pod.name": nil}},
		{"in a pod", event.Event{Tgid: 7, Process: proc, ContainerID: "abc", Container: pod},
			"in container shop (abc).",
			map[string]any{"proc.cmdline": "flood -x", "container.name": "shop", "k8s.pod.name": "shop-1", "k8s.ns.name": "checkout"}},
		{"in a container without a name", event.Event{Tgid: 7, Process: proc, ContainerID: "abc"},
			"in container <NA> (abc).", map[string]any{"container.id": "abc", "container.name": "<NA>"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := dropAlert(10, 3, &probe.Counters{BulkLost: 3}, &flooder{tt.who})
			if !strings.HasPrefix(a.Message, "Falco internal: syscall event drop. 3 system calls dropped in last second.") || !strings.HasSuffix(a.Message, tt.says) {
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
