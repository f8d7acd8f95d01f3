package state

import (
	"encoding/json"
	"net/netip"
	"strings"

	"github.com/saker-sensor/saker/internal/enrich/cgroup"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/replay/scap/schema"
)

type addr = netip.Addr

// containerOf is the id of the container that a thread's cgroups name, empty if they name none.
func containerOf(cgroups []string) string {
	for _, c := range cgroups {
		_, path, _ := strings.Cut(c, "=")
		if id, _, ok := cgroup.Parse(path); ok {
			return id
		}
	}
	return ""
}

// maxContainers bounds the containers that are known.
const maxContainers = 1 << 14

// containerTypes are the runtimes by Falco's numbers.
var containerTypes = map[int]string{
	0: "docker", 1: "lxc", 2: "libvirt_lxc", 3: "mesos", 4: "rkt", 5: "custom", 6: "cri", 7: "containerd", 8: "cri-o", 9: "bpm", 10: "static",
	11: "podman",
}

// described is a container as the events of a capture describe it.
type described struct {
	ID          string            `json:"id"`
	FullID      string            `json:"full_id"`
	Type        int               `json:"type"`
	Name        string            `json:"name"`
	Image       string            `json:"image"`
	ImageID     string            `json:"imageid"`
	ImageRepo   string            `json:"imagerepo"`
	ImageTag    string            `json:"imagetag"`
	ImageDigest string            `json:"imagedigest"`
	Privileged  bool              `json:"privileged"`
	HostPID     bool              `json:"host_pid"`
	HostNetwork bool              `json:"host_network"`
	HostIPC     bool              `json:"host_ipc"`
	Sandbox     bool              `json:"is_pod_sandbox"`
	SandboxID   string            `json:"pod_sandbox_id"`
	IP          string            `json:"ip"`
	CNI         string            `json:"cni_json"`
	Created     int64             `json:"created_time"`
	Labels      map[string]string `json:"labels"`
	PodLabels   map[string]string `json:"pod_sandbox_labels"`
	Mounts      []describedMount  `json:"Mounts"`

	Healthcheck    *describedProbe `json:"Healthcheck"`
	LivenessProbe  *describedProbe `json:"LivenessProbe"`
	ReadinessProbe *describedProbe `json:"ReadinessProbe"`
}

type describedProbe struct {
	Exe  string   `json:"exe"`
	Args []string `json:"args"`
}

type describedMount struct {
	Source      string `json:"Source"`
	Destination string `json:"Destination"`
	Mode        string `json:"Mode"`
	RW          bool   `json:"RW"`
	Propagation string `json:"Propagation"`
}

// container is a notice about a container.
func (s *State) container(n *now) {
	text := n.view(0)
	if n.ev.Code == schema.AsynceventE {
		if n.view(1) != "container" {
			return
		}
		text = strings.TrimRight(view(n.raw(2)), "\x00")
	}
	var in struct {
		Container described `json:"container"`
	}
	if json.NewDecoder(strings.NewReader(text)).Decode(&in) != nil || in.Container.ID == "" {
		return
	}
	id := event.ShortID(in.Container.ID)
	if _, ok := s.containers[id]; ok || len(s.containers) < maxContainers {
		s.containers[id] = in.Container.container()
	}
}

func (d *described) container() *event.Container {
	c := &event.Container{
		ID: d.FullID, Name: d.Name, Type: containerTypes[d.Type], Image: d.Image, ImageID: d.ImageID, ImageRepository: d.ImageRepo,
		ImageTag: d.ImageTag, ImageDigest: d.ImageDigest, Privileged: d.Privileged, HostPID: d.HostPID, HostNetwork: d.HostNetwork,
		HostIPC: d.HostIPC, PodSandbox: d.Sandbox, IP: d.IP, CNI: d.CNI, Labels: d.Labels, StartTime: d.Created * 1e9,
	}
	if c.ID == "" {
		c.ID = d.ID
	}
	for _, m := range d.Mounts {
		c.Mounts = append(c.Mounts, event.Mount{Source: m.Source, Dest: m.Destination, Mode: m.Mode, RdWr: m.RW, Propagation: m.Propagation})
	}
	for kind, p := range [...]*describedProbe{
		event.Healthcheck: d.Healthcheck, event.LivenessProbe: d.LivenessProbe, event.ReadinessProbe: d.ReadinessProbe,
	} {
		if p != nil {
			c.Probes = append(c.Probes, event.Probe{Kind: event.ProbeKind(kind), Exe: p.Exe, Args: p.Args})
		}
	}
	if name := d.Labels["io.kubernetes.pod.name"]; name != "" {
		c.Pod = &event.Pod{
			Name: name, Namespace: d.Labels["io.kubernetes.pod.namespace"], UID: d.Labels["io.kubernetes.pod.uid"],
			SandboxID: d.SandboxID, Labels: d.PodLabels,
		}
	}
	return c
}

// localToContainer tells whether an address is that of a container: of this one or, if its own is not known, of any. Unknown, the
// machine's addresses decide.
func (s *State) localToContainer(id string, a addr) (known, found bool) {
	if !a.Is4() {
		return true, false
	}
	if c := s.containers[id]; c != nil && c.IP != "" {
		return c.IP == a.String(), true
	}
	text := a.String()
	for _, c := range s.containers {
		if c.IP == text {
			return true, true
		}
	}
	return true, false
}
