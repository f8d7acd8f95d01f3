package pods

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"

	"github.com/saker-sensor/saker/internal/event"
)

const (
	// kinRate and kinBurst bound the requests for the objects around the pods, per second and at once.
	kinRate, kinBurst = 5, 10
	// kinTimeout bounds one of them.
	kinTimeout = 10 * time.Second
)

// Want sets the kinds of objects around the pods that are asked for from now on, by one request for each object, when the first pod about
// it comes and then every few minutes. At first there are none, which costs no request.
func (w *Watcher) Want(kinds [Kinds]bool) { w.store.want(kinds) }

// Kin says why objects of a kind can't be had; nil where they can, or are not wanted.
func (w *Watcher) Kin() (errs [Kinds]error) {
	w.store.mu.RLock()
	defer w.store.mu.RUnlock()
	for i := range errs {
		errs[i] = w.store.kin.trouble[i].err
	}
	return errs
}

// followKin asks for one object after the other until the context ends.
func (w *Watcher) followKin(ctx context.Context, client metadata.Interface) {
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
		object, err := w.ask(ctx, client, at)
		if ctx.Err() != nil {
			return
		}
		w.store.learn(at, object, err)
	}
}

// ask gets an object's metadata from the API server's cache; nil if there is no such object.
func (w *Watcher) ask(ctx context.Context, client metadata.Interface, at key) (*event.Object, error) {
	ctx, cancel := context.WithTimeout(ctx, kinTimeout)
	defer cancel()
	a := accesses[at.kind]
	resource := schema.GroupVersionResource{Group: a.group, Version: "v1", Resource: a.resource}
	got, err := client.Resource(resource).Namespace(at.namespace).Get(ctx, at.name, metav1.GetOptions{ResourceVersion: "0"})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &event.Object{Name: got.Name, UID: string(got.UID), Labels: w.store.short(got.Labels)}, nil
}
