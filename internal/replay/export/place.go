package export

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/enrich/cgroup"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/replay/scap"
	"github.com/saker-sensor/saker/internal/replay/scap/schema"
)

// maxPlaces bounds the containers, maxAccounts the users and the groups of each, that are told.
const (
	maxPlaces   = 1 << 12
	maxAccounts = 1 << 16
)

// places are the containers that events were in, and the accounts there; those of the host have the id [event.HostID].
type places struct {
	containers map[string]*event.Container
	accounts   map[string]*event.Accounts
	first      int64
}

func newPlaces() places {
	return places{containers: map[string]*event.Container{}, accounts: map[string]*event.Accounts{}}
}

// meet takes over what the event says of where it was. The latest word counts.
func (p *places) meet(ev *event.Event) {
	if p.first == 0 {
		p.first = ev.Time
	}
	id := ev.ContainerID
	if id == "" || len(p.accounts) >= maxPlaces && p.accounts[id] == nil {
		return
	}
	if ev.Container != nil {
		p.containers[strings.Clone(id)] = ev.Container
	}
	if ev.Accounts != nil {
		p.accounts[strings.Clone(id)] = ev.Accounts
	}
}

// host are the accounts of the host.
func (p *places) host() (users []scap.User, groups []scap.Group) {
	a := p.accounts[event.HostID]
	if a == nil {
		return nil, nil
	}
	for _, uid := range firstOf(a.Users) {
		u := a.Users[uid]
		users = append(users, scap.User{UID: uid, GID: uid, Name: u.Name, Home: u.Home, Shell: u.Shell})
	}
	for _, gid := range firstOf(a.Groups) {
		groups = append(groups, scap.Group{GID: gid, Name: a.Groups[gid]})
	}
	return users, groups
}

// firstOf are the sorted numbers of accounts, as many as are told.
func firstOf[V any](m map[uint32]V) []uint32 {
	all := slices.Sorted(maps.Keys(m))
	return all[:min(len(all), maxAccounts)]
}

// write writes the notices about containers and their accounts that recorders put in front of the events.
func (p *places) write(w *scap.Writer) {
	u32 := func(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }
	text := func(s string) []byte { return append([]byte(s), 0) }
	notice := func(code uint16, params ...[]byte) {
		w.Event(&scap.Event{Time: uint64(p.first), Tid: -1, Code: code, Params: params})
	}
	for _, id := range slices.Sorted(maps.Keys(p.containers)) {
		described, err := json.Marshal(describe(id, p.containers[id]))
		if err != nil {
			continue // a map of texts has a form in JSON always
		}
		notice(schema.ContainerJSONV2E, append(described, 0))
	}
	for _, id := range slices.Sorted(maps.Keys(p.accounts)) {
		if id == event.HostID {
			continue
		}
		a := p.accounts[id]
		for _, uid := range firstOf(a.Users) {
			u := a.Users[uid]
			notice(schema.UserAddedE, u32(uid), u32(uid), text(u.Name), text(u.Home), text(u.Shell), text(id))
		}
		for _, gid := range firstOf(a.Groups) {
			notice(schema.GroupAddedE, u32(gid), text(a.Groups[gid]), text(id))
		}
	}
}

// runtimes are Falco's numbers of them.
func runtimes() map[string]int {
	return map[string]int{"docker": 0, "containerd": 7, "cri-o": 8, "podman": 11}
}

// probeKeys are Falco's names of them.
func probeKeys() map[event.ProbeKind]string {
	return map[event.ProbeKind]string{
		event.Healthcheck: "Healthcheck", event.LivenessProbe: "LivenessProbe", event.ReadinessProbe: "ReadinessProbe",
	}
}

// describe is a container as Falco's notices describe it.
func describe(id string, c *event.Container) map[string]any {
	mounts := []map[string]any{}
	for _, m := range c.Mounts {
		mounts = append(mounts, map[string]any{
			"Source": m.Source, "Destination": m.Dest, "Mode": m.Mode, "RW": m.RdWr, "Propagation": m.Propagation,
		})
	}
	labels := maps.Clone(c.Labels)
	in := map[string]any{
		"id": id, "full_id": c.ID, "type": runtimes()[c.Type], "name": c.Name, "image": c.Image, "imageid": c.ImageID,
		"imagerepo": c.ImageRepository, "imagetag": c.ImageTag, "imagedigest": c.ImageDigest, "privileged": c.Privileged,
		"host_pid": c.HostPID, "host_network": c.HostNetwork, "host_ipc": c.HostIPC, "is_pod_sandbox": c.PodSandbox, "ip": c.IP,
		"cni_json": c.CNI, "created_time": c.StartTime / 1e9, "Mounts": mounts,
	}
	if pod := c.Pod; pod != nil {
		if labels == nil {
			labels = map[string]string{}
		}
		labels["io.kubernetes.pod.name"], labels["io.kubernetes.pod.namespace"] = pod.Name, pod.Namespace
		labels["io.kubernetes.pod.uid"] = pod.UID
		in["pod_sandbox_id"], in["pod_sandbox_labels"] = pod.SandboxID, pod.Labels
	}
	in["labels"] = labels
	for _, p := range c.Probes {
		if key := probeKeys()[p.Kind]; in[key] == nil { // there is room for one of a kind
			in[key] = map[string]any{"exe": p.Exe, "args": append([]string{}, p.Args...)}
		}
	}
	return map[string]any{"container": in}
}

// cgroupsOf are the event's cgroups as Falco has them, each with a NUL behind. Tools know a container by its cgroup alone, so one of it is
// told for a process in a container, also where the kernel did not tell of it.
func cgroupsOf(ev *event.Event) string {
	if ev.Captured != nil {
		return ended(ev.Captured.Cgroups)
	}
	var list []string
	found := ev.ContainerID == event.HostID || ev.ContainerID == ""
	if c := ev.Caller; c != nil && c.Parts&event.CallerCgroups != 0 {
		for i, path := range c.Cgroups {
			if path == "" {
				continue
			}
			list = append(list, event.CgroupControllers[i]+"="+path)
			if id, _, ok := cgroup.Parse(path); ok && event.ShortID(id) == ev.ContainerID {
				found = true
			}
		}
	}
	if !found {
		list = append([]string{"cpu=" + containerCgroup(ev)}, list...)
	}
	return ended(list)
}

// containerCgroup is a cgroup of the event's container in the form of its runtime. Of a container whose id is known in part only, the rest
// are zeros.
func containerCgroup(ev *event.Event) string {
	id, runtime := ev.ContainerID, ""
	if c := ev.Container; c != nil {
		id, runtime = c.ID, c.Type
	}
	if len(id) < cgroup.IDLength {
		id += strings.Repeat("0", cgroup.IDLength-len(id))
	}
	switch runtime {
	case cgroup.Docker:
		return "/docker/" + id
	case cgroup.Podman:
		return "/machine.slice/libpod-" + id + ".scope"
	case cgroup.CRIO:
		return "/kubepods.slice/crio-" + id + ".scope"
	}
	return "/kubepods.slice/cri-containerd-" + id + ".scope"
}
