package cluster

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"testing"
	"time"
)

// numbersPod starts a shell about 200 times a second, each with the run's name and the next number as its arguments. By its path, because
// busybox runs what it has itself without an exec of that name.
const numbersPod = `
apiVersion: v1
kind: Pod
metadata: {name: numbers, namespace: checkout}
spec:
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 0
  containers:
  - name: app
    image: registry.example.org/team/checkout:1.4
    resources: {requests: {cpu: 500m}}
    command: [sh, -c, "n=0; while :; do /bin/sh -c \"true RUN $n\"; n=$((n+1)); usleep 3000; done"]
`

// numbers are the shells of that pod that alerts have told of.
type numbers struct {
	c   *cluster
	f   *follower
	run string
}

// count starts the pod and ends it with the test.
func (c *cluster) count(t *testing.T) *numbers {
	t.Helper()
	n := &numbers{c: c, f: follow(t), run: path.Base(t.Name())}
	t.Cleanup(func() { c.kubectl(t, "", "-n", "checkout", "delete", "pod", "numbers", "--wait", "--timeout=60s") })
	c.kubectl(t, strings.Replace(numbersPod, "RUN", n.run, 1), "apply", "--validate=strict", "-f", "-")
	n.waitPast(t, 0)
	return n
}

// reported gives the sensors that reported each number, and the last number.
func (n *numbers) reported(t *testing.T) (by map[int]map[string]int, last int) {
	t.Helper()
	by = map[int]map[string]int{}
	for _, a := range n.f.seen() {
		text, ok := strings.CutPrefix(a.field("proc.cmdline"), "sh -c true "+n.run+" ")
		number, err := strconv.Atoi(text)
		if !ok || err != nil || a.Rule != shellRule {
			continue
		}
		if pod, namespace := a.field("k8s.pod.name"), a.field("k8s.ns.name"); pod != "numbers" || namespace != "checkout" {
			t.Errorf("shell %d is told of pod %s in namespace %s", number, pod, namespace)
		}
		if by[number] == nil {
			by[number] = map[string]int{}
		}
		by[number][a.sensor]++
		last = max(last, number)
	}
	return by, last
}

// waitPast waits until a shell after a number is told.
func (n *numbers) waitPast(t *testing.T, number int) (last int) {
	t.Helper()
	n.c.waitFor(t, fmt.Sprintf("a shell after %d is told", number), func() (bool, string) {
		_, last = n.reported(t)
		return last > number, fmt.Sprintf("the last is %d of %d alerts", last, len(n.f.seen()))
	})
	return last
}

// between counts the shells from one number to another: those that nobody has told, and those that two sensors have.
func (n *numbers) between(t *testing.T, from, to int) (lost []int, twice int) {
	t.Helper()
	by, _ := n.reported(t)
	for i := from; i <= to; i++ {
		switch len(by[i]) {
		case 0:
			lost = append(lost, i)
		case 1:
			for sensor, times := range by[i] {
				if times != 1 {
					t.Errorf("%s tells %d times of shell %d", sensor, times, i)
				}
			}
		default:
			twice++
		}
	}
	return lost, twice
}

// during does something while shells are started, and 400 more shells afterwards, and says what became of those meanwhile.
func (n *numbers) during(t *testing.T, do func()) (lost []int) {
	t.Helper()
	_, from := n.reported(t)
	begin := time.Now()
	do()
	_, now := n.reported(t)
	to := n.waitPast(t, now+400)
	took := time.Since(begin)
	lost, twice := n.between(t, from, to-100) // of the last ones another sensor may not have told yet
	t.Logf("%d shells in %.1f s (%.0f/s): %d lost, %d told by two sensors", to-from, took.Seconds(), float64(to-from)/took.Seconds(),
		len(lost), twice)
	return lost
}
