package cluster

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/saker-sensor/saker/internal/testutil"
	"github.com/saker-sensor/saker/test/cluster/node"
)

// firstRule fires on a container's only command, and says why it cannot name the container.
const firstRule = `
- rule: First command
  desc: The only command of a container.
  condition: >
    evt.type in (execve, execveat) and container.id != host and proc.args startswith "-c : first-"
  output: missing=%container.missing uid=%k8s.pod.uid arg=%proc.args
  priority: NOTICE
`

const (
	firstPods       = 20
	firstContainers = 200 // all in all
)

// testFirst: while API server and kubelet are down, the runtime starts containers whose whole life is one command, 20 at a time, as
// a kubelet has it do. Each is named in its alert, and no event waits for the API server.
func (s *strained) testFirst(t *testing.T) {
	s.Kill(node.Kubelet)
	s.Kill(node.APIServer)
	s.waitFor(t, "the sensor misses the API server", func() (bool, string) {
		return s.metric(t, "saker_kubernetes_connected") == 0, s.f.log()
	})
	l := testutil.UseContainerd(t, node.ContainerdSocket, node.Cgroup)
	runtime := l.CRI(t)
	pods := make([]*cri.PodSandboxConfig, firstPods)
	ids := make([]string, firstPods)
	t.Cleanup(func() { removePods(t, runtime, ids) })
	for i := range pods {
		name := fmt.Sprintf("pod-%d", i)
		labels := map[string]string{"io.kubernetes.pod.name": name, "io.kubernetes.pod.namespace": "first", "io.kubernetes.pod.uid": podUID(name)}
		pods[i] = &cri.PodSandboxConfig{Metadata: &cri.PodSandboxMetadata{Name: name, Namespace: "first", Uid: podUID(name)}, Labels: labels}
		ids[i] = l.RunPod(t, pods[i])
	}

	held := s.metric(t, `saker_waiting_room_total{what="held"}`)
	cpu, _ := usage(t, s.pid(t))
	began := time.Now()
	var next atomic.Int64
	var all sync.WaitGroup
	for i := range pods {
		all.Go(func() {
			for n := next.Add(1); n <= firstContainers; n = next.Add(1) {
				if err := startFirst(t.Context(), runtime, ids[i], pods[i], fmt.Sprintf("first-%d", n)); err != nil {
					t.Errorf("container %d: %v", n, err)
				}
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	after, _ := usage(t, s.pid(t))
	s.waitFor(t, "each container is told", func() (bool, string) {
		n := len(s.firstAlerts())
		return n == firstContainers, fmt.Sprintf("%d of %d", n, firstContainers)
	})

	var late []time.Duration
	nameless := 0
	for name, a := range s.firstAlerts() {
		late = append(late, a.at.Sub(time.Unix(0, a.time(t))))
		pod := a.field("k8s.pod.name")
		if a.field("container.name") != "c-"+name || a.field("container.image.repository") != image(other) || a.field("k8s.ns.name") != "first" ||
			a.field("k8s.pod.uid") != podUID(pod) {
			nameless++
			t.Errorf("an alert without all names: %s", a.line)
		}
	}
	slices.Sort(late)
	t.Logf("%d containers, %.0f a second; %d without all names; the sensor took %.1f %% of a processor", firstContainers,
		firstContainers/took.Seconds(), nameless,
		100*(after-cpu).Seconds()/took.Seconds())
	t.Logf("from the exec to the line in the log: median %v, 99 of 100 %v, longest %v; %v events waited",
		late[len(late)/2].Round(time.Millisecond), late[len(late)*99/100].Round(time.Millisecond), late[len(late)-1].Round(time.Millisecond),
		s.metric(t, `saker_waiting_room_total{what="held"}`)-held)
	s.logKnown(t)
}

// removePods ends and removes pods' sandboxes, with their containers. Both are tried again: containerd fails while a shim ends by itself.
func removePods(t *testing.T, runtime cri.RuntimeServiceClient, ids []string) {
	remove := func(id string) error {
		if _, err := runtime.StopPodSandbox(context.Background(), &cri.StopPodSandboxRequest{PodSandboxId: id}); err != nil {
			return fmt.Errorf("stop pod %s: %w", id, err)
		}
		if _, err := runtime.RemovePodSandbox(context.Background(), &cri.RemovePodSandboxRequest{PodSandboxId: id}); err != nil {
			return fmt.Errorf("remove pod %s: %w", id, err)
		}
		return nil
	}
	var all sync.WaitGroup
	for _, id := range ids {
		all.Go(func() {
			err := remove(id)
			for end := time.Now().Add(deadline); err != nil && time.Now().Before(end); err = remove(id) {
				time.Sleep(200 * time.Millisecond)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// logKnown says how long before or after their first event containers were known.
func (s *strained) logKnown(t *testing.T) {
	t.Helper()
	for _, when := range []string{"before", "after"} {
		label := fmt.Sprintf("{when=%q}", when)
		if n := s.metric(t, "saker_containers_known_total"+label); n > 0 {
			t.Logf("%v containers were known %s their first event, by %.1f ms on average", n, when,
				1000*s.metric(t, "saker_containers_known_seconds_total"+label)/n)
		}
	}
}

// podUID is one as the API server makes them.
func podUID(name string) string {
	h := testutil.HexID(name)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:32]
}

// startFirst starts one of those containers.
func startFirst(ctx context.Context, runtime cri.RuntimeServiceClient, pod string, sandbox *cri.PodSandboxConfig, name string) error {
	made, err := runtime.CreateContainer(ctx, &cri.CreateContainerRequest{PodSandboxId: pod, SandboxConfig: sandbox,
		Config: &cri.ContainerConfig{
			Metadata: &cri.ContainerMetadata{Name: "c-" + name}, Image: &cri.ImageSpec{Image: image(other) + ":1.4"},
			Command: []string{"/bin/sh", "-c", ": " + name},
			Labels: map[string]string{
				"io.kubernetes.container.name": "c-" + name, "io.kubernetes.pod.name": sandbox.Metadata.Name,
				"io.kubernetes.pod.namespace": sandbox.Metadata.Namespace,
				"io.kubernetes.pod.uid":       sandbox.Metadata.Uid,
			},
			Linux: &cri.LinuxContainerConfig{},
		}})
	if err != nil {
		return err
	}
	_, err = runtime.StartContainer(ctx, &cri.StartContainerRequest{ContainerId: made.ContainerId})
	return err
}

// firstAlerts are the alerts about these containers, by their names.
func (s *strained) firstAlerts() map[string]sensorAlert {
	out := map[string]sensorAlert{}
	for _, a := range s.f.seen() {
		if a.Rule == "First command" {
			out[regexp.MustCompile(`first-\d+`).FindString(a.field("proc.args"))] = a
		}
	}
	return out
}
