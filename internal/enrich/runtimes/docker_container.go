package runtimes

import (
	"strings"
	"time"

	"github.com/containerd/containerd/v2/core/mount"

	"github.com/saker-sensor/saker/internal/enrich/cgroup"
	"github.com/saker-sensor/saker/internal/event"
)

// dockerContainer is the part of Docker's ContainerInspect that is of use here (Engine API, GET /containers/{id}/json).
type dockerContainer struct {
	ID, Name, Created string
	// Image is the id of its image, with "sha256:".
	Image  string
	State  struct{ StartedAt string }
	Config struct {
		// Image as it was asked for.
		Image       string
		Labels      map[string]string
		Healthcheck *struct{ Test []string }
	}
	HostConfig struct {
		Privileged                                  bool
		PidMode, NetworkMode, IpcMode, CgroupParent string
	}
	Mounts []struct {
		Source, Destination, Mode, Propagation string
		RW                                     bool
	}
	NetworkSettings struct {
		IPAddress string
		Networks  map[string]struct{ IPAddress, GlobalIPv6Address string }
	}
	GraphDriver struct {
		Name string
		Data map[string]string
	}
}

// dockerImage is the part of Docker's ImageInspect that is of use here.
type dockerImage struct {
	RepoTags, RepoDigests []string
	Config                struct {
		Healthcheck *struct{ Test []string }
	}
}

// describeDocker puts together what Docker or Podman says of a container.
func describeDocker(kind Kind, x *dockerContainer, img dockerImage) *Details {
	out := &event.Container{
		ID: x.ID, Type: string(kind), Name: bound(strings.TrimPrefix(x.Name, "/"), maxNameBytes),
		ImageID: bound(strings.TrimPrefix(x.Image, "sha256:"), maxNameBytes), IP: bound(x.ip(), maxNameBytes),
		Privileged: x.HostConfig.Privileged, HostPID: x.HostConfig.PidMode == "host",
		HostNetwork: x.HostConfig.NetworkMode == "host", HostIPC: x.HostConfig.IpcMode == "host",
		StartTime: dockerTime(x.State.StartedAt, x.Created),
	}
	d := &Details{Container: out}
	setDockerImage(out, x.Config.Image, img)

	// A container's own check stands in place of its image's, also to switch it off.
	check := x.Config.Healthcheck
	if check == nil {
		check = img.Config.Healthcheck
	}
	if check != nil {
		out.Probes = healthcheck(check.Test)
	}
	out.Labels, d.Cut = boundLabels(x.Config.Labels, nil)
	for _, m := range x.Mounts {
		if len(out.Mounts) == maxMounts || len(m.Source) > maxPathBytes || len(m.Destination) > maxPathBytes {
			d.Cut++
			continue
		}
		out.Mounts = append(out.Mounts, event.Mount{
			Source: m.Source, Dest: m.Destination, Mode: bound(m.Mode, maxNameBytes), RdWr: m.RW, Propagation: bound(m.Propagation, maxNameBytes),
		})
	}
	addDockersPod(out, x.Config.Labels)
	return d
}

// describeDockerEvent is what the event of a container's making tells: its labels, and beside them name and image.
func describeDockerEvent(kind Kind, id string, attributes map[string]string) *event.Container {
	out := &event.Container{ID: id, Type: string(kind), Name: bound(attributes["name"], maxNameBytes)}
	if image := attributes["image"]; !strings.HasPrefix(image, "sha256:") {
		setDockerImage(out, image, dockerImage{})
	}
	for _, own := range []string{"name", "image", "containerExitCode"} {
		delete(attributes, own)
	}
	out.Labels, _ = boundLabels(attributes, nil)
	addDockersPod(out, attributes)
	return out
}

// Labels by which cri-dockerd describes a container.
const (
	labelDockerType    = "io.kubernetes.docker.type"
	labelDockerSandbox = "io.kubernetes.sandbox.id"
)

func addDockersPod(out *event.Container, labels map[string]string) {
	if labels[labelPodName] == "" {
		return
	}
	out.PodSandbox = labels[labelDockerType] == "podsandbox"
	out.Pod = newPod(labels, "", "", "")
	out.Pod.SandboxID = bound(labels[labelDockerSandbox], maxNameBytes)
	if out.PodSandbox {
		out.Pod.SandboxID, out.Pod.Labels = out.ID, podLabels(labels)
	}
	if name := bound(labels[labelContainerName], maxNameBytes); name != "" && !out.PodSandbox {
		out.Name = name
	}
}

// setDockerImage takes apart the name under which the image was asked for. Docker adds the tag "latest" to a name without
// one, and takes an id for a name.
func setDockerImage(out *event.Container, name string, img dockerImage) {
	asked := ""
	if len(img.RepoTags) > 0 {
		asked = img.RepoTags[0]
	}
	if id := strings.TrimPrefix(name, "sha256:"); len(id) >= 12 && strings.HasPrefix(out.ImageID, id) {
		name = "" // an id
	}
	setImage(out, name, asked)
	for _, tagged := range img.RepoTags {
		tag, ok := strings.CutPrefix(tagged, out.ImageRepository+":")
		if ok && out.ImageTag == "" && out.ImageDigest == "" && !strings.Contains(tag, "/") {
			out.ImageTag = bound(tag, maxNameBytes)
		}
	}
	for _, r := range img.RepoDigests {
		repository, digest, _ := strings.Cut(r, "@")
		if out.ImageDigest == "" && (repository == out.ImageRepository || len(img.RepoDigests) == 1) {
			out.ImageDigest = bound(digest, maxNameBytes)
		}
	}
}

// ip is the container's address, in the network of the first name if there are several.
func (x *dockerContainer) ip() string {
	if x.NetworkSettings.IPAddress != "" {
		return x.NetworkSettings.IPAddress
	}
	first, ip := "", ""
	for name, n := range x.NetworkSettings.Networks {
		if first != "" && name > first {
			continue
		}
		if first, ip = name, n.IPAddress; ip == "" {
			ip = n.GlobalIPv6Address
		}
	}
	return ip
}

// rootDirs are the directories that make up the container's root file system, with the overlay driver.
func (x *dockerContainer) rootDirs(hostRoot string) []string {
	upper := x.GraphDriver.Data["UpperDir"]
	if upper == "" {
		return nil
	}
	options := []string{"upperdir=" + upper}
	if lower := x.GraphDriver.Data["LowerDir"]; lower != "" {
		options = append(options, "lowerdir="+lower)
	}
	return overlayDirs([]mount.Mount{{Type: "overlay", Options: options}}, hostRoot)
}

// dockerPaths are where a container's cgroup lies. Podman's show it by their name.
func dockerPaths(x *dockerContainer, kind Kind, systemd bool) []string {
	parent := x.HostConfig.CgroupParent
	switch {
	case kind != Docker:
		return nil
	case systemd:
		return cgroup.SpecPaths(parent+":docker:"+x.ID, x.ID)
	case parent == "":
		parent = "/docker"
	}
	return cgroup.SpecPaths(parent+"/"+x.ID, x.ID)
}

// dockerTime is the first of the times that is one, in ns since the epoch; 0 if none is.
func dockerTime(texts ...string) int64 {
	for _, text := range texts {
		if t, err := time.Parse(time.RFC3339Nano, text); err == nil && t.Year() > 1970 {
			return t.UnixNano()
		}
	}
	return 0
}
