package node

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"embed"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"

	"k8s.io/client-go/rest"
)

//go:embed config
var templates embed.FS

// Name of the node.
const Name = "node0"

// The daemons, in the order of their start.
const (
	Etcd       = "etcd"
	APIServer  = "kube-apiserver"
	Controller = "kube-controller-manager"
	Scheduler  = "kube-scheduler"
	Containerd = "containerd"
	Kubelet    = "kubelet"
)

// Node is a cluster that runs. Its methods are for one goroutine, but for Kubectl, which any may call.
type Node struct {
	bin        string
	runtime    Runtime
	components map[string]*component
	api        http.Client
}

// Settings of a node.
type Settings struct {
	// Bin is the folder with the binary kube and archives of images, *.tar.
	Bin     string
	Runtime Runtime
}

// Start runs the cluster and waits until its node is ready. It works only inside of Contain, which ends all of it.
func Start(s Settings) (*Node, error) {
	n := &Node{bin: s.Bin, runtime: s.Runtime, components: map[string]*component{}}
	for _, step := range []func() error{
		n.certify, n.configure, n.startEtcd, n.startContainerd, n.startAPIServer, n.importImages, n.startControllers, n.startKubelet, n.waitReady,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return n, nil
}

func path(name string) string { return filepath.Join(stateDir, name) }

// Run starts a daemon, or one that was killed again. It does not wait for it.
func (n *Node) Run(name string) error { return n.components[name].start() }

// Kill ends a daemon as kill -9 does, and waits for its end.
func (n *Node) Kill(name string) { n.components[name].kill() }

// Pid is a daemon's process.
func (n *Node) Pid(name string) int { return n.components[name].cmd.Process.Pid }

func (n *Node) add(name string, args ...string) *component {
	c := &component{name: name, log: path("log/" + name + ".log"), args: args}
	n.components[name] = c
	return c
}

func (n *Node) certify() error {
	a, err := newAuthority(path("pki"))
	if err != nil {
		return err
	}
	names := []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "127.0.0.1", apiAddress, Address}
	err = errors.Join(
		a.server("apiserver", "kube-apiserver", names...),
		a.server("kubelet-server", Name, Name, "localhost", "127.0.0.1", Address),
		a.client("kubelet-client", "kube-apiserver-kubelet-client", "system:masters"),
		a.client("admin", "admin", "system:masters"),
		a.client("controller-manager", "system:kube-controller-manager", ""),
		a.client("scheduler", "system:kube-scheduler", ""),
		a.client("kubelet", "system:node:"+Name, "system:nodes"),
		a.server("serviceaccount", "serviceaccount"),
	)
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	cert, keyErr := tls.LoadX509KeyPair(path("pki/admin.crt"), path("pki/admin.key"))
	n.api.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}},
		DisableKeepAlives: true}
	return errors.Join(err, keyErr)
}

func (n *Node) configure() error {
	all, err := template.ParseFS(templates, "config/*")
	if err != nil {
		return fmt.Errorf("read the configurations: %w", err)
	}
	for name, file := range map[string]string{n.runtime.config: "containerd.toml", "kubelet.yaml": "kubelet.yaml",
		"cni.conflist": "cni/10-pods.conflist"} {
		var text bytes.Buffer
		if err := all.ExecuteTemplate(&text, name, map[string]string{"Dir": stateDir, "Cgroup": Cgroup}); err != nil {
			return fmt.Errorf("write the configurations: %w", err)
		}
		if err := write(path("config/"+file), text.String()); err != nil {
			return err
		}
	}
	return errors.Join(os.MkdirAll(path("log"), 0o755), os.MkdirAll(StaticPods(), 0o755))
}

func (n *Node) startEtcd() error {
	const client, peer = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
	c := n.add(Etcd, filepath.Join(n.bin, "kube"), "etcd", "--name=test", "--data-dir="+path("root/etcd"), "--unsafe-no-fsync",
		"--log-level=warn",
		"--listen-client-urls="+client, "--advertise-client-urls="+client, "--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer,
		"--initial-cluster=test="+peer)
	if err := c.start(); err != nil {
		return err
	}
	return c.wait(func() error { return get(http.DefaultClient, client+"/health") })
}

func get(client *http.Client, url string) error {
	answer, err := client.Get(url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, answer.Status)
	}
	return nil
}

