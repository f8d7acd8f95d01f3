package cluster

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/saker-sensor/saker/internal/pods"
	"github.com/saker-sensor/saker/test/cluster/node"
)

const (
	changes  = 1000 // of pods, for each figure
	wide     = 100  // watches of all pods
	lists    = 40   // of a node's pods
	requests = 1000 // for what is around pods
	services = 10   // of the namespace
)

// crowdsAround are the numbers of watches of other nodes with which changes are measured: up and down again, so that what drifts meanwhile
// does not look like what a watch costs.
var crowdsAround = []int{0, 250, 500, 1000, 500, 250, 0}

// manyWatches says what the API server needs for the watches of so many nodes, beside fewer that are not narrowed to a node, and
// beside those of Falco's k8s-metacollector.
func (c *cluster) manyWatches(t *testing.T) {
	server := c.Pid(node.APIServer)
	var all []*pods.Watcher
	var x, y []float64
	for _, n := range crowdsAround {
		begun, memory := n-len(all), c.memory(t)
		before := cpu(t, server)
		for i := len(all); i < n; i++ {
			all = append(all, c.watch(t, fmt.Sprintf("far%d", i)))
		}
		for _, w := range all {
			c.waitWatch(t, w, true)
		}
		if begun > 0 {
			took := cpu(t, server) - before
			t.Logf("%d watches of other nodes more: %.2f s of the API server's processor time, %d kB of its memory each", begun, took.Seconds(),
				(c.memory(t)-memory)>>10/int64(begun))
		}
		for len(all) > n {
			all[len(all)-1].Close()
			all = all[:len(all)-1]
		}
		took := c.changePods(t, server)
		t.Logf("%d changes of pods with %d watches of other nodes: %.2f s", changes, n, took.Seconds())
		x, y = append(x, float64(n)), append(y, took.Seconds())
	}
	base, slope, off := line(x, y)
	t.Logf("so %d changes take %.2f s, and %.3f s more with each 1,000 watches of other nodes; the measurements are off by %.2f s", changes,
		base, slope*1000, off)

	before := cpu(t, server)
	for range lists {
		w := c.watch(t, crowd)
		c.waitWatch(t, w, true)
		w.Close()
	}
	t.Logf("a list of %d pods' metadata: %.1f ms", crowdPods, (cpu(t, server)-before).Seconds()*1000/lists)
	c.manyRequests(t, server)

	for _, who := range []struct {
		what  string
		times int
		kinds []watched
	}{
		{"watches of all pods", wide, []watched{{"/api/v1/pods", true}}},
		{"time the watches of Falco's k8s-metacollector", 1, collector},
	} {
		memory, before := c.memory(t), cpu(t, server)
		w := c.watchAll(t, who.times, who.kinds)
		begin := cpu(t, server) - before
		more := c.memory(t) - memory
		first := w.received.Load()
		took := c.changePods(t, server)
		w.stop()
		t.Logf("%d %s: %.2f s of the API server's processor time to begin, %d kB of its memory, "+
			"%d bytes of bodies; %.2f s for %d changes, %d bytes",
			who.times, who.what, begin.Seconds(), more>>10, first, took.Seconds(), changes, w.received.Load()-first)
	}
}

// line is the straight line through points (least squares), and how far they are from it (root of the mean square).
func line(x, y []float64) (base, slope, off float64) {
	var sx, sy, sxx, sxy float64
	n := float64(len(x))
	for i := range x {
		sx, sy, sxx, sxy = sx+x[i], sy+y[i], sxx+x[i]*x[i], sxy+x[i]*y[i]
	}
	slope = (n*sxy - sx*sy) / (n*sxx - sx*sx)
	base = (sy - slope*sx) / n
	for i := range x {
		d := y[i] - base - slope*x[i]
		off += d * d / n
	}
	return base, slope, math.Sqrt(off)
}

