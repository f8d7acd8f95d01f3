package pods

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/klog/v2"

	"github.com/saker-sensor/saker/internal/event"
)

// Settings of the room.
type Settings struct {
	// Node is this node's name in Kubernetes.
	Node string
	// Kubeconfig is the file that says how to reach the API server; empty means by the pod's service account.
	Kubeconfig string
	// API is how to reach the API server, in place of a file.
	API *rest.Config
	// Kubelet is asked instead of the API server, if it is set; what leads to the API server has no effect then.
	Kubelet *Kubelet
	// MaxPods bounds the pods kept. 0 means 2048.
	MaxPods int
	// Refresh is how often the objects around the pods are asked for again; see [Watcher.Want]. 0 means 5 minutes.
	Refresh time.Duration
}

// Watcher keeps the pods of a node. Its methods may be called by any goroutine.
type Watcher struct {
	settings Settings
	poller   *poller // nil where the API server is asked
	store    *store
	meter    meter
	now      func() time.Time
	// patience is how long an answer may take.
	patience time.Duration

	mu       sync.Mutex // guards what follows
	state    State
	err      error
	failures uint64

	stop context.CancelFunc
	done sync.WaitGroup
}

// State of the watch.
type State string

const (
	// Connecting: nothing was answered yet.
	Connecting State = "connecting"
	// Connected: the pods are those that the API server has, but for the time that a change takes, or that the kubelet had when it was last asked.
	Connected State = "connected"
	// Empty: it answers, and has no pod of the node, which is rarely true.
	Empty State = "no pods"
	// Unconfigured: how to reach the API server or the kubelet is not known.
	Unconfigured State = "not configured"
	// Refused: it does not accept who asks, or does not let it see pods.
	Refused State = "refused"
	// Unreachable: it does not answer, or as neither of them does.
	Unreachable State = "unreachable"
)

// Status of the watch.
type Status struct {
	State State
	// Err is what is wrong, with the remedy; nil where nothing is.
	Err error
}

// Counters are counts since the start, but for Pods, Objects and ObjectsLeft.
type Counters struct {
	// Pods are those kept, the ones that were removed a moment ago included.
	Pods int
	// Requests sent to the API server or kubelet; Failures are those that ended with an error; Received and Sent are bytes on the wire.
	Requests, Failures, Received, Sent uint64
	// Objects around the pods that are kept, and those that are left out now because there are too many.
	Objects, ObjectsLeft int
	// ObjectFailures are requests for them that failed.
	ObjectFailures uint64
	// Refused pods are those that the bound left out, Cut those that kept no labels because these are too long; each time that they came.
	Refused, Cut uint64
}

// New makes a watcher. It does not reach for the API server yet; see [Watcher.Start].
func New(settings Settings) *Watcher {
	if settings.MaxPods == 0 {
		settings.MaxPods = 2048
	}
	w := &Watcher{settings: settings, now: time.Now, patience: 30 * time.Second, state: Connecting}
	w.store = newStore(settings.MaxPods, func() time.Time { return w.now() }, w.received)
	if settings.Refresh != 0 {
		w.store.kin.refresh = settings.Refresh
	}
	if settings.Kubelet != nil {
		w.poller = newPoller(*settings.Kubelet, &w.meter)
	}
	return w
}

// Start watches in a goroutine of its own, until Close. An API server that can't be reached is tried again, after longer and longer
// times up to 30 s, which differ from node to node; a watch that ended goes on where it was, without a new list. A kubelet is asked each interval.
func (w *Watcher) Start(ctx context.Context) {
	ctx, w.stop = context.WithCancel(ctx)
	if w.poller != nil {
		w.done.Go(func() { w.poller.run(ctx, w.store, w.failed) })
		return
	}
	w.done.Go(func() { w.run(ctx) })
}

// Waits between two looks for how to reach the API server.
const (
	lookFirst = time.Second
	lookLast  = 30 * time.Second
)

