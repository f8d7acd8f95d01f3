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

// Settings of a watcher.
type Settings struct {
	// Node is this node's name in Kubernetes.
	Node string
	// Kubeconfig is the file that says how to reach the API server; empty means by the pod's service account.
	Kubeconfig string
	// API is how to reach the API server, instead of a file; nil if the file says it.
	API *rest.Config
	// Kubelet is polled instead of watching the API server, if it is set. Node, Kubeconfig and API then have no effect.
	Kubelet *Kubelet
	// MaxPods bounds the pods kept. 0 means 2048.
	MaxPods int
	// Refresh is how often related objects are requested again; see [Watcher.SetKinds]. 0 means 5 minutes.
	Refresh time.Duration
}

// Watcher keeps the pods of a node. Its methods may be called by any goroutine.
type Watcher struct {
	settings Settings
	poller   *poller // nil if the API server is watched
	store    *store
	meter    meter
	now      func() time.Time
	// timeout bounds the time until a response.
	timeout time.Duration

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
	// Connecting: there was no response yet.
	Connecting State = "connecting"
	// Connected: the pods are those of the API server, apart from changes on their way, or those of the last poll of the kubelet.
	Connected State = "connected"
	// Empty: the response has no pods of the node. The node name is probably wrong.
	Empty State = "no pods"
	// Unconfigured: the address of the API server or the kubelet is not known.
	Unconfigured State = "not configured"
	// Refused: the credentials are not accepted, or do not allow reading pods.
	Refused State = "refused"
	// Unreachable: there is no response, or one of neither an API server nor a kubelet.
	Unreachable State = "unreachable"
)

// Status of the watch.
type Status struct {
	State State
	// Err says what is wrong, with the remedy; nil if nothing is.
	Err error
}

// Counters are counts since the start, except Pods, Objects and ObjectsLeft, which are present numbers.
type Counters struct {
	// Pods are those kept, including pods that were removed less than a minute ago.
	Pods int
	// Requests sent to the API server or the kubelet; Failures are those that ended with an error. Received and Sent are bytes on the
	// wire, including TLS.
	Requests, Failures, Received, Sent uint64
	// Objects are the related objects kept, ObjectsLeft those beyond the bound.
	Objects, ObjectsLeft int
	// ObjectFailures are failed requests for related objects.
	ObjectFailures uint64
	// Refused counts pods beyond the bound, Cut sets of labels that were dropped because of their size, each time they were received.
	Refused, Cut uint64
}

// New makes a watcher. It sends no request before [Watcher.Start].
func New(settings Settings) *Watcher {
	if settings.MaxPods == 0 {
		settings.MaxPods = 2048
	}
	w := &Watcher{settings: settings, now: time.Now, timeout: 30 * time.Second, state: Connecting}
	w.store = newStore(settings.MaxPods, func() time.Time { return w.now() }, w.received)
	if settings.Refresh != 0 {
		w.store.related.refresh = settings.Refresh
	}
	if settings.Kubelet != nil {
		w.poller = newPoller(*settings.Kubelet, &w.meter)
	}
	return w
}

// Start watches in a goroutine of its own, until Close. While the API server can't be reached, requests are repeated with exponential
// backoff up to 30 s, with jitter. A watch that ended continues at its last resource version, without a new list. A kubelet is polled
// once an interval.
func (w *Watcher) Start(ctx context.Context) {
	ctx, w.stop = context.WithCancel(ctx)
	if w.poller != nil {
		w.done.Go(func() { w.poller.run(ctx, w.store, w.failed) })
		return
	}
	w.done.Go(func() { w.run(ctx) })
}

// Backoff while the address of the API server is not known.
const (
	retryFirst = time.Second
	retryLast  = 30 * time.Second
)

func (w *Watcher) run(ctx context.Context) {
	client, related, err := w.dial()
	for wait := retryFirst; err != nil; wait = min(2*wait, retryLast) {
		w.failed(Unconfigured, err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		client, related, err = w.dial()
	}
	w.done.Go(func() { w.followRelated(ctx, related) })
	silent := logr.Discard() // Status has the errors
	r := cache.NewReflectorWithOptions(w.listWatch(client), &metav1.PartialObjectMetadata{}, w.store,
		cache.ReflectorOptions{Name: "pods", Logger: &silent})
	r.RunWithContext(klog.NewContext(ctx, silent))
}

// dial makes two clients that share connections and send no request yet: one for the watch, and one for related objects, which has a
// rate limit of its own.
func (w *Watcher) dial() (watch metadata.Interface, related *apiClient, err error) {
	api, err := w.settings.api()
	if err != nil {
		return nil, nil, err
	}
	w.meter.attach(api)
	watch, related, err = clients(api)
	if err != nil {
		return nil, nil, fmt.Errorf("use the API server that %s names: %w; correct it", w.settings.origin(), err)
	}
	related.boundLabels = w.store.boundLabels
	return watch, related, nil
}

func clients(api *rest.Config) (watch metadata.Interface, related *apiClient, err error) {
	connection, err := rest.HTTPClientFor(api)
	if err != nil {
		return nil, nil, err
	}
	if watch, err = metadata.NewForConfigAndClient(api, connection); err != nil {
		return nil, nil, err
	}
	api.RateLimiter = flowcontrol.NewTokenBucketRateLimiter(relatedRate, relatedBurst)
	related = &apiClient{}
	if related.metadata, err = metadata.NewForConfigAndClient(api, connection); err != nil {
		return nil, nil, err
	}
	api.APIPath, api.GroupVersion, api.NegotiatedSerializer = "/api", &schema.GroupVersion{Version: "v1"}, scheme.Codecs.WithoutConversion()
	related.rest, err = rest.RESTClientForConfigAndClient(api, connection)
	return watch, related, err
}

// Close ends the watch and waits for its goroutine.
func (w *Watcher) Close() error {
	if w.stop != nil {
		w.stop()
	}
	w.done.Wait()
	return nil
}

// Lookup returns what is known of the pod with a uid, nil if nothing is. The value must not be changed. A removed pod stays known for a
// minute, for late events. Lookup does not block.
func (w *Watcher) Lookup(uid string) *event.PodMeta {
	m := w.store.lookup(uid)
	if m == nil && w.poller != nil {
		w.poller.pollSoon(uid)
	}
	return m
}

// Source is "API server" or "kubelet".
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
	end := func(error) {} // cancels the last watch
	return cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			options.FieldSelector = ours
			ctx, cancel := context.WithTimeout(ctx, w.timeout)
			defer cancel()
			list, err := pods.List(ctx, options)
			w.answered(err)
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.FieldSelector = ours
			// The timeout is for the beginning of the watch only.
			end(nil)
			ctx, cancel := context.WithCancelCause(ctx)
			end = cancel
			late := time.AfterFunc(w.timeout, func() { cancel(errNoAnswer) })
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

// answered updates the status after a request. The watch counts as connected once all pods were received.
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

// received updates the status once the store has all pods.
func (w *Watcher) received(pods int) {
	state, err := w.settings.stateOf(pods)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state, w.err = state, err
}
