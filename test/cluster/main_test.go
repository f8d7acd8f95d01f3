// Package cluster deploys the sensor on a real Kubernetes cluster of one node, as its documentation says, and breaks what it depends on.
// make test-cluster builds what that takes and runs the tests; without -bin there are none.
package cluster

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/saker-sensor/saker/test/cluster/node"
)

var (
	bin         = flag.String("bin", "", "the `folder` that test/cluster/build has filled")
	runtimeName = flag.String("runtime", "", "the only `name` of a container runtime to test with")
)

// The runtimes: Debian's, with which everything is tested, and the next, with which what depends on the runtime is.
const (
	first  = "containerd-1.6"
	second = "containerd-2.4"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if *bin == "" {
		fmt.Println("no cluster is started without -bin: run make test-cluster")
		return
	}
	if *runtimeName != "" {
		os.Exit(node.Contain(m.Run))
	}
	code := 0
	for _, name := range []string{first, second} {
		if node.Contain(m.Run, "-runtime="+name) != 0 { // below 0 if a signal has ended it
			code = 1
		}
	}
	os.Exit(code)
}

// TestCluster starts a cluster and deploys on it, one way after the other.
func TestCluster(t *testing.T) {
	t.Run(*runtimeName, func(t *testing.T) {
		switch *runtimeName {
		case first:
			c := start(t, node.Debian())
			t.Run("manifest", c.testManifest)
			t.Run("chart", c.testChart)
			t.Run("pods", c.testPods)
			t.Run("kubelet", c.testKubelet)
			t.Run("strain", c.testStrain)
		case second:
			c := start(t, node.Second(*bin))
			t.Run("manifest", c.testManifest)
			t.Run("strain", c.testStrain)
		default:
			t.Fatalf("-runtime is %q, want %s or %s", *runtimeName, first, second)
		}
	})
}
