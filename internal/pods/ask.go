package pods

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/saker-sensor/saker/internal/event"
)

const (
	// kinRate and kinBurst bound the requests for the objects around the pods, per second and at once.
	kinRate, kinBurst = 5, 10
	// kinTimeout bounds one of them.
	kinTimeout = 10 * time.Second
)

// Want sets the kinds of objects around the pods that are asked for from now on: by one request for each object, or for the services of a
// namespace, when the first pod about it comes and then every few minutes. At first there are none, which costs no request.
func (w *Watcher) Want(kinds [Kinds]bool) { w.store.want(kinds) }

// errNotTold: a kubelet knows pods only.
var errNotTold = errors.New("the kubelet does not tell of them; set kubernetes.source to api")

// Kin says why objects of a kind can't be had; nil where they can, or are not wanted.
func (w *Watcher) Kin() (errs [Kinds]error) {
	w.store.mu.RLock()
	defer w.store.mu.RUnlock()
	for i := range errs {
		errs[i] = w.store.kin.trouble[i].err
		if w.poller != nil && w.store.kin.wanted[i] {
			errs[i] = errNotTold
		}
	}
	return errs
}

// followKin asks for one object after the other until the context ends.
func (w *Watcher) followKin(ctx context.Context, a *asker) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		at, wait, ok := w.store.next()
		if !ok {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
				return
			case <-w.store.kin.changed:
			case <-timer.C:
			}
			continue
		}
		got, err := a.ask(ctx, at)
		if ctx.Err() != nil {
			return
		}
		w.store.learn(at, got, err)
	}
}

// asker asks the API server for the objects around pods, from its cache.
type asker struct {
	// short keeps labels, or nil in place of those that are too long.
	short    func(map[string]string) map[string]string
	metadata metadata.Interface
	whole    rest.Interface
}

// ask gets an object's metadata, or the services of a namespace.
func (a *asker) ask(ctx context.Context, at key) (got answer, err error) {
	ctx, cancel := context.WithTimeout(ctx, kinTimeout)
	defer cancel()
	if at.kind == Service {
		return a.services(ctx, at.name)
	}
	from := accesses[at.kind]
	resource := schema.GroupVersionResource{Group: from.group, Version: "v1", Resource: from.resource}
	object, err := a.metadata.Resource(resource).Namespace(at.namespace).Get(ctx, at.name, metav1.GetOptions{ResourceVersion: "0"})
	if apierrors.IsNotFound(err) {
		return answer{}, nil
	}
	if err != nil {
		return answer{}, err
	}
	got.object = &event.Object{Name: object.Name, UID: string(object.UID), Labels: a.short(object.Labels)}
	return got, nil
}

// services lists those of a namespace that select pods. As JSON: the types that protobuf needs would make the binary 3.8 MB larger, for a list
// that comes every few minutes.
func (a *asker) services(ctx context.Context, namespace string) (got answer, err error) {
	list, err := a.whole.Get().Namespace(namespace).Resource("services").Param("resourceVersion", "0").
		SetHeader("Accept", "application/json").Stream(ctx)
	if err != nil {
		return got, err
	}
	defer list.Close()
	err = decodeList(list, func(s *struct {
		Metadata podMetadata `json:"metadata"`
		Spec     struct {
			Type     string            `json:"type"`
			Selector map[string]string `json:"selector"`
		} `json:"spec"`
	}) error {
		selector := a.short(s.Spec.Selector)
		if len(selector) == 0 || s.Spec.Type == "ExternalName" {
			return nil
		}
		if len(got.services) == maxObjects {
			got.left++
			return nil
		}
		object := &event.Object{Name: s.Metadata.Name, UID: s.Metadata.UID, Labels: a.short(s.Metadata.Labels)}
		got.services = append(got.services, service{object, selector})
		return nil
	})
	slices.SortFunc(got.services, func(a, b service) int { return strings.Compare(a.object.Name, b.object.Name) })
	return got, err
}
