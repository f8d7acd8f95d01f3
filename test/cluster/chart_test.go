package cluster

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/saker-sensor/saker/internal/output/falcopb/outputs"
	"github.com/saker-sensor/saker/internal/testutil"
	"github.com/saker-sensor/saker/test/cluster/node"
)

// testChart: Helm installs the chart with the two rules as customRules, and with values that Falco's users have. The rules fire on
// the pods; alerts come by the log, by gRPC and as posts to what stands where Falcosidekick would.
func (c *cluster) testChart(t *testing.T) {
	posts := make(chan string, 1000)
	sidekick := listen(t, posts)
	const socket = "unix:///run/saker/saker.sock"
	c.install(t, map[string]string{"product_rules": guideRules(t), "meta_rules": metaRule},
		"--set=collectors.kubernetes.enabled=true,rbac.create=false", "--set=tty=true", "--set=extraArgs={-o,log_level=debug}",
		"--set=falcosidekick.enabled=true,falcosidekick.url="+sidekick, "--set=driver.kind=modern_ebpf",
		"--set=falco.grpc.enabled=true,falco.grpc.bind_address="+socket+",falco.grpc_output.enabled=true")

	conn, err := grpc.NewClient(socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	stream, err := outputs.NewServiceClient(conn).Sub(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&outputs.Request{Rules: []string{writeRule}}); err != nil {
		t.Fatal(err)
	}
	t.Run("rules", c.testRules)
	t.Run("role comes later", func(t *testing.T) {
		c.waitLog(t, `"state": "refused"`)
		c.helm(t, "upgrade", "saker", chart(t), "--namespace=saker", "--reuse-values", "--set=rbac.create=true", "--wait", "--timeout=120s")
	})
	t.Run("deployment", c.testDeployment)
	for {
		r, err := stream.Recv()
		if err != nil {
			t.Fatalf("read an alert by gRPC: %v", err)
		}
		if r.OutputFields["k8s.pod.name"] == "billing" && strings.Contains(r.OutputFields["proc.cmdline"], t.Name()+"/rules") {
			break
		}
	}
	c.waitFor(t, "an alert is posted", func() (bool, string) {
		select {
		case post := <-posts:
			return strings.Contains(post, `"k8s.pod.name":"identity"`) && strings.Contains(post, t.Name()+"/rules"), post
		default:
			return false, "nothing is posted"
		}
	})
	t.Run("all of Falco's values", func(t *testing.T) {
		c.helm(t, "upgrade", "saker", chart(t), "--namespace=saker", "--reset-values",
			"--values="+filepath.Join(testutil.Root(t), "test/deploy/testdata/falco_all.yaml"),
			"--wait", "--timeout=120s")
	})
}

// chart is the chart's folder.
func chart(t *testing.T) string { return filepath.Join(testutil.Root(t), "deploy/helm/saker") }

// install installs the chart with rule files, and with more arguments; it is uninstalled with the test.
func (c *cluster) install(t *testing.T, rules map[string]string, args ...string) {
	t.Helper()
	t.Cleanup(func() {
		c.helm(t, "uninstall", "saker", "--namespace=saker", "--wait", "--timeout=120s")
		c.kubectl(t, "", "delete", "namespace", "saker", "--wait", "--timeout=120s")
	})
	c.leave(t, rules, args...)
}

// leave is install, and leaves the chart there.
func (c *cluster) leave(t *testing.T, rules map[string]string, args ...string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range rules {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--set-file=customRules."+name+"\\.yaml="+file)
	}
	c.helm(t, slices.Concat([]string{"install", "saker", chart(t), "--namespace=saker", "--create-namespace",
		"--wait", "--timeout=120s"}, args)...)
	c.waitLog(t, "connected")
}

// guideRules are the rules of docs/kubernetes.md.
func guideRules(t *testing.T) string {
	t.Helper()
	var m struct{ Data map[string]string }
	if err := yaml.Unmarshal([]byte(documented(t, "name: saker-rules")), &m); err != nil {
		t.Fatal(err)
	}
	return m.Data["product_rules.yaml"]
}

// listen takes posts at an address of the node's, which pods reach.
func listen(t *testing.T, posts chan<- string) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", node.Address+":0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		select {
		case posts <- string(text):
		default: // nobody has asked for so many
		}
	})}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return "http://" + l.Addr().String()
}

func (c *cluster) helm(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(*bin, "helm"), args...)
	home := t.TempDir()
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("helm %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
