package runtimes

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/saker-sensor/saker/internal/enrich/cgroup"
	"github.com/saker-sensor/saker/internal/event"
)

const (
	// maxCRIMessage bounds an answer: a Listing of some thousand containers with all their labels.
	maxCRIMessage = 16 << 20
	// pollEvery is how often the containers are listed where the runtime sends no events. A container that is met
	// before is asked for by its id.
	pollEvery = time.Second
)

// CRIClient asks a runtime by Kubernetes' interface.
type CRIClient struct {
	settings Settings
	runtime  cri.RuntimeServiceClient
	// name of the runtime, in Falco's words.
	name string
}

// DialCRI connects to the socket and asks for the version. The connection is closed when ctx ends.
func DialCRI(ctx context.Context, socket string, s Settings) (_ *CRIClient, version string, err error) {
	conn, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxCRIMessage)))
	if err != nil {
		return nil, "", err
	}
	c := &CRIClient{settings: s, runtime: cri.NewRuntimeServiceClient(conn)}
	asking, cancel := context.WithTimeout(ctx, ConnectTimeout)
	defer cancel()
	v, err := c.runtime.Version(asking, &cri.VersionRequest{})
	if err != nil {
		_ = conn.Close()
		return nil, "", err
	}
	switch c.name = string(CRI); v.GetRuntimeName() {
	case cgroup.Containerd, cgroup.CRIO:
		c.name = v.GetRuntimeName()
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	return c, bound(v.GetRuntimeName()+" "+v.GetRuntimeVersion(), maxNameBytes), nil
}

// events are the runtime's own where it has them: containerd from 1.7 on, CRI-O with enable_pod_events.
func (c *CRIClient) Events(ctx context.Context) (<-chan Change, <-chan error) {
	out, failed := make(chan Change), make(chan error, 1)
	go func() {
		err := c.stream(ctx, out)
		if code := status.Code(err); ctx.Err() != nil || code == codes.Unavailable {
			failed <- err
			return
		}
		c.poll(ctx, out)
	}()
	return out, failed
}

func (c *CRIClient) stream(ctx context.Context, out chan<- Change) error {
	stream, err := c.runtime.GetContainerEvents(ctx, &cri.GetEventsRequest{})
	for err == nil {
		var e *cri.ContainerEventResponse
		if e, err = stream.Recv(); err != nil {
			break
		}
		n := Change{ID: e.GetContainerId()}
		if e.GetContainerEventType() == cri.ContainerEventType_CONTAINER_STARTED_EVENT {
			n.Started = time.Unix(0, e.GetCreatedAt())
		}
		select {
		case out <- n:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}

func (c *CRIClient) poll(ctx context.Context, out chan<- Change) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		select {
		case out <- Change{All: true}:
		case <-ctx.Done():
			return
		}
	}
}

func (c *CRIClient) List(ctx context.Context) (Listing, error) {
	var all Listing
	pods, err := c.runtime.ListPodSandbox(ctx, &cri.ListPodSandboxRequest{})
	if err != nil {
		return all, fmt.Errorf("list the pods: %w", err)
	}
	for _, p := range pods.GetItems() {
		all.Containers = append(all.Containers, c.pod(p.GetId()))
	}
	containers, err := c.runtime.ListContainers(ctx, &cri.ListContainersRequest{})
	if err != nil {
		return all, fmt.Errorf("list the containers: %w", err)
	}
	for _, x := range containers.GetContainers() {
		all.Containers = append(all.Containers, c.container(x))
	}
	return all, nil
}

func (c *CRIClient) Get(ctx context.Context, _, id string) (*Container, error) {
	containers, err := c.runtime.ListContainers(ctx, &cri.ListContainersRequest{Filter: &cri.ContainerFilter{Id: id}})
	if err != nil {
		return nil, err
	}
	for _, x := range containers.GetContainers() {
		if x.GetId() == id { // a filter may take part of an id
			return c.container(x), nil
		}
	}
	pods, err := c.runtime.ListPodSandbox(ctx, &cri.ListPodSandboxRequest{Filter: &cri.PodSandboxFilter{Id: id}})
	if err != nil {
		return nil, err
	}
	for _, p := range pods.GetItems() {
		if p.GetId() == id {
			return c.pod(id), nil
		}
	}
	return nil, ErrNotFound
}