func (w *Watcher) run(ctx context.Context) {
	client, around, err := w.dial()
	for wait := lookFirst; err != nil; wait = min(2*wait, lookLast) {
		w.failed(Unconfigured, err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		client, around, err = w.dial()
	}
	w.done.Go(func() { w.followKin(ctx, around) })
	silent := logr.Discard() // Status tells
	r := cache.NewReflectorWithOptions(w.listWatch(client), &metav1.PartialObjectMetadata{}, w.store, cache.ReflectorOptions{Name: "pods", Logger: &silent})
	r.RunWithContext(klog.NewContext(ctx, silent))
}

// dial makes two clients of one connection, which do not reach for the API server yet: for the watch, and, with a limit of its own, for what
// is around the pods.
func (w *Watcher) dial() (metadata.Interface, *asker, error) {
	api, err := w.settings.api()
	if err != nil {
		return nil, nil, err
	}
	w.meter.attach(api)
	watch, around, err := clients(api)
	if err != nil {
		return nil, nil, fmt.Errorf("use what %s says of the API server: %w; correct it", w.settings.origin(), err)
	}
	around.short = w.store.short
	return watch, around, nil
}

func clients(api *rest.Config) (watch metadata.Interface, around *asker, err error) {
	connection, err := rest.HTTPClientFor(api)
	if err != nil {
		return nil, nil, err
	}
	if watch, err = metadata.NewForConfigAndClient(api, connection); err != nil {
		return nil, nil, err
	}
	api.RateLimiter = flowcontrol.NewTokenBucketRateLimiter(kinRate, kinBurst)
	around = &asker{}
	if around.metadata, err = metadata.NewForConfigAndClient(api, connection); err != nil {
		return nil, nil, err
	}
	api.APIPath, api.GroupVersion, api.NegotiatedSerializer = "/api", &schema.GroupVersion{Version: "v1"}, scheme.Codecs.WithoutConversion()
	around.whole, err = rest.RESTClientForConfigAndClient(api, connection)
	return watch, around, err
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
func (w *Watcher) Lookup(uid string) *event.PodMeta {
	m := w.store.lookup(uid)
	if m == nil && w.poller != nil {
		w.poller.want(uid)
	}
	return m
}

// Source names who is asked.
func (w *Watcher) Source() string { return w.settings.Source() }

// Status of the watch.
func (w *Watcher) Status() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return Status{State: w.state, Err: w.err}
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
func (w *Watcher) listWatch(client metadata.Interface) cache.ListerWatcher {
	pods := client.Resource(podsResource)
	ours := w.settings.selector()
	end := func(error) {} // of the last watch
	return cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			options.FieldSelector = ours
			ctx, cancel := context.WithTimeout(ctx, w.patience)
			defer cancel()
			list, err := pods.List(ctx, options)
			w.answered(err)
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.FieldSelector = ours
			// The watch may last; its beginning may not.
			end(nil)
			ctx, cancel := context.WithCancelCause(ctx)
			end = cancel
			late := time.AfterFunc(w.patience, func() { cancel(errNoAnswer) })
			stream, err := pods.Watch(ctx, options)
			late.Stop()
			if err != nil && errors.Is(context.Cause(ctx), errNoAnswer) {
				err = errNoAnswer
			}
			w.answered(err)
			return stream, err
		},
	}, client)
}

// answered notes how a request went. The watch counts as connected once all pods were received.
func (w *Watcher) answered(err error) {
	switch {
	case errors.Is(err, context.Canceled):
	case err != nil:
		w.failed(w.settings.explain(err))
	case w.store.synced.Load():
		w.received(w.store.counters().Pods)
	}
}

func (w *Watcher) failed(state State, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state, w.err = state, err
	w.failures++
}

// received notes that the store holds all pods, and how many these are.
func (w *Watcher) received(pods int) {
	state, err := w.settings.found(pods)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state, w.err = state, err
}
