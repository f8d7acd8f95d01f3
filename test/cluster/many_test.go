package cluster

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/saker-sensor/saker/internal/testutil"
	"github.com/saker-sensor/saker/test/cluster/node"
)

const (
	manyNode       = "many0" // an object only, whose name the sensor is told
	manyPods       = 250
	manyContainers = 1000
)

// makePods makes that node and its pods; no kubelet runs them.
func (c *cluster) makePods(t *testing.T) {
	t.Helper()
	c.kubectl(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: many}\n---\napiVersion: v1\nkind: Node\nmetadata: {name: "+manyNode+"}\n",
		"apply", "-f", "-")
	c.waitFor(t, "the namespace has its service account", func() (bool, string) {
		out, err := c.Kubectl("", "-n", "many", "get", "serviceaccount", "default")
		return err == nil, out
	})
	var list strings.Builder
	for i := range manyPods {
		fmt.Fprintf(&list, strings.Replace(crowdPod, "namespace: crowd", "namespace: many", 1), i, strings.Repeat("x", 1000), manyNode)
	}
	c.kubectl(t, list.String(), "create", "-f", "-")
}

// testMany: what the pods of a large node and 1,000 containers cost in memory, and what it costs to learn of one.
func (s *strained) testMany(t *testing.T) {
	s.waitFor(t, "the pods are known", func() (bool, string) {
		return s.metric(t, "saker_kubernetes_pods") == manyPods, fmt.Sprint(s.metric(t, "saker_kubernetes_pods"))
	})
	l := testutil.UseContainerd(t, node.ContainerdSocket, node.Cgroup)
	const known = "falcosecurity_plugins_container_n_containers_total"
	had, before := s.metric(t, known), s.resident(t)
	cpu, _ := usage(t, s.pid(t))
	began := time.Now()
	names := make(chan string)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for name := range names {
				l.CreateRecord(t, l.InPod(image(other)+":1.4", name))
			}
		})
	}
	for i := range manyContainers {
		names <- fmt.Sprintf("many-%d", i)
	}
	close(names)
	all.Wait()
	// Those of before may end meanwhile, so their number is no part of what is waited for: that there are enough, and no more come.
	last, since := 0.0, time.Now()
	s.waitFor(t, "the containers are known", func() (bool, string) {
		if n := s.metric(t, known); n != last {
			last, since = n, time.Now()
		}
		return last >= manyContainers && time.Since(since) >= 3*time.Second, fmt.Sprintf("%v, %v before", last, had)
	})
	took := time.Since(began)
	after, _ := usage(t, s.pid(t))
	now := s.resident(t)
	t.Logf("%d pods from the API server, and %v containers before: %.1f MB resident; with %d containers more %.1f MB", manyPods, had, before,
		manyContainers, now)
	t.Logf("%.0f containers a second cost %.1f %% of a processor, %.2f ms each", manyContainers/took.Seconds(),
		100*(after-cpu).Seconds()/took.Seconds(),
		1000*(after-cpu).Seconds()/manyContainers)
	if now > 80 {
		t.Errorf("%.1f MB are resident, want less than 80", now)
	}
}
