package cluster

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/saker-sensor/saker/test/cluster/node"
)

// testFaults: what the sensor stands on is killed while shells are started. Detection goes on, pods keep their names, and what was
// told meanwhile is read from the log afterwards.
func (c *cluster) testFaults(t *testing.T) {
	n := c.count(t)
	victims := []string{node.APIServer, node.Kubelet, node.Containerd}
	if *runtimeName != first {
		victims = []string{node.Containerd}
	}
	for _, name := range victims {
		t.Run(name, func(t *testing.T) {
			lost := n.during(t, func() {
				c.Kill(name)
				if name != node.Containerd { // which writes the logs
					_, last := n.reported(t)
					n.waitPast(t, last+400)
				}
				if err := c.Run(name); err != nil {
					t.Fatal(err)
				}
			})
			if len(lost) > 0 {
				t.Errorf("%d shells were not told: %v", len(lost), lost[:min(20, len(lost))])
			}
			if err := c.WaitAPIServer(); err != nil {
				t.Fatal(err)
			}
			c.kubectl(t, "", "wait", "--for=condition=Ready", "node/"+node.Name, "--timeout=120s")
			c.waitFor(t, "a shell by kubectl exec works again", func() (bool, string) {
				out, err := c.Kubectl("", "-n", "billing", "exec", "billing", "--", "sh", "-c", "true after "+name)
				return err == nil, out
			})
		})
	}
	if *runtimeName != first {
		return
	}
	t.Run("sensor", func(t *testing.T) {
		before := len(n.f.seen())
		lost := n.during(t, func() {
			for _, pid := range c.sensorPids(t) {
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
			c.waitFor(t, "the next sensor says how the last one ended", func() (bool, string) {
				for _, a := range n.f.seen()[before:] {
					if strings.Contains(a.Output, "was killed or crashed") {
						t.Log(a.Output)
						return true, ""
					}
				}
				return false, n.f.log()
			})
		})
		t.Logf("without a sensor %d shells were started", len(lost))
	})
}

// testUpdate: the DaemonSet is rolled while shells are started. The new pod is ready before the old one ends, so that none is lost.
func (c *cluster) testUpdate(t *testing.T) {
	n := c.count(t)
	lost := n.during(t, func() {
		c.kubectl(t, "", "-n", "saker", "rollout", "restart", "daemonset/saker")
		c.kubectl(t, "", "-n", "saker", "rollout", "status", "daemonset/saker", "--timeout=120s")
	})
	if len(lost) > 0 {
		t.Errorf("%d shells were not told: %v", len(lost), lost[:min(20, len(lost))])
	}
}

// testUnavailable is an update without surge: the old pod ends before the new one starts. What is not told is counted, and that the sensor
// was away is told.
func (c *cluster) testUnavailable(t *testing.T) {
	c.kubectl(t, "", "-n", "saker", "patch", "daemonset", "saker", "--type=merge", "-p",
		`{"spec": {"updateStrategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}}}`)
	n := c.count(t)
	before := len(n.f.seen())
	lost := n.during(t, func() {
		c.kubectl(t, "", "-n", "saker", "rollout", "restart", "daemonset/saker")
		c.waitFor(t, "the new sensor says that there was none", func() (bool, string) {
			for _, a := range n.f.seen()[before:] {
				if strings.Contains(a.Output, "sensor was away") {
					t.Log(a.Output)
					return true, ""
				}
			}
			return false, n.f.log()
		})
		c.kubectl(t, "", "-n", "saker", "rollout", "status", "daemonset/saker", "--timeout=120s")
	})
	if len(lost) == 0 {
		t.Error("no shell is lost: is there a surge?")
	}
}

// sensorPids are the sensors' processes on this node.
func (c *cluster) sensorPids(t *testing.T) (pids []int) {
	t.Helper()
	entries, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range entries {
		comm, _ := os.ReadFile(file)
		dir := filepath.Dir(file)
		cgroup, _ := os.ReadFile(filepath.Join(dir, "cgroup"))
		if strings.TrimSpace(string(comm)) == "sensor" && strings.Contains(string(cgroup), node.Cgroup+"/kubepods/") {
			pid, err := strconv.Atoi(filepath.Base(dir))
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	if len(pids) == 0 {
		t.Fatal("no sensor runs in a pod")
	}
	return pids
}
