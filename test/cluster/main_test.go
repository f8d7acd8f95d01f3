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

var bin = flag.String("bin", "", "the `folder` that test/cluster/build has filled")

func TestMain(m *testing.M) {
	flag.Parse()
	if *bin == "" {
		fmt.Println("no cluster is started without -bin: run make test-cluster")
		return
	}
	os.Exit(node.Contain(m.Run))
}

// TestCluster starts a cluster and deploys on it, one way after the other.
func TestCluster(t *testing.T) {
	c := start(t)
	t.Run("manifest", c.testManifest)
	t.Run("chart", c.testChart)
	t.Run("pods", c.testPods)
}