func (n *Node) startAPIServer() error {
	c := n.add(APIServer, filepath.Join(n.bin, "kube"), APIServer, "--etcd-servers=http://127.0.0.1:2379", "--bind-address=0.0.0.0",
		"--secure-port=443",
		"--advertise-address="+Address, "--service-cluster-ip-range=10.96.0.0/24", "--kubelet-preferred-address-types=InternalIP",
		"--tls-cert-file="+path("pki/apiserver.crt"), "--tls-private-key-file="+path("pki/apiserver.key"), "--client-ca-file="+path("pki/ca.crt"),
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file="+path("pki/serviceaccount.crt"),
		"--service-account-signing-key-file="+path("pki/serviceaccount.key"), "--kubelet-certificate-authority="+path("pki/ca.crt"),
		"--kubelet-client-certificate="+path("pki/kubelet-client.crt"), "--kubelet-client-key="+path("pki/kubelet-client.key"),
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged=true")
	return c.start() // it is waited for when the images are there
}

// WaitAPIServer waits until the API server is ready.
func (n *Node) WaitAPIServer() error {
	return n.components[APIServer].wait(func() error { return get(&n.api, "https://127.0.0.1/readyz") })
}

func (n *Node) importImages() error {
	archives, err := filepath.Glob(filepath.Join(n.bin, "*.tar"))
	if err != nil || len(archives) == 0 {
		return fmt.Errorf("find images in %s: %w; run make test-cluster", n.bin, errors.Join(err, os.ErrNotExist))
	}
	for _, file := range archives {
		if err := ctr("images", "import", file); err != nil {
			return err
		}
	}
	return n.WaitAPIServer()
}

func (n *Node) startControllers() error {
	kube := filepath.Join(n.bin, "kube")
	return errors.Join(
		n.add(Controller, kube, Controller, "--kubeconfig="+path("pki/controller-manager.kubeconfig"), "--bind-address=127.0.0.1",
			"--leader-elect=false",
			"--use-service-account-credentials=true", "--service-account-private-key-file="+path("pki/serviceaccount.key"),
			"--root-ca-file="+path("pki/ca.crt"), "--kube-api-qps=500", "--kube-api-burst=1000",
			"--flex-volume-plugin-dir="+path("root/volume-plugins")).start(),
		n.add(Scheduler, kube, Scheduler, "--kubeconfig="+path("pki/scheduler.kubeconfig"), "--bind-address=127.0.0.1",
			"--leader-elect=false").start(),
	)
}

func (n *Node) startKubelet() error {
	return n.add(Kubelet, filepath.Join(n.bin, "kube"), Kubelet, "--config="+path("config/kubelet.yaml"),
		"--kubeconfig="+path("pki/kubelet.kubeconfig"),
		"--hostname-override="+Name, "--node-ip="+Address).start()
}

func (n *Node) waitReady() error {
	return n.components[Kubelet].wait(func() error {
		if _, err := n.Kubectl("", "wait", "--for=condition=Ready", "node/"+Name, "--timeout=1s"); err != nil {
			return err
		}
		_, err := n.Kubectl("", "-n", "default", "get", "serviceaccount", "default")
		return err
	})
}

// Command is a kubectl with the administrator's rights.
func (n *Node) Command(args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(n.bin, "kube"), append([]string{"kubectl"}, args...)...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+n.Kubeconfig(), "KUBECACHEDIR="+path("root/kubectl"))
	return cmd
}

// API is how to reach the API server with the administrator's rights.
func (n *Node) API() *rest.Config {
	return &rest.Config{Host: "https://127.0.0.1:443", TLSClientConfig: rest.TLSClientConfig{
		CAFile: path("pki/ca.crt"), CertFile: path("pki/admin.crt"), KeyFile: path("pki/admin.key"),
	}}
}

// StaticPods is the folder of the manifests of static pods.
func StaticPods() string { return path("static") }

// Kubeconfig is the administrator's file.
func (n *Node) Kubeconfig() string { return path("pki/admin.kubeconfig") }

// Kubectl runs one with the text as its standard input, and gives what it prints.
func (n *Node) Kubectl(stdin string, args ...string) (string, error) {
	cmd := n.Command(args...)
	var out, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &stderr
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return out.String(), nil
}
