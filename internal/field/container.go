package field

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/saker-sensor/saker/internal/event"
)

// host stands for the container of what runs outside of any: its id, name and type are "host", all else is empty, as
// in Falco.
var host = &event.Container{ID: event.HostID, Name: event.HostID, Type: event.HostID}

// container is what is known of the event's container; nil as long as its metadata is missing.
func container(ev *event.Event) *event.Container {
	if ev.Container == nil && ev.ContainerID == event.HostID {
		return host
	}
	return ev.Container
}

func containerText(name, doc string, get func(*event.Container) string) Info {
	return text(name, doc, func(ev *event.Event) (string, bool) {
		c := container(ev)
		if c == nil {
			return "", false
		}
		return get(c), true
	})
}

func containerBool(name, doc string, get func(*event.Container) bool) Info {
	return boolean(name, doc, func(ev *event.Event) (bool, bool) {
		c := container(ev)
		if c == nil {
			return false, false
		}
		return get(c), true
	})
}

func containerFields() []Info {
	start := func(ev *event.Event) (int64, bool) {
		switch {
		case ev.Process != nil && ev.Process.PidnsStart != 0:
			return ev.Clock.Wall(ev.Process.PidnsStart), true
		case ev.Container != nil && ev.Container.StartTime != 0:
			return ev.Container.StartTime, true
		}
		return 0, false
	}
	return []Info{
		text("container.id", "First 12 digits of the container's id; \"host\" outside of containers.",
			func(ev *event.Event) (string, bool) {
				return ev.ContainerID, ev.ContainerID != ""
			}).with(Suggested),
		containerText("container.full_id", "The container's whole id.", func(c *event.Container) string { return c.ID }),
		containerText("container.name", "Name of the container; \"host\" outside of containers.",
			func(c *event.Container) string { return c.Name }).with(Suggested),
		containerText("container.image", "Image as the runtime names it, with its tag.",
			func(c *event.Container) string { return c.Image }),
		containerText("container.image.id", "Id of the image.", func(c *event.Container) string { return c.ImageID }),
		containerText("container.type", "Runtime: containerd, docker, cri-o, podman, or host.",
			func(c *event.Container) string { return c.Type }),
		containerBool("container.privileged", "Whether the container is privileged.",
			func(c *event.Container) bool { return c.Privileged }),
		containerText("container.image.repository", "Name of the image without its tag.",
			func(c *event.Container) string { return c.ImageRepository }).with(Suggested),
		containerText("container.image.tag", "Tag of the image.", func(c *event.Container) string { return c.ImageTag }).with(Suggested),
		containerText("container.image.digest", "Digest of the image in its registry.",
			func(c *event.Container) string { return c.ImageDigest }),
		number("container.start_ts", AbsTime, Dec, "Start of the container's first process, ns since the epoch.", start),
		number("container.duration", RelTime, Dec, "Nanoseconds since the container's start.", func(ev *event.Event) (int64, bool) {
			if ev.Process != nil && ev.Process.PidnsStart != 0 {
				return age(ev, ev.Process.PidnsStart)
			}
			s, ok := start(ev)
			return ev.Time - s, ok
		}),
		containerText("container.ip", "First address of the container.", func(c *event.Container) string { return c.IP }),
		containerText("container.cni.json", "Result of the network plugin, as JSON: the addresses of each interface but lo and veth.",
			func(c *event.Container) string { return c.CNI }),
		containerBool("container.host_pid", "Whether the container shares the host's processes.",
			func(c *event.Container) bool { return c.HostPID }),
		containerBool("container.host_network", "Whether the container shares the host's network.",
			func(c *event.Container) bool { return c.HostNetwork }),
		containerBool("container.host_ipc", "Whether the container shares the host's IPC.",
			func(c *event.Container) bool { return c.HostIPC }),
		labelOf("container.label", "Label of the container by its key.", func(c *event.Container) map[string]string { return c.Labels }),
		containerText("container.labels", "Labels of the container, key:value, joined by a comma and a blank; Kubernetes' own left out.",
			func(c *event.Container) string {
				return joinLabels(c.Labels)
			}).costly(),
		text("container.missing",
			"Why the runtime's answer about the container is missing; nothing but the id is known then, or what the runtime said when "+
				"it made it: no runtime, not found, too slow, too many wait, cgroup gone.", func(ev *event.Event) (string, bool) {
				return ev.ContainerMissing, ev.ContainerMissing != ""
			}).with(Additive),
	}
}

