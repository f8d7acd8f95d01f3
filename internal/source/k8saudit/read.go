// Package k8saudit is the source k8s_audit: what a Kubernetes API server tells of requests, by its webhook or in files.
package k8saudit

import (
	"context"
	"errors"
	"time"

	"github.com/valyala/fastjson"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/source/document"
)

// payload is a document that may hold several events, and where it came from. done is called when it was read; nil for nothing.
type payload struct {
	body  []byte
	where string
	done  func()
	// err is why there is no body.
	err error
}

// origin yields payloads until its end, which is io.EOF, or until the context ends and nothing is left.
type origin interface {
	next(context.Context) (payload, error)
	Close() error
}

// Reader makes events of an origin's payloads.
type Reader struct {
	origin
	parser fastjson.Parser
	maker  document.Maker
	// now is the payload at hand, left are those of its events that are yet to come.
	now  payload
	left []*fastjson.Value
}

// Next yields the next event, valid until the next call, or a [*document.Malformed]; the end is io.EOF or the context's error.
func (r *Reader) Next(ctx context.Context) (*event.Event, error) {
	for len(r.left) == 0 {
		if r.now.done != nil {
			r.now.done()
			r.now.done = nil
		}
		var err error
		if r.now, err = r.next(ctx); err != nil {
			return nil, err
		}
		if err := r.parse(); err != nil {
			return nil, &document.Malformed{Where: r.now.where, Err: err}
		}
	}
	doc := r.left[0]
	r.left = r.left[1:]
	at, err := time.Parse(time.RFC3339Nano, document.String(doc, "stageTimestamp"))
	if err != nil {
		return nil, document.Malformedf(r.now.where, "an audit event has no stageTimestamp: %w", err)
	}
	return r.maker.Event(doc, at), nil
}

// parse finds the payload's events. Those before a part that is none are kept.
func (r *Reader) parse() error {
	if r.now.err != nil {
		return r.now.err
	}
	root, err := r.parser.ParseBytes(r.now.body)
	if err != nil {
		return err
	}
	r.left, err = appendEvents(r.left[:0], root)
	return err
}

var errNoEvent = errors.New("this is no audit event: its kind is neither Event nor EventList")

// appendEvents appends the events of a document: an event, a list of events as the webhook sends it, or an array of both.
func appendEvents(dst []*fastjson.Value, v *fastjson.Value) ([]*fastjson.Value, error) {
	if v.Type() == fastjson.TypeArray {
		for _, e := range v.GetArray() {
			var err error
			if dst, err = appendEvents(dst, e); err != nil {
				return dst, err
			}
		}
		return dst, nil
	}
	items := v.Get("items")
	switch kind := document.String(v, "kind"); {
	case kind == "Event":
		return append(dst, v), nil
	case kind == "EventList" && items != nil && items.Type() == fastjson.TypeArray:
		return append(dst, items.GetArray()...), nil
	}
	return dst, errNoEvent
}
