package cluster

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/privilege"
	"github.com/saker-sensor/saker/internal/testutil"
)

// watchedFile is read by a process that runs before the sensor.
const watchedFile = "/tmp/saker-cluster/watched"

// capabilityRules show what the capabilities are for.
const capabilityRules = `
apiVersion: v1
kind: ConfigMap
metadata: {name: saker-rules, namespace: saker}
data:
  capability_rules.yaml: |
    - rule: Capability pod
      desc: d
      condition: evt.type in (execve, execveat) and k8s.pod.name = unprivileged and proc.args contains "capability-mark"
      output: user=%user.name group=%group.name args=%proc.args
      priority: NOTICE
    - rule: Capability earlier
      desc: d
      condition: evt.type in (open, openat, openat2) and proc.name = sh and fd.name = ` + watchedFile + `
      output: env=%proc.env[MARK] pid=%proc.pid
      priority: NOTICE
`

// unprivileged is a pod whose user the image names.
const unprivileged = `
apiVersion: v1
kind: Pod
metadata: {name: unprivileged, namespace: other}
spec:
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 0
  securityContext: {runAsUser: 1000, runAsGroup: 1000}
  containers: [{name: app, image: "registry.example.org/team/other:1.4"}]
`

// testCapabilities: what the DaemonSet loses without each of the two capabilities that it can do without, and that it says so. The users of
// the host are not among that: here not even root with all capabilities may look at the root of the first process.
func (c *cluster) testCapabilities(t *testing.T) {
	_, own := c.log(t, sensors...)
	reloads := strings.Count(own, "reloaded")
	c.kubectl(t, capabilityRules, "apply", "--validate=strict", "-f", "-")
	c.kubectl(t, unprivileged, "apply", "--validate=strict", "-f", "-")
	c.kubectl(t, "", "-n", "other", "wait", "--for=condition=Ready", "pod/unprivileged", "--timeout=60s")
	c.waitFor(t, "the rules are loaded", func() (bool, string) {
		_, own := c.log(t, sensors...)
		return strings.Count(own, "reloaded") > reloads, own
	})
	for _, without := range []string{"none", "CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH"} {
		t.Run(without, func(t *testing.T) { c.without(t, without) })
	}
}

func (c *cluster) without(t *testing.T, name string) {
	if err := os.WriteFile(watchedFile, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	const nobody = 65534
	before := testutil.StartEarlier(t, nobody, watchedFile)
	lost := c.leaveOut(t, name)
	f := follow(t)
	before.Open(t)
	last := func(rule, text string) (found sensorAlert, ok bool) {
		for _, a := range f.seen() {
			if a.Rule == rule && strings.Contains(a.Output, text) {
				found, ok = a, true
			}
		}
		return found, ok
	}
	c.waitFor(t, "what ran before is told", func() (bool, string) {
		a, ok := last("Capability earlier", fmt.Sprintf("pid=%d ", before.PID))
		if ok && (a.field("proc.env[MARK]") == "here") != (name != "CAP_DAC_READ_SEARCH") &&
			name != "CAP_SYS_PTRACE" { // that depends on the kernel
			t.Errorf("the environment of a process that ran before: %s", a.Output)
		}
		return ok, f.log()
	})
	// The first event has the accounts read, from its process while that lives; the next ones show them.
	for i := range 5 {
		mark := fmt.Sprintf("capability-mark-%d", i)
		c.kubectl(t, "", "-n", "other", "exec", "unprivileged", "--", "sh", "-c", "true "+mark+"; sleep 0.5; true")
		var user string
		c.waitFor(t, "a shell is told", func() (bool, string) {
			a, ok := last("Capability pod", mark)
			user = a.field("user.name")
			return ok, f.log()
		})
		if known := user == "app"; known && name == "CAP_SYS_PTRACE" {
			t.Error("without CAP_SYS_PTRACE a container's users have names")
		} else if known {
			break
		} else if i == 4 && name != "CAP_SYS_PTRACE" {
			t.Errorf("user %q", user)
		}
	}
	doctor, err := c.Kubectl("", "-n", "saker", "exec", "daemonset/saker", "--", "/usr/bin/sensor", "doctor")
	if err != nil {
		t.Errorf("the doctor in the pod: %v", err)
	}
	_, own := c.log(t, sensors...)
	if lost != "" && (!strings.Contains(doctor, name+": "+lost) || !strings.Contains(own, lost)) {
		t.Errorf("it is not said that %s is lost:\n%s\n%s", lost, doctor, own)
	}
}

// leaveOut takes a capability from the DaemonSet, waits until its new sensor is alone, and gives what is lost.
func (c *cluster) leaveOut(t *testing.T, name string) (lost string) {
	t.Helper()
	var add []string
	var set privilege.Set
	for _, n := range privilege.Needs() {
		if n.Name == name {
			lost = n.Loss
			continue
		}
		add = append(add, strings.TrimPrefix(n.Name, "CAP_"))
		set |= 1 << n.Bit
	}
	patch, err := json.Marshal([]map[string]any{{"op": "replace", "path": "/spec/template/spec/containers/0/securityContext/capabilities/add",
		"value": add}})
	if err != nil {
		t.Fatal(err)
	}
	c.kubectl(t, "", "-n", "saker", "patch", "daemonset", "saker", "--type=json", "-p", string(patch))
	c.kubectl(t, "", "-n", "saker", "rollout", "status", "daemonset/saker", "--timeout=120s")
	c.waitFor(t, "the new sensor is alone", func() (bool, string) {
		pids := c.sensorPids(t)
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pids[0]))
		return len(pids) == 1 && strings.Contains(string(status), fmt.Sprintf("CapPrm:\t%016x\n", uint64(set))), fmt.Sprint(pids)
	})
	return lost
}
