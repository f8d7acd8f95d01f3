package node

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Image of one layer.
type Image struct {
	Ref        string
	Entrypoint []string
	Env        []string
	Labels     map[string]string
	// Files are name → content; Links name → target.
	Files map[string][]byte
	Links map[string]string
}

// Busybox is an image with the machine's static busybox, a shell and some more.
func Busybox(ref string, labels map[string]string) (Image, error) {
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		return Image{}, fmt.Errorf("make image %s: %w; run make install", ref, err)
	}
	image := Image{Ref: ref, Labels: labels, Entrypoint: []string{"/bin/sleep", "1000000"}, Links: map[string]string{},
		Files: map[string][]byte{
			"bin/busybox": busybox, "etc/passwd": []byte("root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/:/bin/sh\n"),
		}}
	for _, applet := range []string{"sh", "sleep", "cat", "true", "ls", "wget", "usleep"} {
		image.Links["bin/"+applet] = "busybox"
	}
	return image, nil
}

// Write makes a Docker archive of it.
func (i Image) Write(file string) error {
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return i.layer() })
	if err != nil {
		return fmt.Errorf("make image %s: %w", i.Ref, err)
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return fmt.Errorf("make image %s: %w", i.Ref, err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		return fmt.Errorf("make image %s: %w", i.Ref, err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Config = v1.Config{Entrypoint: i.Entrypoint, Labels: i.Labels, Env: append([]string{"PATH=/bin"}, i.Env...)}
	if image, err = mutate.ConfigFile(image, config); err != nil {
		return fmt.Errorf("make image %s: %w", i.Ref, err)
	}
	tag, err := name.NewTag(i.Ref)
	if err != nil {
		return fmt.Errorf("make image %s: %w", i.Ref, err)
	}
	if err := tarball.WriteToFile(file, tag, image); err != nil {
		return fmt.Errorf("make image %s: %w", i.Ref, err)
	}
	return nil
}

func (i Image) layer() (io.ReadCloser, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, file := range slices.Sorted(maps.Keys(i.Files)) { // it is asked for more than once, and has to be the same
		content := i.Files[file]
		if err := w.WriteHeader(&tar.Header{Name: file, Mode: 0o755, Size: int64(len(content)), Typeflag: tar.TypeReg}); err != nil {
			return nil, err
		}
		if _, err := w.Write(content); err != nil {
			return nil, err
		}
	}
	for _, file := range slices.Sorted(maps.Keys(i.Links)) {
		if err := w.WriteHeader(&tar.Header{Name: file, Mode: 0o777, Linkname: i.Links[file], Typeflag: tar.TypeSymlink}); err != nil {
			return nil, err
		}
	}
	return io.NopCloser(&out), w.Close()
}

// Import makes the image known to the node's containerd.
func (n *Node) Import(i Image) error {
	file := path("root/image.tar")
	if err := i.Write(file); err != nil {
		return err
	}
	return ctr("images", "import", file)
}
