package runtimes

import (
	"encoding/json"
	"slices"
	"sort"
	"strings"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/typeurl/v2"
	"github.com/distribution/reference"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/saker-sensor/saker/internal/enrich/cgroup"
	"github.com/saker-sensor/saker/internal/event"
)

// Labels, annotations and extensions by which the CRI plugin and nerdctl describe a container.
const (
	labelContainerName = "io.kubernetes.container.name"
	labelPodName       = "io.kubernetes.pod.name"
	labelPodNamespace  = "io.kubernetes.pod.namespace"
	labelPodUID        = "io.kubernetes.pod.uid"
	labelKind          = "io.cri-containerd.kind"
	labelNerdctlName   = "nerdctl/name"
	annotationSandbox  = "io.kubernetes.cri.sandbox-id"
	annotationImage    = "io.kubernetes.cri.image-name"
	extensionContainer = "io.cri-containerd.container.metadata"
	extensionSandbox   = "io.cri-containerd.sandbox.metadata"
)

// Bounds of what is kept of one container. A label that does not fit is left out, never cut.
const (
	maxLabels     = 512
	maxLabelBytes = 4096
	maxLabelTotal = 64 << 10
	maxMounts     = 256
	maxPathBytes  = 4096
	maxNameBytes  = 1024
	maxImageBytes = 4096
)

// image is what the image store says of a container's image.
type image struct {
	// digest is that of the reference's target, id that of the image's configuration, without "sha256:".
	digest, id string
}

// criMetadata is the part of the CRI plugin's own records that is of use here.
type criMetadata struct {
	Metadata struct {
		// Of a sandbox; empty for a pod in the host's network.
		IP        string
		CNIResult struct {
			Interfaces map[string]cniInterface
		}
		// Of a container: the digest of its image's configuration.
		ImageRef string
		Config   struct {
			// Metadata of a sandbox is its pod's; a container has a name only.
			Metadata struct {
				Name      string `json:"name"`
				Namespace string `json:"namespace"`
				UID       string `json:"uid"`
			} `json:"metadata"`
			// Of a sandbox: the pod's.
			Annotations map[string]string `json:"annotations"`

			Linux struct {
				SecurityContext struct {
					Privileged *bool `json:"privileged"`
				} `json:"security_context"`
			} `json:"linux"`
		}
	}
}

// parseSpec reads the OCI spec of a container. Unknown forms give an empty one.
func parseSpec(spec typeurl.Any) *specs.Spec {
	s := &specs.Spec{}
	if spec != nil {
		if json.Unmarshal(spec.GetValue(), s) != nil {
			*s = specs.Spec{}
		}
	}
	fillSpec(s)
	return s
}

// fillSpec makes the parts that are read.
func fillSpec(s *specs.Spec) {
	if s.Linux == nil {
		s.Linux = &specs.Linux{}
	}
	if s.Process == nil {
		s.Process = &specs.Process{}
	}
}

func parseCRI(c containers.Container, extension string) criMetadata {
	var m criMetadata
	if ext := c.Extensions[extension]; ext != nil {
		if json.Unmarshal(ext.GetValue(), &m) != nil {
			return criMetadata{}
		}
	}
	return m
}

// sandboxOf is the id of the sandbox that a container belongs to; its own for a sandbox, empty outside pods.
func sandboxOf(c containers.Container, spec *specs.Spec) string {
	switch {
	case c.Labels[labelKind] == "sandbox":
		return c.ID
	case c.SandboxID != "":
		return c.SandboxID
	}
	return spec.Annotations[annotationSandbox]
}