// changePods changes each pod a few times and tells the processor time that this takes the API server.
func (c *cluster) changePods(t *testing.T, server int) time.Duration {
	t.Helper()
	client := c.metadata(t).Resource(schema.GroupVersionResource{Version: "v1", Resource: "pods"}).Namespace("crowd")
	before := cpu(t, server)
	c.many(t, changes, func(i int) error {
		patch := fmt.Sprintf(`{"metadata":{"labels":{"round":"%d-%d"}}}`, before, i)
		_, err := client.Patch(t.Context(), fmt.Sprintf("p%d", i%crowdPods), types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		return err
	})
	return cpu(t, server) - before
}

// manyRequests says what the requests for what is around pods take the API server.
func (c *cluster) manyRequests(t *testing.T, server int) {
	t.Helper()
	var list strings.Builder
	for i := range services {
		fmt.Fprintf(&list, "---\napiVersion: v1\nkind: Service\nmetadata: {name: s%d, namespace: crowd, "+
			"labels: {app: shop, tier: backend, team: checkout}}\nspec: {selector: {app: shop%d}, ports: [{port: 80}]}\n", i, i)
	}
	c.kubectl(t, list.String(), "apply", "-f", "-")
	client := c.metadata(t).Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"})
	before := cpu(t, server)
	c.many(t, requests, func(int) error {
		_, err := client.Get(t.Context(), "crowd", metav1.GetOptions{ResourceVersion: "0"})
		return err
	})
	between := cpu(t, server)
	raw := c.raw(t)
	var bodies atomic.Int64
	c.many(t, requests, func(int) error {
		body, err := raw.Get().AbsPath("/api/v1/namespaces/crowd/services").Param("resourceVersion", "0").SetHeader("Accept",
			"application/json").DoRaw(t.Context())
		bodies.Add(int64(len(body)))
		return err
	})
	after := cpu(t, server)
	t.Logf("a namespace: %.2f ms of the API server's processor time; a list of %d services: %.2f ms, %d bytes",
		(between-before).Seconds()*1000/requests, services, (after-between).Seconds()*1000/requests, bodies.Load()/requests)
}

// many does something so many times, four at once.
func (c *cluster) many(t *testing.T, n int, do func(i int) error) {
	t.Helper()
	var group errgroup.Group
	group.SetLimit(4)
	for i := range n {
		group.Go(func() error { return do(i) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

// metadata is a client without a limit.
func (c *cluster) metadata(t *testing.T) metadata.Interface {
	t.Helper()
	api := c.API()
	api.QPS = -1
	client, err := metadata.NewForConfig(api)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// raw is a client without a limit, with a connection of its own.
func (c *cluster) raw(t *testing.T) rest.Interface {
	t.Helper()
	api := c.API()
	api.QPS = -1
	api.Dial = (&net.Dialer{}).DialContext // which keeps it from sharing
	api.GroupVersion, api.NegotiatedSerializer = &schema.GroupVersion{Version: "v1"}, scheme.Codecs.WithoutConversion()
	client, err := rest.RESTClientFor(api)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// watched is a kind of object in the whole cluster: its metadata, or all of it.
type watched struct {
	path     string
	metadata bool
}

// collector is what Falco's k8s-metacollector watches (cmd/collector/run and collectors in its source). It is not run itself: these are its
// watches, as protobuf, as its library asks for these kinds.
var collector = []watched{
	{"/api/v1/pods", false}, {"/api/v1/services", false}, {"/apis/discovery.k8s.io/v1/endpointslices", false},
	{"/api/v1/namespaces", true}, {"/apis/apps/v1/deployments", true}, {"/apis/apps/v1/replicasets", true},
	{"/apis/apps/v1/daemonsets", true}, {"/api/v1/replicationcontrollers", true},
}

// watches are watches that are read until stop.
type watches struct {
	received atomic.Int64 // bytes
	stop     func()
}

// watchAll begins watches that first send what is there, so many times each kind, and waits until all have. Each time has a
// connection of its own.
func (c *cluster) watchAll(t *testing.T, times int, kinds []watched) *watches {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w := &watches{}
	var running, begun sync.WaitGroup
	w.stop = func() {
		cancel()
		running.Wait()
	}
	for range times {
		client := c.raw(t)
		for _, kind := range kinds {
			accept := "application/vnd.kubernetes.protobuf"
			if kind.metadata {
				accept += ";as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
			}
			stream, err := client.Get().AbsPath(kind.path).Param("watch", "true").Param("sendInitialEvents", "true").Param("resourceVersionMatch",
				"NotOlderThan").
				Param("allowWatchBookmarks", "true").SetHeader("Accept", accept).Stream(ctx)
			if err != nil {
				t.Fatal(err)
			}
			begun.Add(1)
			running.Go(func() { w.read(stream, begun.Done) })
		}
	}
	begun.Wait()
	return w
}

// read reads a stream to its end; begun is called at the mark behind what was there first.
func (w *watches) read(stream io.ReadCloser, begun func()) {
	defer stream.Close()
	once := sync.OnceFunc(begun)
	defer once()
	mark := []byte(metav1.InitialEventsAnnotationKey)
	b, kept := make([]byte, 64<<10), 0 // the end of what was read before may be the mark's begin
	for {
		n, err := stream.Read(b[kept:])
		if err != nil {
			return
		}
		w.received.Add(int64(n))
		if bytes.Contains(b[:kept+n], mark) {
			once()
		}
		kept = copy(b, b[max(0, kept+n-len(mark)):kept+n])
	}
}

// memory is what the API server's heap and stacks take after a garbage collection, in bytes.
func (c *cluster) memory(t *testing.T) (bytes int64) {
	t.Helper()
	raw := c.raw(t)
	if _, err := raw.Get().AbsPath("/debug/pprof/heap").Param("gc", "1").DoRaw(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, err := raw.Get().AbsPath("/metrics").DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "go_memstats_heap_alloc_bytes" || name == "go_memstats_stack_inuse_bytes" {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			bytes += int64(n)
		}
	}
	return bytes
}

func cpu(t *testing.T, pid int) time.Duration {
	t.Helper()
	cpu, _ := usage(t, pid)
	return cpu
}

// usage is a process's processor time, and its resident memory in bytes (proc_pid_stat(5); 100 ticks are a second).
func usage(t *testing.T, pid int) (cpu time.Duration, rss int64) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	number := func(i int) int64 {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return time.Duration(number(11)+number(12)) * 10 * time.Millisecond, number(21) * int64(os.Getpagesize())
}
