package image

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/saker-sensor/saker/internal/testutil"
)

func TestMain(m *testing.M) {
	testutil.ServeRunc()
	os.Exit(m.Run())
}

// terminal is what a program has written to its terminal so far.
type terminal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *terminal) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *terminal) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// TestDocker: the README's command for Docker, on a terminal, runs the image that `docker load` takes from the archive. Without a
// volume it finds Docker by itself, names a container and its image, and ends by Ctrl-C.
func TestDocker(t *testing.T) {
	archive := buildImage(t)
	d := testutil.StartDockerHost(t)
	t.Setenv("DOCKER_HOST", "unix://"+d.Socket)
	d.ImportBusybox(t, shopImage)
	if out, err := exec.Command("docker", "load", "--input", archive).CombinedOutput(); err != nil ||
		!strings.Contains(string(out), sensorImage) {
		t.Fatalf("docker load: %v\n%s", err, out)
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	command := regexp.MustCompile("`(docker run --rm -it [^`]+)`").FindSubmatch(readme)
	if command == nil {
		t.Fatal("the README has no command for Docker")
	}

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, "script", "--quiet", "--return", "--command", string(command[1]), os.DevNull)
	out := &terminal{}
	run.Stdout, run.Stderr = out, out
	keys, err := run.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	waitLine(t, out.String, "ready")
	waitLine(t, out.String, "container runtime", "/run/docker.sock", "connected")
	d.StartContainer(t, d.Create(t, "shop", map[string]any{"Image": shopImage, "Cmd": []string{"/bin/sh", "-c", "true; exit 0"}, "Tty": true},
		nil))
	waitLine(t, out.String, "Shell with a terminal in a container", "container=shop ", "image=registry.example.org/team/shop ",
		"container_image_tag=1.4")
	if _, err := keys.Write([]byte{3}); err != nil {
		t.Fatal(err)
	}
	if err := run.Wait(); err != nil {
		t.Errorf("the command ended with %v:\n%s", err, out)
	}
}
