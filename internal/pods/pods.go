package pods

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/saker-sensor/saker/internal/event"
)

// Settings of the room.
type Settings struct {
	// Node is this node's name in Kubernetes.
	Node string
	// API is how to reach the API server; nil means by the pod's service account.
	API *rest.Config
	// MaxPods bounds the pods kept. 0 means 2048.
	MaxPods int
}

// Watcher keeps the pods of a node. Its methods may be called by any goroutine.
type Watcher struct {
	settings Settings
	client   metadata.Interface
	store    *store
	meter    meter
	now      func() time.Time

	mu        sync.Mutex // guards what follows
	connected bool
	err       error
	failures  uint64

	stop context.CancelFunc
	done sync.WaitGroup
}

// Status of the watch.
type Status struct {
	// Connected: the pods are those that the API server has, but for the time that a change takes.
	Connected bool
	// Err is why not; nil before the first answer.
	Err error
}

// Counters are counts since the start, but for Pods.
type Counters struct {
	// Pods are those kept, the ones that were removed a moment ago included.
	Pods int
	// Requests sent to the API server; Failures are watches that ended with an error; Received and Sent are bytes on the wire.
	Requests, Failures, Received, Sent uint64
	// Refused pods are those that the bound left out, Cut those that kept no labels because these are too long.
	Refused, Cut uint64
}

// New makes a watcher. It does not reach for the API server yet; see [Watcher.Start].
func New(settings Settings) (*Watcher, error) {
	if settings.Node == "" {
		return nil, errors.New("watch the node's pods: the node's name is not known; set FALCO_HOSTNAME from the field spec.nodeName")
	}
	if settings.MaxPods == 0 {
		settings.MaxPods = 2048
	}
	if settings.API == nil {
		var err error
		if settings.API, err = rest.InClusterConfig(); err != nil {
			return nil, fmt.Errorf("watch the node's pods: find the API server: %w; run in a pod with a service account's token", err)
		}
	}
	w := &Watcher{settings: settings, now: time.Now}
	w.store = newStore(settings.MaxPods, func() time.Time { return w.now() }, w.received)
	api := rest.CopyConfig(settings.API)
	api.UserAgent = "saker"
	api.WarningHandler = rest.NoWarnings{}
	w.meter.attach(api)
	var err error
	if w.client, err = metadata.NewForConfig(api); err != nil {
		return nil, fmt.Errorf("watch the node's pods: %w", err)
	}
	return w, nil
}

// Start watches in a goroutine of its own, until Close. An API server that can't be reached is tried again, after longer and longer
// times up to 30 s, which differ from node to node; a watch that ended goes on where it was, without a new list.
func (w *Watcher) Start(ctx context.Context) {
	ctx, w.stop = context.WithCancel(ctx)
	silent := logr.Discard() // Status tells
	r := cache.NewReflectorWithOptions(w.listWatch(), &metav1.PartialObjectMetadata{}, w.store, cache.ReflectorOptions{Name: "pods", Logger: &silent})
	w.done.Go(func() { r.RunWithContext(klog.NewContext(ctx, silent)) })
}

// Close ends the watch and waits for its goroutine.
func (w *Watcher) Close() error {
	if w.stop != nil {
		w.stop()
	}
	w.done.Wait()
	return nil
}

// Lookup is what is known of the pod with a uid, or nil. A pod that was removed stays known for a minute, for late events.
func (w *Watcher) Lookup(uid string) *event.PodMeta { return w.store.lookup(uid) }

// Status of the watch.
func (w *Watcher) Status() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return Status{Connected: w.connected, Err: w.err}
}

// Counters are the counts up to now.
func (w *Watcher) Counters() Counters {
	c := w.store.counters()
	c.Requests, c.Received, c.Sent = w.meter.requests.Load(), w.meter.received.Load(), w.meter.sent.Load()
	w.mu.Lock()
	defer w.mu.Unlock()
	c.Failures = w.failures
	return c
}

// listWatch asks for the metadata of this node's pods.
func (w *Watcher) listWatch() cache.ListerWatcher {
	pods := w.client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "pods"})
	ours := fields.OneTermEqualSelector("spec.nodeName", w.settings.Node).String()
	return cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			options.FieldSelector = ours
			list, err := pods.List(ctx, options)
			w.answered(err)
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.FieldSelector = ours
			stream, err := pods.Watch(ctx, options)
			w.answered(err)
			return stream, err
		},
	}, w.client)
}

// answered notes how a request went. The watch counts as connected once all pods were received.
func (w *Watcher) answered(err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
	if err != nil {
		w.connected = false
		w.failures++
	} else if w.store.synced.Load() {
		w.connected = true
	}
}

// received notes that the store holds all pods.
func (w *Watcher) received() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.connected, w.err = true, nil
}