// labelOf is an entry for one label; missing if there is none of that key.
func labelOf(name, doc string, get func(*event.Container) map[string]string) Info {
	return Info{
		Name: name, Arg: ArgRequired, DotArg: true, Cost: 1, Doc: doc,
		Extract: func(ev *event.Event, a Arg, v *Value) (ok bool) {
			c := container(ev)
			if c == nil {
				return false
			}
			v.Str, ok = get(c)[a.Text]
			return ok
		},
	}
}

func joinLabels(labels map[string]string) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		if strings.HasPrefix(k, "annotation.") || strings.HasPrefix(k, "io.kubernetes.") {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(k)
		if v := labels[k]; v != "" {
			b.WriteByte(':')
			b.WriteString(v)
		}
	}
	return b.String()
}

// containerMounts choose a mount by number or by a path pattern: of its source, but for container.mount.source of its
// destination. Missing if there is no such mount.
func containerMounts() []Info {
	bySource := func(m *event.Mount) string { return m.Source }
	byDest := func(m *event.Mount) string { return m.Dest }
	mount := func(name, doc string, key, get func(*event.Mount) string) Info {
		return Info{
			Name: name, Arg: ArgRequired, Cost: 2, Doc: doc,
			Extract: func(ev *event.Event, a Arg, v *Value) bool {
				c := container(ev)
				if c == nil {
					return false
				}
				m := findMount(c.Mounts, a, key)
				if m == nil {
					return false
				}
				v.Str = get(m)
				return true
			},
		}
	}
	return []Info{
		containerText("container.mounts", "All mounts, source:dest:mode:rdwr:propagation, joined by commas.",
			func(c *event.Container) string {
				all := make([]string, len(c.Mounts))
				for i := range c.Mounts {
					all[i] = mountText(&c.Mounts[i])
				}
				return strings.Join(all, ",")
			}).costly(),
		mount("container.mount", "A mount as source:dest:mode:rdwr:propagation, by number or source.", bySource, mountText),
		mount("container.mount.source", "Source of a mount, by number or destination.", byDest, bySource),
		mount("container.mount.dest", "Destination of a mount, by number or source.", bySource, byDest),
		mount("container.mount.mode", "Mode of a mount, by number or source.", bySource, func(m *event.Mount) string { return m.Mode }),
		mount("container.mount.rdwr", "Whether a mount may be written, by number or source: true or false.", bySource,
			func(m *event.Mount) string {
				return strconv.FormatBool(m.RdWr)
			}),
		mount("container.mount.propagation", "Propagation of a mount, by number or source.", bySource,
			func(m *event.Mount) string { return m.Propagation }),
	}
}

func findMount(mounts []event.Mount, a Arg, key func(*event.Mount) string) *event.Mount {
	if a.Index >= 0 {
		if a.Index < len(mounts) {
			return &mounts[a.Index]
		}
		return nil
	}
	for i := range mounts {
		if glob(a.Text, key(&mounts[i])) {
			return &mounts[i]
		}
	}
	return nil
}

func mountText(m *event.Mount) string {
	return m.Source + ":" + m.Dest + ":" + m.Mode + ":" + strconv.FormatBool(m.RdWr) + ":" + m.Propagation
}

// glob matches a whole text with * and ?, which match a slash too.
func glob(pattern, s string) bool {
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(s) {
		switch {
		case i < len(pattern) && pattern[i] == '*':
			star, mark = i, j
			i++
		case i < len(pattern) && (pattern[i] == '?' || pattern[i] == s[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[i:], "*") == ""
}
