package pods

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// maxPod bounds a pod of a list, in bytes of JSON. etcd refuses objects above 1.5 MiB by default.
const maxPod = 4 << 20

// podMetadata is what is read of a pod's metadata.
type podMetadata struct {
	Name            string                  `json:"name"`
	Namespace       string                  `json:"namespace"`
	UID             string                  `json:"uid"`
	Labels          map[string]string       `json:"labels"`
	OwnerReferences []metav1.OwnerReference `json:"ownerReferences"`
}

func (p *podMetadata) partial() *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Name: p.Name, Namespace: p.Namespace, UID: types.UID(p.UID), Labels: p.Labels, OwnerReferences: p.OwnerReferences,
	}}
}

// decodePods reads a PodList and calls each with its pods, one after the other: at most one is in memory, with at most [maxPod] bytes.
func decodePods(list io.Reader, each func(*podMetadata)) error {
	in := &allowance{from: list, left: maxPod}
	d := json.NewDecoder(in)
	if err := expect(d, json.Delim('{')); err != nil {
		return err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return unexpected(err)
		}
		if key != "items" {
			var skipped json.RawMessage
			if err := d.Decode(&skipped); err != nil {
				return unexpected(err)
			}
			continue
		}
		return decodeItems(d, in, each)
	}
	return errors.New("the answer is no list of pods: it has no items")
}

func decodeItems(d *json.Decoder, in *allowance, each func(*podMetadata)) error {
	begin, err := d.Token()
	if err != nil {
		return unexpected(err)
	}
	if begin == nil { // null, for no pod
		return nil
	}
	if begin != json.Delim('[') {
		return fmt.Errorf("the answer is no list of pods: its items begin with %v", begin)
	}
	for d.More() {
		in.left = maxPod
		var pod struct {
			Metadata podMetadata `json:"metadata"`
		}
		if err := d.Decode(&pod); err != nil {
			return unexpected(err)
		}
		if pod.Metadata.UID == "" {
			return errors.New("the answer is no list of pods: one has no uid")
		}
		each(&pod.Metadata)
	}
	return expect(d, json.Delim(']'))
}

func expect(d *json.Decoder, want json.Delim) error {
	got, err := d.Token()
	if err != nil {
		return unexpected(err)
	}
	if got != want {
		return fmt.Errorf("the answer is no list of pods: %v stands where %v is expected", got, want)
	}
	return nil
}

// unexpected: an end is one too early.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// allowance reads as long as something is left.
type allowance struct {
	from io.Reader
	left int
}

func (a *allowance) Read(b []byte) (int, error) {
	if a.left <= 0 {
		return 0, fmt.Errorf("a pod is larger than %d MiB", maxPod>>20)
	}
	n, err := a.from.Read(b[:min(len(b), a.left)])
	a.left -= n
	return n, err
}
