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
	// relatedRate and relatedBurst bound the requests for related objects: per second, and in a burst.
	relatedRate, relatedBurst = 5, 10
	// relatedTimeout bounds one of these requests.
	relatedTimeout = 10 * time.Second
)

// SetKinds sets the kinds of related objects that are requested from now on, initially none. An object costs one request when the first
// pod that belongs to it is seen, and one at each refresh; so do the services of a namespace.
func (w *Watcher) SetKinds(kinds [Kinds]bool) { w.store.setKinds(kinds) }

// errPodsOnly: a kubelet serves pods only.
var errPodsOnly = errors.New("the kubelet serves pods only; set kubernetes.source to api")

// KindErrors returns for each kind why its objects can't be read; nil if they can, or are not requested.
func (w *Watcher) KindErrors() (errs [Kinds]error) {
	w.store.mu.RLock()
	defer w.store.mu.RUnlock()
	for i := range errs {
		errs[i] = w.store.related.failed[i].err
		if w.poller != nil && w.store.related.wanted[i] {
			errs[i] = errPodsOnly
		}
	}
	return errs
}

// followRelated requests one object after the other until the context ends.
func (w *Watcher) followRelated(ctx context.Context, a *apiClient) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		at, wait, ok := w.store.next()
		if !ok {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
				return
			case <-w.store.related.changed:
			case <-timer.C:
			}
			continue
		}
		got, err := a.get(ctx, at)
		if ctx.Err() != nil {
			return
		}
		w.store.record(at, got, err)
	}
}

// apiClient reads related objects from the API server, which answers from its watch cache (resourceVersion 0).
type apiClient struct {
	// boundLabels returns labels, nil if they are too large.
	boundLabels func(map[string]string) map[string]string
	metadata    metadata.Interface
	rest        rest.Interface
}

// get reads an object's metadata, or the services of a namespace.
func (a *apiClient) get(ctx context.Context, at key) (got answer, err error) {
	ctx, cancel := context.WithTimeout(ctx, relatedTimeout)
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
	got.object = &event.Object{Name: object.Name, UID: string(object.UID), Labels: a.boundLabels(object.Labels)}
	return got, nil
}

// services lists the services of a namespace that select pods, as JSON: the generated types that protobuf needs would make the binary
// 3.8 MB larger, for a list that is read every few minutes.
func (a *apiClient) services(ctx context.Context, namespace string) (got answer, err error) {
	list, err := a.rest.Get().Namespace(namespace).Resource("services").Param("resourceVersion", "0").
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
		selector := a.boundLabels(s.Spec.Selector)
		if len(selector) == 0 || s.Spec.Type == "ExternalName" {
			return nil
		}
		if len(got.services) == maxObjects {
			got.left++
			return nil
		}
		object := &event.Object{Name: s.Metadata.Name, UID: s.Metadata.UID, Labels: a.boundLabels(s.Metadata.Labels)}
		got.services = append(got.services, service{object, selector})
		return nil
	})
	slices.SortFunc(got.services, func(a, b service) int { return strings.Compare(a.object.Name, b.object.Name) })
	return got, err
}