func (c *CRIClient) container(x *cri.Container) *Container {
	return &Container{ID: x.GetId(), Describe: func(ctx context.Context) *Details {
		pod := c.settings.Known("", x.GetPodSandboxId())
		if pod == nil || pod.Container.IP == "" && !pod.Container.HostNetwork { // it may have been seen before its network was
			pod = c.describePod(ctx, x.GetPodSandboxId())
		}
		answer, err := c.runtime.ContainerStatus(ctx, &cri.ContainerStatusRequest{ContainerId: x.GetId(), Verbose: true})
		if err != nil {
			c.settings.Failed()
			answer = &cri.ContainerStatusResponse{Status: &cri.ContainerStatus{
				Id: x.GetId(), Metadata: x.GetMetadata(), Image: x.GetImage(), ImageRef: x.GetImageRef(), ImageId: x.GetImageId(),
				CreatedAt: x.GetCreatedAt(), Labels: x.GetLabels(),
			}}
		}
		return describeCRI(c.name, answer.GetStatus(), parseCRIInfo(answer.GetInfo()), pod)
	}}
}

func (c *CRIClient) pod(id string) *Container {
	return &Container{ID: id, Describe: func(ctx context.Context) *Details { return c.describePod(ctx, id) }}
}

// describePod asks for a pod's sandbox; what is not told stays empty.
func (c *CRIClient) describePod(ctx context.Context, id string) *Details {
	answer, err := c.runtime.PodSandboxStatus(ctx, &cri.PodSandboxStatusRequest{PodSandboxId: id, Verbose: true})
	if err != nil {
		c.settings.Failed()
	}
	return describeCRIPod(c.name, id, answer.GetStatus(), parseCRIInfo(answer.GetInfo()))
}

// criInfo is what containerd and CRI-O add to the interface's own facts if they are asked to be verbose.
type criInfo struct {
	Privileged *bool
	Config     struct {
		Linux struct {
			SecurityContext struct {
				Privileged *bool
			} `json:"security_context"`
		}
	}
	// Image of a sandbox.
	Image       string
	RuntimeSpec *specs.Spec
	CNIResult   struct {
		Interfaces map[string]cniInterface
	}
}

func parseCRIInfo(info map[string]string) *criInfo {
	out := &criInfo{}
	if json.Unmarshal([]byte(info["info"]), out) != nil {
		out = &criInfo{}
	}
	if out.RuntimeSpec == nil {
		out.RuntimeSpec = &specs.Spec{}
	}
	fillSpec(out.RuntimeSpec)
	return out
}

// Annotations of CRI-O in the spec.
const (
	annotationCRIOImage = "io.kubernetes.cri-o.ImageName"
	annotationCRIOCNI   = "io.kubernetes.cri-o.CNIResult"
)

