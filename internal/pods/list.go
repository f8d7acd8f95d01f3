package pods

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// maxItem bounds an object of a list, in bytes of JSON. etcd refuses objects above 1.5 MiB by default.
const maxItem = 4 << 20

// podMetadata is the part of a pod's metadata that is decoded.
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

// decodePods reads a PodList and calls each with its pods, one after the other.
func decodePods(list io.Reader, each func(*podMetadata)) error {
	return decodeList(list, func(pod *struct {
		Metadata podMetadata `json:"metadata"`
	}) error {
		if pod.Metadata.UID == "" {
			return errors.New("the answer is no list of pods: one has no uid")
		}
		each(&pod.Metadata)
		return nil
	})
}

// decodeList reads a list and calls each with its objects, one after the other: at most one is in memory, with at most [maxItem] bytes.
func decodeList[T any](list io.Reader, each func(*T) error) error {
	in := &limitedItems{from: list, left: maxItem}
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
	return errors.New("the answer is no list: it has no items")
}

func decodeItems[T any](d *json.Decoder, in *limitedItems, each func(*T) error) error {
	begin, err := d.Token()
	if err != nil {
		return unexpected(err)
	}
	if begin == nil { // null, for no pod
		return nil
	}
	if begin != json.Delim('[') {
		return fmt.Errorf("the answer is no list: its items begin with %v", begin)
	}
	for d.More() {
		in.left = maxItem
		item := new(T)
		if err := d.Decode(item); err != nil {
			return unexpected(err)
		}
		if err := each(item); err != nil {
			return err
		}
	}
	return expect(d, json.Delim(']'))
}

func expect(d *json.Decoder, want json.Delim) error {
	got, err := d.Token()
	if err != nil {
		return unexpected(err)
	}
	if got != want {
		return fmt.Errorf("the answer is no list: %v stands where %v is expected", got, want)
	}
	return nil
}

// unexpected turns the end of the input, which comes too early here, into [io.ErrUnexpectedEOF].
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// limitedItems reads up to left bytes, which is set anew for each item.
type limitedItems struct {
	from io.Reader
	left int
}

func (a *limitedItems) Read(b []byte) (int, error) {
	if a.left <= 0 {
		return 0, fmt.Errorf("an object is larger than %d MiB", maxItem>>20)
	}
	n, err := a.from.Read(b[:min(len(b), a.left)])
	a.left -= n
	return n, err
}
