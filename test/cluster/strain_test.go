package cluster

import (
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"
	"testing"
)

// strained is a cluster with a sensor that has the chart's metrics and watch of pods.
type strained struct {
	*cluster
	f       *follower
	metrics string // the URL
}

// testStrain: the sensor meets images that mean it ill, and a node's worth of pods and containers. It is a cluster's last test, and
// leaves it without its API server.
func (c *cluster) testStrain(t *testing.T) {
	c.makePods(t)
	c.leave(t, map[string]string{"guide": guideRules(t), "hostile": hostileRule, "first": firstRule}, "--set=metrics.enabled=true",
		"--set=collectors.kubernetes.enabled=true",
		"--set=extra.env[0].name=FALCO_HOSTNAME,extra.env[0].value="+manyNode)
	ip := c.kubectl(t, "", append([]string{"-n", "saker", "get", "pods", "-o", "jsonpath={.items[0].status.podIP}"}, sensors...)...)
	s := &strained{c, follow(t), "http://" + ip + ":8765/metrics"}
	t.Run("many", s.testMany)
	t.Run("hostile", s.testHostile)
	t.Run("first", s.testFirst)
}

// pid is the sensor's process.
func (s *strained) pid(t *testing.T) int {
	t.Helper()
	pids := s.sensorPids(t)
	if len(pids) != 1 {
		t.Fatalf("%d sensors run: %v", len(pids), pids)
	}
	return pids[0]
}

// resident is the sensor's resident memory in MB.
func (s *strained) resident(t *testing.T) float64 {
	t.Helper()
	_, rss := usage(t, s.pid(t))
	return float64(rss) / 1e6
}

// metric is the value of one of the sensor's, with its labels as Prometheus writes them.
func (s *strained) metric(t *testing.T, name string) float64 {
	t.Helper()
	answer, err := http.Get(s.metrics)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+" "); ok {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no metric %s in\n%s", name, text)
	return 0
}

// waitSensorAlert waits for an alert that the function accepts.
func (s *strained) waitSensorAlert(t *testing.T, what string, accept func(sensorAlert) bool) sensorAlert {
	t.Helper()
	var found sensorAlert
	s.waitFor(t, what, func() (bool, string) {
		all := s.f.seen()
		for _, a := range all {
			if accept(a) {
				found = a
				return true, ""
			}
		}
		return false, fmt.Sprintf("%d alerts\n%s", len(all), s.f.log())
	})
	return found
}

// named checks that a pod of the products still has its names in an alert.
func (s *strained) named(t *testing.T, name string) {
	t.Helper()
	mark := "true " + path.Base(t.Name())
	s.shell(t, name, mark)
	a := s.waitSensorAlert(t, "a shell in "+name+" is told", func(a sensorAlert) bool {
		return a.Rule == shellRule && a.field("proc.cmdline") == "sh -c "+mark && a.field("k8s.ns.name") == name
	})
	s.check(t, a.alert, map[string]string{"k8s.pod.name": name, "container.name": "app", "container.image.repository": image(name)})
}
