package enrich

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/enrich/runtimes"
)

func TestQueueMergesAndOrders(t *testing.T) {
	q := newQueue(3)
	k := func(id string) key { return key{"s", "n", id} }
	at := time.Unix(1, 0)
	q.add(job{key: k("a"), container: &runtimes.Container{}})
	q.add(job{key: k("b")})
	q.add(job{key: k("c")})
	if q.add(job{key: k("d")}) {
		t.Error("a full queue took another container")
	}
	if !q.add(job{key: k("a"), started: at}) {
		t.Error("a full queue refused news of a container that waits")
	}
	w := &query{}
	q.add(job{key: k("c"), query: w})

	var order []string
	for range 3 {
		j, ok := q.take()
		if !ok {
			t.Fatal("the queue is closed")
		}
		order = append(order, j.key.id)
		if j.key.id == "a" && (j.container != nil || !j.started.Equal(at)) {
			t.Errorf("merged: %+v", j)
		}
		if j.key.id == "c" && j.query != w {
			t.Errorf("the question got lost: %+v", j)
		}
	}
	if diff := cmp.Diff([]string{"c", "a", "b"}, order); diff != "" {
		t.Error(diff)
	}
}

// TestQueueOneAtATime: a container is never with two workers, and no news is lost.
func TestQueueOneAtATime(t *testing.T) {
	q := newQueue(16)
	var mu sync.Mutex
	with, last := map[key]int{}, map[key]int64{}
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for {
				j, ok := q.take()
				if !ok {
					return
				}
				mu.Lock()
				with[j.key]++
				if with[j.key] > 1 {
					t.Errorf("%v is with two workers", j.key)
				}
				last[j.key] = j.started.UnixNano()
				mu.Unlock()

				mu.Lock()
				with[j.key]--
				mu.Unlock()
				q.finish(j.key)
			}
		})
	}
	const rounds = 500
	for i := range int64(rounds) {
		for _, id := range []string{"a", "b", "c"} {
			q.add(job{key: key{id: id}, started: time.Unix(0, i+1)})
		}
	}
	deadline := time.Now().Add(time.Minute)
	for {
		mu.Lock()
		done := last[key{id: "a"}] == rounds && last[key{id: "b"}] == rounds && last[key{id: "c"}] == rounds
		mu.Unlock()
		if done {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the last news did not arrive: %v", last)
		}
	}
	q.close()
	workers.Wait()
	if _, ok := q.take(); ok {
		t.Error("a closed queue gave out a job")
	}
}