// buildContainer puts together what containerd says of a container. sandbox is what is known of its pod's sandbox, nil if
// there is none or it could not be had.
func buildContainer(namespace string, c containers.Container, spec *specs.Spec, img image, sandbox *Details) *Details {
	out := &event.Container{
		ID:          c.ID,
		Type:        cgroup.Containerd,
		ImageDigest: img.digest,
		ImageID:     img.id,
		PodSandbox:  c.Labels[labelKind] == "sandbox",
	}
	of := func(get func(*event.Container) bool) bool { return sandbox != nil && get(sandbox.Container) }
	out.HostPID = sharesHost(spec, specs.PIDNamespace, of(func(c *event.Container) bool { return c.HostPID }))
	out.HostNetwork = sharesHost(spec, specs.NetworkNamespace, of(func(c *event.Container) bool { return c.HostNetwork }))
	out.HostIPC = sharesHost(spec, specs.IPCNamespace, of(func(c *event.Container) bool { return c.HostIPC }))
	if namespace == DockerNamespace {
		out.Type = cgroup.Docker
	}
	if !c.CreatedAt.IsZero() {
		out.StartTime = c.CreatedAt.UnixNano()
	}
	setImage(out, c.Image, spec.Annotations[annotationImage])

	cri := parseCRI(c, extensionContainer)
	out.Name = containerName(c, cri.Metadata.Config.Metadata.Name)
	if out.ImageID == "" {
		out.ImageID = strings.TrimPrefix(cri.Metadata.ImageRef, "sha256:")
	}
	if p := cri.Metadata.Config.Linux.SecurityContext.Privileged; p != nil {
		out.Privileged = *p
	} else {
		out.Privileged = looksPrivileged(spec)
	}
	d := &Details{Container: out}
	if out.PodSandbox {
		pod := parseCRI(c, extensionSandbox).Metadata
		out.IP, out.CNI = pod.IP, cniText(pod.CNIResult.Interfaces)
		m := pod.Config.Metadata
		out.Pod = newPod(c.Labels, m.Name, m.Namespace, m.UID)
		d.Probes = podProbes(pod.Config.Annotations[annotationApplied])
	} else if sandbox != nil {
		out.IP, out.CNI = sandbox.Container.IP, sandbox.Container.CNI
		out.Pod = newPod(c.Labels, "", "", "")
		if p := sandbox.Container.Pod; p != nil {
			out.Pod = newPod(c.Labels, p.Name, p.Namespace, p.UID)
		}
		out.Probes = sandbox.Probes[out.Name]
	}

	var cutMounts int
	out.Labels, d.Cut = boundLabels(c.Labels, nil)
	out.Mounts, cutMounts = mounts(spec)
	d.Cut += cutMounts
	if out.Pod == nil {
		out.Pod = newPod(c.Labels, "", "", "")
	}
	if out.Pod != nil {
		out.Pod.SandboxID = sandboxOf(c, spec)
		switch {
		case out.PodSandbox:
			out.Pod.Labels = podLabels(c.Labels)
		case sandbox != nil && sandbox.Container.Pod != nil:
			out.Pod.Labels = sandbox.Container.Pod.Labels
		}
	}
	return d
}

// newPod is the pod that the kubelet's labels name, or else the CRI's own record; nil if neither does.
func newPod(labels map[string]string, name, namespace, uid string) *event.Pod {
	if labels[labelPodName] != "" {
		name, namespace, uid = labels[labelPodName], labels[labelPodNamespace], labels[labelPodUID]
	}
	if name == "" {
		return nil
	}
	return &event.Pod{Name: bound(name, maxNameBytes), Namespace: bound(namespace, maxNameBytes), UID: bound(uid, maxNameBytes)}
}

// containerName is the pod's name for the container, by the kubelet's label or the CRI's own record, or nerdctl's, or else
// the id.
func containerName(c containers.Container, cri string) string {
	for _, name := range []string{c.Labels[labelContainerName], cri, c.Labels[labelNerdctlName]} {
		if name != "" {
			return bound(name, maxNameBytes)
		}
	}
	return c.ID
}

// setImage takes the reference apart. Where the CRI plugin names the image only by its id, the name that the pod asked
// for is used instead.
func setImage(out *event.Container, name, asked string) {
	if (name == "" || strings.HasPrefix(name, "sha256:")) && asked != "" {
		name = asked
	}
	if len(name) > maxImageBytes {
		return
	}
	out.Image = name
	ref, err := reference.Parse(name)
	if err != nil {
		return
	}
	if named, ok := ref.(reference.Named); ok {
		out.ImageRepository = named.Name()
	}
	if tagged, ok := ref.(reference.Tagged); ok {
		out.ImageTag = tagged.Tag()
	}
	if digested, ok := ref.(reference.Digested); ok && out.ImageDigest == "" {
		out.ImageDigest = digested.Digest().String()
	}
}

