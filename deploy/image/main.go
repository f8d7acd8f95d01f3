// Command image builds the sensor's image for both architectures without a Docker daemon: an OCI archive that containerd,
// Podman, skopeo and, by a second table of contents, Docker read. What is in it, the Dockerfile's last stage says. Equal
// binaries give an equal archive.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

func main() {
	s := settings{}
	flag.StringVar(&s.out, "o", "bin/saker-image.tar", "write the archive to this `file`")
	flag.StringVar(&s.name, "name", "ghcr.io/saker-sensor/saker:latest", "the image's `name`, with its tag")
	flag.StringVar(&s.version, "version", "dev", "the sensor's `version`")
	flag.StringVar(&s.root, "root", ".", "the repository's `folder`, with bin/sensor-ARCH built")
	arches := flag.String("arch", "amd64,arm64", "the `architectures`, with commas")
	flag.Parse()
	s.arches = strings.Split(*arches, ",")
	if err := build(s); err != nil {
		fmt.Fprintf(os.Stderr, "Error: %v\n", err)
		os.Exit(1)
	}
}

// settings of a build.
type settings struct {
	out, name, version, root string
	arches                   []string
}

func build(s settings) error {
	created, err := sourceDate()
	if err != nil {
		return err
	}
	all := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	var forDocker v1.Image
	for _, arch := range s.arches {
		image, err := s.image(arch, created)
		if err != nil {
			return fmt.Errorf("build the image for %s: %w", arch, err)
		}
		all = mutate.AppendManifests(all, mutate.IndexAddendum{
			Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
		if forDocker == nil || arch == runtime.GOARCH {
			forDocker = image
		}
	}
	_, tag, found := strings.Cut(filepath.Base(s.name), ":")
	if !found {
		return fmt.Errorf("name the image: %s has no tag; write NAME:TAG", s.name)
	}
	named := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: all, Descriptor: v1.Descriptor{Annotations: map[string]string{
		"io.containerd.image.name":          s.name,
		"org.opencontainers.image.ref.name": tag,
	}}})
	dir, err := os.MkdirTemp("", "saker-image-")
	if err != nil {
		return fmt.Errorf("build the image: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if _, err := layout.Write(dir, named); err != nil {
		return fmt.Errorf("write the image: %w", err)
	}
	if err := writeDockerManifest(dir, s.name, forDocker); err != nil {
		return fmt.Errorf("write the image for docker load: %w", err)
	}
	return archive(dir, s.out)
}

// writeDockerManifest adds what `docker load` reads before Docker 25, and later unless Docker keeps its images in containerd.
// It knows one architecture: the one of the machine that builds, if it is among them.
func writeDockerManifest(dir, name string, image v1.Image) error {
	m, err := image.Manifest()
	if err != nil {
		return err
	}
	blob := func(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }
	d := tarball.Descriptor{Config: blob(m.Config.Digest), RepoTags: []string{name}}
	for _, layer := range m.Layers {
		d.Layers = append(d.Layers, blob(layer.Digest))
	}
	text, err := json.Marshal(tarball.Manifest{d})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "manifest.json"), text, 0o600)
}

// sourceDate is SOURCE_DATE_EPOCH (reproducible-builds.org), or the epoch: never the time of the build.
func sourceDate() (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		return time.Unix(0, 0).UTC(), nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("read SOURCE_DATE_EPOCH: %w", err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// image is that of one architecture: one layer.
func (s settings) image(arch string, created time.Time) (v1.Image, error) {
	stage, err := readStage(filepath.Join(s.root, "Dockerfile"), map[string]string{"TARGETARCH": arch, "VERSION": s.version})
	if err != nil {
		return nil, err
	}
	layer, err := s.layer(stage.copies)
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(
		mutate.MediaType(mutate.ConfigMediaType(empty.Image, types.OCIConfigJSON), types.OCIManifestSchema1),
		layer,
	)
	if err != nil {
		return nil, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Config, file.Created = "linux", arch, stage.config, v1.Time{Time: created}
	for i := range file.History {
		file.History[i].Created = v1.Time{Time: created}
	}
	return mutate.ConfigFile(image, file)
}