func describeCRI(runtime string, s *cri.ContainerStatus, info *criInfo, pod *Details) *Details {
	out := &event.Container{
		ID: s.GetId(), Type: runtime, Name: bound(s.GetMetadata().GetName(), maxNameBytes), StartTime: max(s.GetStartedAt(), s.GetCreatedAt()),
		ImageID: strings.TrimPrefix(s.GetImageId(), "sha256:"),
	}
	d := &Details{Container: out, Paths: specPaths(info.RuntimeSpec, s.GetId())}
	name := s.GetImage().GetUserSpecifiedImage()
	if name == "" {
		name = s.GetImage().GetImage()
	}
	asked := info.RuntimeSpec.Annotations[annotationImage]
	if asked == "" {
		asked = info.RuntimeSpec.Annotations[annotationCRIOImage]
	}
	setImage(out, name, asked)
	// ImageRef is repository@digest, or else the image's id.
	if repository, digest, ok := strings.Cut(s.GetImageRef(), "@"); ok {
		out.ImageDigest = bound(digest, maxNameBytes)
		if out.ImageRepository == "" || strings.HasPrefix(name, "sha256:") && asked == "" {
			setImage(out, repository, "")
		}
	} else if out.ImageID == "" {
		out.ImageID = bound(strings.TrimPrefix(s.GetImageRef(), "sha256:"), maxNameBytes)
	}
	switch {
	case info.Config.Linux.SecurityContext.Privileged != nil:
		out.Privileged = *info.Config.Linux.SecurityContext.Privileged
	case info.Privileged != nil:
		out.Privileged = *info.Privileged
	default:
		out.Privileged = looksPrivileged(info.RuntimeSpec)
	}
	p := pod.Container
	out.IP, out.CNI, out.Pod = p.IP, p.CNI, p.Pod
	out.HostPID, out.HostNetwork, out.HostIPC = p.HostPID, p.HostNetwork, p.HostIPC
	out.Probes = pod.Probes[out.Name]
	out.Labels, d.Cut = boundLabels(s.GetLabels(), nil)
	for _, m := range s.GetMounts() {
		if len(out.Mounts) == maxMounts || len(m.GetHostPath()) > maxPathBytes || len(m.GetContainerPath()) > maxPathBytes {
			d.Cut++
			continue
		}
		mount := event.Mount{Source: m.GetHostPath(), Dest: m.GetContainerPath(), RdWr: !m.GetReadonly(), Propagation: "private"}
		switch m.GetPropagation() {
		case cri.MountPropagation_PROPAGATION_HOST_TO_CONTAINER:
			mount.Propagation = "rslave"
		case cri.MountPropagation_PROPAGATION_BIDIRECTIONAL:
			mount.Propagation = "rshared"
		}
		out.Mounts = append(out.Mounts, mount)
	}
	return d
}

func describeCRIPod(runtime, id string, s *cri.PodSandboxStatus, info *criInfo) *Details {
	out := &event.Container{
		ID: id, Type: runtime, Name: id, PodSandbox: true, StartTime: s.GetCreatedAt(), IP: bound(s.GetNetwork().GetIp(), maxNameBytes),
	}
	d := &Details{Container: out, Probes: podProbes(s.GetAnnotations()[annotationApplied]), Paths: specPaths(info.RuntimeSpec, id)}
	setImage(out, info.Image, "")
	out.CNI = cniText(info.CNIResult.Interfaces)
	if text := info.RuntimeSpec.Annotations[annotationCRIOCNI]; out.CNI == "" && len(text) <= maxCNIBytes && json.Valid([]byte(text)) {
		out.CNI = text
	}
	options := s.GetLinux().GetNamespaces().GetOptions()
	out.HostPID = options.GetPid() == cri.NamespaceMode_NODE && options != nil
	out.HostNetwork = options.GetNetwork() == cri.NamespaceMode_NODE && options != nil
	out.HostIPC = options.GetIpc() == cri.NamespaceMode_NODE && options != nil
	out.Labels, d.Cut = boundLabels(s.GetLabels(), nil)
	if m := s.GetMetadata(); m != nil {
		out.Pod = &event.Pod{
			Name: bound(m.GetName(), maxNameBytes), Namespace: bound(m.GetNamespace(), maxNameBytes), UID: bound(m.GetUid(), maxNameBytes),
			SandboxID: id, Labels: podLabels(s.GetLabels()),
		}
	}
	return d
}

// specPaths are where a container's cgroup lies, if the runtime shows the spec.
func specPaths(spec *specs.Spec, id string) []string {
	if spec.Linux.CgroupsPath == "" {
		return nil
	}
	return cgroup.SpecPaths(spec.Linux.CgroupsPath, id)
}