// sharesHost tells whether a container has no namespace of its own of a kind. One given by path is that of the pod's
// sandbox, which may be the host's.
func sharesHost(spec *specs.Spec, kind specs.LinuxNamespaceType, sandboxDoes bool) bool {
	i := slices.IndexFunc(spec.Linux.Namespaces, func(ns specs.LinuxNamespace) bool { return ns.Type == kind })
	return i < 0 || spec.Linux.Namespaces[i].Path != "" && sandboxDoes
}

// looksPrivileged recognises what runtimes do for "privileged", which the OCI spec has no word for: nothing is masked
// or read-only in /proc and /sys, there is no seccomp or AppArmor profile, and CAP_SYS_ADMIN is in the bounding set.
// The CRI plugin records the word itself, which is preferred.
func looksPrivileged(spec *specs.Spec) bool {
	l, p := spec.Linux, spec.Process
	if len(l.MaskedPaths) > 0 || len(l.ReadonlyPaths) > 0 || l.Seccomp != nil || p.SelinuxLabel != "" ||
		p.ApparmorProfile != "" && p.ApparmorProfile != "unconfined" {
		return false
	}
	if p.Capabilities == nil || !slices.Contains(p.Capabilities.Bounding, "CAP_SYS_ADMIN") {
		return false
	}
	return !slices.ContainsFunc(spec.Mounts, func(m specs.Mount) bool {
		return (m.Type == "sysfs" || m.Type == "cgroup") && slices.Contains(m.Options, "ro")
	})
}

// mounts are those that bring something in from outside: bind mounts. The container's own /proc, /sys and /dev are not
// among them, as with the CRI.
func mounts(spec *specs.Spec) (out []event.Mount, cut int) {
	for _, m := range spec.Mounts {
		if m.Type != "bind" && !slices.Contains(m.Options, "bind") && !slices.Contains(m.Options, "rbind") {
			continue
		}
		if len(out) == maxMounts || len(m.Source) > maxPathBytes || len(m.Destination) > maxPathBytes {
			cut++
			continue
		}
		mount := event.Mount{
			Source: m.Source, Dest: m.Destination, RdWr: !slices.Contains(m.Options, "ro"), Propagation: "private",
		}
		for _, option := range m.Options {
			switch option {
			case "shared", "rshared", "slave", "rslave", "unbindable", "runbindable":
				mount.Propagation = option
			}
			if mode, ok := strings.CutPrefix(option, "mode="); ok {
				mount.Mode = mode
			}
		}
		out = append(out, mount)
	}
	return out, cut
}

// podLabels are the labels of a sandbox that came from the pod.
func podLabels(labels map[string]string) map[string]string {
	out, _ := boundLabels(labels, func(name string) bool {
		return !strings.HasPrefix(name, "io.kubernetes.") && !strings.HasPrefix(name, "io.cri-containerd.")
	})
	return out
}

// boundLabels copies the labels that fit, in the order of their names, so that the outcome is always the same.
func boundLabels(labels map[string]string, keep func(name string) bool) (out map[string]string, cut int) {
	names := make([]string, 0, len(labels))
	for name := range labels {
		if keep == nil || keep(name) {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	out = make(map[string]string, min(len(names), maxLabels))
	total := 0
	for _, name := range names {
		size := len(name) + len(labels[name])
		if size > maxLabelBytes || total+size > maxLabelTotal || len(out) == maxLabels {
			cut++
			continue
		}
		total += size
		out[strings.Clone(name)] = strings.Clone(labels[name])
	}
	return out, cut
}

// bound leaves out a text that is longer than it can be in good faith.
func bound(s string, limit int) string {
	if len(s) > limit {
		return ""
	}
	return s
}
